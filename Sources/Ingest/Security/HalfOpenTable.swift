// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// Connections that have not sent a whole CONNECT yet, TLS handshakes included: a bounded number.
///
/// When there are too many, the address that has the most gives up its oldest to whoever has fewer:
/// who opens connections and says nothing takes the place of nobody but itself. To its own kind it
/// gives up only one that is older than `patienceNanoseconds`, else the newcomer is refused: many
/// honest clients behind one address, after a switch came back, do not throw each other out. Pure.
struct HalfOpenTable<Identifier: Hashable & Sendable>: Sendable {
    enum Admission: Equatable {
        case admitted
        /// Admitted, and this one has to be closed.
        case evicting(Identifier)
        case refused
    }

    /// Time in which an honest client nearby is through with its CONNECT, TLS included.
    static var patienceNanoseconds: UInt64 { 250_000_000 }

    private struct Entry {
        var identifier: Identifier
        var address: AddressKey
        var since: MonotonicInstant
    }

    private let countMax: Int
    /// In order of arrival.
    private var entries: [Entry] = []
    private var counts: [AddressKey: Int] = [:]

    init(countMax: Int) {
        precondition(countMax > 0, "half-open connections")
        self.countMax = countMax
    }

    var count: Int { self.entries.count }

    /// Takes a connection that was accepted.
    mutating func open(
        _ identifier: Identifier, _ address: AddressKey, now: MonotonicInstant
    ) -> Admission {
        var evicted: Identifier?
        if self.entries.count >= self.countMax {
            guard let victim = self.victim(for: address, now: now) else { return .refused }
            evicted = victim
            _ = self.close(victim)
        }
        self.entries.append(Entry(identifier: identifier, address: address, since: now))
        self.counts[address, default: 0] += 1
        return evicted.map { .evicting($0) } ?? .admitted
    }

    /// The connection is complete or gone; false if it is not here.
    mutating func close(_ identifier: Identifier) -> Bool {
        guard let index = self.entries.firstIndex(where: { $0.identifier == identifier }) else {
            return false
        }
        let entry = self.entries.remove(at: index)
        let left = self.counts[entry.address, default: 1] - 1
        self.counts[entry.address] = left > 0 ? left : nil
        return true
    }

    private func victim(for address: AddressKey, now: MonotonicInstant) -> Identifier? {
        let most = self.counts.values.max() ?? 0
        guard let oldest = self.entries.first(where: { self.counts[$0.address] == most }) else {
            return nil
        }
        let isFair = self.counts[address, default: 0] + 1 < most
        let isOld = now.nanosecondsSince(oldest.since) >= Self.patienceNanoseconds
        return isFair || isOld ? oldest.identifier : nil
    }
}
