// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import Ingest
import JSONText
import Logging
import MidwatchConfiguration
import MidwatchModel
import OperatorAPI
import OperatorViews
import ReadingRing
import ServiceLifecycle
import StateFolder
import Synchronization
import UnixSignals

/// SIGHUP and `midwatch reload`: the rules of the configuration file take effect, or nothing changes.
///
/// The new text is kept, then named in a configuration record: the engine binds every sensor anew
/// at that place in the sequence, and replay does the same. Sockets, stores and endpoints keep what
/// they started with; a change there is said to need a restart. Certificates, password and access
/// files are read again, each for itself: one that is bad leaves what it had in force.
///
/// Files are read and written on a thread of its own, one reload after the other: a disk that hangs
/// holds up nobody but whoever asked.
final class Reloader: Service, ConfigurationBackend {
    struct Parts: Sendable {
        var path: String
        var started: MidwatchConfiguration
        /// Of the configuration that the start put in force.
        var revision: String
        var revisions: Revisions
        var offered: OfferedRules
        var ring: ReadingRing
        var clock: EngineClock
        var ingest: SensorIngest
        var live: LiveState
        var files: FileReadThread
        var gate: OperatorGate
    }

    /// Reloads that may wait for the one under way.
    private static let waitingMax = 8
    /// Longer than a file with 100,000 sensors takes.
    private static let answerNanosecondsMax: UInt64 = 30_000_000_000
    /// A stop is seen after this time at the latest.
    private static let idleNanoseconds: UInt64 = 1_000_000_000

    /// Whoever asked; answered once.
    private final class Ticket: Sendable {
        let request: ReloadRequest
        private let waiter: Mutex<CheckedContinuation<ReloadView?, Never>?>

        init(_ request: ReloadRequest, _ waiter: CheckedContinuation<ReloadView?, Never>) {
            self.request = request
            self.waiter = Mutex(waiter)
        }

        /// Nil: it was not done in time.
        func answer(_ view: ReloadView?) {
            self.waiter.withLock { $0.take() }?.resume(returning: view)
        }
    }

    private struct State {
        var waiting: [Ticket] = []
        var inForce: MidwatchConfiguration
        var revision: String
    }

    private let parts: Parts
    private let state: Mutex<State>
    private let bell = WakeWord()
    private let stop = StopFlag()
    private let logger: Logger

    init(_ parts: Parts, logger: Logger) {
        self.parts = parts
        self.state = Mutex(State(inForce: parts.started, revision: parts.revision))
        self.logger = logger
    }

    // MARK: - Asking

    func run() async throws {
        // Never joined: a disk may hold it beyond the process's end.
        LoopThread.detach("reload") { self.loop() }
        let signals = await UnixSignalsSequence(trapping: .sighup)
        for await _ in signals.cancelOnGracefulShutdown() {
            _ = try? await self.reload(ReloadRequest(isDryRun: false, user: "", origin: "SIGHUP"))
        }
        self.stop.set()
        self.bell.wake()
    }

    /// Asks the thread and waits for it, within a bound.
    func reload(_ request: ReloadRequest) async throws(Problem) -> ReloadView {
        let limit = Self.answerNanosecondsMax
        var timer: Task<Void, Never>?
        var isRefused = false
        let view: ReloadView? = await withCheckedContinuation { waiter in
            let ticket = Ticket(request, waiter)
            let isEntered = self.state.withLock { state in
                guard state.waiting.count < Self.waitingMax else { return false }
                state.waiting.append(ticket)
                return true
            }
            guard isEntered else {
                isRefused = true
                return ticket.answer(nil)
            }
            timer = Task {
                guard (try? await Task.sleep(nanoseconds: limit)) != nil else { return }
                ticket.answer(nil)
            }
            self.bell.wake()
        }
        timer?.cancel()
        if let view { return view }
        if isRefused { throw Problem(.refused, detail: "too many reloads wait") }
        throw Problem(
            .timedOut,
            detail: "the disk may hang; the reload may still take effect: look at the "
                + "revision of midwatch status before trying again")
    }

    /// The configuration in force.
    func configuration(after: Int, limit: Int) async throws(Problem) -> ConfigurationView {
        let (configuration, revision) = self.state.withLock { ($0.inForce, $0.revision) }
        // With many rules it takes a while: not on a thread that delivery shares.
        let settings = try await self.parts.files.reads.read { () -> JSONValue? in
            var page = configuration
            page.sensors = Array(page.sensors.dropFirst(after).prefix(limit))
            let whole = page.settings
            var json = JSONWriter()
            if after == 0 {
                whole.encode(to: &json)
            } else {
                json.object { json in
                    json.name("sensors")
                    (whole["sensors"] ?? .list([])).encode(to: &json)
                }
            }
            let bytes = json.bytes
            return try? JSONValue(parsing: bytes.span)
        }
        guard let settings else {
            throw Problem(.internalError, detail: "the configuration cannot be shown")
        }
        let end = after + limit
        return ConfigurationView(
            revision: revision, file: self.parts.path, settings: settings,
            next: end < configuration.sensors.count ? "\(end)" : nil)
    }

    // MARK: - The thread

    private func loop() {
        while !self.stop.isSet {
            while let ticket = self.next() { ticket.answer(self.perform(ticket.request)) }
            self.bell.sleep(nanoseconds: Self.idleNanoseconds)
        }
    }

