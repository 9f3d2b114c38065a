// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// What is known of one alarm's alerts: who was told of its activation, and how far it went.
struct AlertCase: Sendable, Equatable {
    /// How far one route went.
    struct Progress: Sendable, Equatable {
        var route: Int
        var stage = 0
        var sentAt: MonotonicInstant
        var isDelivered = false
        /// Endpoints of the stage that have given the alert up.
        var deadCount = 0
    }

    /// One endpoint that was told.
    struct Told: Sendable, Equatable {
        var sendsReturned: Bool
        var sendsAcknowledged: Bool
        /// The digest by which it is told; nil if it was told by an alert of its own.
        var digest: String?
    }

    var subject: AlertSubject
    var activation: String
    /// Id of the alert of the annunciation.
    var base: String
    var annunciatedAt: MonotonicInstant
    var state: AlarmState
    var isSuppressed: Bool
    var isVerified: Bool
    /// Ledger body of the annunciation.
    var record: [UInt8]
    /// Ledger body of the newest change of state; nil: the annunciation is the newest.
    var newestRecord: [UInt8]?
    var acknowledgedAt: MonotonicInstant?
    var progress: [Progress] = []
    var told: [Int: Told] = [:]
    /// Alerts whose outcome is known, `suffix@endpoint`; true: delivered, false: given up.
    var settled: [String: Bool] = [:]
    var withheld: WithholdReason?
    var repeatCount: UInt64 = 0
    var standingCount: UInt64 = 0
    /// The entry in the heap that counts.
    var due: MonotonicInstant?

    /// Whether people have not answered and something is still there.
    var isOpen: Bool {
        switch self.state {
        case .unacknowledged, .latchedUnacknowledged: true
        case .normal, .acknowledged, .returnedUnacknowledged, .latchedAcknowledged: false
        }
    }

    /// Whether its condition is met, or was when it was last known.
    var isActive: Bool { self.state == .unacknowledged || self.state == .acknowledged }

    /// Whether it may keep others back: known to be so, and people were told of it.
    var mayInhibit: Bool {
        self.isActive && self.isVerified && !self.isSuppressed && self.withheld == nil
            && !self.told.isEmpty
    }

    /// When something is to be done without any further event; nil: never.
    func nextDue(_ table: RouteTable, isBarred: (Int) -> Bool) -> MonotonicInstant? {
        guard self.withheld == nil, !self.isSuppressed, !self.progress.isEmpty else { return nil }
        if self.state == .acknowledged, let since = self.acknowledgedAt {
            return Self.next(since, every: self.standing(table), after: self.standingCount)
        }
        guard self.isOpen else { return nil }
        var due: MonotonicInstant?
        func take(_ instant: MonotonicInstant?) {
            guard let instant else { return }
            due = due.map { min($0, instant) } ?? instant
        }
        for progress in self.progress {
            take(self.stageDue(progress, table, isBarred)?.at)
            take(
                Self.next(
                    self.annunciatedAt, every: table.routes[progress.route].repeatNanoseconds,
                    after: self.repeatCount))
        }
        return due
    }

    /// When a route goes on, to which stage and why; nil: it has told everybody it can.
    func stageDue(
        _ progress: Progress, _ table: RouteTable, _ isBarred: (Int) -> Bool
    ) -> (at: MonotonicInstant, stage: Int, reason: RoutedAlert.Reason)? {
        let stages = table.routes[progress.route].stages
        guard progress.stage < stages.count else { return nil }
        let current = stages[progress.stage]
        var found: (at: MonotonicInstant, stage: Int, reason: RoutedAlert.Reason)?
        if !progress.isDelivered, progress.stage + 1 < stages.count {
            let isHopeless =
                progress.deadCount >= current.endpoints.count
                || current.isTurn && current.endpoints.allSatisfy(isBarred)
            found = (
                isHopeless
                    ? progress.sentAt
                    : progress.sentAt.advanced(byNanoseconds: current.undeliveredNanoseconds),
                progress.stage + 1, .undelivered
            )
        }
        if let next = stages[progress.stage...].firstIndex(where: { $0.level > current.level }) {
            let after = stages[next].after[self.subject.priority]
            let at = self.annunciatedAt.advanced(byNanoseconds: after)
            if after > 0, at < found?.at ?? .distantFuture { found = (at, next, .unacknowledged) }
        }
        return found
    }

    /// The time after which an acknowledged alarm that stands is told again.
    func standing(_ table: RouteTable) -> UInt64 {
        self.progress.lazy.map { table.routes[$0.route].standing[self.subject.priority] }
            .filter { $0 > 0 }.min() ?? 0
    }

    static func next(
        _ since: MonotonicInstant, every: UInt64, after count: UInt64
    ) -> MonotonicInstant? {
        guard every > 0 else { return nil }
        let (span, overflow) = every.multipliedReportingOverflow(by: count + 1)
        return overflow ? nil : since.advanced(byNanoseconds: span)
    }
}
