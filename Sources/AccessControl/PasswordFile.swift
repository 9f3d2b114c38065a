// SPDX-License-Identifier: Apache-2.0

/// Users and what is kept of their passwords, in the form of mosquitto's password files.
///
/// One `user:hash` a line; lines that are empty or begin with `#` are kept and mean nothing.
package struct PasswordFile: Equatable, Sendable, CustomStringConvertible {
    /// Why a user cannot be added.
    package enum NameProblem: Error, Equatable, Sendable {
        case empty, tooLong, hasColon, hasControlCharacter, beginsWithHash
        case tooManyUsers
    }

    private enum Line: Equatable, Sendable {
        case comment(String)
        case user(String)
    }

    private var lines: [Line] = []
    private var hashes: [String: PasswordHash] = [:]

    package init() {}

    /// Reads a file; nil and the reasons if any line of it cannot be used.
    ///
    /// A file of which half is understood would lock out the other half: it is all or nothing.
    package static func parse(
        _ bytes: [UInt8], file: String
    ) -> (file: Self?, issues: [AccessFileIssue]) {
        var issues = IssueCollector(file: file)
        var result = Self()
        for line in numberedLines(bytes, &issues) ?? [] {
            result.take(line.text, line.number, &issues)
        }
        if case .comment("")? = result.lines.last { result.lines.removeLast() }
        if result.hashes.isEmpty, !issues.hasErrors {
            issues.add("no user; add one with midwatch passwd", line: 0, isError: false)
        }
        return (issues.hasErrors ? nil : result, issues.finished())
    }

    private mutating func take(_ text: String, _ number: Int, _ issues: inout IssueCollector) {
        guard !text.isEmpty, text.utf8.first != UInt8(ascii: "#") else {
            self.lines.append(.comment(text))
            return
        }
        guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else {
            // The line may be a bare password: nothing of it is shown.
            return issues.add(
                "expected user:hash; make the line with midwatch passwd", line: number)
        }
        let name = String(text[..<colon])
        do throws(NameProblem) {
            try Self.check(name)
        } catch {
            return issues.add(Self.text(error), line: number)
        }
        guard self.hashes[name] == nil else {
            return issues.add(
                "user \(shown(name)) stands in an earlier line too; remove one", line: number)
        }
        guard self.hashes.count < AccessLimits.userCountMax else {
            return issues.add(Self.text(.tooManyUsers), line: number)
        }
        do throws(PasswordHash.Problem) {
            let hash = try PasswordHash(parsing: text[text.utf8.index(after: colon)...])
            if hash.iterations < AccessLimits.iterationCountAdvised {
                issues.add(
                    "user \(shown(name)): \(hash.iterations) iterations are quickly searched; set "
                        + "the password again with midwatch passwd", line: number, isError: false)
            }
            self.lines.append(.user(name))
            self.hashes[name] = hash
        } catch {
            issues.add("user \(shown(name)): " + Self.text(error), line: number)
        }
    }

    /// The hash of a user; nil if there is no such user.
    package subscript(user: String) -> PasswordHash? { self.hashes[user] }

    package var userCount: Int { self.hashes.count }

    /// The most iterations of any user: what an unknown user must cost as well.
    package var iterationsMax: Int {
        self.hashes.values.map(\.iterations).max() ?? PasswordHash.iterationsDefault
    }

    /// Adds a user or gives it another password.
    package mutating func set(_ user: String, _ hash: PasswordHash) throws(NameProblem) {
        try Self.check(user)
        if self.hashes[user] == nil {
            guard self.hashes.count < AccessLimits.userCountMax else { throw .tooManyUsers }
            self.lines.append(.user(user))
        }
        self.hashes[user] = hash
    }

    /// Removes a user; false if there is none.
    package mutating func remove(_ user: String) -> Bool {
        guard self.hashes.removeValue(forKey: user) != nil else { return false }
        self.lines.removeAll { $0 == .user(user) }
        return true
    }

    /// The bytes of the file.
    package var bytes: [UInt8] {
        var text = ""
        for line in self.lines {
            switch line {
            case .comment(let comment): text += comment
            case .user(let name): text += name + ":" + (self.hashes[name]?.text ?? "")
            }
            text += "\n"
        }
        return Array(text.utf8)
    }

    package var description: String { "password file of \(self.userCount) users (hidden)" }

    private static func check(_ name: String) throws(NameProblem) {
        guard !name.isEmpty else { throw .empty }
        guard name.utf8.count <= AccessLimits.userNameBytesMax else { throw .tooLong }
        guard !name.utf8.contains(UInt8(ascii: ":")) else { throw .hasColon }
        guard !name.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
            throw .hasControlCharacter
        }
        guard name.utf8.first != UInt8(ascii: "#") else { throw .beginsWithHash }
    }

    /// What to tell of a name.
    package static func text(_ problem: NameProblem) -> String {
        switch problem {
        case .empty: "a user without a name; write user:hash"
        case .tooLong: "a user name of more than \(AccessLimits.userNameBytesMax) bytes"
        case .hasColon: "a user name cannot hold a colon"
        case .hasControlCharacter: "a user name with control characters"
        case .beginsWithHash: "a user name cannot begin with #: the line would be a comment"
        case .tooManyUsers: "more than \(AccessLimits.userCountMax) users"
        }
    }

    private static func text(_ problem: PasswordHash.Problem) -> String {
        let remedy = "set the password again with midwatch passwd"
        return switch problem {
        case .unknownForm: "a password without hash, or an unknown form; \(remedy)"
        case .unsupportedForm: "only $7$ (PBKDF2) and $6$ are understood; \(remedy)"
        case .malformed: "the hash is damaged; \(remedy)"
        case .tooManyIterations:
            "more than \(AccessLimits.iterationCountMax) iterations; \(remedy)"
        }
    }
}
