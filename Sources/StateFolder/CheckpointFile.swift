// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
package import MidwatchModel

/// Pictures of the engine's state as files: `<n, 20 digits>.checkpoint` in one folder.
///
/// Eight bytes of magic, CRC-32C of the rest, the engine's own bytes. A file is replaced by rename;
/// the last `keptCount` stay, so that a damaged one falls back to the one before it.
package enum CheckpointFile {
    package static let keptCount = 3
    private static let magic: [UInt8] = Array("MWCHECK1".utf8)

    /// Checkpoints of a folder, newest first, whose checksum is right.
    package static func load(folder: String) -> [[UInt8]] {
        self.names(folder).reversed().compactMap { name in
            guard let bytes = FileBytes.read("\(folder)/\(name)"), bytes.count > 12,
                Array(bytes[0..<8]) == self.magic
            else { return nil }
            let body = Array(bytes[12...])
            let stored = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[8 + $1]) << UInt32(8 * $1) }
            return self.checksum(body) == stored ? body : nil
        }
    }

    /// Writes one durably and removes those beyond `keptCount`.
    package static func write(
        _ body: [UInt8], position: Position, folder: String
    ) throws(FileError) {
        var bytes = self.magic
        let checksum = self.checksum(body)
        for shift in stride(from: UInt32(0), to: 32, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: checksum >> shift))
        }
        bytes += body
        let digits = String(position.n)
        let name =
            String(repeating: "0", count: 20 - digits.count) + digits + ".checkpoint"
        try FileBytes.replace("\(folder)/\(name)", with: bytes)
        for old in self.names(folder).dropLast(self.keptCount) { unsafe unlink("\(folder)/\(old)") }
    }

    private static func names(_ folder: String) -> [String] {
        FileBytes.list(folder).filter { $0.hasSuffix(".checkpoint") }.sorted()
    }

    private static func checksum(_ bytes: [UInt8]) -> UInt32 {
        unsafe bytes.withUnsafeBytes { unsafe clinux_crc32c(0, $0.baseAddress, $0.count) }
    }
}
