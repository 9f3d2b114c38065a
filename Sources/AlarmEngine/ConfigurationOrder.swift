// SPDX-License-Identifier: Apache-2.0

internal import JSONText
internal import MidwatchModel

/// The payload of a configuration record: the revision's hash, and who ordered it, if a person did.
package struct ConfigurationOrder: Sendable, Equatable {
    /// Bytes of a hash (SHA-256); who ordered it stands behind them.
    private static let hashBytes = 32

    /// Lower-case hexadecimal digits.
    package var revision: String
    /// Empty for a start and a signal.
    package var user: String
    package var origin: String

    package init(revision: String, user: String = "", origin: String = "") {
        self.revision = revision
        self.user = user
        self.origin = origin
    }

    /// Reads a payload; what stands behind the hash and is not understood is left out.
    init(_ payload: [UInt8]) {
        let rest = Array(payload.dropFirst(Self.hashBytes))
        let json = rest.isEmpty ? nil : try? JSONValue(parsing: rest.span)
        self.init(
            revision: HexDigits.text(payload.prefix(Self.hashBytes)),
            user: json?["user"]?.string ?? "", origin: json?["origin"]?.string ?? "")
    }

    package var payload: [UInt8] {
        let hash = HexDigits.bytes(self.revision) ?? []
        guard !self.user.isEmpty || !self.origin.isEmpty else { return hash }
        var json = JSONWriter()
        json.object { json in
            json.field("user", self.user)
            json.field("origin", self.origin)
        }
        return hash + json.bytes
    }
}
