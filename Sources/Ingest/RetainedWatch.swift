// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
internal import Synchronization

/// Sensors of which only readings with the retain flag come, at a listener that takes those as
/// history.
///
/// Whether the flag was set by a bridge that repeats what it remembers or by the device that
/// measured cannot be told from the message. A device that sets it on everything would never be
/// live: its alarm `stale` stands, and this says why. One live reading takes a sensor off.
///
/// Owned by one event loop; what it finds is published in `RetainedFindings`.
struct RetainedWatch {
    /// Sensors watched at once; beyond them none is added.
    static let sensorCountMax = 4_096
    /// Readings, and the time between the first and the last of them, after which it is no repeat
    /// after a reconnect.
    static let readingsMin = 3
    static let nanosecondsMin: UInt64 = 30_000_000_000

    private struct Entry {
        var firstAt: MonotonicInstant
        var count = 0
        var isFound = false
    }

    private var entries: [SensorIndex: Entry] = [:]

    /// Whether a live reading must be told to `live`.
    var isEmpty: Bool { self.entries.isEmpty }

    /// A reading was taken as history; true: the sensor is found now.
    mutating func retained(_ sensor: SensorIndex, at: MonotonicInstant) -> Bool {
        guard var entry = self.entries[sensor] else {
            if self.entries.count < Self.sensorCountMax {
                self.entries[sensor] = Entry(firstAt: at, count: 1)
            }
            return false
        }
        guard !entry.isFound else { return false }
        entry.count += 1
        entry.isFound =
            entry.count >= Self.readingsMin
            && at.nanosecondsSince(entry.firstAt) >= Self.nanosecondsMin
        self.entries[sensor] = entry
        return entry.isFound
    }

    /// A live reading came; true: the sensor had been found.
    mutating func live(_ sensor: SensorIndex) -> Bool {
        self.entries.removeValue(forKey: sensor)?.isFound ?? false
    }
}

/// What the watches of a listener's loops have found.
final class RetainedFindings: Sendable {
    private let sensors = Mutex<Set<SensorIndex>>([])

    /// True: it is the first one.
    func add(_ sensor: SensorIndex) -> Bool {
        self.sensors.withLock { sensors in
            sensors.insert(sensor)
            return sensors.count == 1
        }
    }

    func remove(_ sensor: SensorIndex) {
        self.sensors.withLock { _ = $0.remove(sensor) }
    }

    /// How many there are, and one of them.
    var summary: (count: Int, example: SensorIndex)? {
        self.sensors.withLock { sensors in sensors.min().map { (sensors.count, $0) } }
    }
}

extension MQTTEndpoint {
    /// What a screen says of sensors that never become live because of the retain flag.
    package var retainedWarning: String? {
        guard let (count, example) = self.retained.summary else { return nil }
        let path = self.services.sensors.path(of: example) ?? "#\(example.rawValue)"
        let others = count > 1 ? " and of \(count - 1) more sensors" : ""
        return "\(self.configuration.name): every reading of \(path)\(others) has the retain flag "
            + "and is history, no alarm follows it; if the devices send so, set retained: live"
    }
}
