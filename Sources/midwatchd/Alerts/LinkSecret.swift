// SPDX-License-Identifier: Apache-2.0

import AlertDelivery
import StateFolder

/// The secret of this node under its links, made once and kept in the state folder.
enum LinkSecret {
    /// The file is not a secret that we made.
    struct Damaged: Error, CustomStringConvertible {
        var path: String

        var description: String {
            "\(self.path): expected \(AcknowledgeLinks.secretBytes) bytes; remove it and restart, "
                + "links sent before are void then"
        }
    }

    /// Reads the secret, or makes one; only this account can read the file.
    static func load(_ path: String) throws -> [UInt8] {
        if let bytes = FileBytes.read(path) {
            guard bytes.count == AcknowledgeLinks.secretBytes else { throw Damaged(path: path) }
            return bytes
        }
        var generator = SystemRandomNumberGenerator()
        let bytes = (0..<AcknowledgeLinks.secretBytes).map { _ in
            UInt8.random(in: 0...255, using: &generator)
        }
        try FileBytes.replace(path, with: bytes)
        return bytes
    }
}
