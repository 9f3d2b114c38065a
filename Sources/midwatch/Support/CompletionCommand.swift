// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser

/// The command `midwatch completion`.
struct CompletionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "completion", abstract: "Prints a script that completes midwatch in a shell.",
        discussion: """
            EXAMPLES:
              midwatch completion bash > /etc/bash_completion.d/midwatch
              midwatch completion zsh > "${fpath[1]}/_midwatch"
              midwatch completion fish > ~/.config/fish/completions/midwatch.fish
            """)

    @Argument(help: "bash, zsh or fish.")
    var shell: String

    func run() throws {
        guard let shell = CompletionShell(rawValue: self.shell) else {
            throw ValidationError("shell: expected bash, zsh or fish")
        }
        CommandOutput.line(MidwatchCommand.completionScript(for: shell))
    }
}
