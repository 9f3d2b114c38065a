// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Where a secret comes from.
///
/// Its text never appears in a description, so never in a log.
package enum SecretReference: Equatable, Sendable, CustomStringConvertible {
    /// Name of an environment variable.
    case environment(String)
    /// Absolute path of a file; its text without the line end.
    case file(String)
    /// Written in the configuration itself.
    case literal(String)

    package var description: String {
        switch self {
        case .environment(let name): "environment variable \(name)"
        case .file(let path): "file \(path)"
        case .literal: "literal (hidden)"
        }
    }

    /// Bytes of a secret at most.
    package static let bytesMax = 4_096

    /// The secret's text.
    ///
    /// - Throws: `SecretError` that names the place, never the text. Fatal at start; a rotation
    ///   keeps the secret it has.
    package func resolve() throws(SecretError) -> String {
        switch self {
        case .literal(let text): return text
        case .environment(let name):
            guard let value = unsafe getenv(name).map({ unsafe String(cString: $0) }) else {
                throw SecretError(place: "\(self)", problem: .absent)
            }
            return try self.checked(value)
        case .file(let path):
            let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
            guard descriptor >= 0 else {
                throw SecretError(
                    place: "\(self)", problem: errno == ENOENT ? .absent : .unreadable)
            }
            defer { close(descriptor) }
            var status = stat()
            guard unsafe fstat(descriptor, &status) == 0 else {
                throw SecretError(place: "\(self)", problem: .unreadable)
            }
            guard status.st_mode & 0o007 == 0 else {
                throw SecretError(place: "\(self)", problem: .readableByAll)
            }
            var bytes = [UInt8](repeating: 0, count: Self.bytesMax + 1)
            let count = unsafe bytes.withUnsafeMutableBytes {
                unsafe read(descriptor, $0.baseAddress, $0.count)
            }
            guard count >= 0, count <= Self.bytesMax else {
                throw SecretError(place: "\(self)", problem: .unreadable)
            }
            return try self.checked(String(decoding: bytes[..<count], as: UTF8.self))
        }
    }

    private func checked(_ text: String) throws(SecretError) -> String {
        var text = text[...]
        while let last = text.unicodeScalars.last, last == "\n" || last == "\r" {
            text.unicodeScalars.removeLast()
        }
        guard !text.isEmpty else { throw SecretError(place: "\(self)", problem: .empty) }
        return String(text)
    }
}

/// A secret that could not be had.
package struct SecretError: Error, Equatable, Sendable, CustomStringConvertible {
    package enum Problem: String, Sendable {
        case absent = "is not there"
        case unreadable = "cannot be read"
        case empty = "is empty"
        case readableByAll = "can be read by every user (chmod o= it)"
    }

    /// The reference, without the secret.
    package var place: String
    package var problem: Problem

    package var description: String { "\(self.place) \(self.problem.rawValue)" }
}

extension ConfigurationSection {
    /// A secret of `node`: `{env: NAME}`, `{file: /path}` or its text.
    ///
    /// `check` gives the complaint about a literal text, nil if it is well-formed.
    func secret(
        _ node: YAMLNode, _ name: String, check: (String) -> String?
    ) -> SecretReference? {
        guard case .mapping(let entries) = node.content else {
            guard let text = self.text(node, name) else { return nil }
            if let complaint = check(text) {
                self.issues.add(.invalid, complaint, key: name, at: node.position)
                return nil
            }
            return .literal(text)
        }
        let section = ConfigurationSection(
            entries, path: name, at: node.position, issues: self.issues)
        let environment = section.text("env")
        let file = section.filePath("file")
        section.finish()
        switch (environment, file) {
        case (let variable?, nil):
            guard variable.utf8.allSatisfy({ $0 != UInt8(ascii: "=") && $0 > 0x20 }) else {
                section.report(.invalid, "env", "expected the name of an environment variable")
                return nil
            }
            return .environment(variable)
        case (nil, let path?): return .file(path)
        case (.some, .some), (nil, nil):
            if !(environment == nil && (section.has("env") || section.has("file"))) {
                self.issues.add(
                    .invalid, "expected one of env: NAME or file: /path", key: name,
                    at: node.position)
            }
            return nil
        }
    }
}