    private func next() -> Ticket? {
        self.state.withLock { $0.waiting.isEmpty ? nil : $0.waiting.removeFirst() }
    }

    private func perform(_ request: ReloadRequest) -> ReloadView {
        if !request.isDryRun {
            // First, and whatever becomes of the rest: a certificate does not wait for a typing
            // error.
            for problem in self.parts.ingest.reloadSecurity() {
                self.logger.error(
                    "not reloaded", metadata: ["listener.problem": "\(problem)"])
            }
            self.parts.gate.reload()
        }
        let (inForce, revision) = self.state.withLock { ($0.inForce, $0.revision) }
        let result = MidwatchConfiguration.load(path: self.parts.path)
        var view = ReloadView(
            outcome: .refused, file: self.parts.path, revisionBefore: revision)
        view.issues = Self.issues(of: result)
        guard let configuration = result.configuration, result.errors.isEmpty else {
            if !request.isDryRun { self.tell(refused: result) }
            return view
        }
        view.revisionAfter = Revisions.name(of: result.revisionText)
        view.needRestart = MidwatchConfiguration.keysNeedingRestart(
            self.parts.started.settings.changes(to: configuration.settings))
        let changes = inForce.settings.changes(to: configuration.settings)
        view.changes = changes.prefix(OperatorAPILimits.pageItemsMax).map(Self.view)
        view.changesLeftOut = changes.count - view.changes.count
        if request.isDryRun {
            view.outcome = view.revisionAfter == revision ? .unchanged : .accepted
        } else if view.revisionAfter == revision {
            view.outcome = .unchanged
            self.logger.notice("configuration not changed")
        } else {
            self.apply(configuration, result.revisionText, request, &view)
        }
        return view
    }

    /// Keeps the text, puts the record into the sequence, and waits until the engine has taken it.
    private func apply(
        _ configuration: MidwatchConfiguration, _ text: [UInt8], _ request: ReloadRequest,
        _ view: inout ReloadView
    ) {
        do {
            let revision = try self.parts.revisions.keep(text)
            let rules = Revisions.rules(of: configuration, revision: revision)
            let order = ConfigurationOrder(
                revision: revision, user: request.user, origin: request.origin)
            let slots = ControlRecord.slots(
                head: Slot(kind: .configuration, arrival: self.parts.clock.now()),
                payload: order.payload)
            guard self.parts.offered.offer(rules) else {
                return self.refuse(&view, "the engine has not come to earlier reloads yet")
            }
            guard case .accepted = self.parts.ring.offer(slots.span, criticality: .own) else {
                self.parts.offered.withdraw(revision)
                return self.refuse(&view, "the ring is full, try again")
            }
            view.outcome = .applied
            self.state.withLock { state in
                state.inForce = self.parts.started.reloaded(with: configuration)
                state.revision = revision
            }
            // After the record: what was refused has changed nothing.
            self.parts.gate.load(configuration.api)
            self.parts.ingest.follow(rules) {
                view.issues.append(Self.issue(.advice, "not registered yet: \($0)"))
            }
            if !self.parts.live.waits(for: revision) {
                view.issues.append(
                    Self.issue(.advice, "in the sequence; the engine has not come to it yet"))
            }
            self.logger.notice(
                "configuration reloaded",
                metadata: [
                    "configuration.revision": "\(revision.prefix(16))",
                    "configuration.before": "\(view.revisionBefore.prefix(16))",
                    "configuration.changes": "\(view.changes.count + view.changesLeftOut)",
                    "configuration.by": "\(request.user) \(request.origin)",
                ])
            if !view.needRestart.isEmpty {
                self.logger.warning(
                    "settings changed that need a restart",
                    metadata: ["settings": "\(view.needRestart.joined(separator: ", "))"])
            }
        } catch {
            self.refuse(&view, "its text cannot be kept: \(error)")
        }
    }

    private func refuse(_ view: inout ReloadView, _ reason: String) {
        view.outcome = .refused
        view.revisionAfter = ""
        view.issues.append(Self.issue(.invalid, reason))
        self.logger.error("configuration not reloaded", metadata: ["error": "\(reason)"])
    }

    private func tell(refused result: ConfigurationResult) {
        for line in result.report { self.logger.error("\(line)") }
        self.logger.error("configuration not reloaded: the one in force stays")
    }

    // MARK: - Views

    private static func issues(of result: ConfigurationResult) -> [ConfigurationIssueView] {
        var views: [ConfigurationIssueView] = []
        for (issues, isRefused) in [(result.errors, true), (result.warnings, false)] {
            for issue in issues {
                views.append(
                    ConfigurationIssueView(
                        kind: issue.kind.rawValue, refused: isRefused, line: issue.line,
                        column: issue.column, key: issue.key, message: issue.message))
            }
        }
        if result.suppressedErrorCount > 0 {
            views.append(self.issue(.invalid, "and \(result.suppressedErrorCount) more errors"))
        }
        return views
    }

    private static func issue(
        _ kind: ConfigurationIssue.Kind, _ message: String
    ) -> ConfigurationIssueView {
        ConfigurationIssueView(
            kind: kind.rawValue, refused: kind == .invalid, line: 0, column: 0, key: "",
            message: message)
    }

    private static func view(_ change: SettingChange) -> ConfigurationChangeView {
        ConfigurationChangeView(
            kind: change.kind.rawValue, key: change.key, before: change.before ?? "",
            after: change.after ?? "")
    }
}
