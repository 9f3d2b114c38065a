// SPDX-License-Identifier: Apache-2.0

internal import Crypto

/// Credentials that were right before, as keyed digests: clients that come back come in at once.
///
/// When a switch comes back, a thousand clients connect in one second; at tens of milliseconds for
/// each password most of them would be refused for a minute. The key is made at start and kept
/// nowhere: the digests are worth nothing outside this process. A new password file empties it.
struct CredentialMemo {
    /// Users remembered; beyond it one is forgotten and pays the full price again.
    static let countMax = 16_384

    private let key = SymmetricKey(size: .bits256)
    private var codes: [String: HMAC<SHA256>.MAC] = [:]
    private let countMax: Int

    init(countMax: Int = Self.countMax) {
        precondition(countMax > 0, "a memo has room")
        self.countMax = countMax
    }

    var count: Int { self.codes.count }

    /// Whether this password was right for this user; the comparison takes constant time.
    func holds(_ user: String, _ password: [UInt8]) -> Bool {
        guard let code = self.codes[user] else { return false }
        return code == HMAC<SHA256>.authenticationCode(for: password, using: self.key)
    }

    /// The password is right.
    mutating func remember(_ user: String, _ password: [UInt8]) {
        if self.codes[user] == nil, self.codes.count >= self.countMax,
            let any = self.codes.keys.first
        {
            self.codes[any] = nil
        }
        self.codes[user] = HMAC<SHA256>.authenticationCode(for: password, using: self.key)
    }
}
