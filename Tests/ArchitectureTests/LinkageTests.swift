// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

/// What the programs are linked with.
struct LinkageTests {
    /// The built program; nil only where the build was asked for less than everything.
    private static func program(_ name: String) throws -> String? {
        let path = "\(SourceTree.products)/\(name)"
        if SourceTree.exists(path) { return path }
        let isPartial = unsafe getenv("MIDWATCH_TARGETS").map { unsafe $0.pointee != 0 } ?? false
        try #require(isPartial, "\(path) is not built")
        return nil
    }

    @Test func `the watchdog contains none of the daemon's libraries`() throws {
        guard let program = try Self.program("midwatch-watchdog") else { return }
        let symbols = SourceTree.output(of: "nm \(SourceTree.quoted(program))")
        #expect(symbols.utf8.count > 10_000, "nm reads no symbols")
        #expect(Linkage.foreignSymbols(symbols) == [])
    }

    @Test func `the watchdog loads the language and the C library, nothing else`() throws {
        guard let program = try Self.program("midwatch-watchdog") else { return }
        let libraries = SourceTree.output(of: "ldd \(SourceTree.quoted(program))")
        #expect(libraries.contains("libc.so"), "ldd reads no libraries")
        #expect(Linkage.heavyLibraries(libraries) == [])
        #expect(Linkage.daemonLibraries(libraries) == [])
    }

    @Test(arguments: ["midwatchd", "midwatch"])
    func `no program loads the large Foundation`(name: String) throws {
        guard let program = try Self.program(name) else { return }
        let libraries = SourceTree.output(of: "ldd \(SourceTree.quoted(program))")
        #expect(libraries.contains("libc.so"), "ldd reads no libraries")
        #expect(Linkage.heavyLibraries(libraries) == [])
    }

    // MARK: - These checks can fail

    @Test(arguments: [
        "0001 T $s10Foundation4DataV", "0001 t $s20FoundationEssentials4DataV",
        "0001 W $s7NIOCore3X",
        "0001 T $s8NIOPosix3X", "0001 T PQconnectdbParams", "0001 T PQexec",
        "0001 T curl_easy_init",
        "0001 T $s15AsyncHTTPClient10HTTPClientC",
    ])
    func `a symbol of the daemon's libraries is found`(symbol: String) {
        let symbols = "0002 T $s6Vitals4PageV\n\(symbol)\n                 U PQexec\n"
        #expect(Linkage.foreignSymbols(symbols) == [symbol])
    }

    @Test func `a library of the daemon is found`() {
        let libraries = """
            \tlibFoundation.so => /opt/libFoundation.so (0x1)
            \tlib_FoundationICU.so => /opt/lib_FoundationICU.so (0x1)
            \tlibFoundationEssentials.so => /opt/libFoundationEssentials.so (0x1)
            \tlibpq.so.5 => /usr/lib/libpq.so.5 (0x1)
            \tlibc.so.6 => /lib/libc.so.6 (0x1)
            """
        #expect(Linkage.heavyLibraries(libraries).count == 2)
        #expect(Linkage.daemonLibraries(libraries).count == 2)
    }
}

/// What `nm` and `ldd` say, judged.
enum Linkage {
    /// Defined symbols of libraries that the watchdog must do without.
    static func foreignSymbols(_ symbols: String) -> [String] {
        let foreign = [
            "$s10Foundation", "$s20FoundationEssentials", "$s7NIOCore", "$s8NIOPosix", "PQconnect",
            "PQexec", "curl_easy_", "AsyncHTTPClient",
        ]
        return symbols.split(separator: "\n").filter { line in
            let words = line.split(separator: " ")
            guard words.count >= 3, ["T", "t", "W", "w"].contains(words[words.count - 2]) else {
                return false
            }
            return foreign.contains { line.contains($0) }
        }.map(String.init)
    }

    static func heavyLibraries(_ listing: String) -> [String] {
        Self.lines(of: listing, naming: ["libFoundation.so", "lib_FoundationICU.so"])
    }

    static func daemonLibraries(_ listing: String) -> [String] {
        Self.lines(
            of: listing,
            naming: [
                "libFoundationEssentials.so", "libpq.so", "libcurl", "libsqlite3.so", "libyaml",
            ])
    }

    private static func lines(of listing: String, naming names: [String]) -> [String] {
        listing.split(separator: "\n").filter { line in names.contains { line.contains($0) } }
            .map(String.init)
    }
}
