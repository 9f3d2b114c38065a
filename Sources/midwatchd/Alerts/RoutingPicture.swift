// SPDX-License-Identifier: Apache-2.0

import JSONText
import StateFolder

/// The router's state at one ledger record, as a file: a short ledger.
///
/// One JSON object a line: first where it stands, then the records, then how many they were. It
/// only spares reading the whole ledger at a start; without it, or if it is damaged, the newest
/// `recordCountMax` records of the ledger are read.
struct RoutingPicture: Equatable, Sendable {
    /// Ledger records that a start without a picture reads.
    static let recordCountMax: UInt64 = 262_144

    /// The ledger record up to which the picture holds.
    var n: UInt64
    var records: [[UInt8]]

    func write(_ path: String) throws(FileError) {
        var bytes: [UInt8] = []
        var head = JSONWriter()
        head.object { json in
            json.field("picture", 1)
            json.field("n", self.n)
        }
        bytes += head.bytes + [UInt8(ascii: "\n")]
        for record in self.records { bytes += record + [UInt8(ascii: "\n")] }
        var end = JSONWriter()
        end.object { json in json.field("records", self.records.count) }
        bytes += end.bytes + [UInt8(ascii: "\n")]
        try FileBytes.replace(path, with: bytes)
    }

    /// The picture at `path`; nil if there is none, it is damaged, or it is ahead of the ledger.
    static func read(_ path: String, newest: UInt64) -> RoutingPicture? {
        guard let bytes = FileBytes.read(path) else { return nil }
        let lines = bytes.split(separator: UInt8(ascii: "\n"))
        guard lines.count >= 2, let head = try? JSONValue(parsing: Array(lines[0]).span),
            let end = try? JSONValue(parsing: Array(lines[lines.count - 1]).span),
            head["picture"]?.integer == 1, let n = head["n"]?.integer, n >= 0,
            end["records"]?.integer == Int64(lines.count - 2), UInt64(n) <= newest
        else { return nil }
        return RoutingPicture(n: UInt64(n), records: lines[1..<(lines.count - 1)].map { Array($0) })
    }
}
