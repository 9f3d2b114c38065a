// SPDX-License-Identifier: Apache-2.0

import Glibc
import JSONText
import Testing

@testable import OperatorAPI

/// The description that is published beside the schemas is the one the server gives.
@Suite struct PublishedDescriptionTests {
    private static let path: String = {
        let root = "\(#filePath)".split(separator: "/").dropLast(3).joined(separator: "/")
        return "/\(root)/Deploy/schema/openapi.json"
    }()

    @Test func `openapi.json is what the server answers`() throws {
        let text = APIDescription.text + "\n"
        if let wish = unsafe getenv("MIDWATCH_GOLDEN"), unsafe String(cString: wish) == "write" {
            try #require(Self.write(text), "cannot write \(Self.path)")
        }
        let published = try #require(Self.read(), "\(Self.path) is missing")
        #expect(
            published == text,
            "an operation or a shape changed: MIDWATCH_GOLDEN=write with this test writes it anew")
        #expect(throws: Never.self) { try JSONValue(parsing: published) }
    }

    private static func read() -> String? {
        guard let file = unsafe fopen(self.path, "r") else { return nil }
        defer { unsafe fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = unsafe fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }

    private static func write(_ text: String) -> Bool {
        guard let file = unsafe fopen(self.path, "w") else { return false }
        defer { unsafe fclose(file) }
        return unsafe fputs(text, file) >= 0
    }

    @Test func `the configuration comes in pages of sensors`() async throws {
        try await withServer { server in
            let first = try JSONValue(
                parsing: await server.curlUnix("", "/v1/configuration?limit=2"))
            #expect(first["settings"]?["sensors"]?.array?.count == 2)
            #expect(first["settings"]?["node"] != nil)
            #expect(first["next"]?.string == "2")
            let last = try JSONValue(
                parsing: await server.curlUnix("", "/v1/configuration?limit=2&after=4"))
            #expect(last["settings"]?["sensors"]?.array == [.string("s4")])
            #expect(last["settings"]?["node"] == nil)
            #expect(last["next"] == .null)
            let bad = await server.curlUnix(
                "-o /dev/null -w '%{http_code}'", "/v1/configuration?after=x")
            #expect(bad.hasSuffix("400"))
        }
    }
}
