// SPDX-License-Identifier: Apache-2.0

internal import JSONText
internal import OperatorConsole

/// What one check of `midwatch doctor` found.
struct DoctorFinding: Equatable {
    /// How bad it is, worst last.
    enum Level: String, CaseIterable, Comparable {
        case ok, warning, failure

        static func < (left: Self, right: Self) -> Bool {
            Self.allCases.firstIndex(of: left) ?? 0 < Self.allCases.firstIndex(of: right) ?? 0
        }
    }

    var level: Level
    /// What was looked at; the same words every time, for scripts.
    var topic: String
    var found: String
    /// What to do; empty if there is nothing to do.
    var remedy: String

    static func ok(_ topic: String, _ found: String) -> Self {
        Self(level: .ok, topic: topic, found: found, remedy: "")
    }

    static func warning(_ topic: String, _ found: String, remedy: String) -> Self {
        Self(level: .warning, topic: topic, found: found, remedy: remedy)
    }

    static func failure(_ topic: String, _ found: String, remedy: String) -> Self {
        Self(level: .failure, topic: topic, found: found, remedy: remedy)
    }

    /// One line, and one below it with the remedy.
    var lines: [String] {
        let word = TerminalText.padded(self.level.rawValue, to: 8)
        // The name of an endpoint is longer than a column at times, and is not cut for it.
        let columns = max(18, TerminalText.width(self.topic))
        let line = "\(word) \(TerminalText.padded(self.topic, to: columns)) \(self.found)"
        let all = self.remedy.isEmpty ? [line] : [line, "         -> \(self.remedy)"]
        return all.map { TerminalText.clean($0) }
    }

    func write(to json: inout JSONWriter) {
        json.object { json in
            json.field("level", self.level.rawValue)
            json.field("topic", self.topic)
            json.field("found", self.found)
            json.field("remedy", self.remedy)
        }
    }
}
