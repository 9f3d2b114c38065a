// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import JSONText
internal import MidwatchConfiguration
internal import OperatorConsole
internal import OperatorViews

/// The command `midwatch config`.
struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Shows, compares and reloads configurations.",
        subcommands: [Show.self, Diff.self, ReloadCommand.self])

    /// The command `midwatch config show`.
    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show",
            abstract: "Prints the effective configuration: every key, with the defaults in.",
            discussion: """
                Of a file, or without one of the running daemon: what is in force there. Secrets \
                are never printed, and of alert URLs only what stands before the path.

                EXIT CODES:
                  0  done                           3  the daemon does not answer
                  1  the file has errors

                EXAMPLES:
                  midwatch config show
                  midwatch config show /etc/midwatch/midwatch.yaml
                  midwatch config show --json | jq '.sensors[] | select(.path == "air/co")'
                """)

        @OptionGroup var daemon: DaemonOptions

        @Argument(help: "A configuration file; default: what the daemon has in force.")
        var file: String?

        func run() throws {
            let shown = try ConfigCommand.settings(ofFile: self.file, self.daemon)
            if self.daemon.json {
                var json = JSONWriter()
                shown.encode(to: &json)
                CommandOutput.line(json.text)
            } else {
                CommandOutput.write(TerminalText.cleanLines(shown.yaml))
            }
        }
    }

    /// The command `midwatch config diff`.
    struct Diff: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "diff",
            abstract: "Compares two configurations sensor by sensor and rule by rule.",
            discussion: """
                What counts is what the files mean, not how they are written: defaults are filled \
                in, comments and the order of keys are nothing. + is added, - removed, ~ changed.

                EXIT CODES:
                  0  they mean the same             3  the daemon does not answer
                  1  a file has errors              5  they differ

                EXAMPLES:
                  midwatch config diff old.yaml new.yaml
                  midwatch config diff --running /etc/midwatch/midwatch.yaml
                """)

        @OptionGroup var daemon: DaemonOptions

        @Argument(help: ArgumentHelp("The old file, if not --running, and the new file."))
        var files: [String]

        @Flag(help: "Compare with what the daemon has in force.")
        var running = false

        func validate() throws {
            guard self.files.count == (self.running ? 1 : 2) else {
                throw ValidationError("expected two files, or --running and one")
            }
        }

        func run() throws {
            let old = try ConfigCommand.settings(
                ofFile: self.running ? nil : self.files[0], self.daemon)
            let new = try ConfigCommand.settings(
                ofFile: self.files[self.running ? 0 : 1], self.daemon)
            let changes = old.changes(to: new)
            let needRestart = MidwatchConfiguration.keysNeedingRestart(changes)
            if self.daemon.json {
                self.printJSON(changes, needRestart)
            } else {
                self.printText(changes, needRestart)
            }
            if !changes.isEmpty { throw ExitCode.differs }
        }

        private func printText(_ changes: [SettingChange], _ needRestart: [String]) {
            for change in changes { CommandOutput.line(TerminalText.clean("\(change)")) }
            if !needRestart.isEmpty {
                CommandOutput.line(
                    "needs a restart to take effect: \(needRestart.joined(separator: ", "))")
            }
            CommandOutput.line(
                changes.isEmpty ? "no difference" : "\(changes.count) differences")
        }

        private func printJSON(_ changes: [SettingChange], _ needRestart: [String]) {
            var json = JSONWriter()
            json.object { json in
                json.field("same", changes.isEmpty)
                json.arrayField("changes") { json in
                    for change in changes {
                        json.object { json in
                            json.field("kind", change.kind.rawValue)
                            json.field("key", change.key)
                            if let before = change.before { json.field("before", before) }
                            if let after = change.after { json.field("after", after) }
                        }
                    }
                }
                json.arrayField("needRestart") { json in
                    for key in needRestart { json.value(key) }
                }
            }
            CommandOutput.line(json.text)
        }
    }

    /// The settings of a file, or of the running daemon; what is wrong with a file is told on
    /// standard error.
    fileprivate static func settings(
        ofFile file: String?, _ daemon: DaemonOptions
    ) throws -> Setting {
        guard let file else {
            let view = try daemon.perform { client throws(ClientError) in
                try client.configuration()
            }
            return Setting(view.settings)
        }
        let result = MidwatchConfiguration.load(path: file)
        guard let configuration = result.configuration else {
            for line in result.report { CommandOutput.complain(TerminalText.clean(line)) }
            throw ExitCode.failure
        }
        return configuration.settings
    }
}

extension TerminalText {
    /// The lines of a text, each made harmless.
    fileprivate static func cleanLines(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { Self.clean(String($0)) }
            .joined(separator: "\n")
    }
}
