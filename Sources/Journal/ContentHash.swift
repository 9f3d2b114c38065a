// SPDX-License-Identifier: Apache-2.0

internal import Crypto

/// SHA-256 of bytes in memory: 32 bytes.
package enum ContentHash {
    /// Bytes of a hash.
    package static let byteCount = 32

    /// SHA-256 of `bytes`.
    package static func sha256(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        var hasher = SHA256()
        unsafe hasher.update(bufferPointer: bytes)
        return Array(hasher.finalize())
    }

    /// SHA-256 of `bytes`.
    package static func sha256(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        unsafe bytes.withUnsafeBytes { unsafe self.sha256($0) }
    }
}
