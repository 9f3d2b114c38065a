// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser

/// The operator's command.
@main
struct MidwatchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "midwatch",
        abstract: "Looks at a running Midwatch and acts on its alarms.",
        discussion: """
            EXAMPLES:
              midwatch top                       the dashboard
              midwatch status && echo healthy
              midwatch alarms list
              midwatch alarms ack 'tunnel/west/co:high' --comment 'fans started'
              midwatch sensors 'tunnel/+/co' --json
              midwatch events --follow

            EXIT CODES:
              0  done            2  wrong usage            4  Midwatch is not healthy
              1  it failed       3  the daemon does not answer

            ENVIRONMENT:
              MIDWATCH_SOCKET    the daemon's socket, unless --socket names it
              NO_COLOR           no colours, in any terminal
            """,
        subcommands: [
            TopCommand.self, StatusCommand.self, AlarmsCommand.self, SensorsCommand.self,
            EventsCommand.self,
        ])

    /// Runs the command; wrong usage exits with 2 instead of the parser's 64.
    static func main() {
        do {
            var command = try Self.parseAsRoot()
            try command.run()
        } catch {
            let code = Self.exitCode(for: error)
            if code == .validationFailure { Self.exitAfterUsage(error) }
            Self.exit(withError: error)
        }
    }
}
