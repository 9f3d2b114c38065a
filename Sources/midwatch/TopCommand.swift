// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import CLinux
internal import Glibc
internal import OperatorConsole
internal import OperatorViews

/// The command `midwatch top`.
struct TopCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top", abstract: "The dashboard: alarms, sensors, stages, live.",
        discussion: """
            Without a terminal at both ends it needs --once or --json. ? shows the keys.

            EXAMPLES:
              midwatch top
              midwatch top --glyphs ascii
              midwatch top --once
            """)

    @OptionGroup var daemon: DaemonOptions

    @Flag(help: "Print one frame as text and exit.")
    var once = false

    @Option(help: "braille, blocks or ascii; default by locale and TERM.")
    var glyphs: GlyphArgument?

    @Option(help: "Columns of the frame that --once prints; default: the terminal's, else 80.")
    var columns: Int?

    @Option(help: "Rows of the frame that --once prints; default: the terminal's, else 24.")
    var rows: Int?

    func validate() throws {
        if !self.once, self.columns != nil || self.rows != nil {
            throw ValidationError("--columns and --rows go with --once")
        }
    }

    func run() throws {
        let glyphs = self.glyphs?.set ?? GlyphSet.detect(CommandOutput.environment)
        if self.once || self.daemon.json {
            try self.printOnce(glyphs)
        } else {
            try self.runDashboard(glyphs)
        }
    }

    private func printOnce(_ glyphs: GlyphSet) throws {
        let askedAt = clinux_boottime_ns()
        let snapshot = try self.daemon.perform { client throws(ClientError) in
            try DashboardPoller.snapshot(client, filter: "")
        }
        if self.daemon.json {
            CommandOutput.line(snapshot.jsonText)
            return
        }
        var model = DashboardModel(startedAt: askedAt)
        model.receive(snapshot, askedAt: askedAt)
        let terminal = TerminalSession.size()
        let size = ScreenSize(
            columns: self.columns ?? terminal?.columns ?? 80,
            rows: self.rows ?? terminal?.rows ?? 24)
        let screen = Dashboard.draw(
            model, DashboardState(), glyphs: glyphs, now: clinux_boottime_ns(), size: size)
        CommandOutput.write(screen.text)
    }

    private func runDashboard(_ glyphs: GlyphSet) throws {
        guard let poller = DashboardPoller(client: self.daemon.client) else {
            CommandOutput.complain("midwatch: no descriptors or threads left")
            throw ExitCode.failure
        }
        defer { poller.stop() }
        do throws(TerminalSession.Failure) {
            let terminal = try TerminalSession()
            var loop = DashboardLoop(
                poller: poller, glyphs: glyphs,
                colors: ColorLevel.detect(CommandOutput.environment))
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
