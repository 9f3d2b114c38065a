// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import JSONText
package import MidwatchModel
import NamedThread
import Synchronization
package import Vitals

/// Sends the dead-man heartbeat on a thread of its own.
///
/// A beat that is late is worth nothing: there is at most one waiting, and one older than an
/// interval is not sent. What failed is not retried; the next beat is the retry.
package final class HeartbeatWorker: Sendable {
    private struct Waiting {
        var body: [UInt8]
        var madeAt: MonotonicInstant
    }

    private struct Cell {
        var waiting: Waiting?
        var isRetired = false
    }

    private let configuration: HeartbeatConfiguration
    private let curl: String
    private let cell = Mutex(Cell())
    private let wakeRead: Int32
    private let wakeWrite: Int32

    /// Makes the worker; nil if the process has no descriptors left.
    package init?(_ configuration: HeartbeatConfiguration, curl: String) {
        var ends: [Int32] = [-1, -1]
        let rc = unsafe ends.withUnsafeMutableBufferPointer { unsafe clinux_pipe($0.baseAddress) }
        guard rc == 0 else { return nil }
        _ = clinux_set_nonblocking(ends[0])
        _ = clinux_set_nonblocking(ends[1])
        self.configuration = configuration
        self.curl = curl
        self.wakeRead = ends[0]
        self.wakeWrite = ends[1]
    }

    deinit {
        close(self.wakeRead)
        close(self.wakeWrite)
    }

    /// Starts the thread; false if there is none to be had.
    package func start() -> Bool {
        (try? NamedThread.detach("heartbeat") { self.run() }) != nil
    }

    /// Sends a beat soon.
    package func beat(node: String, bootID: BootID, now: MonotonicInstant, wall: WallInstant) {
        var json = JSONWriter()
        json.object { json in
            json.field("from", "midwatch-watchdog")
            json.field("heartbeat", true)
            json.field("node", node)
            json.field("bootID", bootID.description)
            json.field("sentAt", wall.rfc3339)
        }
        self.cell.withLock { $0.waiting = Waiting(body: json.bytes, madeAt: now) }
        self.wake()
    }

    /// Ends the thread after the attempt it is in.
    package func retire() {
        self.cell.withLock { $0.isRetired = true }
        self.wake()
    }

    private func wake() {
        var byte: UInt8 = 1
        _ = unsafe write(self.wakeWrite, &byte, 1)
    }

    private func run() {
        var isFailing = false
        while true {
            let (waiting, isOver) = self.cell.withLock { cell in
                defer { cell.waiting = nil }
                return (cell.waiting, cell.isRetired)
            }
            if isOver { return }
            guard let waiting else {
                _ = Poll.wait(self.wakeRead, for: Int16(POLLIN), until: .distantFuture)
                var bytes = [UInt8](repeating: 0, count: 64)
                _ = unsafe bytes.withUnsafeMutableBytes {
                    unsafe read(self.wakeRead, $0.baseAddress, $0.count)
                }
                continue
            }
            let age = BootClock.now().nanosecondsSince(waiting.madeAt)
            guard age <= self.configuration.intervalNanoseconds else { continue }
            let outcome = self.configuration.transport.send(
                waiting.body, method: self.configuration.method.rawValue, curl: self.curl,
                timeout: self.configuration.timeoutNanoseconds)
            if outcome == .delivered {
                if isFailing { Log.write(.notice, "heartbeat delivered again") }
                isFailing = false
            } else if !isFailing {
                Log.write(.error, "heartbeat not delivered", ["reason": "\(outcome)"])
                isFailing = true
            }
        }
    }
}
