// SPDX-License-Identifier: Apache-2.0

import Testing

struct TidyTests {
    private static func swift(_ folders: String...) throws -> [SourceFile] {
        // This folder is full of bad samples.
        try SourceTree.files(below: folders, ending: [".swift"])
            .filter { !$0.path.hasPrefix("Tests/ArchitectureTests/") }
    }

    @Test func `Swift files are short enough to read`() throws {
        let files = try SourceTree.files(below: ["Sources", "Tests"], ending: [".swift"])
        #expect(files.flatMap(Tidy.length) == [])
    }

    @Test func `every file of code names its licence first`() throws {
        var files = try SourceTree.files(
            below: ["Sources", "Tests", "Deploy"], ending: [".swift", ".c", ".h", ".sh"])
        files += [try SourceTree.file(".ci/run"), try SourceTree.file("Package.swift")]
        #expect(files.count > 300)
        #expect(files.flatMap(Tidy.licence) == [])
    }

    @Test func `nothing under Sources is unfinished`() throws {
        let files = try SourceTree.files(below: ["Sources"], ending: [".swift", ".c", ".h"])
        #expect(files.flatMap(Tidy.unfinished) == [])
    }

    @Test func `no test is switched off`() throws {
        #expect(try Self.swift("Tests").flatMap(Tidy.disabled) == [])
    }

    @Test func `tests do not sleep unless they say why`() throws {
        #expect(try Self.swift("Tests").flatMap(Tidy.sleeps) == [])
    }

    @Test func `every test file asserts something`() throws {
        let files = try Self.swift("Tests")
        #expect(files.filter { $0.path.hasSuffix("Tests.swift") }.count > 60)
        #expect(files.flatMap(Tidy.assertions) == [])
    }

    @Test func `comments send nobody to a page that is not there`() throws {
        let pages = try SourceTree.files(below: ["."], ending: [".md"])
        let known = Set(pages.compactMap { $0.path.split(separator: "/").last })
        #expect(known.contains("ARCHITECTURE.md"))
        #expect(
            try Self.swift("Sources", "Tests").flatMap { Tidy.pages($0, known: known) } == [])
    }

    @Test func `types are named for what they are`() throws {
        #expect(try Self.swift("Sources", "Tests").flatMap(Tidy.names) == [])
    }

    @Test func `every limit of the system says what it limits`() throws {
        let file = try SourceTree.file("Sources/MidwatchModel/SystemLimits.swift")
        #expect(file.text.contains("static let "))
        #expect(Tidy.undocumentedLimits(file) == [])
    }

    // MARK: - These checks can fail

    private static func file(_ text: String, path: String = "Tests/A/ATests.swift") -> SourceFile {
        SourceFile(path: path, text: text)
    }

    @Test func `a long file is found`() {
        let line = "let a = 1\n"
        #expect(Tidy.length(Self.file(String(repeating: line, count: 800))) == [])
        #expect(Tidy.length(Self.file(String(repeating: line, count: 801))).count == 1)
    }

    @Test(arguments: [
        "import A\n", "\n// SPDX-License-Identifier: Apache-2.0\n", "#!/bin/bash\nset -e\n",
        "// SPDX-License-Identifier: MIT\n", "",
    ])
    func `a missing licence is found`(text: String) {
        #expect(Tidy.licence(Self.file(text)).count == 1)
    }

    @Test func `a licence behind the line that must be first is seen`() {
        let text = "#!/bin/bash\n# SPDX-License-Identifier: Apache-2.0\n"
        #expect(Tidy.licence(Self.file(text)) == [])
    }

    @Test func `a page that is not there is found`() {
        let text = "/// See `Here.md`.\nlet a = \"Gone.md\"\n// (Gone.md, 3)\nx  // In Gone.md.\n"
        let found = Tidy.pages(Self.file(text), known: ["Here.md"])
        #expect(
            found == [
                "Tests/A/ATests.swift:3: // (Gone.md, 3)",
                "Tests/A/ATests.swift:4: x  // In Gone.md.",
            ])
    }

    @Test(arguments: [
        "// TODO: later", "/* FIXME */", "x // XXX", "fatalError(\"not implemented\")",
        "// A Placeholder.",
    ])
    func `unfinished work is found`(text: String) {
        #expect(Tidy.unfinished(Self.file("let todoList = 1\n\(text)\n")).count == 1)
    }

    @Test(arguments: [
        "@Test(.disabled(\"slow\")) func a() {}", "@Test(.enabled(if: false)) func a() {}",
        "withKnownIssue { }",
    ])
    func `a test that is switched off is found`(text: String) {
        #expect(Tidy.disabled(Self.file(text)).count == 1)
    }

    @Test(arguments: Tidy.measurements)
    func `a measurement may wait to be asked for`(condition: String) {
        #expect(Tidy.disabled(Self.file("@Suite(\(condition)) struct A {}")) == [])
    }

    @Test(arguments: [
        "usleep(1)", "try await Task.sleep(for: .seconds(1))", "sleep(1)", "Glibc.sleep(2)",
        "unsafe nanosleep(&a, nil)",
    ])
    func `a sleep is found where none is allowed`(text: String) {
        #expect(Tidy.sleeps(Self.file(text)).count == 1)
        #expect(Tidy.sleeps(Self.file(text, path: "Tests/IntegrationTests/A.swift")) == [])
    }

    @Test func `a test file without an assertion is found`() {
        #expect(Tidy.assertions(Self.file("@Test func a() {}")).count == 1)
        #expect(Tidy.assertions(Self.file("@Test func a() { #expect(b) }")) == [])
    }

    @Test(arguments: [
        "final class AlarmManager {", "struct TimeHelper: Sendable {", "enum StringUtils {",
        "package protocol RingImpl {",
    ])
    func `a name that says nothing is found`(text: String) {
        #expect(Tidy.names(Self.file(text)).count == 1)
    }

    @Test func `a limit without documentation is found`() {
        let text = "/// Why.\nstatic let a = 1\nstatic let b = 2\n\n/// Type.\n\nstatic let c = 3\n"
        #expect(Tidy.undocumentedLimits(Self.file(text)).count == 2)
    }
}
