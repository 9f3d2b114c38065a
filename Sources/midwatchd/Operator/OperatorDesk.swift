// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import OperatorAPI
import OperatorViews
import ReadingRing
import StateFolder
import Synchronization

/// What the operator API asks: answered from the live tables, the ledger and the counters.
///
/// Reads hold up nobody. A command goes through the ring like every input and is answered when the
/// engine's decision about it leaves.
final class OperatorDesk: OperatorBackend {
    struct Parts: Sendable {
        var ring: ReadingRing
        var live: LiveState
        var active: ActiveAlarms
        var clock: EngineClock
        var events: EventReader
        var files: FileReadThread
        var archive: ArchiveDesk
        var reloader: any ConfigurationBackend
        var questions: EngineQuestions
        var report: @Sendable () -> StatusView
        var health: @Sendable () -> HealthView
        var metrics: @Sendable () -> [MetricSample]
        var newestEvent: @Sendable () -> UInt64
        var rejects: @Sendable (_ limit: Int) -> [RejectView]
        var deliveries: any DeliveryOrders
        /// Whether the start is over: sockets open, recovered state shown.
        var isStarted: @Sendable () -> Bool
    }

    let parts: Parts
    private let signal = EventSignal()
    let pending = PendingCommands()
    let sensorNames: SensorNames
    private let accounts: AccountNames
    /// Who is told; attached once it is there.
    let routing = Mutex<RoutingDesk?>(nil)

    init(_ parts: Parts) {
        self.parts = parts
        self.sensorNames = SensorNames(parts.live)
        self.accounts = AccountNames(parts.files.reads)
    }

    // MARK: Called by the daemon

    func attach(_ routing: RoutingDesk) { self.routing.withLock { $0 = routing } }

    /// A decision leaves: if a command waits for it, it is answered.
    ///
    /// Any thread.
    func answer(_ decision: Decision, isRecorded: Bool) {
        guard decision.isAnswer else { return }
        self.pending.answer(decision, isRecorded: isRecorded)
    }

    /// Ledger records up to `n` are durable.
    ///
    /// Any thread.
    func eventsWritten(through n: UInt64) { self.signal.advance(to: n) }

    // MARK: OperatorBackend

    func status() async -> StatusView { self.parts.report() }

    func areas() async -> [AreaView] {
        let modes = self.parts.live.areaModes
        return self.parts.live.ruleBook.areas.map { area in
            let state = modes[area.name]
            let number = state?.mode ?? 0
            var view = AreaView(
                name: area.name, mode: number < area.modes.count ? area.modes[number] : "",
                modes: area.modes, sensors: area.sensors)
            view.modeSensor = area.sensor
            view.changedBy = state?.changedBy ?? ""
            view.changedAt = state?.changedAt
            return view
        }
    }

    func area(named name: String) async -> AreaFilter {
        var area: AreaFilter? = AreaFilter(name)
        self.resolve(&area)
        return area ?? AreaFilter(name)
    }

    func events(after: UInt64, limit: Int) async throws(Problem) -> [EventView] {
        let newest = self.parts.newestEvent()
        // Who has everything is answered without a look at the disk.
        guard after < newest else { return [] }
        let events = self.parts.events
        return try await self.parts.files.reads.read {
            events.events(after: after, through: newest, limit: limit)
        }
    }

    func newestEvent() async -> UInt64 { self.parts.newestEvent() }

    func waitForEvents(after: UInt64) async { await self.signal.wait(after: after) }

    func health() async -> HealthView {
        self.parts.health()
    }

    /// Not ready while a start is under way, and while storage has failed.
    func readiness() async -> HealthView {
        guard self.parts.isStarted() else {
            return HealthView(level: .failed, reasons: ["starting"])
        }
        return await self.health()
    }

    func metrics() async -> [MetricSample] { self.parts.metrics() }

    func accountName(uid: UInt32) async -> String { await self.accounts.name(uid: uid) }

    func history(path: String, seconds: UInt64) async throws(Problem) -> HistoryView {
        try await self.parts.archive.history(
            of: path, seconds: seconds, now: EngineClock.wall())
    }

    func rejects(limit: Int) async -> [RejectView] { self.parts.rejects(limit) }

    func reload(_ request: ReloadRequest) async throws(Problem) -> ReloadView {
        try await self.parts.reloader.reload(request)
    }

    func configuration(after: Int, limit: Int) async throws(Problem) -> ConfigurationView {
        try await self.parts.reloader.configuration(after: after, limit: limit)
    }

    func deadLetters(
        matching query: DeadLetterQuery
    ) async throws(Problem) -> PageView<DeadLetterView> {
        try await self.parts.deliveries.deadLetters(matching: query)
    }

    func order(_ order: DeliveryOrder) async -> DeliveryOrderOutcome {
        await self.parts.deliveries.perform(order)
    }
}
