// SPDX-License-Identifier: Apache-2.0

/// Rules of form: each takes a file and names what breaks the rule.
enum Tidy {
    /// Lines of one Swift file at most.
    static let lineCountMax = 800

    /// Where tests may sleep, and why.
    ///
    /// A name that ends in a slash stands for a folder.
    static let sleepers: [String: String] = [
        "Tests/AlertDeliveryTests/Fixtures.swift": "waits for a condition, with a bound",
        "Tests/Benchmarks/EngineBench/bench-deadlines.swift": "measures timers in real time",
        "Tests/FleetSimulationTests/LocalServers.swift": "waits for a condition, with a bound",
        "Tests/HistorianTests/ArchiveHistoryTests.swift": "turns the historian at its own pace",
        "Tests/HistorianTests/PostgresArchiveTests.swift": "turns the historian at its own pace",
        "Tests/HistorianTests/PostgresServer.swift": "waits for PostgreSQL to start and to end",
        "Tests/HistorianTests/PostgresStoreTests.swift": "waits for a condition, with a bound",
        "Tests/HistorianTests/SQLiteArchiveTests.swift": "turns the historian at its own pace",
        "Tests/HistorianTests/ShippedFilesTests.swift": "turns the historian at its own pace",
        "Tests/IngestTests/Eventually.swift": "waits for a condition, with a bound",
        "Tests/IntegrationTests/": "programs of their own, in real time: load runs for a set time",
        "Tests/MidwatchdTests/DeadDiskTests.swift": "a disk that hangs until the test ends it",
        "Tests/MidwatchdTests/Support.swift": "waits for a condition, with a bound",
        "Tests/OperatorAPITests/LiveServer.swift": "waits for a condition, with a bound",
        "Tests/VitalsTests/FakeDaemon.swift": "waits for the end of a process, with a bound",
        "Tests/VitalsTests/TestSupport.swift": "waits for a condition, with a bound",
    ]

    static func length(_ file: SourceFile) -> [String] {
        let count = file.lines.count - (file.text.hasSuffix("\n") ? 1 : 0)
        return count > Self.lineCountMax ? ["\(file.path): \(count) lines"] : []
    }

    /// The licence stands first, or behind the one line that must come before it.
    static func licence(_ file: SourceFile) -> [String] {
        var lines = file.lines[...]
        if let first = lines.first,
            first.hasPrefix("#!") || first.hasPrefix("// swift-tools-version:")
        {
            lines = lines.dropFirst()
        }
        let mark = "SPDX-License-Identifier: Apache-2.0"
        let isThere = ["// \(mark)", "# \(mark)", "/* \(mark) */"].contains {
            lines.first == $0[...]
        }
        return isThere ? [] : ["\(file.path): no licence line"]
    }

    static func unfinished(_ file: SourceFile) -> [String] {
        let marks: Set<Substring> = ["TODO", "FIXME", "XXX"]
        let phrases = ["placeholder", "not implemented", "notimplemented"]
        return Self.lines(of: file) { line in
            let isMarked = Self.words(line).contains { marks.contains($0) }
            let lower = line.lowercased()
            return isMarked || phrases.contains { lower.contains($0) }
        }
    }

    /// The conditions a suite may have: it measures speed, asked for, and is no gate.
    static let measurements = [
        ".enabled(if: unsafe getenv(\"MIDWATCH_MEASURE\") != nil)",
        ".enabled(if: Scale.number(\"RATES\", 0) > 0)",
    ]

    static func disabled(_ file: SourceFile) -> [String] {
        let words = [".disabled(", ".enabled(", "withKnownIssue", "Test.cancel"]
        return Self.lines(of: file) { line in
            !Self.measurements.contains { line.contains($0) }
                && words.contains { line.contains($0) }
        }
    }

    static func sleeps(_ file: SourceFile) -> [String] {
        let isListed = Self.sleepers.keys.contains {
            $0.hasSuffix("/") ? file.path.hasPrefix($0) : file.path == $0
        }
        if isListed { return [] }
        return Self.lines(of: file) { line in
            Self.words(line).contains {
                ["sleep", "usleep", "nanosleep", "clock_nanosleep"].contains($0)
            }
                && line.contains("sleep(")
        }
    }

    static func assertions(_ file: SourceFile) -> [String] {
        let words = ["#expect(", "#expect {", "#require(", "Issue.record(", "confirmation("]
        guard file.text.contains("@Test") else { return [] }
        return words.contains { file.text.contains($0) } ? [] : ["\(file.path): asserts nothing"]
    }

    static func names(_ file: SourceFile) -> [String] {
        let kinds: Set<Substring> = ["class", "struct", "enum", "actor", "protocol", "typealias"]
        let endings = ["Manager", "Helper", "Helpers", "Util", "Utils", "Utility", "Impl"]
        return Self.lines(of: file) { line in
            let words = Self.words(line)
            return zip(words, words.dropFirst()).contains { kind, name in
                kinds.contains(kind) && endings.contains { name.hasSuffix($0) }
            }
        }
    }

    /// Comments that send a reader to a page which is not in the tree.
    static func pages(_ file: SourceFile, known: Set<Substring>) -> [String] {
        Self.lines(of: file) { line in
            guard let comment = line.firstRange(of: "//").map({ line[$0.lowerBound...] }) else {
                return false
            }
            return comment.split { !($0.isLetter || "-_.".contains($0)) }
                .map { $0.hasSuffix(".") ? $0.dropLast() : $0 }
                .contains { $0.hasSuffix(".md") && !known.contains($0) }
        }
    }

    /// Constants without a line of documentation.
    static func undocumentedLimits(_ file: SourceFile) -> [String] {
        var before: Substring = ""
        var found: [String] = []
        for line in file.lines {
            let text = line.drop { $0 == " " }
            if text.contains("static let "), !before.hasPrefix("///") {
                found.append("\(file.path): \(text)")
            }
            before = text
        }
        return found
    }

    // MARK: Private

    private static func lines(
        of file: SourceFile, where isBad: (Substring) -> Bool
    ) -> [String] {
        file.lines.enumerated().filter { isBad($0.element) }
            .map { "\(file.path):\($0.offset + 1): \($0.element.drop { $0 == " " })" }
    }

    private static func words(_ line: Substring) -> [Substring] {
        line.split { !($0.isLetter || $0.isNumber || $0 == "_") }
    }
}
