// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import CLinux
internal import Glibc
internal import OperatorConsole
internal import OperatorViews

/// The command `midwatch top`.
struct TopCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top", abstract: "The dashboard: what is wrong, how bad, since when.",
        discussion: """
            Without a terminal at both ends it needs --once or --json. ? shows the keys. Times \
            are of this machine's time zone, or UTC with --utc. --json goes on by itself when the \
            daemon was away, and prints nothing meanwhile.

            EXAMPLES:
              midwatch top
              midwatch top --view alarms --glyphs ascii
              midwatch top --once --view sensors --size 120x40
              midwatch top --json                 one JSON object a second, until stopped
              midwatch top --json --once          one JSON object
            """)

    @OptionGroup var daemon: DaemonOptions

    @Flag(help: "Print one frame as text, or with --json one object, and exit.")
    var once = false

    @Option(help: "overview, alarms, sensors, events, delivery or ingest.")
    var view: ViewArgument?

    @Option(help: "braille, blocks or ascii; default by locale and TERM.")
    var glyphs: GlyphArgument?

    @Option(
        help: ArgumentHelp(
            "Size of the frame that --once prints, as 120x40.",
            discussion: "Default: the terminal's, else 80x24."))
    var size: SizeArgument?

    func validate() throws {
        if !self.once, self.size != nil { throw ValidationError("--size goes with --once") }
        if self.daemon.json, self.view != nil || self.glyphs != nil || self.size != nil {
            throw ValidationError("--view, --glyphs and --size do not go with --json")
        }
    }

    func run() throws {
        let glyphs = self.glyphs?.set ?? GlyphSet.detect(CommandOutput.environment)
        if self.daemon.json {
            try self.printObjects()
        } else if self.once {
            try self.printFrame(glyphs)
        } else {
            try self.runDashboard(glyphs)
        }
    }

    /// Sensors in a JSON object: the worst of them.
    private static let sensorsMax = 250
    /// Alarms in a JSON object: the most urgent.
    private static let alarmsMax = 500

    /// One object a second.
    ///
    /// While the daemon is away there is none: an old one would look live.
    private func printObjects() throws {
        var need = DashboardNeed()
        need.worstLimit = Self.sensorsMax
        need.alarmLimit = Self.alarmsMax
        var round = DashboardRound(client: self.daemon.client)
        var isFirst = true
        var isTold = false
        while true {
            do throws(ClientError) {
                CommandOutput.line(try round.ask(need).jsonText)
                (isFirst, isTold) = (false, false)
            } catch {
                guard !isFirst, !self.once, error.isUnreachable else {
                    throw DaemonOptions.failure(error)
                }
                round.forget()
                if !isTold {
                    CommandOutput.complain(
                        "midwatch: \(TerminalText.clean(error.description)); going on when it "
                            + "answers")
                    isTold = true
                }
            }
            if self.once { return }
            sleep(1)
        }
    }

    private func printFrame(_ glyphs: GlyphSet) throws {
        let terminal = TerminalSession.size()
        let size = self.size?.size ?? terminal ?? ScreenSize(columns: 80, rows: 24)
        var model = DashboardModel(startedAt: clinux_boottime_ns())
        var state = DashboardState(view: self.view?.place ?? .overview)
        try self.daemon.perform { client throws(ClientError) in
            var round = DashboardRound(client: client)
            // What is on the screen is known after a first round, and complete after some more.
            var isComplete = false
            while !isComplete {
                let now = clinux_boottime_ns()
                let need = Dashboard.need(model, state, now: now, size: size)
                model.receive(try round.ask(need), now: clinux_boottime_ns())
                state.sync(model)
                let later = Dashboard.need(model, state, now: clinux_boottime_ns(), size: size)
                isComplete = !round.hasMore && later == need
            }
        }
        let screen = Dashboard.draw(
            model, state, glyphs: glyphs, times: .local, now: clinux_boottime_ns(), size: size)
        CommandOutput.write(screen.text)
    }

    private func runDashboard(_ glyphs: GlyphSet) throws {
        guard CommandOutput.environment("TERM") != "dumb" else {
            CommandOutput.complain(
                "midwatch top: TERM is dumb, a terminal that cannot place a cursor; use --once")
            throw ExitCode.wrongUsage
        }
        guard let poller = DashboardPoller(client: self.daemon.client) else {
            CommandOutput.complain("midwatch: no descriptors or threads left")
            throw ExitCode.failure
        }
        defer { poller.stop() }
        do throws(TerminalSession.Failure) {
            let terminal = try TerminalSession()
            var loop = DashboardLoop(
                poller: poller, glyphs: glyphs,
                colors: ColorLevel.detect(CommandOutput.environment), times: .local,
                state: DashboardState(view: self.view?.place ?? .overview))
            loop.run(terminal)
        } catch {
            CommandOutput.complain("midwatch top: \(error)")
            throw error == .notATerminal ? ExitCode.wrongUsage : ExitCode.failure
        }
    }
}

/// A glyph set on the command line.
struct GlyphArgument: ExpressibleByArgument {
    let set: GlyphSet

    init?(argument: String) {
        guard let set = GlyphSet(rawValue: argument) else { return nil }
        self.set = set
    }

    static var allValueStrings: [String] { GlyphSet.allCases.map(\.rawValue) }
}

/// A view on the command line.
struct ViewArgument: ExpressibleByArgument {
    let place: Place

    init?(argument: String) {
        guard let place = Place.views.first(where: { $0.title == argument }) else { return nil }
        self.place = place
    }

    static var allValueStrings: [String] { Place.views.map(\.title) }
}

/// Columns and rows on the command line, `120x40`.
struct SizeArgument: ExpressibleByArgument {
    let size: ScreenSize

    init?(argument: String) {
        let numbers = argument.split(separator: "x").map { Int($0) }
        guard numbers.count == 2, let columns = numbers[0], let rows = numbers[1],
            ScreenSize.columnsRange.contains(columns), ScreenSize.rowsRange.contains(rows)
        else { return nil }
        self.size = ScreenSize(columns: columns, rows: rows)
    }
}
