// SPDX-License-Identifier: Apache-2.0

import JSONText
import MidwatchModel

/// Small changes to the body of an alert that is made already.
enum AlertMembers {
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

    /// `body`, one JSON object, with `link` as the first of its member `links`.
    ///
    /// Quotes within texts are escaped, so what is looked for is the member.
    static func linking(_ body: [UInt8], _ link: AlertLink) -> [UInt8] {
        let member = Array("\"links\":[".utf8)
        guard let place = body.firstRange(of: member) else {
            return self.adding(to: body) { json in
                json.arrayField("links") { json in json.object { link.write(to: &$0) } }
            }
        }
        var json = JSONWriter()
        json.object { link.write(to: &$0) }
        let isAlone = place.upperBound < body.count && body[place.upperBound] == UInt8(ascii: "]")
        return body[..<place.upperBound] + json.bytes + (isAlone ? [] : [UInt8(ascii: ",")])
            + body[place.upperBound...]
    }

    /// The ordering key of an alarm or another name, the same on every run.
    static func key(_ name: String) -> UInt64 { NameHash.of(name) }
}
