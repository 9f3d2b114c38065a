// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser

/// The operator's command.
@main
struct MidwatchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "midwatch",
        abstract: "Looks at a running Midwatch, acts on its alarms, checks its records.",
        discussion: """
            EXAMPLES:
              midwatch top                       the dashboard
              midwatch status && echo healthy
              midwatch alarms list
              midwatch alarms ack 'tunnel/west/co:high' --comment 'fans started'
              midwatch alarms shelve 'pump/3/flow:low' --for 30m --reason 'filter change'
              midwatch sensors 'tunnel/+/co' --json
              midwatch events --follow
              midwatch history tunnel/west/co --since 2h --chart
              midwatch incident export --from 03:00 --to 03:30
              midwatch why 'tunnel/west/co:high'
              midwatch alarms kpi --since 7d
              midwatch rules test new.yaml --since 7d
              midwatch demo                      a plant that misbehaves, nothing installed
              midwatch check site.yaml --strict
              midwatch doctor                    is this machine fit for it, and what to do
              midwatch bench                     what this machine holds, end to end
              midwatch ingest rejects            what sensors sent that was refused
              midwatch decode --format senml pack.json
              midwatch audit verify && midwatch replay --verify

            EXIT CODES:
              0  done            2  wrong usage            4  Midwatch is not healthy
              1  it failed       3  the daemon does not answer

            ENVIRONMENT:
              MIDWATCH_SOCKET    the daemon's socket, unless --socket names it
              MIDWATCH_STATE     the daemon's state directory, unless --state names it
              NO_COLOR           no colours, in any terminal
            """,
        subcommands: [
            TopCommand.self, StatusCommand.self, AlarmsCommand.self, SensorsCommand.self,
            AreasCommand.self, ModeCommand.self,
            EventsCommand.self, DemoCommand.self, CheckCommand.self, SimulateCommand.self,
            AuditCommand.self, ReplayCommand.self, MigrateCommand.self, DecodeCommand.self,
            IngestCommand.self, PasswdCommand.self, TokenCommand.self, DoctorCommand.self,
            BenchCommand.self, CompletionCommand.self, HistoryCommand.self, IncidentCommand.self,
            WhyCommand.self, RulesCommand.self,
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
