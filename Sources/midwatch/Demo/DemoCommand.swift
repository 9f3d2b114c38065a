// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import CLinux
internal import Glibc
internal import NamedThread
internal import OperatorConsole
internal import StateFolder

/// The command `midwatch demo`.
struct DemoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Watches a simulated road tunnel that misbehaves: everything, nothing installed.",
        discussion: """
            Starts midwatchd and midwatch-watchdog in a temporary folder, sends them the readings \
            of 40 sensors over UDP and MQTT, receives the alerts, and opens the dashboard (q ends \
            it). Without a terminal, or with --plain, it runs for --seconds, prints a line when \
            something happens, and a report. A sensor falls silent, one drifts over its limit, one \
            sends NaN, one sends times of 1970: the first alarm comes within 15 seconds.

            Processes and folder go away with it, on Ctrl-C too.

            EXIT CODES:
              0  readings were stored, alarms raised, alerts delivered, and every count agrees
              1  not so; the last lines say what

            EXAMPLES:
              midwatch demo
              midwatch demo --plain --seconds 40
              midwatch demo --plain --keep       then: midwatch replay --verify --state …
            """)

    /// Seconds of a run without a dashboard.
    static let secondsDefault = 30.0

    @Option(help: "Length of a run without dashboard.")
    var seconds = DemoCommand.secondsDefault

    @Flag(help: "Lines and a report instead of the dashboard, also on a terminal.")
    var plain = false

    @Flag(help: "Keep the folder, and say where it is.")
    var keep = false

    @Flag(help: "Print the report as JSON; implies --plain.")
    var json = false

    func validate() throws {
        guard self.seconds >= 1, self.seconds <= 86_400 else {
            throw ValidationError("--seconds: 1 to 86400")
        }
    }

    func run() throws {
        signal(SIGPIPE, SIG_IGN)
        let signals = SignalWatch([SIGINT, SIGTERM, SIGHUP])
        let processes: DemoProcesses
        do throws(FileError) {
            processes = try DemoProcesses(keepsFolder: self.keep)
        } catch {
            CommandOutput.complain("midwatch demo: \(error); set TMPDIR to a folder with room")
            throw ExitCode.failure
        }
        defer { processes.end() }
        do throws(ThreadRefusal) {
            try NamedThread.detach("demo-signals") {
                while true {
                    let number = signals.wait(milliseconds: -1)
                    guard number != 0 else { continue }
                    clinux_terminal_end()
                    processes.end()
                    _exit(128 + number)
                }
            }
        } catch {
            CommandOutput.complain("midwatch demo: \(error)")
            throw ExitCode.failure
        }
        if self.keep { CommandOutput.complain("folder: \(processes.folder)") }
        do throws(DemoFailure) {
            try self.run(processes)
        } catch {
            CommandOutput.complain("midwatch demo: \(TerminalText.clean(error.words))")
            throw ExitCode.failure
        }
    }

    private func run(_ processes: DemoProcesses) throws(DemoFailure) {
        let pipeline = try DemoPipeline(processes)
        try pipeline.start()
        var log = DemoEventLog(client: pipeline.client, isQuiet: self.json)
        if self.plain || self.json || !TerminalSession.isAvailable {
            try self.watch(pipeline, &log)
        } else {
            try Self.showDashboard(pipeline.client)
        }
        let report = try pipeline.finish(&log)
        if self.json {
            CommandOutput.line(report.jsonText)
        } else {
            for line in report.lines { CommandOutput.line(TerminalText.clean(line)) }
        }
        // A look at the dashboard may be shorter than the first fault.
        let isJudged = self.plain || self.json || !TerminalSession.isAvailable
        guard isJudged, !report.faults.isEmpty else { return }
        throw DemoFailure(report.faults.joined(separator: "; "))
    }

    private func watch(
        _ pipeline: DemoPipeline, _ log: inout DemoEventLog
    ) throws(DemoFailure) {
        let start = clinux_boottime_ns()
        let end = start + UInt64(self.seconds * 1e9)
        var progress = ProgressLine()
        while clinux_boottime_ns() < end {
            usleep(200_000)
            progress.clear()
            try log.read()
            try pipeline.check()
            let left = (end - min(end, clinux_boottime_ns())) / 1_000_000_000
            progress.show("\(pipeline.sentCount) readings sent, \(left) s left")
        }
        progress.clear()
    }

    private static func showDashboard(_ client: OperatorClient) throws(DemoFailure) {
        guard let poller = DashboardPoller(client: client) else {
            throw DemoFailure("no descriptors or threads left")
        }
        defer { poller.stop() }
        do throws(TerminalSession.Failure) {
            let terminal = try TerminalSession()
            var loop = DashboardLoop(
                poller: poller, glyphs: GlyphSet.detect(CommandOutput.environment),
                colors: ColorLevel.detect(CommandOutput.environment), times: .local)
            loop.run(terminal)
        } catch {
            throw DemoFailure("\(error)")
        }
    }
}

/// Why the demo cannot show what it should.
struct DemoFailure: Error {
    let words: String

    init(_ words: String) { self.words = words }
}
