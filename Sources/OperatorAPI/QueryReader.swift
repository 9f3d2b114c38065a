// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
internal import OperatorViews

/// Reads the items of a query and says which one is wrong.
struct QueryReader {
    private let items: [String: String]

    init(_ items: [String: String]) { self.items = items }

    subscript(_ name: String) -> String? {
        guard let value = self.items[name], !value.isEmpty else { return nil }
        return value
    }

    /// Refuses items that do nothing here: a misspelt filter must not show everything.
    func allow(_ names: Set<String>) throws {
        for name in self.items.keys.sorted() where !names.contains(name) {
            throw Problem(
                .badRequest,
                detail: "unknown item \"\(name)\"; known: "
                    + names.sorted().joined(separator: ", "))
        }
    }

    func filter() throws -> String {
        try self.short("q") ?? ""
    }

    func area() throws -> AreaFilter? { try self.short("area").map { AreaFilter($0) } }

    func states() throws -> StateFilter {
        guard let states = StateFilter(words: self.list("state")) else {
            throw Problem(
                .badRequest,
                detail: "\"state\" must be some of " + StateFilter.words.joined(separator: ","))
        }
        return states
    }

    func priorities() throws -> Set<AlarmPriority> {
        var priorities: Set<AlarmPriority> = []
        for word in self.list("priority") {
            guard let priority = AlarmPriority.allCases.first(where: { $0.word == word }) else {
                throw Problem(
                    .badRequest,
                    detail: "\"priority\" must be some of "
                        + AlarmPriority.allCases.map(\.word).joined(separator: ","))
            }
            priorities.insert(priority)
        }
        return priorities
    }

    /// Words with commas between.
    func list(_ name: String) -> [String] {
        (self[name] ?? "").split(separator: ",").map { String($0) }
    }

    private func short(_ name: String) throws -> String? {
        guard let text = self[name] else { return nil }
        guard text.utf8.count <= OperatorAPILimits.filterBytesMax else {
            throw Problem(.badRequest, detail: "\"\(name)\" is too long")
        }
        return text
    }

    func limit() throws -> Int {
        guard let text = self["limit"] else { return OperatorAPILimits.pageItemsDefault }
        guard let limit = Int(text), limit > 0, limit <= OperatorAPILimits.pageItemsMax else {
            throw Problem(
                .badRequest, detail: "\"limit\" must be 1 to \(OperatorAPILimits.pageItemsMax)")
        }
        return limit
    }

    func number(_ name: String) throws -> UInt64? {
        guard let text = self[name] else { return nil }
        guard let number = UInt64(text) else {
            throw Problem(.badRequest, detail: "\"\(name)\" must be a whole number")
        }
        return number
    }

    func flag(_ name: String) throws -> Bool {
        switch self[name] {
        case nil, "false": return false
        case "true": return true
        default: throw Problem(.badRequest, detail: "\"\(name)\" must be true or false")
        }
    }

    func word<Word>(_ name: String, _ words: [Word], _ text: (Word) -> String) throws -> Word? {
        guard let given = self[name] else { return nil }
        guard let word = words.first(where: { text($0) == given }) else {
            throw Problem(
                .badRequest,
                detail: "\"\(name)\" must be one of " + words.map(text).joined(separator: ", "))
        }
        return word
    }
}
