// SPDX-License-Identifier: Apache-2.0

internal import Crypto
internal import CryptoExtras
internal import MidwatchModel

/// What a password file keeps of a password.
///
/// Two forms, those of mosquitto's password files:
///
///     $7$<iterations>$<salt>$<hash>   PBKDF2-HMAC-SHA512, 64 bytes; written here
///     $6$<salt>$<hash>                SHA-512 of password and salt; only read
///
/// Deriving takes tens of milliseconds by design: never on an event loop or in the task pool.
package struct PasswordHash: Equatable, Sendable {
    /// Why a text is no hash that can be used.
    package enum Problem: Error, Equatable, Sendable {
        /// Begins with no form that is known here.
        case unknownForm
        /// Argon2 or bcrypt: made by a tool with other defaults.
        case unsupportedForm
        case malformed
        case tooManyIterations
    }

    private enum Form: Equatable, Sendable {
        case stretched(iterations: Int)
        case plain
    }

    /// Iterations of hashes made here.
    package static let iterationsDefault = AccessLimits.iterationCountAdvised
    /// Bytes of salt in hashes made here; any length from 1 is read.
    private static let saltBytes = 12
    private static let hashBytes = 64

    private let form: Form
    private let salt: [UInt8]
    private let hash: [UInt8]

    private init(form: Form, salt: [UInt8], hash: [UInt8]) {
        self.form = form
        self.salt = salt
        self.hash = hash
    }

    /// Hashes a new password with a random salt.
    package init(password: [UInt8], iterations: Int = Self.iterationsDefault) {
        precondition((1...AccessLimits.iterationCountMax).contains(iterations), "iterations")
        var generator = SystemRandomNumberGenerator()
        let salt = (0..<Self.saltBytes).map { _ in UInt8.random(in: 0...255, using: &generator) }
        let form = Form.stretched(iterations: iterations)
        self.init(form: form, salt: salt, hash: Self.derive(password, salt, form))
    }

    /// A hash that no password has, to compare with where there is no user; takes as long.
    package static func unmatched(iterations: Int) -> Self {
        precondition((1...AccessLimits.iterationCountMax).contains(iterations), "iterations")
        var generator = SystemRandomNumberGenerator()
        func random(_ count: Int) -> [UInt8] {
            (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
        }
        return Self(
            form: .stretched(iterations: iterations), salt: random(Self.saltBytes),
            hash: random(Self.hashBytes))
    }

    /// Reads the part of a line behind the user's name.
    package init(parsing text: Substring) throws(Problem) {
        guard text.first == "$" else { throw .unknownForm }
        let parts = text.dropFirst().split(separator: "$", omittingEmptySubsequences: false)
        var form = Form.plain
        var rest = parts.dropFirst()
        switch parts.first {
        case "6": break
        case "7":
            guard let digits = rest.popFirst(), !digits.isEmpty, digits.utf8.count <= 10,
                digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let count = Int(digits),
                count > 0
            else { throw .malformed }
            guard count <= AccessLimits.iterationCountMax else { throw .tooManyIterations }
            form = .stretched(iterations: count)
        case "argon2id", "argon2i", "argon2d", "2a", "2b", "2y": throw .unsupportedForm
        default: throw .unknownForm
        }
        guard rest.count == 2, let saltText = rest.first, let hashText = rest.last,
            let salt = Base64Text.decode(saltText), let hash = Base64Text.decode(hashText),
            !salt.isEmpty, hash.count == Self.hashBytes
        else { throw .malformed }
        self.init(form: form, salt: salt, hash: hash)
    }

    /// The text of the file.
    package var text: String {
        let tail = "$" + Base64Text.encode(self.salt) + "$" + Base64Text.encode(self.hash)
        return switch self.form {
        case .stretched(let iterations): "$7$\(iterations)" + tail
        case .plain: "$6" + tail
        }
    }

    /// Iterations; 1 for the form without any.
    package var iterations: Int {
        switch self.form {
        case .stretched(let iterations): iterations
        case .plain: 1
        }
    }

    /// Whether `password` is the one; takes the same time whatever the answer.
    package func matches(_ password: [UInt8]) -> Bool {
        let derived = Self.derive(password, self.salt, self.form)
        guard derived.count == self.hash.count else { return false }
        var difference: UInt8 = 0
        for index in derived.indices { difference |= derived[index] ^ self.hash[index] }
        return difference == 0
    }

    private static func derive(_ password: [UInt8], _ salt: [UInt8], _ form: Form) -> [UInt8] {
        switch form {
        case .plain: return Array(SHA512.hash(data: password + salt))
        case .stretched(let iterations):
            // Fails only for lack of memory; an empty hash matches nothing.
            let key = try? KDF.Insecure.PBKDF2.deriveKey(
                from: password, salt: salt, using: .sha512, outputByteCount: Self.hashBytes,
                unsafeUncheckedRounds: iterations)
            return key.map { unsafe $0.withUnsafeBytes { bytes in unsafe Array(bytes) } } ?? []
        }
    }
}

// MARK: - CustomStringConvertible

extension PasswordHash: CustomStringConvertible {
    /// Says which form, never the hash.
    package var description: String { "hash of \(self.iterations) iterations (hidden)" }
}
