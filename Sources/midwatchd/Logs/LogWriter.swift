// SPDX-License-Identifier: Apache-2.0

import Glibc
import MidwatchModel
import Synchronization

/// Writes log lines to standard error on a thread of its own, so that no line is waited for.
///
/// Whoever reads standard error may stop: a journal service whose disk hangs, a pipe to a frozen
/// terminal. The write then blocks, and a thread that decides or delivers must not block with it.
/// Lines wait in bounded memory; what finds no place is counted and said once there is room.
final class LogWriter: Sendable {
    /// Lines that may wait to be written.
    static let lineCountMax = 8_192
    /// Bytes that may wait to be written.
    static let bytesMax = 4 << 20

    private struct State {
        var lines: [[UInt8]] = []
        var byteCount = 0
        var isWriting = false
        var lostSinceTold: UInt64 = 0
        var lost: UInt64 = 0
    }

    private let descriptor: Int32
    private let state = Mutex(State())
    private let wake = WakeWord()

    /// Starts the thread; it lives as long as the process.
    init(descriptor: Int32 = STDERR_FILENO) {
        self.descriptor = descriptor
        LoopThread.detach("log") { [self] in self.run() }
    }

    /// Lines that found no place since the start.
    var lostCount: UInt64 { self.state.withLock { $0.lost } }

    func metrics() -> [MetricSample] {
        [
            MetricSample(
                "midwatch_log_lines_lost_total",
                help: "Log lines that nobody read in time.", kind: .counter, labels: [],
                value: Double(self.lostCount))
        ]
    }

    /// Takes one line, its line feed included; never waits.
    func write(_ line: [UInt8]) {
        self.state.withLock { state in
            guard state.lines.count < Self.lineCountMax,
                state.byteCount + line.count <= Self.bytesMax
            else {
                state.lost += 1
                state.lostSinceTold += 1
                return
            }
            state.lines.append(line)
            state.byteCount += line.count
        }
        self.wake.wake()
    }

    /// Waits until everything is written, at most the given time: for the end of the program.
    func flush(withinMilliseconds milliseconds: UInt32) {
        for _ in 0..<milliseconds {
            if self.state.withLock({ $0.lines.isEmpty && !$0.isWriting }) { return }
            usleep(1_000)
        }
    }

    private func run() {
        while true {
            let (lines, lost) = self.state.withLock { state in
                let taken = (state.lines, state.lostSinceTold)
                state.lines = []
                state.byteCount = 0
                state.lostSinceTold = 0
                state.isWriting = !taken.0.isEmpty || taken.1 > 0
                return taken
            }
            // One write per line, so that lines of several programs do not mix.
            for line in lines { self.put(line) }
            if lost > 0 { self.put(Array("midwatchd: \(lost) log lines lost: not read\n".utf8)) }
            if lines.isEmpty, lost == 0 { self.wake.sleep(nanoseconds: 10_000_000_000) }
        }
    }

    /// Writes whole, also to a pipe that takes a part, until the reader is gone.
    private func put(_ line: [UInt8]) {
        var done = 0
        while done < line.count {
            let count = unsafe line.withUnsafeBytes { bytes in
                unsafe Glibc.write(
                    self.descriptor, bytes.baseAddress.map { unsafe $0 + done }, bytes.count - done)
            }
            if count > 0 {
                done += count
            } else if errno == EAGAIN {
                var poll = pollfd(fd: self.descriptor, events: Int16(POLLOUT), revents: 0)
                unsafe _ = Glibc.poll(&poll, 1, 1_000)
            } else if errno != EINTR {
                return
            }
        }
    }
}
