// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import OperatorConsole
internal import OperatorViews
internal import StateFolder

/// The command `midwatch status`.
struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Says how Midwatch itself is.",
        discussion: """
            Exits with 0 if it is healthy, 4 if it is degraded or failed, 3 if it does not answer.

            EXAMPLES:
              midwatch status
              midwatch status --json | jq .modes
            """)

    @OptionGroup var daemon: DaemonOptions

    func run() throws {
        let status = try self.daemon.perform { client throws(ClientError) in try client.status() }
        if self.daemon.json {
            self.daemon.printJSON(status)
        } else {
            CommandOutput.write(
                StatusText.lines(status) { LocalTime.text($0) }.joined(separator: "\n") + "\n")
        }
        if status.health != .healthy { throw ExitCode.notHealthy }
    }
}
