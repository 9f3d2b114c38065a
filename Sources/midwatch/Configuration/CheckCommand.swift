// SPDX-License-Identifier: Apache-2.0

internal import AccessControl
internal import ArgumentParser
internal import JSONText
internal import MidwatchConfiguration
internal import OperatorConsole
internal import StateFolder

/// The command `midwatch check`.
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Checks a configuration file without starting anything.",
        discussion: """
            Prints one line for each thing to say, FILE:LINE:COLUMN: KEY: what was found and what \
            to write instead. Password files, access files and certificates that it names are \
            read too.

            EXIT CODES:
              0  the daemon would start with it, and could use every file it names
              1  it is refused, or such a file cannot be used

            EXAMPLES:
              midwatch check /etc/midwatch/midwatch.yaml
              midwatch check --strict site.yaml
              midwatch check site.yaml --json | jq '.issues[] | select(.kind == "invalid")'
            """)

    @Argument(help: ArgumentHelp("The configuration file.", valueName: "config"))
    var path: String

    @Flag(
        help: """
            Also refuse what would leave an operator without help: sensors without supervision, \
            alarms without consequence or action.
            """)
    var strict = false

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let result = MidwatchConfiguration.load(path: self.path, isStrict: self.strict)
        let files = result.configuration.map(Self.checkFiles) ?? []
        let isRefused =
            result.configuration == nil || !result.errors.isEmpty || files.contains { $0.isError }
        if self.json {
            self.printJSON(result, files, isRefused: isRefused)
        } else {
            for line in result.report { CommandOutput.line(TerminalText.clean(line)) }
            for issue in files {
                let kind = issue.isError ? "error" : "warning"
                CommandOutput.line(TerminalText.clean("\(kind): \(issue)"))
            }
            if let configuration = result.configuration, !isRefused {
                CommandOutput.line(
                    TerminalText.clean(Self.summary(configuration, path: self.path)))
            }
        }
        if isRefused { throw ExitCode.failure }
    }

    private static func summary(_ configuration: MidwatchConfiguration, path: String) -> String {
        let ingest = configuration.ingest
        return "\(path): ok; node \(configuration.node.name), "
            + "\(configuration.sensors.count) sensor declarations, "
            + "\(ingest.udp.count) UDP and \(ingest.mqtt.count) MQTT listeners, "
            + "\(configuration.alerts.endpoints.count) alert endpoints"
    }

    /// Reads the files that secure the MQTT listeners.
    private static func checkFiles(_ configuration: MidwatchConfiguration) -> [AccessFileIssue] {
        var issues: [AccessFileIssue] = []
        func check(_ path: String?, _ parse: ([UInt8]) -> [AccessFileIssue]) {
            guard let path else { return }
            guard let bytes = FileBytes.read(path) else {
                issues.append(
                    AccessFileIssue(
                        file: path, line: 0, message: "cannot be read; make it, or remove the key",
                        isError: true))
                return
            }
            issues += parse(bytes)
        }
        for security in configuration.ingest.mqtt.map(\.security) {
            check(security.passwordFile) {
                PasswordFile.parse($0, file: security.passwordFile ?? "").issues
            }
            check(security.accessFile) {
                AccessRules.parse($0, file: security.accessFile ?? "").issues
            }
            for path in [security.tls?.certificate, security.tls?.key, security.tls?.clientCA] {
                check(path) { bytes in
                    let isPEM = String(decoding: bytes, as: UTF8.self).contains("-----BEGIN ")
                    return isPEM
                        ? []
                        : [
                            AccessFileIssue(
                                file: path ?? "", line: 0,
                                message: "not in PEM form; convert it with openssl", isError: true)
                        ]
                }
            }
        }
        return issues
    }

    private func printJSON(
        _ result: ConfigurationResult, _ files: [AccessFileIssue], isRefused: Bool
    ) {
        var json = JSONWriter()
        json.object { json in
            json.field("file", self.path)
            json.field("ok", !isRefused)
            json.arrayField("issues") { json in
                for (issues, isError) in [(result.errors, true), (result.warnings, false)] {
                    for issue in issues {
                        json.object { json in
                            json.field("kind", issue.kind.rawValue)
                            json.field("refused", isError)
                            json.field("line", issue.line)
                            json.field("column", issue.column)
                            json.field("key", issue.key)
                            json.field("message", issue.message)
                        }
                    }
                }
            }
            json.arrayField("files") { json in
                for issue in files {
                    json.object { json in
                        json.field("file", issue.file)
                        json.field("refused", issue.isError)
                        json.field("line", issue.line)
                        json.field("message", issue.message)
                    }
                }
            }
            json.field("suppressedErrorCount", result.suppressedErrorCount)
            json.field("suppressedWarningCount", result.suppressedWarningCount)
        }
        CommandOutput.line(json.text)
    }
}
