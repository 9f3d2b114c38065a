// SPDX-License-Identifier: Apache-2.0

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
        if case .alarm(let transition) = record {
            subject = self.subject(transition)
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

    /// What delivery must be offered again when its outbox is gone, in order.
    ///
    /// A second router finds out, as that of a start would, what has no outcome; then the one in use
    /// lets it out, so that a flood ends in digests here as well.
    func again(
        _ folder: String, owedFrom: UInt64, through newest: UInt64, gap: (LedgerGap) -> Void
    ) -> [Alert] {
        var parts = self.parts
        parts.policy = parts.policy.ungated
        let scratch = RoutingDesk(parts, logger: self.logger)
        let picture = RoutingPicture(n: newest, records: self.withRouter { $0.picture() })
        _ = scratch.restore(
            folder, owedFrom: owedFrom, through: newest, picture: picture, gap: gap)
        let (now, wall) = (self.parts.clock.now(), EngineClock.wall())
        let wanted = scratch.withRouter { $0.resume(now: now, wall: wall) }
        var alerts: [Alert] = []
        for start in stride(from: 0, to: wanted.count, by: Self.heldCountMax) {
            let slice = wanted[start..<min(start + Self.heldCountMax, wanted.count)]
            self.state.withLock { state in
                let actions = state.router.emitAgain(slice, now: now)
                self.perform(actions, in: &state, made: nil, wall: wall) { alerts.append($0) }
            }
        }
        return alerts
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
