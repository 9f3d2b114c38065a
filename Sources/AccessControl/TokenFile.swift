// SPDX-License-Identifier: Apache-2.0

internal import Crypto
package import MidwatchModel

/// Bearer tokens of the operator API: what is kept of them, and what their holders may do.
///
/// One `name role expiry sha256` a line: the expiry in seconds since 1970, or `never`; the hash of
/// the whole token in hexadecimal digits. Tokens are 256 random bits, so one round of a fast hash
/// protects them. Lines that are empty or begin with `#` are kept and mean nothing.
package struct TokenFile: Equatable, Sendable, CustomStringConvertible {
    /// What every token begins with, so that one that lies about is recognised.
    package static let prefix = "mwt_"
    /// Random bytes of a token.
    package static let randomBytes = 32

    /// A token without its text.
    package struct Entry: Equatable, Sendable {
        package var name: String
        package var role: OperatorRole
        /// Seconds since 1970; nil: for ever.
        package var expiry: Int64?
        fileprivate var digest: [UInt8]

        /// Whether it is worth nothing any more.
        package func isExpired(at seconds: Int64) -> Bool {
            self.expiry.map { $0 <= seconds } ?? false
        }
    }

    /// Why a token cannot be added.
    package enum AddProblem: Error, Equatable, Sendable {
        case badName, nameTaken, tooMany
    }

    private enum Line: Equatable, Sendable {
        case comment(String)
        case token(String)
    }

    private var lines: [Line] = []
    package private(set) var entries: [Entry] = []

    package init() {}

    /// Reads a file; nil and the reasons if any line of it cannot be used.
    package static func parse(
        _ bytes: [UInt8], file: String
    ) -> (file: Self?, issues: [AccessFileIssue]) {
        var issues = IssueCollector(file: file)
        var result = Self()
        for line in numberedLines(bytes, &issues) ?? [] {
            result.take(line.text, line.number, &issues)
        }
        if case .comment("")? = result.lines.last { result.lines.removeLast() }
        return (issues.hasErrors ? nil : result, issues.finished())
    }

    private mutating func take(_ text: String, _ number: Int, _ issues: inout IssueCollector) {
        guard !text.isEmpty, text.utf8.first != UInt8(ascii: "#") else {
            return self.lines.append(.comment(text))
        }
        let words = text.split(separator: " ")
        // The line may be a token: nothing of it is shown.
        guard words.count == 4, Self.isName(words[0]) else {
            return issues.add(
                "expected name role expiry sha256; make the line with midwatch token add",
                line: number)
        }
        guard let role = OperatorRole(word: String(words[1])) else {
            return issues.add("the role is not viewer, operator or admin", line: number)
        }
        let expiry = words[2] == "never" ? nil : Int64(words[2])
        guard words[2] == "never" || expiry != nil else {
            return issues.add("the expiry is not seconds since 1970 or never", line: number)
        }
        guard let digest = HexDigits.bytes(words[3].utf8), digest.count == SHA256.byteCount else {
            return issues.add("the hash is not 64 hexadecimal digits", line: number)
        }
        guard !self.entries.contains(where: { $0.name == words[0] }) else {
            return issues.add(
                "token \(words[0]) stands in an earlier line too; remove one", line: number)
        }
        guard self.entries.count < AccessLimits.tokenCountMax else {
            return issues.add("more than \(AccessLimits.tokenCountMax) tokens", line: number)
        }
        self.lines.append(.token(String(words[0])))
        self.entries.append(
            Entry(name: String(words[0]), role: role, expiry: expiry, digest: digest))
    }

    /// The token that somebody shows; nil if it is none of these, or expired.
    ///
    /// Compares with every token to the last byte: the time tells nothing.
    package func holder(of shown: String, at seconds: Int64) -> Entry? {
        let digest = Array(SHA256.hash(data: Array(shown.utf8)))
        var found: Entry?
        for entry in self.entries {
            var difference: UInt8 = 0
            for (a, b) in zip(digest, entry.digest) { difference |= a ^ b }
            if difference == 0 { found = entry }
        }
        return found.flatMap { $0.isExpired(at: seconds) ? nil : $0 }
    }

    /// Adds a token made of random bytes.
    ///
    /// - Returns: Its text, which nothing keeps.
    package mutating func add(
        _ name: String, role: OperatorRole, expiry: Int64?, random: [UInt8]
    ) throws(AddProblem) -> String {
        precondition(random.count == Self.randomBytes, "a token has 256 bits")
        guard Self.isName(name[...]) else { throw .badName }
        guard !self.entries.contains(where: { $0.name == name }) else { throw .nameTaken }
        guard self.entries.count < AccessLimits.tokenCountMax else { throw .tooMany }
        let text = Self.prefix + HexDigits.text(random)
        let digest = Array(SHA256.hash(data: Array(text.utf8)))
        self.lines.append(.token(name))
        self.entries.append(Entry(name: name, role: role, expiry: expiry, digest: digest))
        return text
    }

    /// Removes a token; false if there is none of this name.
    package mutating func remove(_ name: String) -> Bool {
        guard let index = self.entries.firstIndex(where: { $0.name == name }) else { return false }
        self.entries.remove(at: index)
        self.lines.removeAll { $0 == .token(name) }
        return true
    }

    /// The bytes of the file.
    package var bytes: [UInt8] {
        var text = ""
        for line in self.lines {
            switch line {
            case .comment(let comment): text += comment
            case .token(let name):
                guard let entry = self.entries.first(where: { $0.name == name }) else { continue }
                text += "\(name) \(entry.role.word) \(entry.expiry.map { "\($0)" } ?? "never") "
                text += HexDigits.text(entry.digest)
            }
            text += "\n"
        }
        return Array(text.utf8)
    }

    package var description: String { "token file of \(self.entries.count) tokens (hidden)" }

    /// Letters, digits, `.`, `_` and `-`: it stands in the ledger as who did something.
    private static func isName(_ name: Substring) -> Bool {
        !name.isEmpty && name.utf8.count <= AccessLimits.tokenNameBytesMax
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
                    UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}
