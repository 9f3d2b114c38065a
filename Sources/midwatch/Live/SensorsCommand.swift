// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import MidwatchModel
internal import OperatorConsole
internal import OperatorViews

/// The command `midwatch sensors`.
struct SensorsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sensors", abstract: "Lists sensors with value, age and freshness.",
        discussion: """
            A value in brackets is the last one known of a sensor that is not fresh.

            EXAMPLES:
              midwatch sensors                    all, by path
              midwatch sensors --worst            what needs attention first
              midwatch sensors 'tunnel/+/co'      by template, as in MQTT
              midwatch sensors fan --freshness stale
              midwatch sensors --own              those about Midwatch itself as well, last
            """)

    @OptionGroup var daemon: DaemonOptions

    @Argument(help: "A part of the path or title, or a template with + and #.")
    var filter: String?

    @OptionGroup var filters: FilterOptions

    @Option(help: "Only fresh, stale, unverified or neverReceived ones.")
    var freshness: FreshnessArgument?

    @Flag(help: "The worst first instead of by path; at most 1,000.")
    var worst = false

    @Flag(help: "Also the sensors about Midwatch itself, midwatch/…, behind the others.")
    var own = false

    func run() throws {
        var query = SensorQuery(limit: 1_000)
        query.filter = self.filter ?? ""
        query.area = self.filters.areaFilter
        query.states = self.filters.states
        query.priorities = self.filters.priorities
        query.freshness = self.freshness?.freshness
        let isNarrow = query != SensorQuery(limit: query.limit)
        let wantsWorst = self.worst
        if wantsWorst { query.order = .worst }
        let found = try self.daemon.perform { client throws(ClientError) in
            wantsWorst ? try client.sensors(query).items : try client.allSensors(query)
        }
        let wantsOwn = self.own || query.filter.hasPrefix(OwnPath.root)
        let sensors =
            found.filter { !OwnPath.isOwn($0.path) }
            + (wantsOwn ? found.filter { OwnPath.isOwn($0.path) } : [])
        if self.daemon.json {
            self.daemon.printJSON(PageView(items: sensors))
        } else if sensors.isEmpty {
            CommandOutput.line(
                isNarrow ? "no sensor fits the filter" : "no sensors")
        } else {
            CommandOutput.write(SensorTable.text(sensors, columns: CommandOutput.columns))
        }
    }
}

/// A word of `Freshness` on the command line.
struct FreshnessArgument: ExpressibleByArgument {
    let freshness: Freshness

    init?(argument: String) {
        guard let match = Freshness.allCases.first(where: { $0.word == argument }) else {
            return nil
        }
        self.freshness = match
    }

    static var allValueStrings: [String] { Freshness.allCases.map(\.word) }
}
