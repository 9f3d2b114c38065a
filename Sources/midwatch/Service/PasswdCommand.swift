// SPDX-License-Identifier: Apache-2.0

internal import AccessControl
internal import ArgumentParser
internal import Glibc
internal import OperatorConsole
internal import StateFolder

/// The command `midwatch passwd`.
struct PasswdCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "passwd", abstract: "Adds, changes or removes a user of a password file.",
        discussion: """
            The file has mosquitto's form: either program reads what the other wrote. It is made \
            if it is not there, readable by its owner alone. A running daemon takes it on SIGHUP \
            (systemctl reload midwatchd).

            The password is asked for twice on the terminal and not shown. With --batch it is the \
            first line of standard input. It is never an argument: those are visible to everybody \
            on the machine.

            EXIT CODES:
              0  the file is changed
              1  it is not: it cannot be read or written, or has no such user

            EXAMPLES:
              midwatch passwd /etc/midwatch/passwords press-4
              pwgen 32 1 | tee press-4.txt | midwatch passwd --batch /etc/midwatch/passwords press-4
              midwatch passwd --delete /etc/midwatch/passwords press-4
            """)

    @Argument(help: ArgumentHelp("The password file.", valueName: "file"))
    var path: String

    @Argument(help: "The user's name.")
    var user: String

    @Flag(help: "Remove the user.")
    var delete = false

    @Flag(help: "Read the password from standard input, one line, without asking twice.")
    var batch = false

    @Option(help: "Iterations of PBKDF2: what one try costs whoever steals the file.")
    var iterations = PasswordHash.iterationsDefault

    func validate() throws {
        guard (1...AccessLimits.iterationCountMax).contains(self.iterations) else {
            throw ValidationError("--iterations is 1 to \(AccessLimits.iterationCountMax)")
        }
        guard !self.delete || !self.batch else {
            throw ValidationError("--delete needs no password: leave --batch out")
        }
    }

    func run() throws {
        var file = try self.load()
        if self.delete {
            guard file.remove(self.user) else {
                throw Self.failure("\(self.path): no user \"\(self.user)\"")
            }
        } else {
            let password = try self.password()
            do throws(PasswordFile.NameProblem) {
                try file.set(
                    self.user, PasswordHash(password: password, iterations: self.iterations))
            } catch {
                throw Self.failure(PasswordFile.text(error))
            }
        }
        try self.store(file)
    }

    /// Says why and ends with 1.
    private static func failure(_ message: String) -> ExitCode {
        CommandOutput.complain("midwatch passwd: \(TerminalText.clean(message))")
        return ExitCode.failure
    }

    // MARK: - The file

    private func load() throws -> PasswordFile {
        guard let bytes = FileBytes.read(self.path) else {
            guard errno == ENOENT, !self.delete else {
                throw Self.failure("\(self.path): cannot be read")
            }
            return PasswordFile()
        }
        let (file, issues) = PasswordFile.parse(bytes, file: self.path)
        guard let file else {
            for issue in issues where issue.isError {
                CommandOutput.complain(TerminalText.clean("\(issue)"))
            }
            throw Self.failure("\(self.path): not changed")
        }
        return file
    }

    /// Replaces the file in one step; the daemon that may read the old one may read the new one.
    private func store(_ file: PasswordFile) throws {
        do {
            try FileBytes.replaceKeepingOwner(self.path, with: file.bytes)
        } catch {
            throw Self.failure("\(error)")
        }
    }

    // MARK: - The password

    private func password() throws -> [UInt8] {
        if self.batch { return try Self.checked(Self.line(from: STDIN_FILENO)) }
        guard isatty(STDIN_FILENO) == 1 else {
            throw Self.failure("standard input is no terminal: use --batch to read from it")
        }
        let first = try Self.checked(try Self.hidden("Password: "))
        guard try Self.hidden("Once more: ") == first else {
            throw Self.failure("the two passwords differ; nothing was changed")
        }
        return first
    }

    private static func checked(_ password: [UInt8]) throws -> [UInt8] {
        guard !password.isEmpty else { throw Self.failure("an empty password is refused") }
        guard password.count <= AccessLimits.passwordBytesMax else {
            throw Self.failure("a password has at most \(AccessLimits.passwordBytesMax) bytes")
        }
        return password
    }

    /// Asks on the terminal without echo.
    private static func hidden(_ prompt: String) throws -> [UInt8] {
        var before = termios()
        guard unsafe tcgetattr(STDIN_FILENO, &before) == 0 else {
            throw Self.failure("the terminal cannot be set up")
        }
        var quiet = before
        // No signals meanwhile: an interrupt would leave the terminal without echo.
        quiet.c_lflag &= ~tcflag_t(ECHO | ISIG)
        CommandOutput.writeError(prompt)
        guard unsafe tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0 else {
            throw Self.failure("the terminal cannot be set up")
        }
        defer {
            _ = unsafe tcsetattr(STDIN_FILENO, TCSAFLUSH, &before)
            CommandOutput.writeError("\n")
        }
        let line = Self.line(from: STDIN_FILENO)
        guard !line.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
            throw Self.failure("interrupted, or a control character; nothing was changed")
        }
        return line
    }

    /// One line without its end; nothing beyond it is read.
    private static func line(from descriptor: Int32) -> [UInt8] {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while line.count <= AccessLimits.passwordBytesMax {
            let count = unsafe read(descriptor, &byte, 1)
            if count < 0, errno == EINTR { continue }
            guard count == 1, byte != UInt8(ascii: "\n") else { break }
            line.append(byte)
        }
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        return line
    }
}
