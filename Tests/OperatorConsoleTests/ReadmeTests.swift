// SPDX-License-Identifier: Apache-2.0

import Glibc
import OperatorConsole
import Testing

/// The screens in the README are those of this dashboard.
@Suite struct ReadmeTests {
    /// Rows of each screen below the heading "What you see".
    private static func screens() throws -> [[String]] {
        let root = "\(#filePath)".split(separator: "/").dropLast(3).joined(separator: "/")
        guard let file = unsafe fopen("/\(root)/README.md", "r") else {
            Issue.record("README.md is missing")
            return []
        }
        defer { unsafe fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = unsafe fread(&bytes, 1, bytes.count, file)
        let text = String(decoding: bytes.prefix(count), as: UTF8.self)
        let section = text.split(separator: "\n", omittingEmptySubsequences: false)
            .drop { $0 != "## What you see" }.dropFirst().prefix { !$0.hasPrefix("## ") }
        var screens: [[String]] = []
        var isInside = false
        for line in section {
            if line.hasPrefix("```") {
                isInside.toggle()
                if isInside { screens.append([]) }
            } else if isInside {
                screens[screens.count - 1].append(String(line))
            }
        }
        return screens
    }

    @Test func `each screen of the README fits a terminal and has the views of the dashboard`()
        throws
    {
        let screens = try Self.screens()
        #expect(screens.count == 5)
        let places = Place.views.enumerated().map { "\($0 + 1) \($1.title)" }
        for screen in screens {
            #expect(screen.count == 24)
            #expect(screen.allSatisfy { TerminalText.width($0) <= 80 })
            let tabs = try #require(screen.first { $0.hasPrefix(" 1 ") })
            // The number behind a view is that of its alarms.
            let words = tabs.split(separator: "  ").map { tab -> String in
                tab.split(separator: " ").prefix(2).joined(separator: " ")
            }
            #expect(Array(words.prefix(places.count)) == places, "\(tabs)")
        }
        for beginning in ["ALARMS", "UNACKNOWLEDGED", "ALARM ", "SENSOR ", "SENSORS by asset"] {
            #expect(screens.contains { $0.contains { $0.hasPrefix(" " + beginning) } })
        }
    }

    @Test func `each key that a screen of the README names exists and says the same`() throws {
        let known = Set(KeyTable.bindings.map { "\($0.shown) \($0.label)" })
        for screen in try Self.screens() {
            let bar = try #require(screen.last)
            let keys = bar.split(separator: "  ").map { String($0.drop { $0 == " " }) }
            #expect(keys.count > 2 && keys.suffix(2) == ["? help", "q quit"])
            for key in keys { #expect(known.contains(key), "\(key)") }
        }
    }
}
