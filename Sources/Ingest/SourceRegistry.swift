// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel
package import ReadingRing
internal import Synchronization

/// Gives every source name its index, once per journal.
///
/// Index 0 is Midwatch itself and is never registered. Like `SensorRegistry`: the registration
/// record goes through the ring inside the lock, before anybody can use the index.
///
/// Limits: `SystemLimits.sourceCountMax` in all. Sources that only appeared (senders, clients) are
/// refused `configuredReserve` earlier, so that a flood of client identifiers cannot keep out a
/// listener; a refused one is counted and its readings carry the source it is behind.
package final class SourceRegistry: Sendable {
    /// Where a source comes from.
    package enum Origin: Sendable { case configured, discovered }

    package enum Rejection: Int, Sendable, CaseIterable {
        /// Empty, or longer than `SystemLimits.sourceNameBytesMax`.
        case malformedName = 0
        case sourceLimit = 1

        /// Word used in metrics.
        package var word: String {
            switch self {
            case .malformedName: "malformedName"
            case .sourceLimit: "sourceLimit"
            }
        }
    }

    package enum Resolution: Equatable, Sendable {
        case known(SourceIndex)
        case rejected(Rejection)
        /// The registration record found no room: nothing was registered, try again.
        case ringFull
    }

    /// Places kept for configured sources.
    package static let configuredReserve = 1_024

    private struct State {
        var indexes: [String: SourceIndex] = [:]
        var names: [String] = []
    }

    private let state: Mutex<State>
    private let rejections = CounterBlock<Rejection>()
    /// Readings of every source by outcome.
    package let tally = SourceTally()
    private let ring: ReadingRing
    private let clock: IngestClock

    /// Starts from the names a journal already has, in the order of their indexes, from index 1.
    package init(restored: [String], ring: ReadingRing, clock: IngestClock) {
        precondition(restored.count < SystemLimits.sourceCountMax, "restored sources")
        var state = State()
        for name in restored {
            state.names.append(name)
            state.indexes[name] = SourceIndex(rawValue: UInt32(state.names.count))
        }
        precondition(state.indexes.count == restored.count, "a name was restored twice")
        self.state = Mutex(state)
        self.ring = ring
        self.clock = clock
    }

    /// Sources known, Midwatch itself not counted.
    package var count: Int { self.state.withLock { $0.names.count } }

    /// The name of a source; nil for an index that was not given.
    package func name(of source: SourceIndex) -> String? {
        if source == .own { return "midwatch" }
        return self.state.withLock { state in
            let place = Int(source.rawValue) - 1
            return place < state.names.count ? state.names[place] : nil
        }
    }

    /// The index of a name, registering it if it is new and admitted.
    ///
    /// `behind`, the source this one is reached through, stands in the registration record.
    package func resolve(
        _ name: String, behind: SourceIndex = .own, origin: Origin
    ) -> Resolution {
        guard !name.isEmpty, name.utf8.count <= SystemLimits.sourceNameBytesMax else {
            return self.reject(.malformedName)
        }
        let limit =
            SystemLimits.sourceCountMax - (origin == .discovered ? Self.configuredReserve : 0)
        let resolution = self.state.withLock { state -> Resolution in
            if let index = state.indexes[name] { return .known(index) }
            // Index 0 is taken, hence "+ 1".
            guard state.names.count + 1 < limit else { return .rejected(.sourceLimit) }
            let index = SourceIndex(rawValue: UInt32(state.names.count + 1))
            var head = Slot(kind: .registerSource, arrival: self.clock.now(), source: index)
            head.valueBits = UInt64(behind.rawValue)
            let slots = ControlRecord.slots(head: head, payload: Array(name.utf8))
            guard self.ring.offer(slots.span, criticality: .own) != .ringFull else {
                return .ringFull
            }
            state.names.append(name)
            state.indexes[name] = index
            return .known(index)
        }
        if case .rejected(let cause) = resolution { return self.reject(cause) }
        return resolution
    }

    /// Gauge and rejection counters.
    package func metrics() -> [MetricSample] {
        var samples = [
            MetricSample(
                "midwatch_sources", help: "Sources known to this journal.", kind: .gauge,
                value: Double(self.count))
        ]
        for cause in Rejection.allCases {
            samples.append(
                MetricSample(
                    "midwatch_source_rejections_total", help: "Source names refused.",
                    kind: .counter, labels: [(name: "cause", value: cause.word)],
                    value: Double(self.rejections[cause])))
        }
        return samples + self.readingSamples()
    }

    private func readingSamples() -> [MetricSample] {
        var samples: [MetricSample] = []
        for (place, name) in self.state.withLock({ $0.names }).enumerated() {
            let source = SourceIndex(rawValue: UInt32(place + 1))
            // A source of which nothing came and nothing was stored since the start says nothing.
            guard
                [.received, .linesRejected, .stored].contains(where: { self.tally[$0, source] > 0 })
            else { continue }
            for count in SourceTally.Count.allCases {
                samples.append(
                    MetricSample(
                        "midwatch_source_readings_total",
                        help:
                            "Readings by source and outcome. linesRejected are whole lines; "
                            + "stored are rows in the archive, of earlier runs too.",
                        kind: .counter,
                        labels: [
                            (name: "source", value: name), (name: "outcome", value: count.word),
                        ],
                        value: Double(self.tally[count, source])))
            }
        }
        return samples
    }

    private func reject(_ cause: Rejection) -> Resolution {
        self.rejections.add(cause)
        return .rejected(cause)
    }
}
