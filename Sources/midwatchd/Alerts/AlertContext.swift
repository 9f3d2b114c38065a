// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import JSONText
import MidwatchModel
import Synchronization

/// What was known around a decision at the moment it left, beside what the ledger says of it.
///
/// It is gone after a restart: an alert that is made again from the ledger has none of it, and
/// says so.
struct AlertContext: Sendable {
    /// Whether it was gathered when the decision left.
    var isOfTheMoment = false
    var picture = AlarmActivity.Picture()
    /// The readings before; nil if none are at hand.
    var history: ReadingHistory?
    /// What the sensors say that measure the same.
    var redundant: [RedundantReading] = []
    /// What the monitor cannot do at the moment, in words.
    var modes: [String] = []
    /// From the reading, or from the timer that was due, to the decision.
    var detectionNanoseconds: UInt64?

    static let none = AlertContext()
}

/// What a sensor says that measures the same as the alarm's.
struct RedundantReading: Sendable, Equatable {
    var path: String
    var title = ""
    var unit = ""
    /// nil: it was never heard.
    var value: Double?
    var freshness: Freshness
    var quality: Quality
    var ageNanoseconds: UInt64?
}

/// A place to go from an alert: acknowledge, runbook, dashboard.
struct AlertLink: Sendable, Equatable {
    /// What it is for: `acknowledge`, `runbook`.
    var rel: String
    var href: String
    var text: String

    /// Writes its members.
    func write(to json: inout JSONWriter) {
        json.field("rel", self.rel)
        json.field("href", self.href)
        json.field("text", self.text)
    }
}

/// Looks up in the live tables what an alert says of other sensors.
///
/// The thread on which effects leave; it waits for nobody.
final class AlertSurroundings: Sendable {
    /// Redundant sensors that one alert names.
    static let redundantMax = 8

    private let live: LiveState
    /// Indexes by path; sensors are only ever added.
    private let indexes = Mutex<[String: Int]>([:])

    init(live: LiveState) { self.live = live }

    /// What the sensors say that measure the same as the one at `path`.
    func redundant(to path: String, rules: RuleBook, now: MonotonicInstant) -> [RedundantReading] {
        rules.redundantSensors(to: path, limit: Self.redundantMax).map { other in
            let declaration = rules.declaration(for: other)
            var reading = RedundantReading(
                path: other, title: declaration.title, unit: declaration.unit,
                freshness: .neverReceived, quality: .bad)
            guard let index = self.index(of: other),
                let sensor = self.live.sensors.read(index)
            else { return reading }
            reading.freshness = sensor.freshness
            guard sensor.lastArrival != .zero else { return reading }
            reading.quality = sensor.isUnknown ? .bad : sensor.quality
            reading.ageNanoseconds = now.nanosecondsSince(sensor.lastArrival)
            reading.value = Self.number(sensor)
            return reading
        }
    }

    private func index(of path: String) -> Int? {
        let paths = self.live.paths
        return self.indexes.withLock { indexes in
            for index in indexes.count..<max(indexes.count, paths.count) {
                indexes[paths[index]] = index
            }
            return indexes[path]
        }
    }

    private static func number(_ sensor: LiveSensor) -> Double? {
        let value: Double =
            switch sensor.valueKind {
            case .float64: Double(bitPattern: sensor.valueBits)
            case .int64, .mappedState: Double(Int64(bitPattern: sensor.valueBits))
            case .bool: sensor.valueBits == 0 ? 0 : 1
            }
        return value.isFinite ? value : nil
    }
}
