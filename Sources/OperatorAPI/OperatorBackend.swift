// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel
package import OperatorViews

/// What the operator API asks of the daemon.
///
/// Every call may come from any thread, several at once, and must be bounded in time: a caller
/// waits at the other end. None may block the thread it is called on, which delivery shares: live
/// tables are read in place, files through `FileReads`.
package protocol OperatorBackend: Sendable {
    func status() async -> StatusView

    /// `query.select(from:)` over all sensors, or the same answer by a shorter way.
    func sensors(matching query: SensorQuery) async -> [SensorView]

    /// `query.select(from:)` over all alarms, or the same answer by a shorter way.
    func alarms(matching query: AlarmQuery) async -> [AlarmView]

    /// Puts the command on its way and waits for the engine's answer, within a bound of its own.
    func acknowledge(_ request: AckRequest) async -> AckOutcome

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

    /// Alerts that were given up, newest first, at most `limit`.
    ///
    /// Of one alert, then with their bodies, or of one endpoint if asked.
    ///
    /// - Throws: `filesNotAnswering` if the outbox does not answer.
    func deadLetters(
        limit: Int, alert: String?, endpoint: String?
    ) async throws(Problem) -> [DeadLetterView]

    /// Does what an operator orders about a delivery.
    func order(_ order: DeliveryOrder) async -> DeliveryOrderOutcome
}

extension OperatorBackend {
    /// A backend without listeners has refused nothing.
    package func rejects(limit: Int) async -> [RejectView] { [] }

    /// A backend without delivery has given nothing up.
    package func deadLetters(
        limit: Int, alert: String?, endpoint: String?
    ) async throws(Problem) -> [DeadLetterView] { [] }

    package func order(_ order: DeliveryOrder) async -> DeliveryOrderOutcome { .unknown }
}

/// An operator acknowledges one activation of an alarm.
package struct AckRequest: Sendable, Equatable {
    package var alarmID: String
    /// `epoch:n.k` of the activation the operator saw.
    package var activation: String
    package var comment: String
    /// Who: `name` of the local account, `uid:1000` without one, `token` for a bearer token.
    package var user: String
    /// From where: `unix:pid=123,uid=1000` or `tcp:127.0.0.1:40312`.
    package var origin: String

    package init(
        alarmID: String, activation: String, comment: String, user: String, origin: String
    ) {
        self.alarmID = alarmID
        self.activation = activation
        self.comment = comment
        self.user = user
        self.origin = origin
    }
}

/// What became of an acknowledgement.
package enum AckOutcome: Sendable, Equatable {
    /// Done by the command at `position`; `recorded` is false if the answer left before the disk.
    case acknowledged(position: Position, recorded: Bool)
    /// The alarm has another activation by now, or none.
    case unknownActivation(current: String?)
    case unknownAlarm
    case alreadyAcknowledged
    case notActive
    case timedOut
    case refused(reason: String)
}
