// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchConfiguration
import MidwatchModel
import StateFolder
import Synchronization

/// Counts that belong to no stage: what the daemon's wiring itself sees.
final class OwnCounters: Sendable {
    /// An API that failed so lately is said to be down: it is tried again every 5 s.
    private static let apiDownNanoseconds: UInt64 = 12_000_000_000

    private let unrecorded = Atomic<UInt64>(0)
    private let apiFailedAt = Atomic<UInt64>(0)

    /// Alerts and answers that left before they were recorded.
    var effectsUnrecorded: UInt64 { self.unrecorded.load(ordering: .relaxed) }

    /// A decision left; only what tells or answers somebody is an effect.
    func note(_ kind: Decision.Kind, isRecorded: Bool) {
        switch kind {
        case .alarmRaised, .alarmReturned, .alarmAcknowledged, .commandRefused:
            if !isRecorded { self.unrecorded.wrappingAdd(1, ordering: .relaxed) }
        default: break
        }
    }

    /// The operator API could not listen, or ended.
    func noteAPIFailure(at now: MonotonicInstant) {
        self.apiFailedAt.store(now.nanoseconds, ordering: .relaxed)
    }

    func isAPIDown(_ now: MonotonicInstant) -> Bool {
        let at = self.apiFailedAt.load(ordering: .relaxed)
        guard at > 0 else { return false }
        return now.nanosecondsSince(MonotonicInstant(nanoseconds: at)) < Self.apiDownNanoseconds
    }
}

/// Midwatch's sensors about itself: once a second what its parts say becomes readings.
///
/// The readings go through the ring like all others, in Midwatch's own admission class and under a
/// source of their own. The thread reads counters and status only; it touches no disk and waits
/// for nobody, so it speaks also when everything else hangs.
final class OwnSensors: Sendable {
    /// The source of these readings.
    static let sourceName = "midwatch"
    private static let intervalNanoseconds: UInt64 = 1_000_000_000
    /// Readings offered to the ring at once; a small ring takes no more.
    private static let batchMax = 64

    private let figures: [OwnFigure]
    /// In the order of the sampler's sensors.
    private let paths: [String]
    private let ingest: SensorIngest
    private let clock: EngineClock
    private let readout: @Sendable () -> OwnReadout
    private let levels: @Sendable () -> [OwnFigure: Double]
    private let stop = StopFlag()
    private let pause = WakeWord()
    private let thread = Mutex<LoopThread?>(nil)

    /// `readout` and `levels`, which are those that `look` asks for, must not touch a disk nor wait.
    init(
        _ configuration: MidwatchConfiguration, rules: RuleBook, ingest: SensorIngest,
        clock: EngineClock, levels: @escaping @Sendable () -> [OwnFigure: Double] = { [:] },
        readout: @escaping @Sendable () -> OwnReadout
    ) {
        let declared = Set(rules.declaredPaths)
        self.figures = OwnFigure.allCases.filter { declared.contains($0.path(of: configuration)) }
        self.paths =
            self.figures.map { $0.path(of: configuration) }
            + OwnListener.all(of: configuration).map(\.path)
        self.ingest = ingest
        self.clock = clock
        self.readout = readout
        self.levels = levels
    }

    /// Starts the thread; the sensors are registered before.
    func start() async throws {
        let target = try await self.ingest.ownTarget(paths: self.paths)
        self.thread.withLock { thread in
            thread = LoopThread("own-sensors") { self.run(target) }
        }
    }

    /// Has `levels` looked at now, not only when the second is over.
    func look() { self.pause.wake() }

    /// Ends the thread and waits for it.
    func end() {
        self.stop.set()
        self.pause.wake()
        self.thread.withLock { $0.take() }?.join()
    }

    private func run(_ target: SensorIngest.OwnTarget) {
        var sampler = OwnSampler(
            figures: self.figures, listenerCount: self.paths.count - self.figures.count)
        while !self.stop.isSet {
            let next = self.clock.now().advanced(byNanoseconds: Self.intervalNanoseconds)
            self.offer(sampler.take(self.readout()), to: target, &sampler)
            while !self.stop.isSet {
                let now = self.clock.now()
                guard now < next else { break }
                self.pause.sleep(nanoseconds: next.nanosecondsSince(now))
                let levels = self.levels()
                self.offer(
                    sampler.take(between: levels, at: self.clock.now()), to: target, &sampler)
            }
        }
    }

    private func offer(
        _ due: [OwnSampler.Reading], to target: SensorIngest.OwnTarget,
        _ sampler: inout OwnSampler
    ) {
        for start in stride(from: 0, to: due.count, by: Self.batchMax) {
            let batch = Array(due[start..<min(due.count, start + Self.batchMax)])
            if !self.ingest.offer(batch, to: target) { sampler.refused(batch) }
        }
    }
}
