// SPDX-License-Identifier: Apache-2.0

internal import AccessControl
internal import ArgumentParser
internal import Glibc
internal import JSONText
internal import MidwatchModel
internal import OperatorConsole
internal import StateFolder

/// The command `midwatch token`.
struct TokenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Makes, lists and revokes tokens for the API's TCP port.",
        discussion: """
            The file keeps a hash of each token, never the token. It is made if it is not there, \
            readable by its owner alone. A running daemon takes it on SIGHUP (systemctl reload \
            midwatchd), and needs api.tokenFile to name it.

            EXAMPLES:
              midwatch token add /etc/midwatch/tokens grafana --role viewer
              midwatch token add /etc/midwatch/tokens anna --role operator --expires 90d
              midwatch token revoke /etc/midwatch/tokens anna
            """, subcommands: [Add.self, List.self, Revoke.self])

    struct Add: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "add",
            abstract: "Makes a token and prints it, this once.",
            discussion: """
                EXAMPLES:
                  midwatch token add /etc/midwatch/tokens grafana --role viewer
                  midwatch token add /etc/midwatch/tokens anna --role operator --expires 90d
                """)

        @Argument(help: ArgumentHelp("The token file.", valueName: "file"))
        var path: String

        @Argument(help: "Whose it is: letters, digits, '.', '_' and '-'; it stands in the ledger.")
        var name: String

        @Option(help: "viewer, operator or admin.")
        var role: RoleArgument

        @Option(
            help: "For how long it is good, such as 90d; without it for ever.",
            transform: DurationArgument.parse)
        var expires: DurationArgument?

        func run() throws {
            var file = try TokenCommand.load(self.path, mayBeMissing: true)
            let expiry = self.expires.map { TokenCommand.now + Int64($0.seconds) }
            var generator = SystemRandomNumberGenerator()
            let random = (0..<TokenFile.randomBytes).map { _ in
                UInt8.random(in: .min ... .max, using: &generator)
            }
            let text: String
            do throws(TokenFile.AddProblem) {
                text = try file.add(self.name, role: self.role.role, expiry: expiry, random: random)
            } catch {
                switch error {
                case .badName:
                    throw TokenCommand.failure(
                        "the name must have 1 to \(AccessLimits.tokenNameBytesMax) letters, "
                            + "digits, '.', '_' or '-'")
                case .nameTaken:
                    throw TokenCommand.failure("there is a token of this name; revoke it first")
                case .tooMany:
                    throw TokenCommand.failure("more than \(AccessLimits.tokenCountMax) tokens")
                }
            }
            try TokenCommand.store(file, at: self.path)
            CommandOutput.line(text)
            CommandOutput.complain("midwatch token: reload the daemon to put it in force")
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "Lists tokens by name, role and expiry.",
            discussion: """
                EXAMPLES:
                  midwatch token list /etc/midwatch/tokens
                  midwatch token list /etc/midwatch/tokens --json | jq -r '.[].name'
                """)

        @OptionGroup var zone: ZoneOptions

        @Argument(help: ArgumentHelp("The token file.", valueName: "file"))
        var path: String

        @Flag(help: "Print JSON.")
        var json = false

        func run() throws {
            let file = try TokenCommand.load(self.path, mayBeMissing: false)
            if self.json { return CommandOutput.line(Self.json(file)) }
            for entry in file.entries {
                var expiry = "for ever"
                if let seconds = entry.expiry {
                    let at = WallInstant(nanoseconds: seconds &* 1_000_000_000)
                    expiry = entry.isExpired(at: TokenCommand.now) ? "expired " : "until "
                    expiry += LocalTime.text(at)
                }
                CommandOutput.line("\(entry.name)  \(entry.role.word)  \(expiry)")
            }
        }

        private static func json(_ file: TokenFile) -> String {
            var json = JSONWriter()
            json.array { json in
                for entry in file.entries {
                    json.object { json in
                        json.field("name", entry.name)
                        json.field("role", entry.role.word)
                        if let expiry = entry.expiry {
                            json.field(
                                "expires", WallInstant(nanoseconds: expiry &* 1_000_000_000).rfc3339
                            )
                        } else {
                            json.nullField("expires")
                        }
                    }
                }
            }
            return json.text
        }
    }

    struct Revoke: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "revoke", abstract: "Removes a token.",
            discussion: """
                EXAMPLES:
                  midwatch token revoke /etc/midwatch/tokens anna
                """)

        @Argument(help: ArgumentHelp("The token file.", valueName: "file"))
        var path: String

        @Argument(help: "Whose it is.")
        var name: String

        func run() throws {
            var file = try TokenCommand.load(self.path, mayBeMissing: false)
            guard file.remove(self.name) else {
                throw TokenCommand.failure("\(self.path): no token \"\(self.name)\"")
            }
            try TokenCommand.store(file, at: self.path)
            CommandOutput.complain("midwatch token: reload the daemon: until then it is good")
        }
    }

    // MARK: - The file

    private static var now: Int64 { Int64(time(nil)) }

    private static func failure(_ message: String) -> ExitCode {
        CommandOutput.complain("midwatch token: \(TerminalText.clean(message))")
        return ExitCode.failure
    }

    private static func load(_ path: String, mayBeMissing: Bool) throws -> TokenFile {
        guard let bytes = FileBytes.read(path) else {
            guard errno == ENOENT, mayBeMissing else {
                throw Self.failure(
                    unsafe "\(path): cannot be read: \(String(cString: strerror(errno)))")
            }
            return TokenFile()
        }
        let (file, issues) = TokenFile.parse(bytes, file: path)
        guard let file else {
            for issue in issues where issue.isError {
                CommandOutput.complain(TerminalText.clean("\(issue)"))
            }
            throw Self.failure("\(path): not changed")
        }
        return file
    }

    private static func store(_ file: TokenFile, at path: String) throws {
        do {
            try FileBytes.replaceKeepingOwner(path, with: file.bytes)
        } catch {
            throw Self.failure("\(error)")
        }
    }
}

/// A word of `OperatorRole` on the command line.
struct RoleArgument: ExpressibleByArgument {
    let role: OperatorRole

    init?(argument: String) {
        guard let role = OperatorRole(word: argument) else { return nil }
        self.role = role
    }

    static var allValueStrings: [String] { OperatorRole.allCases.map(\.word) }
}
