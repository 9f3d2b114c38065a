// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import AlertDelivery
import Journal
import Logging
import MidwatchModel
import Synchronization

/// What the ledger and the picture give back: to a start, and to delivery that lost its outbox.
extension RoutingDesk {
    /// The picture is kept this often at most: it spares reading, and is no record.
    private static let pictureNanoseconds: UInt64 = 30_000_000_000

    /// What is owed waits no longer for the readings before it.
    private static let lookBackNanoseconds: UInt64 = 100_000_000

    // MARK: The start

    /// Reads the picture and the ledger behind it; false if the disk did not give all.
    ///
    /// Records behind `owedFrom` are not in the outbox yet.
    func restore(
        _ folder: String, owedFrom: UInt64, through newest: UInt64,
        picture: RoutingPicture? = nil, gap: (LedgerGap) -> Void
    ) -> Bool {
        let picture =
            picture ?? RoutingPicture.read(self.parts.picturePath, newest: newest)
        self.state.withLock { $0.router.beginRecovery() }
        for body in picture?.records ?? [] { self.restore(body, isOwed: false, isPicture: true) }
        let recent =
            newest > RoutingPicture.recordCountMax ? newest - RoutingPicture.recordCountMax : 0
        let from = min(picture?.n ?? recent, owedFrom)
        let reader = LedgerReader(directory: folder, fromLine: from + 1)
        while true {
            do {
                switch try reader.step(through: newest) {
                case .line(let line):
                    self.restore(line.body, isOwed: line.n > owedFrom)
                case .gap(let found): gap(found)
                case .end: return true
                }
            } catch {
                self.logger.critical(
                    "ledger not read, alerts in it may be late",
                    metadata: ["ledger.n": "\(reader.nextN)", "error": "\(error)"])
                return false
            }
        }
    }

    /// Takes one record of the ledger, in order.
    func restore(_ body: [UInt8], isOwed: Bool, isPicture: Bool = false) {
        guard let record = RoutingRecord(body: body) else { return }
        var subject: AlertSubject?
        switch record {
        case .drill(let drill): return self.restore(drill)
        case .alarm(let transition) where transition.isDrill: return self.restore(drill: transition)
        case .alarm(let transition): subject = self.subject(transition)
        default: break
        }
        self.state.withLock { state in
            if isPicture {
                state.router.restore(picture: record, subject: subject)
            } else {
                state.router.restore(record, subject: subject, isOwed: isOwed)
            }
        }
    }

    /// The ledger is read: what must be offered again.
    ///
    /// It says what came before it: the look back into the journal is given a moment to end.
    func resume() -> [Alert] {
        self.state.withLock { $0.earlier }?.wait(nanoseconds: Self.lookBackNanoseconds)
        let (now, wall) = (self.parts.clock.now(), EngineClock.wall())
        return self.state.withLock { state in
            var alerts: [Alert] = []
            let actions = state.router.resume(now: now, wall: wall)
            self.perform(actions, in: &state, made: nil, wall: wall) { alerts.append($0) }
            return alerts
        }
    }

    /// Keeps the picture, if something changed; every ledger record up to `n` was taken.
    ///
    /// Thread of the disk.
    func keepPicture(through n: UInt64) {
        let now = self.parts.clock.now()
        let records = self.state.withLock { state -> [[UInt8]]? in
            guard state.isChanged, !state.router.isRecovering,
                now.nanosecondsSince(state.keptAt) >= Self.pictureNanoseconds
            else { return nil }
            state.isChanged = false
            state.keptAt = now
            return state.router.picture()
        }
        guard let records else { return }
        do {
            try RoutingPicture(n: n, records: records).write(self.parts.picturePath)
        } catch {
            self.logger.error("picture of the routes not kept", metadata: ["error": "\(error)"])
        }
    }

    // MARK: A lost outbox

    /// Alarms of which only the lost outbox held alerts, and how far back those may stand.
    struct Lost: Sendable {
        var alarms: Set<UInt64> = []
        /// They stand behind this record of the ledger.
        var from: UInt64 = 0
    }

    /// What delivery must be offered again when its outbox is gone, in the order of the decisions.
    ///
    /// A second router finds out, as that of a start would, what has no outcome; then the one in use
    /// lets it out, so that a flood ends in digests here as well. Behind the newest records this is
    /// everything; further back only what is about `lost`, of which it is known that something
    /// waited: a return that waited for hours is told, and old news of other alarms is not.
    func again(
        _ folder: String, owedFrom: UInt64, through newest: UInt64, lost: Lost = Lost(),
        gap: (LedgerGap) -> Void
    ) -> [Alert] {
        let now = self.parts.clock.now()
        var wanted = self.unanswered(folder, owedFrom: owedFrom, through: newest, now, gap: gap)
        if !lost.alarms.isEmpty, lost.from < owedFrom {
            let known = Set(wanted.map(\.id))
            wanted += self.unanswered(
                folder, owedFrom: lost.from, through: newest, now, gap: { _ in }
            ).filter {
                lost.alarms.contains(AlertMembers.key($0.alarmID)) && !known.contains($0.id)
            }
        }
        // An alarm's return that is offered before its raise would overtake it.
        let order = wanted.indices.map { (AlertRecord(wanted[$0].record)?.id ?? .none, $0) }
            .sorted { $0 < $1 }.map(\.1)
        var alerts: [Alert] = []
        let wall = EngineClock.wall()
        for start in stride(from: 0, to: order.count, by: Self.heldCountMax) {
            let slice = order[start..<min(start + Self.heldCountMax, order.count)]
                .map { RoutingAction.send(wanted[$0]) }
            self.state.withLock { state in
                let actions = state.router.emitAgain(slice[...], now: now)
                self.perform(actions, in: &state, made: nil, wall: wall) { alerts.append($0) }
            }
        }
        return alerts
    }

    /// What the ledger behind a record has without an outcome, each singly.
    private func unanswered(
        _ folder: String, owedFrom: UInt64, through newest: UInt64, _ now: MonotonicInstant,
        gap: (LedgerGap) -> Void
    ) -> [RoutedAlert] {
        var parts = self.parts
        parts.policy = parts.policy.ungated
        let scratch = RoutingDesk(parts, logger: self.logger)
        let picture = RoutingPicture(n: newest, records: self.withRouter { $0.picture() })
        _ = scratch.restore(
            folder, owedFrom: owedFrom, through: newest, picture: picture, gap: gap)
        let wall = EngineClock.wall()
        return scratch.withRouter { $0.resume(now: now, wall: wall) }.compactMap { action in
            guard case .send(let routed) = action else { return nil }
            return routed
        }
    }
}

extension AlertPolicy {
    /// The same routes with every alert singly and at once.
    fileprivate var ungated: AlertPolicy {
        var policy = self
        policy.flood.alertsPerMinute = .max
        policy.flood.criticalPerMinute = .max
        policy.routes = policy.routes.map(Self.ungrouped)
        return policy
    }

    private static func ungrouped(_ route: RouteDeclaration) -> RouteDeclaration {
        var route = route
        route.grouping = nil
        route.routes = route.routes.map(self.ungrouped)
        return route
    }
}
