// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Glibc
internal import OperatorConsole
internal import OperatorViews

/// The command `midwatch events`.
struct EventsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events", abstract: "Shows records of the ledger: decisions and answers.",
        discussion: """
            With --follow it goes on until Ctrl-C; when the daemon goes away it tries again from \
            the last record seen, so that nothing is missed.

            EXAMPLES:
              midwatch events --after 1200
              midwatch events --follow --json
            """)

    /// Pause before the daemon is tried again.
    private static let retrySeconds: UInt32 = 2

    @OptionGroup var daemon: DaemonOptions

    @Option(help: "Records above this ledger number only.")
    var after: UInt64?

    @Flag(help: "Go on as records are written.")
    var follow = false

    func run() throws {
        var seen = self.after
        if !self.follow || seen != nil { seen = try self.printStored(after: seen ?? 0) ?? seen }
        guard self.follow else { return }
        var isFirst = true
        while true {
            do throws(ClientError) {
                try self.daemon.client.follow(from: &seen) { event in
                    self.show(event)
                    return true
                }
            } catch {
                CommandOutput.complain("midwatch: \(TerminalText.clean(error.description))")
                if isFirst, seen == self.after {
                    throw error.isUnreachable ? ExitCode.unreachable : ExitCode.failure
                }
                guard error.isUnreachable else { throw ExitCode.failure }
            }
            isFirst = false
            sleep(Self.retrySeconds)
        }
    }

    /// Prints what the ledger has, page after page; returns the last number.
    private func printStored(after: UInt64) throws -> UInt64? {
        var last: UInt64?
        while true {
            let start = last ?? after
            let page = try self.daemon.perform { client throws(ClientError) in
                try client.events(after: start, limit: 1_000)
            }
            for event in page.items { self.show(event) }
            last = page.items.last?.n ?? last
            if page.next == nil { return last }
        }
    }

    private func show(_ event: EventView) {
        if self.daemon.json {
            CommandOutput.line(event.jsonText)
        } else {
            CommandOutput.line(EventText.line(event))
        }
    }
}
