// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import OperatorConsole
internal import OperatorViews
internal import StateFolder

/// The command `midwatch areas`.
struct AreasCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "areas",
        abstract: "Lists areas with the mode that chooses the limits of their sensors.",
        discussion: """
            EXAMPLES:
              midwatch areas
              midwatch areas --json | jq -r '.items[] | "\\(.name) \\(.mode)"'
            """)

    @OptionGroup var daemon: DaemonOptions

    func run() throws {
        let page = try self.daemon.perform { client throws(ClientError) in try client.areas() }
        if self.daemon.json { return self.daemon.printJSON(page) }
        if page.items.isEmpty { CommandOutput.line("no areas; see areas in the configuration") }
        for area in page.items { CommandOutput.line(Self.text(area)) }
    }

    static func text(_ area: AreaView) -> String {
        let others = area.modes.filter { $0 != area.mode }.joined(separator: ", ")
        var text = "\(area.name): \(area.mode) (others: \(others))"
        if let sensor = area.modeSensor { text += ", follows \(sensor)" }
        if !area.changedBy.isEmpty, let at = area.changedAt {
            text += ", since \(LocalTime.text(at)) by \(area.changedBy)"
        }
        return TerminalText.clean(text)
    }
}

/// The command `midwatch mode`.
struct ModeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mode", abstract: "Shows the mode of an area, or puts the area into another.",
        discussion: """
            The mode chooses the limits of the area's sensors (limitSets). An area whose mode a \
            sensor says follows that sensor while it is fresh.

            EXAMPLES:
              midwatch mode 'west tunnel'
              midwatch mode 'west tunnel' maintenance --reason 'lamps are changed'
            """)

    @OptionGroup var daemon: DaemonOptions
    @OptionGroup var words: ReasonOptions
    @OptionGroup var consent: ConsentOptions

    @Argument(help: "The area.", completion: Completion.areas)
    var area: String

    @Argument(help: "The mode it is to be in.")
    var mode: String?

    func run() throws {
        let wanted = self.area
        let page = try self.daemon.perform { client throws(ClientError) in try client.areas() }
        guard let area = page.items.first(where: { $0.name == wanted }) else {
            CommandOutput.complain(
                TerminalText.clean("midwatch: no area is called \(wanted); see midwatch areas"))
            throw ExitCode.failure
        }
        guard let mode = self.mode else {
            if self.daemon.json { return self.daemon.printJSON(area) }
            return CommandOutput.line(AreasCommand.text(area))
        }
        CommandOutput.complain(AreasCommand.text(area))
        try self.consent.ask(
            TerminalText.clean("This changes the limits in force. Put it into \(mode)?"))
        let comment = self.words.comment
        let view = try self.daemon.perform { client throws(ClientError) in
            try client.setMode(area: wanted, mode: mode, comment: comment)
        }
        if self.daemon.json { return self.daemon.printJSON(view) }
        let note = view.recorded ? "" : " (not yet recorded on disk)"
        CommandOutput.line(
            TerminalText.clean("\(view.area) is in mode \(view.mode), at \(view.position)\(note)"))
    }
}
