// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import JSONText
internal import MidwatchConfiguration
internal import OperatorConsole

/// The command `midwatch check`.
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Checks a configuration file without starting anything.",
        discussion: """
            Prints one line for each thing to say, FILE:LINE:COLUMN: KEY: what was found and what \
            to write instead.

            EXIT CODES:
              0  the daemon would start with it
              1  it is refused

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
        let isRefused = result.configuration == nil || !result.errors.isEmpty
        if self.json {
            self.printJSON(result, isRefused: isRefused)
        } else {
            for line in result.report { CommandOutput.line(TerminalText.clean(line)) }
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

    private func printJSON(_ result: ConfigurationResult, isRefused: Bool) {
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
            json.field("suppressedErrorCount", result.suppressedErrorCount)
            json.field("suppressedWarningCount", result.suppressedWarningCount)
        }
        CommandOutput.line(json.text)
    }
}
