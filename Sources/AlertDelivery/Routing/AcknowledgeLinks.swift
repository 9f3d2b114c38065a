// SPDX-License-Identifier: Apache-2.0

internal import Crypto
package import MidwatchModel

/// Makes and reads links that acknowledge one annunciation of one alarm.
///
/// A link holds the activation, the annunciation and its expiry, under an HMAC with a secret of this
/// node. It says nothing that its bearer does not know from the alert, and can do nothing but
/// acknowledge what that alert was about: whoever holds the alert holds the right.
package struct AcknowledgeLinks: Sendable {
    /// What a link names.
    package struct Claim: Sendable, Equatable {
        package var alarmID: String
        /// `epoch:n.k`.
        package var activation: String
        /// Id of the alert that annunciated it.
        package var annunciation: String
        package var expiresAt: WallInstant
    }

    /// Why a text is not a link of ours.
    package enum Refusal: Error, Sendable, Equatable {
        /// Not of the form, or not signed with our secret.
        case forged
        case expired(Claim)
    }

    /// Bytes of the secret.
    package static let secretBytes = 32
    private static let codeBytes = 16
    private static let textBytesMax = 1_024

    private let key: SymmetricKey
    private let baseURL: String
    private let validNanoseconds: UInt64

    /// - Parameters:
    ///   - secret: `secretBytes` random bytes.
    ///   - baseURL: Where browsers reach the operator API, without a slash at its end.
    ///   - validNanoseconds: From the alert on.
    package init(secret: [UInt8], baseURL: String, validNanoseconds: UInt64) {
        precondition(secret.count == Self.secretBytes, "length of the link secret")
        self.key = SymmetricKey(data: secret)
        self.baseURL = baseURL.hasSuffix("/") ? String(baseURL.dropLast()) : baseURL
        self.validNanoseconds = validNanoseconds
    }

    /// The address that an alert carries.
    package func link(
        alarmID: String, activation: String, annunciation: String, now: WallInstant
    ) -> String {
        let expiry = now.nanoseconds &+ Int64(clamping: self.validNanoseconds)
        let seconds = expiry.flooredQuotientAndRemainder(1_000_000_000).0
        let content = Array("1 \(seconds) \(activation) \(annunciation) \(alarmID)".utf8)
        return "\(self.baseURL)/ack/\(Self.encode(content)).\(Self.encode(self.code(content)))"
    }

    /// What a token says that stands behind `/ack/`.
    package func claim(_ token: String, now: WallInstant) throws(Refusal) -> Claim {
        guard token.utf8.count <= Self.textBytesMax else { throw .forged }
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let content = Self.decode(parts[0]),
            let code = Self.decode(parts[1]), code.count == Self.codeBytes,
            Self.isEqual(code, self.code(content)),
            let text = String(validating: content, as: UTF8.self)
        else { throw .forged }
        let words = text.split(separator: " ", maxSplits: 4)
        guard words.count == 5, words[0] == "1", let seconds = Int64(words[1]) else {
            throw .forged
        }
        let (nanoseconds, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { throw .forged }
        let claim = Claim(
            alarmID: String(words[4]), activation: String(words[2]),
            annunciation: String(words[3]), expiresAt: WallInstant(nanoseconds: nanoseconds))
        guard now < claim.expiresAt else { throw .expired(claim) }
        return claim
    }

    private func code(_ content: [UInt8]) -> [UInt8] {
        Array(
            HMAC<SHA256>.authenticationCode(
                for: Array("midwatch acknowledge ".utf8) + content, using: self.key
            ).prefix(Self.codeBytes))
    }

    /// Compares in a time that does not depend on the bytes.
    private static func isEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }

    /// Base64 with the alphabet of addresses, without padding (RFC 4648, section 5).
    private static func encode(_ bytes: [UInt8]) -> String {
        String(
            Base64Text.encode(bytes).compactMap { character -> Character? in
                switch character {
                case "+": "-"
                case "/": "_"
                case "=": nil
                default: character
                }
            })
    }

    private static func decode(_ text: Substring) -> [UInt8]? {
        guard !text.contains("+"), !text.contains("/"), !text.contains("=") else { return nil }
        var plain = String(text.map { $0 == "-" ? "+" : $0 == "_" ? "/" : $0 })
        while plain.utf8.count % 4 != 0 { plain.append("=") }
        return Base64Text.decode(plain[...])
    }
}

extension AlertRouter {
    /// What a link can still do.
    package enum LinkState: Sendable, Equatable {
        /// Its alarm waits for an acknowledgement.
        case open
        /// Somebody has acknowledged it.
        case acknowledged
        /// The alarm is over, or was raised anew: an alert after this one says so.
        case superseded
    }

    /// Whether the annunciation that a link names still waits for an answer.
    package func state(of claim: AcknowledgeLinks.Claim) -> LinkState {
        guard let item = self.cases[claim.alarmID], item.base == claim.annunciation,
            item.activation == claim.activation
        else { return .superseded }
        switch item.state {
        case .unacknowledged, .returnedUnacknowledged, .latchedUnacknowledged: return .open
        case .acknowledged, .latchedAcknowledged: return .acknowledged
        case .normal: return .superseded
        }
    }
}
