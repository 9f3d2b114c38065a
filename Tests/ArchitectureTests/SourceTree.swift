// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A text file of the tree.
struct SourceFile {
    /// Relative to the root of the tree.
    var path: String
    var text: String

    var lines: [Substring] { self.text.split(separator: "\n", omittingEmptySubsequences: false) }

    /// The target, for a file below `Sources`.
    var target: String { String(self.path.split(separator: "/").dropFirst().first ?? "") }
}

/// The tree that these tests stand in.
enum SourceTree {
    static let root: String = {
        var parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
        parts.removeLast(3)
        return parts.joined(separator: "/")
    }()

    /// Folder of the running test binary, where the programs are when they are built.
    static let products: String = {
        let path = Self.output(of: "readlink /proc/\(getpid())/exe")
        return path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
            .joined(separator: "/")
    }()

    /// Files below the folders whose name ends so; build folders are left out.
    static func files(below folders: [String], ending: [String]) throws -> [SourceFile] {
        let places = folders.map { Self.quoted("\(Self.root)/\($0)") }.joined(separator: " ")
        let listing = Self.output(of: "find \(places) -type f -not -path '*/.build*' | sort")
        let paths = listing.split(separator: "\n").map(String.init)
        return try paths.filter { path in ending.contains { path.hasSuffix($0) } }
            .map { try Self.file(String($0.dropFirst(Self.root.utf8.count + 1))) }
    }

    static func file(_ path: String) throws -> SourceFile {
        guard let text = Self.read("\(Self.root)/\(path)") else { throw Unreadable(path: path) }
        return SourceFile(path: path, text: text)
    }

    struct Unreadable: Error { var path: String }

    /// What a shell command prints.
    static func output(of command: String) -> String {
        guard let stream = unsafe popen(command, "r") else { return "" }
        defer { unsafe _ = pclose(stream) }
        return unsafe Self.drain(stream)
    }

    static func exists(_ path: String) -> Bool { unsafe access(path, X_OK) == 0 }

    static func quoted(_ path: String) -> String { "'\(path)'" }

    private static func read(_ path: String) -> String? {
        guard let stream = unsafe fopen(path, "r") else { return nil }
        defer { unsafe _ = fclose(stream) }
        return unsafe Self.drain(stream)
    }

    private static func drain(_ stream: UnsafeMutablePointer<FILE>) -> String {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes {
                unsafe fread($0.baseAddress, 1, $0.count, stream)
            }
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += buffer[..<count]
        }
    }
}
