// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@testable import AccessControl

struct TokenFileTests {
    private static let random = (0..<32).map { UInt8($0) }

    private func parse(_ text: String) -> (file: TokenFile?, issues: [AccessFileIssue]) {
        TokenFile.parse(Array(text.utf8), file: "tokens")
    }

    /// The hash was computed with sha256sum.
    @Test func `a line made by hand lets the right token in and no other`() throws {
        let file = try #require(
            self.parse(
                "# ours\nscreen viewer never "
                    + "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n"
            ).file)
        let holder = try #require(file.holder(of: "test", at: 0))
        #expect(holder.name == "screen")
        #expect(holder.role == .viewer)
        for wrong in ["", "tes", "test ", "Test"] {
            #expect(file.holder(of: wrong, at: 0) == nil, "\(wrong)")
        }
    }

    @Test func `a token that was added is in force, survives the file, and can be removed`() throws
    {
        var file = TokenFile()
        let text = try file.add("anna", role: .operator, expiry: 1_000, random: Self.random)
        let other = try file.add(
            "screen", role: .viewer, expiry: nil, random: Self.random.reversed())
        #expect(text.hasPrefix("mwt_0001"))
        #expect(text.utf8.count == 4 + 64)
        #expect(!String(decoding: file.bytes, as: UTF8.self).contains(text.dropFirst(4)))
        var again = try #require(TokenFile.parse(file.bytes, file: "f").file)
        #expect(again == file)
        #expect(again.holder(of: text, at: 999)?.role == .operator)
        #expect(again.holder(of: text, at: 1_000) == nil, "expired")
        #expect(again.holder(of: other, at: .max)?.name == "screen")
        let isRemoved = again.remove("anna")
        let isThereAnother = again.remove("anna")
        #expect(isRemoved && !isThereAnother)
        #expect(again.holder(of: text, at: 0) == nil)
        #expect(again.holder(of: other, at: 0)?.name == "screen")
    }

    @Test func `comments stay where they are`() throws {
        let text = "# top\nscreen viewer never \(String(repeating: "0", count: 64))\n\n# end\n"
        let file = try #require(self.parse(text).file)
        #expect(String(decoding: file.bytes, as: UTF8.self) == text)
    }

    @Test(arguments: [
        ("mwt_00", "expected name role expiry sha256"),
        ("anna boss never 00", "the role is not"), ("anna viewer soon 00", "the expiry is not"),
        ("anna viewer never 00", "the hash is not"),
        ("an:na viewer never 00", "expected name role expiry sha256"),
        ("anna viewer never \(String(repeating: "Z", count: 64))", "the hash is not"),
    ])
    func `a line that cannot be used makes the file unusable`(line: String, message: String) {
        let (file, issues) = self.parse(line + "\n")
        #expect(file == nil)
        #expect(issues.first?.message.hasPrefix(message) == true, "\(issues)")
        #expect(issues.allSatisfy { !$0.message.contains("00") })
    }

    @Test func `names are told apart, and there is an end to them`() throws {
        var file = TokenFile()
        _ = try file.add("anna", role: .viewer, expiry: nil, random: Self.random)
        #expect(throws: TokenFile.AddProblem.nameTaken) {
            try file.add("anna", role: .admin, expiry: nil, random: Self.random)
        }
        for bad in ["", "a b", "a\n", String(repeating: "x", count: 65)] {
            #expect(throws: TokenFile.AddProblem.badName) {
                try file.add(bad, role: .viewer, expiry: nil, random: Self.random)
            }
        }
        for number in 1..<AccessLimits.tokenCountMax {
            _ = try file.add("n\(number)", role: .viewer, expiry: nil, random: Self.random)
        }
        #expect(throws: TokenFile.AddProblem.tooMany) {
            try file.add("last", role: .viewer, expiry: nil, random: Self.random)
        }
        let twice = String(decoding: file.bytes, as: UTF8.self).split(separator: "\n")[0]
        #expect(self.parse("\(twice)\n\(twice)\n").file == nil)
    }
}
