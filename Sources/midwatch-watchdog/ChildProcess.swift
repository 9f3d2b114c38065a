// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
package import MidwatchModel
import Vitals

/// Runs a command with a text on its standard input, within a time limit.
package enum ChildProcess {
    /// What came of it.
    package enum Outcome: Equatable, Sendable {
        case exited(Int, output: String)
        case timedOut
        case cannotStart(errno: Int32)
    }

    /// Bytes of output that are kept; the rest is read and dropped, so the command is not held up.
    package static let outputBytesMax = 4_096

    /// Starts `arguments[0]`, gives it `input` and waits until it ends or `deadline` comes, when it
    /// and its process group are killed.
    package static func run(
        _ arguments: [String], input: [UInt8], deadline: MonotonicInstant
    ) -> Outcome {
        guard let toChild = Self.pipe() else { return .cannotStart(errno: EMFILE) }
        guard let fromChild = Self.pipe() else {
            close(toChild.read)
            close(toChild.write)
            return .cannotStart(errno: EMFILE)
        }
        let child = Self.spawn(
            arguments, input: toChild.read, output: fromChild.write, isNewSession: false)
        close(toChild.read)
        close(fromChild.write)
        defer { close(fromChild.read) }
        switch child {
        case .failure(let error):
            close(toChild.write)
            return .cannotStart(errno: error.number)
        case .success(let child):
            defer { close(child.descriptor) }
            _ = clinux_set_nonblocking(toChild.write)
            _ = clinux_set_nonblocking(fromChild.read)
            return Self.attend(
                child, input: input, toChild: toChild.write, fromChild: fromChild.read,
                deadline: deadline)
        }
    }

    /// A child that runs, by number and by a descriptor that stays its own.
    package struct Running: Sendable {
        package var processID: Int32
        package var descriptor: Int32
    }

    package struct SpawnError: Error, Equatable, Sendable { package var number: Int32 }

    /// Starts a command; see `clinux_spawn`.
    package static func spawn(
        _ arguments: [String], input: Int32, output: Int32, isNewSession: Bool
    ) -> Result<Running, SpawnError> {
        var strings: [UnsafeMutablePointer<CChar>?] = unsafe arguments.map { unsafe strdup($0) }
        defer { unsafe strings.forEach { unsafe free($0) } }
        unsafe strings.append(nil)
        var processID: Int32 = 0
        let fd = unsafe strings.withUnsafeBufferPointer {
            unsafe clinux_spawn($0.baseAddress, input, output, isNewSession ? 1 : 0, &processID)
        }
        guard fd >= 0 else { return .failure(SpawnError(number: -fd)) }
        return .success(Running(processID: processID, descriptor: fd))
    }

    private static func pipe() -> (read: Int32, write: Int32)? {
        var ends: [Int32] = [-1, -1]
        let rc = unsafe ends.withUnsafeMutableBufferPointer { unsafe clinux_pipe($0.baseAddress) }
        return rc == 0 ? (ends[0], ends[1]) : nil
    }

    private static func attend(
        _ child: Running, input: [UInt8], toChild: Int32, fromChild: Int32,
        deadline: MonotonicInstant
    ) -> Outcome {
        var toChild = toChild
        var given = 0
        var output: [UInt8] = []
        var isOutputOpen = true
        func closeInput() {
            if toChild >= 0 { close(toChild) }
            toChild = -1
        }
        defer { closeInput() }
        if input.isEmpty { closeInput() }
        while true {
            // poll(2) ignores negative descriptors.
            var entries = [
                pollfd(fd: toChild, events: Int16(POLLOUT), revents: 0),
                pollfd(fd: isOutputOpen ? fromChild : -1, events: Int16(POLLIN), revents: 0),
                pollfd(fd: child.descriptor, events: Int16(POLLIN), revents: 0),
            ]
            guard Poll.wait(&entries, until: deadline) > 0 else {
                kill(-child.processID, SIGKILL)
                _ = clinux_pidfd_send_signal(child.descriptor, SIGKILL)
                Self.reapKilled(child)
                return .timedOut
            }
            if entries[0].revents != 0 {
                let count = unsafe input[given...].withUnsafeBytes {
                    unsafe write(toChild, $0.baseAddress, $0.count)
                }
                if count > 0 { given += count }
                // A command may end without reading all of it; its exit code tells.
                let isOver = count < 0 && errno != EAGAIN && errno != EINTR
                if isOver || given == input.count { closeInput() }
            }
            if entries[1].revents != 0 { isOutputOpen = Self.collect(fromChild, &output) }
            if entries[2].revents != 0 {
                _ = Self.collect(fromChild, &output)
                var status: Int32 = 0
                _ = unsafe clinux_pidfd_reap(child.descriptor, &status)
                return .exited(Int(status), output: String(decoding: output, as: UTF8.self))
            }
        }
    }

    /// Waits a moment for a killed child; one that hangs in the kernel is left to init.
    private static func reapKilled(_ child: Running) {
        let deadline = BootClock.now().advanced(byNanoseconds: 1_000_000_000)
        if Poll.wait(child.descriptor, for: Int16(POLLIN), until: deadline) {
            var status: Int32 = 0
            _ = unsafe clinux_pidfd_reap(child.descriptor, &status)
        }
    }

    /// Reads what is there; false at the end of the output.
    private static func collect(_ fd: Int32, _ output: inout [UInt8]) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        // Bounded turns: a command that writes without end must not hold this loop.
        for _ in 0..<16 {
            let count = unsafe buffer.withUnsafeMutableBytes {
                unsafe read(fd, $0.baseAddress, $0.count)
            }
            if count == 0 { return false }
            guard count > 0 else { return errno == EAGAIN || errno == EINTR }
            let room = max(0, Self.outputBytesMax - output.count)
            output.append(contentsOf: buffer[..<min(count, room)])
        }
        return true
    }
}
