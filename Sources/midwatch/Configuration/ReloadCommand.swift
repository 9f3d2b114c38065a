// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import MidwatchConfiguration
internal import OperatorConsole
internal import OperatorViews

/// The command `midwatch reload`.
struct ReloadCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload", abstract: "Has the daemon read its configuration file again.",
        discussion: """
            Sensors, rules, areas, sources, classes and the priority matrix take effect at once \
            and together; alarms whose rule stays keep their state, timers and latches. Everything \
            else waits for a restart, and is named. A file with an error changes nothing. The \
            ledger records both revisions and who asked.

            EXIT CODES:
              0  the file is in force, or with --dry-run would be
              1  it is refused
              3  the daemon does not answer

            EXAMPLES:
              midwatch reload --dry-run
              midwatch reload
              midwatch reload --json | jq '.issues[] | select(.refused)'
            """)

    /// The daemon answers within 30 s.
    private static let timeoutNanoseconds: UInt64 = 40_000_000_000

    @OptionGroup var daemon: DaemonOptions

    @Flag(help: "Check the file and show what would change; nothing takes effect.")
    var dryRun = false

    func run() throws {
        let isDryRun = self.dryRun
        let view = try self.daemon.perform { client throws(ClientError) in
            let patient = OperatorClient(
                socketPath: client.socketPath, timeoutNanoseconds: Self.timeoutNanoseconds)
            return try patient.reload(isDryRun: isDryRun)
        }
        if self.daemon.json {
            self.daemon.printJSON(view)
        } else {
            for line in Self.lines(view) { CommandOutput.line(TerminalText.clean(line)) }
        }
        if view.outcome == .refused { throw ExitCode.failure }
    }

    private static func lines(_ view: ReloadView) -> [String] {
        var lines: [String] = []
        for issue in view.issues {
            var place = view.file
            if issue.line > 0 { place += ":\(issue.line):\(issue.column)" }
            let key = issue.key.isEmpty ? "" : "\(issue.key): "
            lines.append(
                "\(issue.refused ? "error" : "warning"): \(place): \(key)\(issue.message)")
        }
        for change in view.changes {
            let shown = SettingChange(
                SettingChange.Kind(rawValue: change.kind) ?? .changed, change.key,
                before: change.before, after: change.after)
            lines.append("\(shown)")
        }
        if view.changesLeftOut > 0 { lines.append("and \(view.changesLeftOut) more differences") }
        if !view.needRestart.isEmpty {
            lines.append(
                "needs a restart to take effect: \(view.needRestart.joined(separator: ", "))")
        }
        return lines + [self.verdict(view)]
    }

    private static func verdict(_ view: ReloadView) -> String {
        let (before, after) = (view.revisionBefore.prefix(16), view.revisionAfter.prefix(16))
        return switch view.outcome {
        case .applied: "\(view.file): in force; revision \(before) -> \(after)"
        case .unchanged: "\(view.file): in force already; revision \(before)"
        case .accepted: "\(view.file): would be taken; revision \(before) -> \(after)"
        case .refused: "\(view.file): refused; revision \(before) stays in force"
        }
    }
}
