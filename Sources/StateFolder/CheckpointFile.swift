// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
package import MidwatchModel

/// Pictures of a state at a position (the engine's, the MQTT sessions') as files: `<n, 20 digits>.checkpoint` in one folder.
///
/// Eight bytes of magic, CRC-32C of the rest, the journal's identity as 36 bytes of text, the
/// picture's own bytes. A file is replaced by rename; the last `keptCount` stay, so that a damaged
/// one falls back to the one before it. Each names its journal: indexes mean nothing in another.
package enum CheckpointFile {
    package static let keptCount = 3
    private static let magic: [UInt8] = Array("MWCHECK2".utf8)
    /// Magic, checksum, journal.
    private static let headerBytes = 8 + 4 + 36

    /// A checkpoint that was read: whose journal it is of, and the engine's state.
    package struct Loaded: Equatable, Sendable {
        package var name: String
        package var journal: JournalID?
        package var body: [UInt8]
    }

    /// Checkpoints of a folder, newest first, whose checksum is right.
    ///
    /// With `settingAside`, which only the owner of the folder may say, damaged ones are renamed.
    package static func load(folder: String, settingAside: Bool = false) -> [Loaded] {
        Array(self.each(folder: folder, settingAside: settingAside))
    }

    /// The same, each read when it is asked for: a start mostly needs the newest alone.
    ///
    /// `onDamage` is told the name of each that is damaged, before it is set aside.
    package static func each(
        folder: String, settingAside: Bool, onDamage: @escaping (_ name: String) -> Void = { _ in }
    ) -> some Sequence<Loaded> {
        self.names(folder).reversed().lazy.compactMap { name in
            let loaded = self.load(name, folder: folder)
            if loaded == nil {
                onDamage(name)
                if settingAside { self.setAside(name, folder: folder) }
            }
            return loaded
        }
    }

    /// One checkpoint; nil if it cannot be read or its checksum is wrong.
    static func load(_ name: String, folder: String) -> Loaded? {
        guard let bytes = FileBytes.read("\(folder)/\(name)"), self.isWhole(bytes) else {
            return nil
        }
        return Loaded(
            name: name,
            journal: JournalID(String(decoding: bytes[12..<self.headerBytes], as: UTF8.self)),
            body: Array(bytes[self.headerBytes...]))
    }

    /// Writes one durably and removes those beyond `keptCount`.
    package static func write(
        _ body: [UInt8], position: Position, journal: JournalID, folder: String
    ) throws(FileError) {
        var bytes = self.magic
        let sealed = Array(journal.description.utf8) + body
        let checksum = self.checksum(sealed[...])
        for shift in stride(from: UInt32(0), to: 32, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: checksum >> shift))
        }
        bytes += sealed
        let digits = String(position.n)
        let name =
            String(repeating: "0", count: 20 - digits.count) + digits + ".checkpoint"
        try FileBytes.replace("\(folder)/\(name)", with: bytes)
        self.keepForReplay(name, folder: folder)
        for old in self.names(folder).dropLast(self.keptCount) { unsafe unlink("\(folder)/\(old)") }
    }

    /// Takes a checkpoint that does not fit out of the row, so that it does not count as newer than
    /// those to come; the last `keptCount` of these stay for whoever looks into it.
    package static func setAside(_ name: String, folder: String) {
        unsafe rename("\(folder)/\(name)", "\(folder)/\(name).aside")
        let aside = FileBytes.list(folder).filter { $0.hasSuffix(".aside") }.sorted()
        for old in aside.dropLast(self.keptCount) { unsafe unlink("\(folder)/\(old)") }
    }

    private static func isWhole(_ bytes: [UInt8]) -> Bool {
        guard bytes.count > self.headerBytes, Array(bytes[0..<8]) == self.magic else {
            return false
        }
        let stored = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[8 + $1]) << UInt32(8 * $1) }
        return self.checksum(bytes[12...]) == stored
    }

    static func names(_ folder: String) -> [String] {
        FileBytes.list(folder).filter { $0.hasSuffix(".checkpoint") }.sorted()
    }

    private static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        unsafe bytes.withUnsafeBytes { unsafe clinux_crc32c(0, $0.baseAddress, $0.count) }
    }
}
