// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Glibc
internal import Journal
internal import MidwatchModel
internal import OperatorConsole
internal import StateFolder

/// Options of commands that read the daemon's state directory.
struct StateOptions: ParsableArguments {
    static let defaultDirectory = "/var/lib/midwatch"

    @Option(
        help: ArgumentHelp(
            "The daemon's state directory.",
            discussion: "Default: MIDWATCH_STATE, else \(Self.defaultDirectory).",
            valueName: "dir"))
    var state: String?

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup var zone: ZoneOptions

    var directory: String { Self.directory(self.state) }

    /// The directory that was named, else that of the environment, else the usual one.
    static func directory(_ named: String?) -> String {
        let fromEnvironment = CommandOutput.environment("MIDWATCH_STATE") ?? ""
        return named ?? (fromEnvironment.isEmpty ? Self.defaultDirectory : fromEnvironment)
    }

    /// The folders; ends with an error that says what to do if `name` cannot be read there.
    func folders(reading name: String, at path: (Folders) -> String) throws -> Folders {
        try Self.folders(self.directory, reading: name, at: path)
    }

    static func folders(
        _ directory: String, reading name: String, at path: (Folders) -> String
    ) throws -> Folders {
        let folders = Folders(stateDirectory: directory)
        guard unsafe access(path(folders), R_OK | X_OK) == 0 else {
            let reason = unsafe String(cString: strerror(errno))
            CommandOutput.complain(
                "midwatch: \(TerminalText.clean(path(folders))): no \(name) can be read here: "
                    + "\(reason); name the daemon's state directory with --state, and run as its "
                    + "user or group")
            throw ExitCode.failure
        }
        return folders
    }

    func complain(_ error: any Error) {
        CommandOutput.complain(
            "midwatch: \(TerminalText.clean(Self.words(error, self.directory)))")
    }

    static func words(_ error: any Error, _ directory: String) -> String {
        switch error {
        case LedgerError.broken(let fault):
            "the ledger is broken at record \(fault.n): \(fault.reason.rawValue) "
                + "(\(fault.file), byte \(fault.byteOffset)); see midwatch audit verify"
        case LedgerError.lineTooOld(let oldest):
            "the ledger begins at record \(oldest): older files are gone"
        case JournalError.positionTooOld(let oldest):
            "the journal begins at \(oldest): older segments were deleted meanwhile; run it again"
        default: "\(directory): \(error)"
        }
    }
}

/// A line on standard error that is written again and again, if that is a terminal.
struct ProgressLine {
    private let isShown = isatty(STDERR_FILENO) == 1
    private var isOpen = false

    mutating func show(_ text: String) {
        guard self.isShown else { return }
        self.isOpen = true
        CommandOutput.writeError("\r\u{1B}[K" + TerminalText.clean(text))
    }

    mutating func clear() {
        guard self.isOpen else { return }
        self.isOpen = false
        CommandOutput.writeError("\r\u{1B}[K")
    }
}
