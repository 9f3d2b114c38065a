// SPDX-License-Identifier: Apache-2.0

import CLinux
import MidwatchModel

/// Why a stored ladder could not be read.
package enum LadderError: Error, Equatable, Sendable {
    case noChecksum
    case wrongChecksum
    case unsupportedVersion
    case badLine(Int)
}

extension RestartLadder {
    /// The state file: `key=value` lines, the last one the CRC-32C of all before it.
    ///
    ///     version=1
    ///     total=4
    ///     rung=<boot id> <boottime ns> <wall ns>
    ///     checksum=9ae0daaf
    package var text: String {
        var text = "version=1\ntotal=\(self.totalCount)\n"
        for rung in self.rungs {
            text += "rung=\(rung.bootID) \(rung.at.nanoseconds) \(rung.wall.nanoseconds)\n"
        }
        return text + "checksum=\(Self.checksum(text))\n"
    }

    /// Reads back what `text` wrote.
    package init(
        text: String, restartCountMax: Int = 3, windowNanoseconds: UInt64 = 900_000_000_000
    ) throws(LadderError) {
        guard text.hasSuffix("\n"), let bodyEnd = text.dropLast().lastIndex(of: "\n") else {
            throw .noChecksum
        }
        let body = String(text[...bodyEnd])
        let last = text[text.index(after: bodyEnd)...].dropLast()
        guard last.hasPrefix("checksum=") else { throw .noChecksum }
        guard last.dropFirst("checksum=".count) == Self.checksum(body) else {
            throw .wrongChecksum
        }
        var rungs: [Rung] = []
        var total: UInt64 = 0
        for (index, line) in body.split(separator: "\n").enumerated() {
            let parts = line.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else { throw .badLine(index + 1) }
            switch parts[0] {
            case "version": guard parts[1] == "1" else { throw .unsupportedVersion }
            case "total":
                guard let value = UInt64(parts[1]) else { throw .badLine(index + 1) }
                total = value
            case "rung":
                guard let rung = Self.rung(parts[1]) else { throw .badLine(index + 1) }
                rungs.append(rung)
            default: throw .badLine(index + 1)
            }
        }
        self.init(
            restartCountMax: restartCountMax, windowNanoseconds: windowNanoseconds, rungs: rungs,
            totalCount: total)
    }

    private static func rung(_ text: Substring) -> Rung? {
        let words = text.split(separator: " ")
        guard words.count == 3, let bootID = BootID(String(words[0])),
            let at = UInt64(words[1]), let wall = Int64(words[2])
        else { return nil }
        return Rung(
            bootID: bootID, at: MonotonicInstant(nanoseconds: at),
            wall: WallInstant(nanoseconds: wall))
    }

    private static func checksum(_ text: String) -> String {
        let bytes = Array(text.utf8)
        let crc = unsafe bytes.withUnsafeBytes { unsafe clinux_crc32c(0, $0.baseAddress, $0.count) }
        return HexDigits.text(of: crc)
    }
}
