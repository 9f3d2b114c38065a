// SPDX-License-Identifier: Apache-2.0

import Glibc
import MidwatchConfiguration

/// What the tests share: the example file and short ways to parse and to look at issues.
enum Fixture {
    /// The example file of this tree, found from this source file.
    static func exampleBytes() throws -> [UInt8] {
        let here = #filePath
        let root = here.split(separator: "/").dropLast(3).joined(separator: "/")
        let path = "/\(root)/Deploy/midwatch.example.yaml"
        let descriptor = unsafe open(path, O_RDONLY)
        guard descriptor >= 0 else { throw Missing(path: path) }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = unsafe bytes.withUnsafeMutableBytes {
            unsafe read(descriptor, $0.baseAddress, $0.count)
        }
        guard count > 0 else { throw Missing(path: path) }
        return Array(bytes[..<count])
    }

    struct Missing: Error { var path: String }

    /// The example with the settings switched on that are off in it.
    static func exampleEverythingOn() throws -> String {
        let text = String(decoding: try Self.exampleBytes(), as: UTF8.self)
        return text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            let indent = line.prefix { $0 == " " }
            let rest = line.dropFirst(indent.count)
            guard rest.hasPrefix("#"), let second = rest.dropFirst().first, second != " " else {
                return String(line)
            }
            return String(indent) + rest.dropFirst()
        }.joined(separator: "\n")
    }

    static func parse(_ text: String, isStrict: Bool = false) -> ConfigurationResult {
        MidwatchConfiguration.parse(text: text, fileName: "m.yaml", isStrict: isStrict)
    }

    /// A file with a node and `extra`.
    static func file(_ extra: String) -> String {
        "node: {name: n1}\n" + extra
    }
}
