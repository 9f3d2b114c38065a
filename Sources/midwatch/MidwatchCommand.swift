// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import MidwatchModel

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
              midwatch alerts log --failed       what did not arrive, and why
              midwatch history tunnel/west/co --since 2h --chart
              midwatch incident export --from 03:00 --to 03:30
              midwatch why 'tunnel/west/co:high'
              midwatch alarms kpi --since 7d
              midwatch rules test new.yaml --since 7d
              midwatch demo                      a plant that misbehaves, nothing installed
              midwatch check site.yaml --strict
              midwatch alerts routes --explain tunnel/west/co
              midwatch config diff --running new.yaml
              midwatch reload --dry-run && midwatch reload
              midwatch doctor                    is this machine fit for it, and what to do
              midwatch bench                     what this machine holds, end to end
              midwatch ingest rejects            what sensors sent that was refused
              midwatch decode --format senml pack.json
              midwatch audit verify && midwatch replay --verify

            ENVIRONMENT:
              MIDWATCH_SOCKET    the daemon's socket, unless --socket names it
              MIDWATCH_STATE     the daemon's state directory, unless --state names it
              COLUMNS            width of tables, where standard output is no terminal
              TZ                 the time zone that times are read and shown in; see --utc
              NO_COLOR           no colours, in any terminal

            MORE:
              midwatch help exit-codes | times | filters | json
            """,
        version: "midwatch \(Build.version)",
        groupedSubcommands: [
            CommandGroup(
                name: "Watch and act",
                subcommands: [
                    TopCommand.self, StatusCommand.self, AlarmsCommand.self, SensorsCommand.self,
                    WhyCommand.self, AreasCommand.self, ModeCommand.self,
                ]),
            CommandGroup(
                name: "Look back",
                subcommands: [
                    EventsCommand.self, HistoryCommand.self, IncidentCommand.self,
                    ReplayCommand.self, AuditCommand.self,
                ]),
            CommandGroup(
                name: "What comes in, who is told",
                subcommands: [IngestCommand.self, DecodeCommand.self, AlertsCommand.self]),
            CommandGroup(
                name: "Configure",
                subcommands: [
                    CheckCommand.self, ConfigCommand.self, ReloadCommand.self, RulesCommand.self,
                    PasswdCommand.self, TokenCommand.self,
                ]),
            CommandGroup(
                name: "Install and try",
                subcommands: [
                    DemoCommand.self, DoctorCommand.self, SimulateCommand.self, BenchCommand.self,
                    MigrateCommand.self, CompletionCommand.self,
                ]),
        ])

    /// Runs the command; wrong usage exits with 2 instead of the parser's 64.
    static func main() {
        let words = Array(CommandLine.arguments.dropFirst())
        ZoneOptions.apply(words)
        if let text = HelpTopic.answer(to: words) { return CommandOutput.line(text) }
        do {
            var command = try Self.parseAsRoot()
            try command.run()
        } catch {
            let code = Self.exitCode(for: error)
            if code == .validationFailure {
                if let hint = UnknownCommand.hint(about: words) { CommandOutput.complain(hint) }
                Self.exitAfterUsage(error)
            }
            Self.exit(withError: error)
        }
    }
}
