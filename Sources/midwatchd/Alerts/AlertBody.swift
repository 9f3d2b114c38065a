// SPDX-License-Identifier: Apache-2.0

import JSONText

/// Small changes to the body of an alert that is made already.
enum AlertBody {
    /// `body`, one JSON object, with the members that `write` gives at its end.
    static func adding(to body: [UInt8], _ write: (inout JSONWriter) -> Void) -> [UInt8] {
        var json = JSONWriter()
        json.object(write)
        let members = json.bytes.dropFirst()
        guard body.last == UInt8(ascii: "}"), members.count > 1 else { return body }
        var joined = Array(body.dropLast())
        if joined.last != UInt8(ascii: "{") { joined.append(UInt8(ascii: ",")) }
        joined.append(contentsOf: members)
        return joined
    }

    /// The ordering key of a name: FNV-1a, the same on every run.
    static func key(_ name: String) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        return hash
    }
}
