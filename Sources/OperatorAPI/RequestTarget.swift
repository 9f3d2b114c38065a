// SPDX-License-Identifier: Apache-2.0

/// Path and query of a request, taken apart and percent-decoded (RFC 3986).
package struct RequestTarget: Sendable, Equatable {
    /// Segments of the path.
    ///
    /// `%2F` inside one stays inside it: `/v1/alarms/a%2Fb:high` has three.
    package var segments: [String]
    /// Items of the query; a name that comes twice makes the target malformed.
    package var query: [String: String]

    /// nil if the target is no absolute path or its encoding is malformed.
    package init?(_ target: String) {
        let bytes = Array(target.utf8)
        guard bytes.first == UInt8(ascii: "/"), bytes.count <= OperatorAPILimits.targetBytesMax
        else { return nil }
        let parts = bytes.split(
            separator: UInt8(ascii: "?"), maxSplits: 1, omittingEmptySubsequences: false)
        self.segments = []
        self.query = [:]
        let path = parts[0].dropFirst()
        for raw in path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            guard let segment = Self.decode(raw, plusIsSpace: false) else { return nil }
            self.segments.append(segment)
        }
        guard parts.count == 2 else { return }
        for item in parts[1].split(separator: UInt8(ascii: "&")) {
            let pair = item.split(
                separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = Self.decode(pair[0], plusIsSpace: true),
                let value = Self.decode(pair.count == 2 ? pair[1] : [], plusIsSpace: true),
                self.query.updateValue(value, forKey: name) == nil
            else { return nil }
        }
    }

    private static func decode(_ raw: ArraySlice<UInt8>, plusIsSpace: Bool) -> String? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(raw.count)
        var index = raw.startIndex
        while index < raw.endIndex {
            switch raw[index] {
            case UInt8(ascii: "%"):
                guard raw.endIndex - index >= 3, let high = self.digit(raw[index + 1]),
                    let low = self.digit(raw[index + 2])
                else { return nil }
                bytes.append(high << 4 | low)
                index += 3
            case UInt8(ascii: "+") where plusIsSpace:
                bytes.append(UInt8(ascii: " "))
                index += 1
            default:
                bytes.append(raw[index])
                index += 1
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
