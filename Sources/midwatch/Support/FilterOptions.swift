// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import MidwatchModel
internal import OperatorViews

/// What every list is narrowed by.
struct FilterOptions: ParsableArguments {
    @Option(
        help: "Only what belongs to an area of the configuration, or lies below a path.",
        completion: Completion.areas)
    var area: String?

    @Option(
        help: ArgumentHelp(
            "Only alarms in one of these states.",
            discussion: "With commas between: \(StateFilter.words.joined(separator: ", ")).",
            valueName: "states"),
        completion: .list(StateFilter.words), transform: StatesArgument.parse)
    var state: StatesArgument?

    @Option(
        help: ArgumentHelp(
            "Only alarms of one of these priorities, with commas between: low, medium, high, "
                + "critical.",
            valueName: "priorities"),
        completion: .list(AlarmPriority.allCases.map(\.word)),
        transform: PrioritiesArgument.parse)
    var priority: PrioritiesArgument?

    var areaFilter: AreaFilter? { self.area.map { AreaFilter($0) } }
    var states: StateFilter { self.state?.states ?? StateFilter() }
    var priorities: Set<AlarmPriority> { self.priority?.priorities ?? [] }
}

/// Words of `StateFilter` on the command line.
struct StatesArgument {
    let states: StateFilter

    @Sendable
    static func parse(_ text: String) throws -> StatesArgument {
        let words = text.split(separator: ",").map { String($0) }
        guard !words.isEmpty, let states = StateFilter(words: words) else {
            throw ValidationError(
                "expected some of \(StateFilter.words.joined(separator: ", ")), with commas between"
            )
        }
        return StatesArgument(states: states)
    }
}

/// Words of `AlarmPriority` on the command line.
struct PrioritiesArgument {
    let priorities: Set<AlarmPriority>

    @Sendable
    static func parse(_ text: String) throws -> PrioritiesArgument {
        let words = text.split(separator: ",").map { String($0) }
        let found = words.compactMap { word in AlarmPriority.allCases.first { $0.word == word } }
        guard !words.isEmpty, found.count == words.count else {
            throw ValidationError(
                "expected some of \(AlarmPriority.allCases.map(\.word).joined(separator: ", ")), "
                    + "with commas between")
        }
        return PrioritiesArgument(priorities: Set(found))
    }
}
