// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import AccessControl

struct PasswordFileTests {
    /// Written by mosquitto_passwd 2.0.11 for the password "correct horse".
    static let mosquittoLine =
        "press-4:$7$101$mlI2A+QthfUjcC5s$KOnS1bG16kPLyR7kRKhvZajsQUCgAn8lUqhA8I3FZhuaZ9fJ3YNOo2leh"
        + "XKDsohLVHa5nCT9TuZiiYrgQGXvAQ=="

    private func parse(_ text: String) -> (file: PasswordFile?, issues: [AccessFileIssue]) {
        PasswordFile.parse(Array(text.utf8), file: "passwords")
    }

    @Test func `a line that mosquitto wrote lets the right password in and no other`() throws {
        let file = try #require(self.parse(Self.mosquittoLine + "\n").file)
        let hash = try #require(file["press-4"])
        #expect(hash.iterations == 101)
        #expect(hash.matches(Array("correct horse".utf8)))
        for wrong in ["", "correct hors", "correct horse ", "Correct horse"] {
            #expect(!hash.matches(Array(wrong.utf8)), "\(wrong)")
        }
        #expect(file["press-5"] == nil)
    }

    /// Computed with Python's hashlib.
    @Test(arguments: [
        (
            "$7$1$c2FsdA==$hn9wzxreAs/zdSWZo6U9xK80x6ZpgVrl1RNVThyM8lLALUcKKFoFAbrZmb/pQ8CPBQI119aLH"
                + "aVeY/c7YKV/zg==", "password"
        ),
        (
            "$7$4096$c2FsdA==$0Zexsz2wFD4BixLz0dFHnmzevcyXxcD4f2kC4HL0V7UUPzBgJkGz1VzTNZiMs2uEN2Bg7N"
                + "Uy4Dm3QqI5Q0ry1Q==", "password"
        ),
        (
            "$6$c2FsdHNhbHQxMjM0$HP6khil1b009TN/Jt5lxHKdKV+TWnY/EJmwMpOJggL/PEm07kgXvO4FGRB4oRyDbj5"
                + "x7gX+78QRMrrJFcD8lJQ==", "old secret"
        ),
    ])
    func `known hashes verify`(text: String, password: String) throws {
        let hash = try PasswordHash(parsing: text[...])
        #expect(hash.matches(Array(password.utf8)))
        #expect(!hash.matches(Array((password + "x").utf8)))
        #expect(hash.text == text)
    }

    @Test func `a hash made here has its own salt and survives the file`() throws {
        let password = Array("s3cret".utf8)
        let one = PasswordHash(password: password, iterations: 10)
        let two = PasswordHash(password: password, iterations: 10)
        #expect(one.text != two.text)
        var file = PasswordFile()
        try file.set("a", one)
        try file.set("b", two)
        let again = try #require(PasswordFile.parse(file.bytes, file: "f").file)
        #expect(again == file)
        #expect(again["a"]?.matches(password) == true)
        #expect(again["b"]?.matches(password) == true)
    }

    @Test func `a hash of nobody is matched by nothing and costs what it says`() {
        let nobody = PasswordHash.unmatched(iterations: 7)
        #expect(nobody.iterations == 7)
        #expect(!nobody.matches([]) && !nobody.matches([0]))
        #expect(nobody != PasswordHash.unmatched(iterations: 7))
    }

    @Test func `changing one user keeps comments, order and the others`() throws {
        let text =
            "# gateways\n\(Self.mosquittoLine)\n\n# presses\nb:\(Self.mosquittoLine.dropFirst(8))\n"
        var file = try #require(self.parse(text).file)
        #expect(file.bytes == Array(text.utf8))
        try file.set("c", PasswordHash(password: [1], iterations: 1))
        let outcomes = [file.remove("press-4"), file.remove("press-4")]
        #expect(outcomes == [true, false])
        let after = String(decoding: file.bytes, as: UTF8.self)
        #expect(after.hasPrefix("# gateways\n\n# presses\nb:$7$101$"))
        #expect(after.split(separator: "\n").last?.hasPrefix("c:$7$1$") == true)
        #expect(file.userCount == 2)
    }

    @Test(arguments: [
        ("just a password", 1), (":$7$1$c2FsdA==$AAAA", 1), ("a:plain", 1), ("a:$7$", 1),
        ("a:$7$0$c2FsdA==$AAAA", 1), ("a:$7$-1$c2FsdA==$AAAA", 1), ("a:$7$1$$", 1),
        ("a:$7$99999999999999999999$c2FsdA==$AAAA", 1), ("a:$7$5000001$c2FsdA==$AAAA", 1),
        ("a:$7$1$c2FsdA=$AAAA", 1), ("a:$7$1$c2FsdA==$AAAA", 1), ("a:$7$1$c2FsdB==$AAAA", 1),
        ("a:$argon2id$v=19$m=47104,t=1,p=1$c2FsdA$AAAA", 1), ("a:$2b$12$abc", 1), ("a:$", 1),
        ("# fine\n\na\u{1}b:$6$a$b", 3),
    ])
    func `a line that cannot be used is named and nothing of it is shown`(
        text: String, line: Int
    ) {
        let (file, issues) = self.parse(text)
        #expect(file == nil)
        #expect(issues.map(\.line) == [line])
        #expect(issues.allSatisfy { $0.isError && $0.description.hasPrefix("passwords:\(line): ") })
        #expect(!issues.contains { $0.description.contains("AAAA") })
        #expect(!issues.contains { $0.description.contains("just a") })
    }

    @Test func `a user that occurs twice is refused, few iterations are advised against`() {
        let twice = self.parse("\(Self.mosquittoLine)\n\(Self.mosquittoLine)\n")
        #expect(twice.file == nil)
        #expect(twice.issues.filter(\.isError).map(\.line) == [2])
        let weak = self.parse(Self.mosquittoLine)
        #expect(weak.file != nil)
        #expect(weak.issues.map(\.isError) == [false])
        #expect(self.parse("# nobody\n").issues.map(\.line) == [0])
    }

    @Test func `descriptions hide the hash`() throws {
        let file = try #require(self.parse(Self.mosquittoLine).file)
        let hash = try #require(file["press-4"])
        for text in ["\(file)", "\(hash)", "\(String(describing: file["press-4"]))"] {
            #expect(!text.contains("KOnS1bG16"))
        }
    }

    @Test func `any bytes are refused or read, none trap`() {
        var random = SystemRandomNumberGenerator()
        let alphabet = Array("$7:ab=/+#\n\r \u{e9}".utf8)
        for _ in 0..<3_000 {
            let count = Int.random(in: 0...40, using: &random)
            let bytes = (0..<count).map { _ in
                alphabet.randomElement(using: &random) ?? UInt8.random(in: 0...255, using: &random)
            }
            let (file, issues) = PasswordFile.parse(bytes, file: "f")
            #expect(file != nil || issues.contains { $0.isError })
        }
        #expect(PasswordFile.parse([0xFF, 0x3A], file: "f").file == nil)
        #expect(PasswordFile.parse([0x61, 0, 0x3A], file: "f").file == nil)
        let long = [UInt8](repeating: 0x61, count: AccessLimits.lineBytesMax + 1)
        #expect(PasswordFile.parse(long, file: "f").file == nil)
    }
}
