// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Glibc
internal import OperatorConsole
internal import OperatorViews
internal import StateFolder

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
              midwatch events 'tunnel/#' --kind alarmRaised --priority high,critical
            """)

    /// Pause before the daemon is tried again.
    private static let retrySeconds: UInt32 = 2

    @OptionGroup var daemon: DaemonOptions

    @Argument(help: "A part of a path, alarm, kind or user, or a template of paths with + and #.")
    var filter: String?

    @OptionGroup var filters: FilterOptions

    @Option(help: "Only records of these kinds, with commas between.")
    var kind: String?

    @Option(help: "Records above this ledger number only.")
    var after: UInt64?

    @Flag(help: "Go on as records are written.")
    var follow = false

    private var query: EventQuery {
        var query = EventQuery()
        query.filter = self.filter ?? ""
        query.area = self.filters.areaFilter
        query.states = self.filters.states
        query.priorities = self.filters.priorities
        query.kinds = Set((self.kind ?? "").split(separator: ",").map { String($0) })
        return query
    }

    func run() throws {
        var seen = self.after
        if !self.follow || seen != nil { seen = try self.printStored(after: seen ?? 0) ?? seen }
        guard self.follow else { return }
        var isFirst = true
        var isTold = false
        while true {
            do throws(ClientError) {
                try self.daemon.client.follow(from: &seen, matching: self.query) { event in
                    isTold = false
                    self.show(event)
                    return true
                }
            } catch {
                if (isFirst && seen == self.after) || !error.isUnreachable {
                    throw DaemonOptions.failure(error)
                }
                // Once for each time that it is away.
                if !isTold {
                    CommandOutput.complain(
                        "midwatch: \(TerminalText.clean(error.description)); going on behind record \(seen ?? 0) when it answers"
                    )
                    isTold = true
                }
            }
            isFirst = false
            sleep(Self.retrySeconds)
        }
    }

    /// Prints what the ledger has, page after page; returns the last number.
    private func printStored(after: UInt64) throws -> UInt64? {
        let query = self.query
        var last: UInt64?
        while true {
            let start = last ?? after
            let page = try self.daemon.perform { client throws(ClientError) in
                try client.events(after: start, limit: 1_000, matching: query)
            }
            for event in page.items { self.show(event) }
            // A page may be empty and lead on: what it passed over fits no filter.
            let next = page.next.flatMap { UInt64($0) }
            last = next ?? page.items.last?.n ?? last
            if next == nil { return last }
        }
    }

    private func show(_ event: EventView) {
        if self.daemon.json {
            CommandOutput.line(event.jsonText)
        } else {
            CommandOutput.line(EventText.line(event) { LocalTime.text($0, digits: 3) })
        }
    }
}
