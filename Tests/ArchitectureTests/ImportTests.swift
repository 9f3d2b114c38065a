// SPDX-License-Identifier: Apache-2.0

import Testing

struct ImportTests {
    private static func table() throws -> ImportTable {
        ImportTable(markdown: try SourceTree.file("ARCHITECTURE.md").text)
    }

    private static func sources() throws -> [SourceFile] {
        try SourceTree.files(below: ["Sources"], ending: [".swift"])
    }

    @Test func `the table can be read and has a row for each target`() throws {
        let table = try Self.table()
        #expect(table.faults == [])
        let folders = SourceTree.output(
            of: "ls \(SourceTree.quoted(SourceTree.root + "/Sources"))"
        ).split(separator: "\n").map(String.init)
        #expect(folders.count >= 20)
        #expect(table.rows.keys.sorted() == folders.sorted())
    }

    @Test func `edges of the table point inward`() throws {
        #expect(try Self.table().ringViolations() == [])
    }

    @Test func `every import under Sources stands in the table`() throws {
        let table = try Self.table()
        let files = try Self.sources()
        #expect(files.count > 200)
        #expect(files.flatMap { table.violations(in: $0) } == [])
    }

    @Test func `every edge of the table is used`() throws {
        #expect(try Self.table().unused(in: Self.sources()) == [])
    }

    @Test func `nothing imports Foundation`() throws {
        let importers = try Self.sources().filter {
            ImportTable.imports(of: $0.text).contains("Foundation")
        }
        #expect(importers.map(\.path) == [])
    }

    // MARK: - These checks can fail

    private static let sample = """
        ## Imports
        | target | ring | ours | outside |
        | --- | --- | --- | --- |
        | `Words` | model | | |
        | `Text` | core | | |
        | `Rules` | core | `Words`, `Text` | |
        | `Wire` | edges | `Words` | `NIOCore` |
        ## Next
        | `Ignored` | model | | |
        """

    private static func file(_ target: String, _ text: String) -> SourceFile {
        SourceFile(path: "Sources/\(target)/File.swift", text: text)
    }

    @Test func `a sound table has no fault`() {
        let table = ImportTable(markdown: Self.sample)
        #expect(table.rows.keys.sorted() == ["Rules", "Text", "Wire", "Words"])
        #expect(table.faults == [])
        #expect(table.ringViolations() == [])
    }

    @Test(arguments: [
        ("| `Words` | model | `Rules` | |", "Words (model) → Rules (core)"),
        ("| `Words` | core | `Rules` | |", "Words (core) → Rules (core)"),
        ("| `Wire` | edges | `Nowhere` | |", "Wire → Nowhere, which has no row"),
        ("| `Words` | core | | `Logging` |", "Words is core and may use nothing from outside"),
        (
            "| `Words` | logs | | `FoundationEssentials` |",
            "Words is logs and lists FoundationEssentials"
        ),
        ("| `Words` | edges | | `Foundation` |", "Words lists Foundation"),
    ])
    func `an edge that points outward is found`(row: String, expected: String) {
        let table = ImportTable(
            markdown: "## Imports\n\(row)\n| `Rules` | core | `Other` | |\n| `Other` | model | | |")
        #expect(table.ringViolations().contains(expected))
    }

    @Test(arguments: ["| `A` | nowhere | | |", "| `A` | core |", "| `Text` | core | | |"])
    func `a row that cannot be meant is found`(row: String) {
        let table = ImportTable(markdown: "## Imports\n| `Text` | core | | |\n\(row)")
        #expect(table.faults.count == 1)
    }

    @Test(arguments: [
        "import Rules", "package import Rules", "@testable import Rules",
        "internal import struct Rules.Rule", "@preconcurrency @_spi(X) import Rules",
        "  import Rules",
    ])
    func `an import outside the table is found in every spelling`(line: String) {
        let table = ImportTable(markdown: Self.sample)
        #expect(
            table.violations(in: Self.file("Wire", "// x\n\(line)\nimport Words\n"))
                == ["Sources/Wire/File.swift: imports Rules"])
    }

    @Test func `words of comments and code are no imports`() {
        #expect(
            ImportTable.imports(of: "// import A\nlet important = 1\nimport Words") == ["Words"])
    }

    @Test func `a target without a row and an edge without use are found`() {
        let table = ImportTable(markdown: Self.sample)
        #expect(
            table.violations(in: Self.file("New", "")) == ["Sources/New/File.swift: New has no row"]
        )
        #expect(
            table.unused(in: [
                Self.file("Rules", "import Text"), Self.file("Wire", "import NIOCore"),
            ])
                == ["Rules → Words", "Wire → Words"])
    }
}
