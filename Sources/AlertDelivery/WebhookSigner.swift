// SPDX-License-Identifier: Apache-2.0

internal import Crypto
internal import MidwatchModel

/// A shared secret of Standard Webhooks: `whsec_` and base64 of 24 to 64 bytes.
package struct WebhookSecret: Sendable {
    fileprivate let key: SymmetricKey

    /// nil if `text` is not a secret of that form.
    package init?(_ text: String) {
        let prefix = "whsec_"
        guard text.hasPrefix(prefix), let bytes = Base64Text.decode(text.dropFirst(prefix.count)),
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
            return "v1," + Base64Text.encode(Array(code))
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
            guard let code = Base64Text.decode(entry.dropFirst(3)) else { continue }
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
