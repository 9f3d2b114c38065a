// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import MidwatchModel
internal import OperatorViews

/// What every list is narrowed by.
struct FilterOptions: ParsableArguments {
    @Option(help: "Only what belongs to an area of the configuration, or lies below a path.")
    var area: String?

    @Option(
        help: ArgumentHelp(
            "Only alarms in one of these states.",
            discussion: "With commas between: \(StateFilter.words.joined(separator: ", ")).",
            valueName: "states"))
    var state: StatesArgument?

    @Option(
        help: ArgumentHelp(
            "Only alarms of one of these priorities, with commas between.",
            valueName: "priorities"))
    var priority: PrioritiesArgument?

    var areaFilter: AreaFilter? { self.area.map { AreaFilter($0) } }
    var states: StateFilter { self.state?.states ?? StateFilter() }
    var priorities: Set<AlarmPriority> { self.priority?.priorities ?? [] }
}

/// Words of `StateFilter` on the command line.
struct StatesArgument: ExpressibleByArgument {
    let states: StateFilter

    init?(argument: String) {
        let words = argument.split(separator: ",").map { String($0) }
        guard !words.isEmpty, let states = StateFilter(words: words) else { return nil }
        self.states = states
    }
}

/// Words of `AlarmPriority` on the command line.
struct PrioritiesArgument: ExpressibleByArgument {
    let priorities: Set<AlarmPriority>

    init?(argument: String) {
        var priorities: Set<AlarmPriority> = []
        for word in argument.split(separator: ",") {
            guard let match = AlarmPriority.allCases.first(where: { $0.word == word }) else {
                return nil
            }
            priorities.insert(match)
        }
        guard !priorities.isEmpty else { return nil }
        self.priorities = priorities
    }
}
