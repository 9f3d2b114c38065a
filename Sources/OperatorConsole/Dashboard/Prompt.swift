// SPDX-License-Identifier: Apache-2.0

/// What the operator is asked before something is done: texts, then, where it is hard to reverse,
/// a yes.
///
///     field 1 ──Enter──▶ field 2 ──Enter──▶ … ──Enter──▶ confirming ──y──▶ done
///        └──Esc, Control-C: nothing is done            └──anything else: nothing is done
package struct Prompt: Sendable, Equatable {
    /// One text that is asked for.
    package struct Field: Sendable, Equatable {
        /// What may stand in it.
        package enum Kind: Sendable, Equatable {
            case text
            /// Text that must not be empty.
            case reason
            /// A path, `path:alarm` or a template; not empty.
            case subject
            /// A length of time of at most so many seconds; 0: no limit.
            case duration(secondsMax: UInt64)
            /// One of these words, or the beginning of one only.
            case choice([String])
        }

        package var label: String
        package var kind: Kind
        package var text: String

        package init(_ label: String, _ kind: Kind, text: String = "") {
            self.label = label
            self.kind = kind
            self.text = text
        }
    }

    /// What a key did.
    package enum Step: Sendable, Equatable {
        case goesOn
        case cancelled
        /// It cannot go on like that, and why.
        case refused(String)
        case done
    }

    package static let textCharactersMax = 200

    package let draft: ActionDraft
    package private(set) var fields: [Field]
    package private(set) var index = 0
    package private(set) var isConfirming: Bool
    private let needsConfirmation: Bool

    package init(_ draft: ActionDraft, fields: [Field], needsConfirmation: Bool) {
        self.draft = draft
        self.fields = fields
        self.needsConfirmation = needsConfirmation
        self.isConfirming = fields.isEmpty
    }

    /// The text of a field.
    package func text(_ index: Int) -> String { self.fields[index].text }

    package mutating func handle(_ key: Key) -> Step {
        if key == .escape || key == .control("c") { return .cancelled }
        if self.isConfirming {
            let isYes = key == .character("y") || key == .character("Y")
            return isYes ? .done : .cancelled
        }
        guard key == .enter else {
            let text = Self.edited(self.fields[self.index].text, key)
            self.fields[self.index].text = text
            return .goesOn
        }
        if let complaint = self.complaint() { return .refused(complaint) }
        self.index += 1
        guard self.index == self.fields.count else { return .goesOn }
        guard self.needsConfirmation else { return .done }
        self.isConfirming = true
        return .goesOn
    }

    /// What is wrong with the present field; a choice is completed.
    private mutating func complaint() -> String? {
        let field = self.fields[self.index]
        switch field.kind {
        case .text: return nil
        case .reason:
            let isBlank = field.text.allSatisfy { $0 == " " }
            return isBlank ? "a reason is needed; it is kept in the ledger" : nil
        case .subject:
            let isBlank = field.text.allSatisfy { $0 == " " }
            return isBlank ? "say what: a path, path:alarm, or a template such as tunnel/#" : nil
        case .duration(let secondsMax):
            guard let seconds = Self.seconds(field.text), seconds > 0 else {
                return "a time is written 90s, 15m, 2h or 1h30"
            }
            guard secondsMax == 0 || seconds <= secondsMax else {
                let longest = Words.duration(nanoseconds: secondsMax &* 1_000_000_000)
                return "at most \(longest), says the configuration"
            }
            return nil
        case .choice(let words):
            let fitting = words.filter { $0.hasPrefix(field.text) }
            if words.contains(field.text) { return nil }
            guard fitting.count == 1, !field.text.isEmpty else {
                return "one of " + words.joined(separator: ", ")
            }
            self.fields[self.index].text = fitting[0]
            return nil
        }
    }

    /// `90s`, `15m`, `2h`, `1d`, `1h30`, `1h30m`; a number alone is minutes.
    package static func seconds(_ text: String) -> UInt64? {
        let units: [Character: UInt64] = ["s": 1, "m": 60, "h": 3_600, "d": 86_400]
        var total: UInt64 = 0
        var number: UInt64?
        /// What a number without a unit behind the last one counts: the next smaller unit.
        var nextUnit: UInt64 = 60
        for character in text where character != " " {
            if let digit = character.wholeNumberValue, character.isASCII {
                let grown = (number ?? 0) * 10 + UInt64(digit)
                guard grown < 100_000_000 else { return nil }
                number = grown
            } else if let unit = units[character], let value = number {
                total += value * unit
                number = nil
                nextUnit = unit == 86_400 ? 3_600 : unit == 3_600 ? 60 : 1
            } else {
                return nil
            }
        }
        if let number { total += number * nextUnit }
        return text.isEmpty ? nil : total
    }

    /// `text` after one key of an editor of one line.
    package static func edited(
        _ text: String, _ key: Key, max: Int = Self.textCharactersMax
    ) -> String {
        switch key {
        case .character(let character): text.count < max ? text + String(character) : text
        case .backspace: String(text.dropLast())
        case .control("u"): ""
        case .control("w"):
            String(text.trimmedLastWord)
        default: text
        }
    }
}

extension String {
    /// Without its last word and the blanks behind it.
    fileprivate var trimmedLastWord: Substring {
        var rest = Substring(self)
        while rest.last == " " { rest.removeLast() }
        while let last = rest.last, last != " " { rest.removeLast() }
        return rest
    }
}
