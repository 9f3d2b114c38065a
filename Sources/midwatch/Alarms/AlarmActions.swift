// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Glibc
internal import MidwatchModel
internal import OperatorConsole
internal import OperatorViews
internal import StateFolder

/// How an alarm is named on the command line.
enum AlarmArgument {
    static let help = ArgumentHelp(
        "The alarm, PATH:KIND as the list shows it.", valueName: "alarm")
}

/// What an operator says about an action.
struct ReasonOptions: ParsableArguments {
    @Option(
        name: [.customLong("comment"), .customLong("reason")],
        help: ArgumentHelp(
            "What you found or do, or why; it is kept in the ledger.", valueName: "text"))
    var comment = ""
}

/// A second thought before what is hard to take back.
struct ConsentOptions: ParsableArguments {
    @Flag(help: "Do not ask.")
    var yes = false

    /// Asks at the terminal; ends the command unless the answer is yes.
    func ask(_ question: String) throws {
        if self.yes { return }
        guard isatty(STDIN_FILENO) == 1 else {
            CommandOutput.complain("midwatch: this asks at a terminal; without one say --yes")
            throw ExitCode.wrongUsage
        }
        CommandOutput.writeError(question + " [y/N] ")
        let answer = readLine(strippingNewline: true)?.lowercased() ?? ""
        guard ["y", "yes"].contains(answer) else {
            CommandOutput.complain("midwatch: nothing was done")
            throw ExitCode.failure
        }
    }
}

extension DaemonOptions {
    /// What became of a command, as JSON or for people.
    func printDone(_ view: AlarmCommandView) {
        if self.json { return self.printJSON(view) }
        let action = AlarmAction(rawValue: view.action)
        var text = "\(action?.done ?? view.action) \(view.alarmID)"
        if action?.namesActivation == true { text += " \(view.activation)" }
        if let until = view.shelvedUntil {
            text += action == .shelve ? " until" : ", shelved until"
            text += " \(LocalTime.text(until))"
        }
        text += "; it is \(view.state.word) now (record \(view.position))"
        if !view.recorded { text += " (not yet recorded on disk)" }
        CommandOutput.line(TerminalText.clean(text))
    }

    /// Does something with one alarm and says what became of it.
    func act(
        _ action: AlarmAction, on alarmID: String, activation: String = "", comment: String,
        seconds: UInt64 = 0, isOneShot: Bool = false
    ) throws {
        let view = try self.perform(about: alarmID) { client throws(ClientError) in
            try client.act(
                action, on: alarmID, activation: activation, comment: comment, seconds: seconds,
                isOneShot: isOneShot)
        }
        self.printDone(view)
    }

    /// The alarm as it is now, after showing what it is about.
    func shown(_ alarmID: String) throws -> AlarmView {
        let alarm = try self.perform(about: alarmID) { client throws(ClientError) in
            try client.alarm(alarmID)
        }
        CommandOutput.complain(TerminalText.clean(AlarmTable.oneLine(alarm, times: .local)))
        return alarm
    }
}

/// A length of time on the command line: `90s`, `30m`, `1h30m`, `1d`.
struct DurationArgument {
    let nanoseconds: UInt64

    @Sendable
    static func parse(_ text: String) throws -> DurationArgument {
        guard let nanoseconds = Moment.span(text), nanoseconds >= 1_000_000_000 else {
            throw ValidationError(
                "expected a length of time with its unit, such as 90s, 30m, 1h30m or 1d")
        }
        return DurationArgument(nanoseconds: nanoseconds)
    }

    var seconds: UInt64 { self.nanoseconds / 1_000_000_000 }
}

