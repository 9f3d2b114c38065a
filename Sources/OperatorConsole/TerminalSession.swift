// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// The terminal while a full-screen program has it.
///
/// However the program ends (return, signal, crash), the terminal is given back: signals are
/// handled in C (`clinux_terminal_begin`), a return by `deinit`.
package struct TerminalSession: ~Copyable {
    private let input: Int32
    private let output: Int32

    /// Why there is no terminal to take.
    package enum Failure: Error, Equatable, CustomStringConvertible {
        case notATerminal
        case system(errno: Int32)

        package var description: String {
            switch self {
            case .notATerminal:
                "standard input or output is not a terminal; use --once for one frame as text"
            case .system(let errno): "the terminal cannot be set up: errno \(errno)"
            }
        }
    }

    /// Takes the terminal at standard input and output.
    package init() throws(Failure) {
        guard Self.isAvailable else { throw .notATerminal }
        let result = clinux_terminal_begin(STDIN_FILENO, STDOUT_FILENO)
        guard result == 0 else { throw .system(errno: result) }
        self.input = STDIN_FILENO
        self.output = STDOUT_FILENO
    }

    deinit { clinux_terminal_end() }

    /// Whether standard input and output are terminals.
    package static var isAvailable: Bool {
        isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1
    }

    /// Size of the terminal at standard output; nil if it is none.
    package static func size() -> ScreenSize? {
        var columns: Int32 = 0
        var rows: Int32 = 0
        guard unsafe clinux_terminal_size(STDOUT_FILENO, &columns, &rows) == 0 else { return nil }
        return ScreenSize(columns: Int(columns), rows: Int(rows))
    }

    /// Whether the window changed or the program was continued since the last call.
    package func takeChange() -> Bool { clinux_terminal_take_change() != 0 }

    /// Waits for keys or for `wakeDescriptor`, at most `milliseconds`.
    ///
    /// - Returns: What was typed, at most 1,024 bytes; nil if the terminal is gone.
    package func read(milliseconds: Int32, wakeDescriptor: Int32) -> [UInt8]? {
        var entries = [
            pollfd(fd: self.input, events: Int16(POLLIN), revents: 0),
            pollfd(fd: wakeDescriptor, events: Int16(POLLIN), revents: 0),
        ]
        guard unsafe poll(&entries, 2, milliseconds) > 0 else { return [] }
        var bytes = [UInt8](repeating: 0, count: 1_024)
        if entries[1].revents != 0 {
            _ = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe Glibc.read(wakeDescriptor, buffer.baseAddress, buffer.count)
            }
        }
        guard entries[0].revents != 0 else { return [] }
        let count = unsafe bytes.withUnsafeMutableBytes { buffer in
            unsafe Glibc.read(self.input, buffer.baseAddress, buffer.count)
        }
        if count > 0 { return Array(bytes.prefix(count)) }
        if count < 0, errno == EAGAIN || errno == EINTR { return [] }
        return nil
    }

    /// Whether everything written is through: nothing waits in the terminal's queue, and it takes
    /// more at once.
    package var isDrained: Bool {
        guard clinux_terminal_waiting(self.output) == 0 else { return false }
        var entry = pollfd(fd: self.output, events: Int16(POLLOUT), revents: 0)
        return unsafe poll(&entry, 1, 0) > 0
    }

    /// Writes a frame in one call if the terminal takes it at once; false if it is gone.
    package func write(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe Glibc.write(
                    self.output, buffer.baseAddress?.advanced(by: sent), buffer.count - sent)
            }
            if count > 0 {
                sent += count
            } else if errno == EAGAIN || errno == EINTR {
                var entry = pollfd(fd: self.output, events: Int16(POLLOUT), revents: 0)
                _ = unsafe poll(&entry, 1, 1_000)
            } else {
                return false
            }
        }
        return true
    }
}
