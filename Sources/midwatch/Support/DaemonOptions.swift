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

    @OptionGroup var zone: ZoneOptions

    var client: OperatorClient { OperatorClient(socketPath: self.socketPath) }

    var socketPath: String {
        let fromEnvironment = CommandOutput.environment("MIDWATCH_SOCKET") ?? ""
        return self.socket
            ?? (fromEnvironment.isEmpty ? OperatorClient.defaultSocketPath : fromEnvironment)
    }

    /// Runs `body`; a failure is told on standard error and becomes an exit code.
    ///
    /// `subject` is the alarm or sensor that was named: if there is none, what there is instead is
    /// told as well.
    func perform<Result>(
        about subject: String? = nil, _ body: (OperatorClient) throws(ClientError) -> Result
    ) throws -> Result {
        do throws(ClientError) {
            return try body(self.client)
        } catch {
            if case .problem(let problem) = error, problem.kind == .notFound, let subject {
                let text = "midwatch: \(Suggestion.text(subject, client: self.client))"
                CommandOutput.complain(TerminalText.clean(text))
                throw ExitCode.failure
            }
            throw Self.failure(error)
        }
    }

    /// Tells on standard error why the daemon gave no answer; the exit code that goes with it.
    static func failure(_ error: ClientError) -> ExitCode {
        CommandOutput.complain(TerminalText.clean("midwatch: \(error.description)"))
        return error.isUnreachable ? .unreachable : .failure
    }

    func printJSON(_ view: some OperatorView) { CommandOutput.line(view.jsonText) }
}
