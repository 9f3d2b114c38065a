// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Journal
internal import MidwatchModel
internal import OperatorConsole
internal import StateFolder

extension AlarmsCommand {
    /// The command `midwatch alarms kpi`.
    struct KPI: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "kpi", abstract: "Judges the load of alarms by the figures of ISA-18.2.",
            discussion: """
                It reads the ledger in the state directory, so that restarts do not matter, and \
                may run beside the daemon. Only what people were told of counts; what was kept \
                back does not. Beside each figure stand its target and its limit.

                EXAMPLES:
                  midwatch alarms kpi
                  midwatch alarms kpi --since 7d
                  midwatch alarms kpi --since 2026-11-01 --state /var/lib/midwatch --json
                """)

        @OptionGroup var state: StateOptions

        @Option(
            parsing: .unconditional,
            help: ArgumentHelp(
                "Since when: \(MomentArgument.help); all there is without it.", valueName: "time"),
            transform: MomentArgument.parse)
        var since: MomentArgument?

        func run() throws {
            _ = try self.state.folders(reading: "ledger") { $0.ledger }
            var progress = ReplayProgress()
            let figures: AlarmFigures?
            do throws(LedgerError) {
                figures = try AlarmFigures.read(
                    since: self.since?.moment, now: MomentArgument.now,
                    stateDirectory: self.state.directory
                ) { progress.show("ledger: record \($0)") }
            } catch {
                progress.clear()
                self.state.complain(error)
                throw ExitCode.failure
            }
            progress.clear()
            guard let figures else {
                CommandOutput.complain("midwatch: the ledger is empty")
                throw ExitCode.failure
            }
            let report = KPIReport(figures)
            CommandOutput.write(self.state.json ? report.json + "\n" : report.text)
        }
    }
}
