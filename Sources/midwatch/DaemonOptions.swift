// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import JSONText
internal import OperatorConsole
internal import OperatorViews

/// Options of every command that talks to the daemon.
struct DaemonOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The daemon's socket.",
            discussion: "Default: MIDWATCH_SOCKET, else \(OperatorClient.defaultSocketPath).",
            valueName: "path"))
    var socket: String?

    @Flag(help: "Print JSON, as the operator API gives it.")
    var json = false

    var client: OperatorClient {
        let fromEnvironment = CommandOutput.environment("MIDWATCH_SOCKET") ?? ""
        let path =
            self.socket
            ?? (fromEnvironment.isEmpty ? OperatorClient.defaultSocketPath : fromEnvironment)
        return OperatorClient(socketPath: path)
    }

    /// Runs `body`; a failure is told on standard error and becomes an exit code.
    func perform<Result>(_ body: (OperatorClient) throws(ClientError) -> Result) throws -> Result {
        do throws(ClientError) {
            return try body(self.client)
        } catch {
            CommandOutput.complain("midwatch: \(TerminalText.clean(error.description))")
            throw error.isUnreachable ? ExitCode.unreachable : ExitCode.failure
        }
    }

    func printJSON(_ view: some OperatorView) { CommandOutput.line(view.jsonText) }
}
