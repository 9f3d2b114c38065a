// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel
package import OperatorViews

/// What the operator API asks of the daemon.
///
/// Every call may come from any thread, several at once, and must be bounded in time: a caller
/// waits at the other end. None may block the thread it is called on, which delivery shares: live
/// tables are read in place, files through `FileReads`.
package protocol OperatorBackend: ConfigurationBackend {
    func status() async -> StatusView

    /// `query.select(from:)` over all sensors, or the same answer by a shorter way.
    func sensors(matching query: SensorQuery) async -> [SensorView]

    /// `query.select(from:)` over all alarms, or the same answer by a shorter way.
    func alarms(matching query: AlarmQuery) async -> [AlarmView]

    /// The alarm with this id, normal or not; nil if there is none.
    func alarm(id: String) async -> AlarmView?

    /// The areas of the rules in force, in their order.
    func areas() async -> [AreaView]

    /// Puts the command on its way and waits for the engine's answer, within a bound of its own.
    ///
    /// - Throws: Why it was not done.
    func perform(_ command: AlarmCommand) async throws(Problem) -> AlarmCommandView

    /// Puts an area into a mode, as `perform` does.
    func setMode(_ command: AreaCommand) async throws(Problem) -> AreaCommandView

    /// The area of this name with the sensors that belong to it.
    func area(named name: String) async -> AreaFilter

    /// Ledger records numbered above `after`, ascending, at most `limit`, durable ones only.
    ///
    /// - Throws: `filesNotAnswering` if the disk does not answer in time.
    func events(after: UInt64, limit: Int) async throws(Problem) -> [EventView]

    /// Number of the newest durable ledger record; 0 if there is none.
    func newestEvent() async -> UInt64

    /// Returns when a record above `after` is durable, or when the task is cancelled.
    ///
    /// `EventSignal` does both.
    func waitForEvents(after: UInt64) async

    /// Whether the process does its work; `failed` means that a restart or a hand is needed.
    func health() async -> HealthView

    /// Whether readings are taken and evaluated and alarms can be acknowledged.
    func readiness() async -> HealthView

    func metrics() async -> [MetricSample]

    /// Name of a local account, without waiting for a disk that hangs.
    func accountName(uid: UInt32) async -> String

    /// The last refused input, newest first, at most `limit`.
    func rejects(limit: Int) async -> [RejectView]

    /// One page of the alerts that were given up.
    ///
    /// - Throws: `filesNotAnswering` if the outbox does not answer, `badRequest` if `after` is no
    ///   place.
    func deadLetters(
        matching query: DeadLetterQuery
    ) async throws(Problem) -> PageView<DeadLetterView>

    /// Does what an operator orders about a delivery.
    func order(_ order: DeliveryOrder) async -> DeliveryOrderOutcome

    /// What the archive has of the sensor at `path` over the last `seconds`, minute by minute.
    ///
    /// - Throws: `notFound` if the archive does not know the sensor, `filesNotAnswering` if it does
    ///   not answer.
    func history(path: String, seconds: UInt64) async throws(Problem) -> HistoryView

    /// Why the sensor at `path`, or only its alarm or rule `alarm`, is as it is.
    ///
    /// - Throws: `notFound` if there is none, `timedOut` or `notReady` if the engine does not answer.
    func explain(path: String, alarm: String?) async throws(Problem) -> Explanation
}

extension OperatorBackend {
    /// A backend without areas takes the name for the beginning of paths.
    package func area(named name: String) async -> AreaFilter { AreaFilter(name) }

    /// A backend without listeners has refused nothing.
    package func rejects(limit: Int) async -> [RejectView] { [] }

    /// A backend without an archive knows no past.
    package func history(path: String, seconds: UInt64) async throws(Problem) -> HistoryView {
        throw Problem(.notFound, detail: "there is no archive")
    }

    /// A backend without delivery has given nothing up.
    package func deadLetters(
        matching query: DeadLetterQuery
    ) async throws(Problem) -> PageView<DeadLetterView> { PageView(items: []) }

    package func order(_ order: DeliveryOrder) async -> DeliveryOrderOutcome { .unknown }

    /// A backend without an engine knows nobody.
    package func explain(path: String, alarm: String?) async throws(Problem) -> Explanation {
        throw Problem(.notFound, detail: "no sensor is registered at \(path)")
    }
}

/// Who sends a command, and with what words.
package struct CommandAuthor: Sendable, Equatable {
    /// Who: `name` of the local account, `uid:1000` without one, the name of a token.
    package var user: String
    /// From where: `unix:pid=123,uid=1000,tty=pts/0` or `tcp:127.0.0.1:40312`.
    package var origin: String
    /// Also the reason, where one is needed.
    package var comment: String
    /// What the client calls the request, to send it again without doing it twice; empty: nothing.
    package var idempotencyKey: String

    package init(user: String, origin: String, comment: String, idempotencyKey: String = "") {
        self.user = user
        self.origin = origin
        self.comment = comment
        self.idempotencyKey = idempotencyKey
    }
}

/// An operator does something with an alarm.
package struct AlarmCommand: Sendable, Equatable {
    package var action: AlarmAction
    package var alarmID: String
    /// `epoch:n.k` of the activation the operator saw; empty for none.
    package var activation: String
    /// For how long an alarm is shelved.
    package var seconds: UInt64
    /// The shelving ends with the return of the alarm, if that comes first.
    package var isOneShot: Bool
    package var author: CommandAuthor

    package init(
        _ action: AlarmAction, alarmID: String, activation: String, seconds: UInt64 = 0,
        isOneShot: Bool = false, author: CommandAuthor
    ) {
        self.action = action
        self.alarmID = alarmID
        self.activation = activation
        self.seconds = seconds
        self.isOneShot = isOneShot
        self.author = author
    }
}

/// An operator puts an area into a mode.
package struct AreaCommand: Sendable, Equatable {
    package var area: String
    package var mode: String
    package var author: CommandAuthor

    package init(area: String, mode: String, author: CommandAuthor) {
        self.area = area
        self.mode = mode
        self.author = author
    }
}
