// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import MidwatchModel
import Synchronization

/// Scheduling and memory of the thread that decides, where the rights for them are given.
///
/// The engine's thread alone runs as SCHED_FIFO: it takes one processor at most and sleeps in the
/// kernel when it has nothing to do. Threads that read sockets do not: what others send could then
/// keep journal, delivery and screens from running. On a machine with one processor nothing does,
/// for the same reason. Who does not want it takes the right away (`LimitRTPRIO=`,
/// `AmbientCapabilities=` of the unit).
final class RealTime: Sendable {
    /// Above every ordinary thread, below the watchdog (50).
    static let enginePriority: Int32 = 30

    private let engine = Atomic<Int32>(-ENOSYS)
    private let memory: Int32

    /// Locks what the process has and will have in memory, if it may.
    init() { self.memory = clinux_lock_memory() }

    /// Called on the engine's thread.
    func raiseEngine() {
        guard sysconf(Int32(_SC_NPROCESSORS_ONLN)) > 1 else { return }
        self.engine.store(clinux_set_fifo(Self.enginePriority), ordering: .relaxed)
    }

    var isEngineRealTime: Bool { self.engine.load(ordering: .relaxed) == 0 }
    var isMemoryLocked: Bool { self.memory == 0 }

    func metrics() -> [MetricSample] {
        [("engine", self.isEngineRealTime), ("memory", self.isMemoryLocked)].map { part, isHeld in
            MetricSample(
                "midwatch_realtime",
                help: "1 if the engine runs as SCHED_FIFO, and if memory is locked.",
                kind: .gauge, labels: [(name: "part", value: part)], value: isHeld ? 1 : 0)
        }
    }
}
