// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel
package import ReadingRing
internal import Synchronization

/// What the configuration says about one sensor path.
package struct SensorClass: Equatable, Sendable {
    /// Named by the configuration, by path or by template.
    package var isDeclared: Bool
    /// Admission class of its readings.
    package var criticality: SensorCriticality

    package init(isDeclared: Bool, criticality: SensorCriticality) {
        self.isDeclared = isDeclared
        self.criticality = criticality
    }
}

/// Gives every sensor path its index, once per journal.
///
/// The one owner of `SensorIndex`. A new path gets the next index, and its registration record goes
/// through the ring inside the lock: nobody can hold an index whose record is not ahead of every
/// reading that uses it. This is the cold path: each socket thread remembers what it resolved.
///
/// Limits: `SystemLimits.sensorCountMax` sensors in all, and `undeclaredMax` of them not named by
/// the configuration. At a limit a new path is refused and counted; known ones go on.
package final class SensorRegistry: Sendable {
    /// Why a path has no index.
    package enum Rejection: Int, Sendable, CaseIterable {
        /// Not a path: empty level, control character, wildcard, too long.
        case malformedPath = 0
        /// Not declared, and as many undeclared sensors as configured are known.
        case undeclaredLimit = 1
        /// `SystemLimits.sensorCountMax` sensors are known.
        case sensorLimit = 2
        /// Not declared, and the path is kept for Midwatch's own sensors.
        case reservedPath = 3
        /// Not declared, and its source has brought as many such sensors as it may.
        case sourceLimit = 4

        /// Word used in metrics.
        package var word: String {
            switch self {
            case .malformedPath: "malformedPath"
            case .undeclaredLimit: "undeclaredLimit"
            case .sensorLimit: "sensorLimit"
            case .reservedPath: "reservedPath"
            case .sourceLimit: "sourceLimit"
            }
        }
    }

    package enum Resolution: Equatable, Sendable {
        case known(SensorIndex, SensorCriticality)
        case rejected(Rejection)
        /// The registration record found no room: nothing was registered, try again.
        case ringFull(SensorCriticality)
    }

    private struct Entry {
        var index: SensorIndex
        var sensorClass: SensorClass
    }

    private struct State {
        var entries: [String: Entry] = [:]
        var paths: [String] = []
        var undeclaredCount = 0
        /// Undeclared sensors by the source that brought them, since the start.
        var broughtCounts: [SourceIndex: Int] = [:]
        var classify: @Sendable (SensorID) -> SensorClass
    }

    private let state: Mutex<State>
    private let revisionCell = Atomic<UInt64>(0)
    private let rejections = CounterBlock<Rejection>()
    private let ring: ReadingRing
    private let clock: IngestClock
    private let undeclaredMax: Int

    /// Starts from the paths a journal already has.
    ///
    /// - Parameters:
    ///   - restored: Well-formed paths in the order of their indexes, from index 0.
    ///   - undeclaredMax: Sensors taken that the configuration does not name; restored ones count.
    ///   - ring: Where registration records go.
    ///   - clock: Engine time of those records.
    ///   - classify: What the configuration says about a path; called under the lock, must not
    ///     call back.
    package init(
        restored: [String], undeclaredMax: Int, ring: ReadingRing, clock: IngestClock,
        classify: @escaping @Sendable (SensorID) -> SensorClass
    ) {
        precondition(restored.count <= SystemLimits.sensorCountMax, "restored sensors")
        var state = State(classify: classify)
        state.entries.reserveCapacity(restored.count)
        for path in restored { Self.append(path, to: &state) }
        precondition(state.entries.count == restored.count, "a path was restored twice")
        self.state = Mutex(state)
        self.ring = ring
        self.clock = clock
        self.undeclaredMax = undeclaredMax
    }

    /// Grows by one when classes may have changed: whoever remembers resolutions forgets them.
    package var revision: UInt64 { self.revisionCell.load(ordering: .acquiring) }

    /// Sensors known, retired ones included.
    package var count: Int { self.state.withLock { $0.paths.count } }

    /// Every path in the order of the indexes.
    package var paths: [String] { self.state.withLock { $0.paths } }

    /// The path of a sensor that was registered.
    package func path(of sensor: SensorIndex) -> String? {
        self.state.withLock { state in
            let index = Int(sensor.rawValue)
            return index < state.paths.count ? state.paths[index] : nil
        }
    }

    /// The index of a path, registering it if it is new and admitted.
    ///
    /// `bytes` may be anything; `source`, who named the path, stands in the registration record.
    package func resolve(
        _ bytes: borrowing Span<UInt8>, from source: SourceIndex
    ) -> Resolution {
        guard SensorID.isWellFormed(bytes), let utf8 = try? UTF8Span(validating: copy bytes),
            let sensor = SensorID(String(copying: utf8))
        else { return self.reject(.malformedPath) }
        return self.resolve(sensor, from: source)
    }

    /// The index of a sensor, registering it if it is new and admitted.
    ///
    /// `newMax`: undeclared sensors that `source` may bring in one run.
    package func resolve(
        _ sensor: SensorID, from source: SourceIndex, newMax: Int = Int.max
    ) -> Resolution {
        let resolution = self.state.withLock { state -> Resolution in
            if let entry = state.entries[sensor.path] {
                return .known(entry.index, entry.sensorClass.criticality)
            }
            guard state.paths.count < SystemLimits.sensorCountMax else {
                return .rejected(.sensorLimit)
            }
            let sensorClass = state.classify(sensor)
            guard sensorClass.isDeclared || sensorClass.criticality != .own else {
                return .rejected(.reservedPath)
            }
            guard sensorClass.isDeclared || state.undeclaredCount < self.undeclaredMax else {
                return .rejected(.undeclaredLimit)
            }
            let broughtCount = state.broughtCounts[source, default: 0]
            guard sensorClass.isDeclared || broughtCount < newMax else {
                return .rejected(.sourceLimit)
            }
            let index = SensorIndex(rawValue: UInt32(state.paths.count))
            guard self.announce(sensor, index, from: source) else {
                return .ringFull(sensorClass.criticality)
            }
            Self.append(sensor.path, to: &state, sensorClass)
            if !sensorClass.isDeclared { state.broughtCounts[source] = broughtCount + 1 }
            return .known(index, sensorClass.criticality)
        }
        if case .rejected(let cause) = resolution { return self.reject(cause) }
        return resolution
    }

    /// Puts a new configuration in force: every known path is classified again.
    package func reclassify(_ classify: @escaping @Sendable (SensorID) -> SensorClass) {
        self.state.withLock { state in
            let paths = state.paths
            state = State(broughtCounts: state.broughtCounts, classify: classify)
            state.entries.reserveCapacity(paths.count)
            for path in paths { Self.append(path, to: &state) }
        }
        // Pairs with the acquiring load in `revision`: who sees the new number sees the classes.
        self.revisionCell.wrappingAdd(1, ordering: .releasing)
    }

    /// Gauges and rejection counters.
    package func metrics() -> [MetricSample] {
        let (count, undeclared) = self.state.withLock { ($0.paths.count, $0.undeclaredCount) }
        var samples = [
            MetricSample(
                "midwatch_sensors", help: "Sensors known to this journal.", kind: .gauge,
                value: Double(count)),
            MetricSample(
                "midwatch_sensors_undeclared", help: "Sensors no configuration names.",
                kind: .gauge, value: Double(undeclared)),
        ]
        for cause in Rejection.allCases {
            samples.append(
                MetricSample(
                    "midwatch_sensor_rejections_total", help: "Sensor paths refused.",
                    kind: .counter, labels: [(name: "cause", value: cause.word)],
                    value: Double(self.rejections[cause])))
        }
        return samples
    }

    // MARK: - Helpers

    private func reject(_ cause: Rejection) -> Resolution {
        self.rejections.add(cause)
        return .rejected(cause)
    }

    private func announce(
        _ sensor: SensorID, _ index: SensorIndex, from source: SourceIndex
    ) -> Bool {
        var head = Slot(kind: .registerSensor, arrival: self.clock.now(), source: source)
        head.sensor = index
        let slots = ControlRecord.slots(head: head, payload: Array(sensor.path.utf8))
        return self.ring.offer(slots.span, criticality: .own) != .ringFull
    }

    private static func append(
        _ path: String, to state: inout State, _ known: SensorClass? = nil
    ) {
        // A restored path was well-formed when it was registered; should the rules have become
        // stricter since, it keeps its index and is undeclared.
        let undeclared = SensorClass(isDeclared: false, criticality: .normal)
        let sensorClass = known ?? SensorID(path).map(state.classify) ?? undeclared
        let index = SensorIndex(rawValue: UInt32(state.paths.count))
        state.entries[path] = Entry(index: index, sensorClass: sensorClass)
        state.paths.append(path)
        if !sensorClass.isDeclared { state.undeclaredCount += 1 }
    }
}
