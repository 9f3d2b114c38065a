// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import JSONText
internal import MidwatchConfiguration
internal import OperatorConsole

/// The command `midwatch doctor`.
struct DoctorCommand: ParsableCommand {
    static let defaultConfiguration = "/etc/midwatch/midwatch.yaml"

    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Checks the machine and everything Midwatch depends on, and says what to do.",
        discussion: """
            Clock, kernel limits, disk (speed, and whether its syncs are believable), archive, \
            alert endpoints (name, connection, TLS as an alert would; nothing is sent), the \
            daemon. Run it as the \
            daemon's user: limits and rights are those of who runs it.

            EXIT CODES:
              0  nothing that keeps Midwatch from its work; warnings may be there
              1  something does, or, with --strict, a warning

            EXAMPLES:
              midwatch doctor
              sudo -u midwatch midwatch doctor /etc/midwatch/midwatch.yaml
              midwatch doctor --json | jq '.findings[] | select(.level != "ok")'
            """)

    @Argument(
        help: ArgumentHelp(
            "The configuration file.", discussion: "Default: \(Self.defaultConfiguration).",
            valueName: "config"))
    var path: String?

    @Flag(help: "Fail on warnings as well.")
    var strict = false

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let path = self.path ?? Self.defaultConfiguration
        let result = MidwatchConfiguration.load(path: path)
        var findings: [DoctorFinding] = []
        func take(_ more: [DoctorFinding]) {
            findings += more
            guard !self.json else { return }
            // At once: some checks take seconds.
            for finding in more { for line in finding.lines { CommandOutput.line(line) } }
        }
        take([Self.file(path, result)])
        let configuration = result.errors.isEmpty ? result.configuration : nil
        take(MachineChecks(configuration: configuration).run())
        take(
            DiskChecks(folder: configuration?.stateDirectory ?? StateOptions.defaultDirectory)
                .run())
        if let configuration { take(PeerChecks(configuration: configuration).run()) }
        let worst = findings.map(\.level).max() ?? .ok
        if self.json {
            var json = JSONWriter()
            json.object { json in
                json.field("ok", worst < .failure)
                json.arrayField("findings") { json in
                    for finding in findings { finding.write(to: &json) }
                }
            }
            CommandOutput.line(json.text)
        } else {
            let counts = DoctorFinding.Level.allCases.map { level in
                "\(findings.count { $0.level == level }) \(level.rawValue)"
            }
            CommandOutput.line("\n" + counts.joined(separator: ", "))
        }
        if worst == .failure || (self.strict && worst == .warning) { throw ExitCode.failure }
    }

    private static func file(_ path: String, _ result: ConfigurationResult) -> DoctorFinding {
        guard let configuration = result.configuration, result.errors.isEmpty else {
            return .failure(
                "configuration", result.report.first ?? "\(path) cannot be read",
                remedy: "midwatch check \(path) lists everything; what depends on it is not checked"
            )
        }
        return .ok("configuration", "\(path), node \(configuration.node.name)")
    }
}
