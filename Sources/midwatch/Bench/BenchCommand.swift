// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Glibc
internal import JSONText
internal import NamedThread
internal import OperatorConsole
internal import StateFolder
internal import Synchronization

/// The command `midwatch bench`.
struct BenchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measures what this machine holds, end to end.",
        discussion: """
            Starts midwatchd with the embedded store in a temporary folder, sends it readings of \
            10,000 sensors at the rates asked for, first over UDP, then over MQTT with QoS 1 and \
            50 connections, and waits until all of it is evaluated, journaled and archived. The \
            load comes from this machine and takes its share of it. The folder lies in TMPDIR: \
            put it on the disk you mean to use.

            EXIT CODES:
              0  every reading of both went through
              1  the machine does not hold these rates; the report says where it broke

            EXAMPLES:
              midwatch bench
              midwatch bench --udp-rate 200000 --mqtt-rate 50000 --seconds 20
              TMPDIR=/var/lib/midwatch midwatch bench --json
            """)

    @Option(help: "Readings a second over UDP; 0 leaves it out.")
    var udpRate = 50_000.0

    @Option(help: "Messages a second over MQTT; 0 leaves it out.")
    var mqttRate = 10_000.0

    @Option(help: "Length of each of the two.")
    var seconds = 10.0

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        guard (0...10_000_000).contains(self.udpRate), (0...10_000_000).contains(self.mqttRate)
        else { throw ValidationError("--udp-rate, --mqtt-rate: 0 to 10000000 a second") }
        guard self.udpRate + self.mqttRate > 0 else {
            throw ValidationError("one of --udp-rate and --mqtt-rate must be above 0")
        }
        guard (1...3_600).contains(self.seconds) else {
            throw ValidationError("--seconds: 1 to 3600")
        }
    }

    func run() throws {
        signal(SIGPIPE, SIG_IGN)
        let running = Running()
        let signals = SignalWatch([SIGINT, SIGTERM, SIGHUP])
        try? NamedThread.detach("bench-signals") {
            while true {
                let number = signals.wait(milliseconds: -1)
                guard number != 0 else { continue }
                running.processes.withLock { $0?.end() }
                _exit(128 + number)
            }
        }
        var reports: [BenchReport] = []
        for (load, rate) in [(BenchRun.Load.udp, self.udpRate), (.mqtt, self.mqttRate)]
        where rate > 0 {
            do throws(DemoFailure) {
                let report = try self.measure(load, rate, running)
                reports.append(report)
                if !self.json { for line in report.lines { CommandOutput.line(line) } }
            } catch {
                CommandOutput.complain("midwatch bench: \(TerminalText.clean(error.words))")
                throw ExitCode.failure
            }
        }
        if self.json {
            var json = JSONWriter()
            json.object { json in
                json.arrayField("runs") { json in
                    for report in reports { report.write(to: &json) }
                }
            }
            CommandOutput.line(json.text)
        }
        if reports.contains(where: { !$0.faults.isEmpty }) { throw ExitCode.failure }
    }

    /// What Ctrl-C must end: a daemon, and its folder.
    private final class Running: Sendable {
        let processes = Mutex<DemoProcesses?>(nil)
    }

    private func measure(
        _ load: BenchRun.Load, _ rate: Double, _ running: Running
    ) throws(DemoFailure) -> BenchReport {
        let processes: DemoProcesses
        do throws(FileError) {
            processes = try DemoProcesses(keepsFolder: false)
        } catch {
            throw DemoFailure("\(error); set TMPDIR to a folder with room")
        }
        running.processes.withLock { $0 = processes }
        defer { processes.end() }
        return try BenchRun(
            processes: processes, load: load, rate: rate, seconds: self.seconds
        ).measure()
    }
}
