// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser

/// The command `midwatch alerts`: what became of the messages about alarms.
struct AlertsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "alerts", abstract: "Looks at the delivery of alerts, and puts it right.",
        subcommands: [
            Log.self, DeadLetters.self, Enable.self, Routes.self, Silence.self, Silences.self,
            Test.self,
        ])
}
