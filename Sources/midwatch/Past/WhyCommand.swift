// SPDX-License-Identifier: Apache-2.0

internal import AlarmEngine
internal import ArgumentParser
internal import Journal
internal import MidwatchModel
internal import OperatorConsole
internal import OperatorViews
internal import StateFolder

/// The command `midwatch why`.
struct WhyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "why",
        abstract: "Says why an alarm is raised or is not, and what can change that.",
        discussion: """
            The answer comes from the engine: the rule in force, its inputs with value, quality \
            and age, the timers that run, what keeps the alarm back and what could but does not, \
            and the next moment at which anything can change by itself. Below it stands what the \
            ledger has of it last: who acknowledged it, with which words, how often it came.

            Without --at the running daemon is asked. With --at the state of that moment is made \
            again of the journal in the state directory; where the journal has a gap, the answer \
            says that it is not reproducible. --json says all that the lines say.

            EXIT CODES:
              0  answered                  1  no such sensor or alarm, or something cannot be read
              3  the daemon does not answer
              4  the state of that moment is not reproducible

            EXAMPLES:
              midwatch why tunnel/west/co                     the sensor and all its alarms
              midwatch why tunnel/west/co:high --json
              midwatch why tunnel/west/co:high --at -2h
              midwatch why tunnel/west/co --at 03:15 --state /var/lib/midwatch
            """)

    @OptionGroup var daemon: DaemonOptions

    @Argument(
        help: "A sensor's path, or PATH:NAME of one of its alarms or rules.",
        completion: Completion.sensors)
    var name: String

    @Option(
        name: .customLong("at"), parsing: .unconditional,
        help: ArgumentHelp(
            "The state of that moment, from the state directory: \(MomentArgument.help).",
            valueName: "time"),
        transform: MomentArgument.parse)
    var moment: MomentArgument?

    @Option(
        help: ArgumentHelp(
            "The daemon's state directory, with --at.",
            discussion: "Default: MIDWATCH_STATE, else \(StateOptions.defaultDirectory).",
            valueName: "dir"))
    var state: String?

    func validate() throws {
        if self.state != nil, self.moment == nil {
            throw ValidationError("--state goes with --at; without --at the daemon is asked")
        }
    }

    func run() throws {
        guard let moment = self.moment else {
            let name = self.name
            let explanation = try self.daemon.perform(about: name) { client throws(ClientError) in
                try client.explain(name)
            }
            return self.show(WhyReport(explanation: explanation, history: self.history()))
        }
        let directory = StateOptions.directory(self.state)
        let state = StateReading(directory: directory)
        let past = try state.at(moment.moment)
        guard let explanation = Self.explain(self.name, in: past) else {
            CommandOutput.complain(
                "midwatch: no sensor or alarm was called \(TerminalText.clean(self.name)) then")
            throw ExitCode.failure
        }
        var report = WhyReport(explanation: explanation)
        report.history = self.history(before: explanation.time, directory)
        report.past = WhyReport.Past(
            isReproducible: past.isReproducible, doubts: past.doubts.first.map(\.description),
            isAtEnd: past.isAtEnd)
        self.show(report)
        try state.tellDoubts(of: past)
    }

    private func show(_ report: WhyReport) {
        guard !self.daemon.json else { return CommandOutput.line(report.json) }
        for line in report.lines { CommandOutput.line(line) }
    }

    /// What the ledger has of it last; an explanation stands without it.
    private func history() -> NewestEvents.Found? {
        do throws(ClientError) {
            return try NewestEvents.about(self.name, client: self.daemon.client)
        } catch {
            self.complain(ofLedger: error.description)
            return nil
        }
    }

    /// The same before a moment, from the files.
    private func history(
        before moment: WallInstant, _ directory: String
    ) -> NewestEvents.Found? {
        do throws(LedgerError) {
            return try PastEvents.about(
                self.name, before: moment, ledger: Folders(stateDirectory: directory).ledger)
        } catch {
            self.complain(ofLedger: StateOptions.words(error, directory))
            return nil
        }
    }

    private func complain(ofLedger reason: String) {
        CommandOutput.complain("midwatch: the ledger was not read: \(TerminalText.clean(reason))")
    }

    private static func explain(_ name: String, in past: borrowing StateAt) -> Explanation? {
        if let found = past.engine.explain(path: name, at: past.instant) { return found }
        guard let colon = name.lastIndex(of: ":") else { return nil }
        return past.engine.explain(
            path: String(name[..<colon]), alarm: String(name[name.index(after: colon)...]),
            at: past.instant)
    }
}

/// Reads the state of a moment for a command, with progress and words for what went wrong.
struct StateReading {
    let directory: String

    func at(_ moment: WallInstant) throws -> StateAt {
        _ = try StateOptions.folders(self.directory, reading: "journal") { $0.journal }
        var progress = ReplayProgress()
        defer { progress.clear() }
        let past: StateAt?
        do {
            past = try StateAt.at(moment, stateDirectory: self.directory) { count, n in
                progress.show("replay: \(count) records, at number \(n)")
            }
        } catch {
            progress.clear()
            CommandOutput.complain(
                "midwatch: \(TerminalText.clean(StateOptions.words(error, self.directory)))")
            throw ExitCode.failure
        }
        guard let past else {
            progress.clear()
            CommandOutput.complain(
                "midwatch: nothing is left of \(LocalTime.text(moment)): the journal begins later, or no "
                    + "checkpoint from before is kept")
            throw ExitCode.notHealthy
        }
        return past
    }

    /// Says on standard error what makes the state uncertain; ends with 4 if anything does.
    func tellDoubts(of past: borrowing StateAt) throws {
        if past.isAtEnd {
            CommandOutput.complain(
                "midwatch: the journal ends at "
                    + "\(LocalTime.text(past.engine.wall(of: past.instant), digits: 3)): "
                    + "this is the state there")
        }
        guard !past.isReproducible else { return }
        for doubt in past.doubts.first {
            CommandOutput.complain("midwatch: not reproducible: \(TerminalText.clean("\(doubt)"))")
        }
        throw ExitCode.notHealthy
    }
}