extension AlarmsCommand {
    /// The command `midwatch alarms shelve`.
    struct Shelve: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "shelve", abstract: "Takes an alarm out of view for a time.",
            discussion: """
                It comes back by itself, and is raised again if its condition lasts. Its \
                configuration says for how long it may be shelved at most.

                EXAMPLES:
                  midwatch alarms shelve 'pump/3/flow:low' --for 30m --reason 'filter change'
                  midwatch alarms shelve 'pump/3/flow:low' --for 4h --one-shot --reason 'flushing'
                """)

        @OptionGroup var daemon: DaemonOptions
        @OptionGroup var words: ReasonOptions

        @Argument(help: AlarmArgument.help, completion: Completion.alarms)
        var alarmID: String

        @Option(
            name: .customLong("for"),
            help: ArgumentHelp("For how long: 90s, 30m, 4h, 1d.", valueName: "duration"),
            transform: DurationArgument.parse)
        var duration: DurationArgument

        @Flag(help: "Until the alarm returns to normal, if that comes first.")
        var oneShot = false

        func validate() throws {
            if self.words.comment.isEmpty { throw ValidationError("Say why with --reason.") }
        }

        func run() throws {
            try self.daemon.act(
                .shelve, on: self.alarmID, comment: self.words.comment,
                seconds: self.duration.seconds, isOneShot: self.oneShot)
        }
    }

    /// The command `midwatch alarms unshelve`.
    struct Unshelve: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "unshelve", abstract: "Ends a shelving before its time.",
            discussion: """
                EXAMPLES:
                  midwatch alarms unshelve 'pump/3/flow:low'
                """)

        @OptionGroup var daemon: DaemonOptions
        @OptionGroup var words: ReasonOptions

        @Argument(help: AlarmArgument.help, completion: Completion.alarms)
        var alarmID: String

        func run() throws {
            try self.daemon.act(.unshelve, on: self.alarmID, comment: self.words.comment)
        }
    }

    /// The command `midwatch alarms reset`.
    struct Reset: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "reset",
            abstract: "Ends a latched alarm that was acknowledged and whose condition is over.",
            discussion: """
                EXAMPLES:
                  midwatch alarms reset 'boiler/2/pressure:highHigh' --comment 'valve replaced'
                """)

        @OptionGroup var daemon: DaemonOptions
        @OptionGroup var words: ReasonOptions

        @Argument(help: AlarmArgument.help, completion: Completion.alarms)
        var alarmID: String

        @Option(help: "The activation that was seen, EPOCH:N.K; the present one unless given.")
        var activation: String?

        func run() throws {
            let activation = try self.activation ?? self.daemon.shown(self.alarmID).activation
            try self.daemon.act(
                .reset, on: self.alarmID, activation: activation, comment: self.words.comment)
        }
    }

    /// The command `midwatch alarms out-of-service`.
    struct OutOfService: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "out-of-service",
            abstract: "Takes an alarm out of service until it is returned by hand.",
            discussion: """
                Nobody is told of it until somebody runs `midwatch alarms return`. To keep it out \
                of view for a time, shelve it.

                EXAMPLES:
                  midwatch alarms out-of-service 'pump/3/flow:low' --reason 'pump removed'
                """)

        @OptionGroup var daemon: DaemonOptions
        @OptionGroup var words: ReasonOptions
        @OptionGroup var consent: ConsentOptions

        @Argument(help: AlarmArgument.help, completion: Completion.alarms)
        var alarmID: String

        func validate() throws {
            if self.words.comment.isEmpty { throw ValidationError("Say why with --reason.") }
        }

        func run() throws {
            let alarm = try self.daemon.shown(self.alarmID)
            try self.consent.ask(
                "Nobody will be told of it until it is returned by hand. Take it out of service?")
            try self.daemon.act(
                .takeOutOfService, on: alarm.alarmID, comment: self.words.comment)
        }
    }

    /// The command `midwatch alarms return`.
    struct Return: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "return", abstract: "Returns an alarm to service.",
            discussion: """
                EXAMPLES:
                  midwatch alarms return 'pump/3/flow:low' --comment 'pump is back'
                """)

        @OptionGroup var daemon: DaemonOptions
        @OptionGroup var words: ReasonOptions

        @Argument(help: AlarmArgument.help, completion: Completion.alarms)
        var alarmID: String

        func run() throws {
            try self.daemon.act(.returnToService, on: self.alarmID, comment: self.words.comment)
        }
    }

    /// The command `midwatch alarms comment`.
    struct Comment: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "comment",
            abstract: "Writes a comment on an alarm's present activation into the ledger.",
            discussion: """
                EXAMPLES:
                  midwatch alarms comment 'tunnel/west/co:high' 'camera 7 shows haze'
                """)

        @OptionGroup var daemon: DaemonOptions

        @Argument(help: AlarmArgument.help, completion: Completion.alarms)
        var alarmID: String

        @Argument(help: "What to write.")
        var text: String

        @Option(help: "The activation that was seen, EPOCH:N.K; the present one unless given.")
        var activation: String?

        func run() throws {
            let activation = try self.activation ?? self.daemon.shown(self.alarmID).activation
            try self.daemon.act(
                .comment, on: self.alarmID, activation: activation, comment: self.text)
        }
    }
}
