// SPDX-License-Identifier: Apache-2.0

import JSONText
import Journal
import Logging
import MidwatchModel
import Synchronization

/// Places where journal or ledger were found damaged, at the start and while they are read since.
///
/// Each place counts once, however often it is read; the count is a sensor about Midwatch itself
/// with an alarm. What is found while running becomes a ledger record with its positions.
final class DamageBoard: Sendable {
    /// Places that are told from each other; further ones count each time they are met.
    static let placesMax = 4_096

    private struct Place: Hashable {
        var segment: UInt32
        var byteOffset: UInt64

        init(_ damage: JournalDamage) {
            self.segment = damage.segment
            self.byteOffset = damage.byteOffset
        }
    }

    private struct State {
        var places: Set<Place> = []
        var count: Int
    }

    private let state: Mutex<State>
    private let path: @Sendable (SensorIndex) -> String
    private let record: @Sendable (_ body: [UInt8]) -> Void
    private let logger: Logger

    /// `found`: what the start found in the journal; `furtherCount`: what it found besides.
    ///
    /// `path` names a sensor, `record` puts a body into the ledger and does not wait.
    init(
        found: [JournalDamage], furtherCount: Int, logger: Logger,
        path: @escaping @Sendable (SensorIndex) -> String,
        record: @escaping @Sendable (_ body: [UInt8]) -> Void
    ) {
        self.state = Mutex(
            State(places: Set(found.map(Place.init)), count: found.count + furtherCount))
        self.path = path
        self.record = record
        self.logger = logger
    }

    /// Places found damaged so far.
    var count: Int { self.state.withLock { $0.count } }

    /// The journal was read and is damaged there.
    ///
    /// Any thread.
    func note(_ damage: JournalDamage) {
        let isNew = self.state.withLock { state in
            let place = Place(damage)
            guard !state.places.contains(place) else { return false }
            if state.places.count < Self.placesMax { state.places.insert(place) }
            state.count += 1
            return true
        }
        guard isNew else { return }
        let paths = damage.sensors.map(self.path)
        self.logger.critical(
            "journal damaged, records cannot be read",
            metadata: [
                "journal.damage": "\(damage)", "sensors": "\(paths.joined(separator: ", "))",
            ])
        var json = JSONWriter()
        json.object { json in
            json.field("kind", "journalDamaged")
            json.field("reason", damage.reason.rawValue)
            json.field("segment", UInt64(damage.segment))
            json.field("byteOffset", damage.byteOffset)
            json.field("byteCount", damage.byteCount)
            json.field("lostFrom", damage.lost.lowerBound)
            json.field("lostCount", UInt64(damage.lost.count))
            json.field("wasDurable", damage.wasDurable)
            json.name("sensors")
            json.array { json in for path in paths { json.value(path) } }
        }
        self.record(json.bytes)
    }
}
