// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// The place of one attempt in the trace of its alert (W3C Trace Context, version 00).
///
/// The trace began with the decision and stands in the alert; every attempt is a span of its own.
enum AttemptTrace {
    private static let digitCount = 32

    /// The value of a `traceparent` field; nil if the alert is in no trace.
    static func parent(of alert: Alert, endpoint: String, number: UInt32) -> String? {
        // Quotes within texts are escaped, so what is found is the member.
        guard let member = alert.body.firstRange(of: Self.member) else { return nil }
        let trace = alert.body[member.upperBound...].prefix(Self.digitCount)
        guard trace.count == Self.digitCount, trace.allSatisfy(Self.isDigit),
            trace.contains(where: { $0 != UInt8(ascii: "0") })
        else { return nil }
        let span = NameHash.of("\(alert.id)@\(endpoint)#\(number)".utf8)
        // All zeros would be no span.
        return "00-\(String(decoding: trace, as: UTF8.self))-\(HexDigits.text(of: max(span, 1)))-01"
    }

    private static let member = Array(#""traceparent":"00-"#.utf8)

    private static func isDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): true
        default: false
        }
    }
}
