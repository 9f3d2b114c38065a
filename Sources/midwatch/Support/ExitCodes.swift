// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Glibc
internal import OperatorConsole

/// The exit codes that scripts rely on; they never change.
extension ExitCode {
    static let wrongUsage = ExitCode(2)
    static let unreachable = ExitCode(3)
    static let notHealthy = ExitCode(4)
    /// Of a comparison: both could be read, and they are not the same.
    static let differs = ExitCode(5)
}

/// What the exit codes mean, for `midwatch help exit-codes` and the README.
enum ExitCodeTable {
    /// Ascending.
    static let rows: [(code: ExitCode, meaning: String)] = [
        (.success, "done"),
        (.failure, "it failed, or it was refused; the message says why"),
        (.wrongUsage, "wrong usage: nothing was tried"),
        (.unreachable, "the daemon does not answer"),
        (.notHealthy, "Midwatch is not healthy, or the answer is not reproducible"),
        (.differs, "both could be read, and they differ (config diff)"),
    ]

    static var text: String {
        self.rows.map { "  \($0.code.rawValue)  \($0.meaning)" }.joined(separator: "\n")
    }
}

extension MidwatchCommand {
    /// Prints what the parser says and exits with 2.
    static func exitAfterUsage(_ error: any Error) -> Never {
        CommandOutput.complain(Self.fullMessage(for: error))
        Glibc.exit(ExitCode.wrongUsage.rawValue)
    }
}

/// Writing to standard output and standard error.
enum CommandOutput {
    /// Writes all of it or ends the program: a reader that went away wants no more.
    static func write(_ text: String) {
        if !self.write(Array(text.utf8), to: STDOUT_FILENO) { Glibc.exit(1) }
    }

    static func line(_ text: String) { self.write(text + "\n") }

    static func complain(_ text: String) { self.writeError(text + "\n") }

    static func writeError(_ text: String) {
        _ = self.write(Array(text.utf8), to: STDERR_FILENO)
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe Glibc.write(
                    descriptor, buffer.baseAddress?.advanced(by: sent), buffer.count - sent)
            }
            if count > 0 {
                sent += count
            } else if errno != EINTR {
                return false
            }
        }
        return true
    }

    static func environment(_ name: String) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        return unsafe String(cString: value)
    }

    private static let columnsMin = 20

    /// Columns that a table may take: of the terminal at standard output, else as COLUMNS says.
    ///
    /// nil, neither of them: a script reads, and nothing is cut.
    static var columns: Int? {
        if let size = TerminalSession.size() { return size.columns }
        guard let told = self.environment("COLUMNS").flatMap({ Int($0) }) else { return nil }
        return told >= self.columnsMin ? told : nil
    }
}
