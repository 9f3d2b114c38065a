// SPDX-License-Identifier: Apache-2.0

internal import Crypto

/// A shared secret of Standard Webhooks: `whsec_` and base64 of 24 to 64 bytes.
package struct WebhookSecret: Sendable {
    fileprivate let key: SymmetricKey

    /// nil if `text` is not a secret of that form.
    package init?(_ text: String) {
        let prefix = "whsec_"
        guard text.hasPrefix(prefix), let bytes = Base64.decode(text.dropFirst(prefix.count)),
            (24...64).contains(bytes.count)
        else { return nil }
        self.key = SymmetricKey(data: bytes)
    }
}

/// Signs and checks webhooks (Standard Webhooks 1.0.0, symmetric: HMAC-SHA256, `v1`).
///
/// What is signed is `id.timestamp.body` with exactly the bytes that are sent; a body that was
/// parsed and written again does not pass. While a secret is rotated the old and the new one both
/// sign, and a receiver accepts either.
package struct WebhookSigner: Sendable {
    /// Secrets in use at once during a rotation.
    package static let secretCountMax = 4
    /// Seconds by which sender's and receiver's clock may differ.
    package static let toleranceSeconds: Int64 = 300

    private let secrets: [WebhookSecret]

    /// - Parameter secrets: At most `secretCountMax`, the newest first; with none nothing is signed.
    package init(secrets: [WebhookSecret]) {
        precondition(secrets.count <= Self.secretCountMax, "count of secrets")
        self.secrets = secrets
    }

    /// The value of `webhook-signature`: one `v1,` entry for each secret, empty without any.
    package func signature(id: String, timestamp: Int64, body: [UInt8]) -> String {
        self.secrets.map { secret in
            let code = Self.code(secret, id: id, timestamp: timestamp, body: body)
            return "v1," + Base64.encode(Array(code))
        }.joined(separator: " ")
    }

    /// Whether any `v1` entry of `signature` fits any of the secrets and `timestamp` is near `now`.
    ///
    /// `signature` is the field as received; entries of other versions are passed over. `now` is
    /// the receiver's clock in Unix seconds.
    package func verify(
        id: String, timestamp: Int64, body: [UInt8], signature: String, now: Int64
    ) -> Bool {
        let (difference, overflow) = now.subtractingReportingOverflow(timestamp)
        guard !overflow, difference.magnitude <= Self.toleranceSeconds.magnitude else {
            return false
        }
        for entry in signature.split(separator: " ") where entry.hasPrefix("v1,") {
            guard let code = Base64.decode(entry.dropFirst(3)) else { continue }
            for secret in self.secrets {
                let content = Self.content(id: id, timestamp: timestamp, body: body)
                // Compares in constant time.
                if HMAC<SHA256>.isValidAuthenticationCode(
                    code, authenticating: content, using: secret.key)
                {
                    return true
                }
            }
        }
        return false
    }

    private static func code(
        _ secret: WebhookSecret, id: String, timestamp: Int64, body: [UInt8]
    ) -> HMAC<SHA256>.MAC {
        HMAC<SHA256>.authenticationCode(
            for: Self.content(id: id, timestamp: timestamp, body: body), using: secret.key)
    }

    private static func content(id: String, timestamp: Int64, body: [UInt8]) -> [UInt8] {
        var content = Array("\(id).\(timestamp).".utf8)
        content.append(contentsOf: body)
        return content
    }
}

/// Base64 with the standard alphabet and padding (RFC 4648, section 4).
enum Base64 {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let left = min(3, bytes.count - start)
            var group: UInt32 = 0
            for index in 0..<3 {
                group = group << 8 | (index < left ? UInt32(bytes[start + index]) : 0)
            }
            for index in 0..<4 {
                let digit = Int(group >> UInt32(18 - 6 * index) & 63)
                text.append(index <= left ? self.alphabet[digit] : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// nil if `text` is not canonical: length, alphabet, padding, and unused bits zero.
    static func decode(_ text: Substring) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count % 4 == 0 else { return nil }
        let paddingCount = digits.reversed().prefix { $0 == UInt8(ascii: "=") }.count
        guard paddingCount <= 2 else { return nil }
        var bytes: [UInt8] = []
        var (group, bitCount): (UInt32, Int) = (0, 0)
        for digit in digits.dropLast(paddingCount) {
            guard let value = self.alphabet.firstIndex(of: digit) else { return nil }
            group = group << 6 | UInt32(value)
            bitCount += 6
            if bitCount >= 8 {
                bitCount -= 8
                bytes.append(UInt8(truncatingIfNeeded: group >> UInt32(bitCount)))
            }
        }
        return group & (1 << UInt32(bitCount) - 1) == 0 ? bytes : nil
    }
}
