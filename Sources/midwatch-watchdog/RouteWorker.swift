// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
package import MidwatchModel
import NamedThread
import Synchronization
import Vitals

/// Delivers messages by one route, on a thread of its own, in order, until each is taken.
///
/// A route that hangs delays no other and never supervision. The queue is bounded; when it is full
/// the oldest message that tells no beginning goes first, and the number lost is logged.
///
/// `Sendable`: everything that changes is in the mutex; the descriptors are fixed.
package final class RouteWorker: Sendable {
    /// Messages that wait for one route.
    package static let queueCountMax = 64
    /// Answers like 400 or an exit code that say no; after this many the message is given up.
    package static let refusalCountMax = 5
    /// Longest pause between two attempts.
    package static let pauseMaxNanoseconds: UInt64 = 60_000_000_000

    private struct Queue {
        var messages: [AlertMessage] = []
        var isRetired = false
        var deliveredCount: UInt64 = 0
        var lostCount: UInt64 = 0
    }

    private let route: RouteConfiguration
    private let curl: String
    private let queue = Mutex(Queue())
    private let wakeRead: Int32
    private let wakeWrite: Int32

    /// Makes the worker; nil if the process has no descriptors left.
    package init?(_ route: RouteConfiguration, curl: String) {
        var ends: [Int32] = [-1, -1]
        let rc = unsafe ends.withUnsafeMutableBufferPointer { unsafe clinux_pipe($0.baseAddress) }
        guard rc == 0 else { return nil }
        _ = clinux_set_nonblocking(ends[0])
        _ = clinux_set_nonblocking(ends[1])
        self.route = route
        self.curl = curl
        self.wakeRead = ends[0]
        self.wakeWrite = ends[1]
    }

    deinit {
        close(self.wakeRead)
        close(self.wakeWrite)
    }

    package var name: String { self.route.name }

    /// Starts the thread; false if there is none to be had.
    package func start() -> Bool {
        (try? NamedThread.detach("route-\(self.name)") { self.run() }) != nil
    }

    /// Takes a message on, unless it is below the route's priority.
    package func offer(_ message: AlertMessage) {
        guard message.priority >= self.route.minimumPriority else { return }
        let lost = self.queue.withLock { queue -> String? in
            queue.messages.append(message)
            guard queue.messages.count > Self.queueCountMax else { return nil }
            queue.lostCount &+= 1
            // The first may be on its way right now; it stays.
            let victim =
                queue.messages.indices.dropFirst().first {
                    queue.messages[$0].report.occasion != .raised
                } ?? 1
            return queue.messages.remove(at: victim).id
        }
        if let lost {
            Log.write(
                .error, "alert queue full", ["route.name": self.route.name, "alert.id": lost])
        }
        self.wake()
    }

    /// Ends the thread after the attempt it is in; what it has not delivered is handed back.
    package func retire() -> [AlertMessage] {
        let left = self.queue.withLock { queue -> [AlertMessage] in
            queue.isRetired = true
            defer { queue.messages = [] }
            return queue.messages
        }
        self.wake()
        return left
    }

    /// Messages not delivered yet.
    package var pendingCount: Int { self.queue.withLock { $0.messages.count } }

    /// Messages delivered.
    package var deliveredCount: UInt64 { self.queue.withLock { $0.deliveredCount } }

    private func wake() {
        var byte: UInt8 = 1
        _ = unsafe write(self.wakeWrite, &byte, 1)
    }

    // MARK: The thread

    private func run() {
        var retry = RetryPause()
        var refusalCount = 0
        while true {
            // Before the look at the queue, so that what comes after it ends the next sleep.
            self.drainWakes()
            let next = self.queue.withLock { queue -> (message: AlertMessage?, isOver: Bool) in
                (queue.messages.first, queue.isRetired)
            }
            if next.isOver { return }
            guard let message = next.message else {
                self.sleep(until: .distantFuture)
                continue
            }
            let outcome = self.route.transport.send(
                message.body, curl: self.curl, timeout: self.route.timeoutNanoseconds)
            switch outcome {
            case .delivered:
                self.log(.info, "alert delivered", message, "")
                retry = RetryPause()
                refusalCount = 0
                self.drop(message, isDelivered: true)
                continue
            case .refused(let status):
                refusalCount += Self.isFinal(status) ? 1 : 0
                self.log(.error, "alert refused", message, "status \(status)")
            case .failed(let text): self.log(.error, "alert not delivered", message, text)
            }
            let age = BootClock.now().nanosecondsSince(message.madeAt)
            if age > self.route.giveUpNanoseconds || refusalCount >= Self.refusalCountMax {
                self.log(.critical, "alert given up", message, "")
                refusalCount = 0
                self.drop(message, isDelivered: false)
                continue
            }
            // A message that comes meanwhile ends the pause: it must not wait for an old failure.
            self.sleep(until: retry.next(now: BootClock.now()))
        }
    }

    /// Whether an answer says that the message itself is not wanted.
    ///
    /// Exit codes never do.
    private static func isFinal(_ status: Int) -> Bool {
        (400..<500).contains(status) && ![401, 403, 404, 407, 408, 425, 429].contains(status)
    }

    private func drop(_ message: AlertMessage, isDelivered: Bool) {
        self.queue.withLock { queue in
            queue.messages.removeAll { $0.id == message.id }
            if isDelivered { queue.deliveredCount &+= 1 } else { queue.lostCount &+= 1 }
        }
    }

    private func sleep(until deadline: MonotonicInstant) {
        _ = Poll.wait(self.wakeRead, for: Int16(POLLIN), until: deadline)
    }

    private func drainWakes() {
        var bytes = [UInt8](repeating: 0, count: 64)
        _ = unsafe bytes.withUnsafeMutableBytes {
            unsafe read(self.wakeRead, $0.baseAddress, $0.count)
        }
    }

    private func log(
        _ level: Log.Level, _ event: StaticString, _ message: AlertMessage, _ reason: String
    ) {
        Log.write(
            level, event,
            [
                "route.name": self.route.name, "alert.id": message.id,
                "problem": message.report.problem.word, "reason": reason,
            ])
    }
}

/// Pauses between attempts: 1 s, doubled up to a minute, and up to a quarter more so that many
/// watchdogs do not come at once.
package struct RetryPause: Sendable {
    private var failureCount: UInt64 = 0

    package init() {}

    /// When the next attempt is due.
    package mutating func next(now: MonotonicInstant) -> MonotonicInstant {
        let base = min(
            1_000_000_000 << min(self.failureCount, 6), RouteWorker.pauseMaxNanoseconds)
        self.failureCount += 1
        // The low digits of the clock differ between machines well enough.
        let spread = now.nanoseconds / 1_000 % 1_000 * (base / 4_000)
        return now.advanced(byNanoseconds: base + spread)
    }
}
