// SPDX-License-Identifier: Apache-2.0

internal import JSONText
internal import MidwatchModel

/// One record of a ledger.
package struct LedgerLine: Equatable, Sendable {
    /// 1 for the first line of a ledger, then one more for each.
    package var n: UInt64
    /// When it was written, RFC 3339 in UTC.
    package var written: String
    /// One JSON object; the part that replay compares.
    package var body: [UInt8]
    /// Hash of the line before; zeros for the first.
    package var previous: [UInt8]
    /// Hash of this line.
    package var hash: [UInt8]
}

/// The text of a ledger line and how it is hashed.
///
///     {"n":1,"written":"2026-11-21T03:04:05.123456Z","body":{…},"prev":"<64>","hash":"<64>"}
///
/// Exactly these members in this order, no white space between them, one line feed behind. The
/// hash is SHA-256 over the bytes of the line from `{` up to and including the quote that closes
/// the value of `prev`: everything in front of `,"hash":"`. As `prev` is among them, each hash
/// covers every line before.
enum LedgerText {
    /// Bytes of a body at most.
    static let bodyBytesMax = 64 * 1_024
    /// Bytes of a line at most: the body and what surrounds it.
    static let lineBytesMax = bodyBytesMax + 512
    /// Hash in front of the first line.
    static let noHash = [UInt8](repeating: 0, count: ContentHash.byteCount)

    private static let head = Array(#"{"n":"#.utf8)
    private static let writtenKey = Array(#","written":""#.utf8)
    private static let bodyKey = Array(#"","body":"#.utf8)
    private static let previousKey = Array(#","prev":""#.utf8)
    private static let hashKey = Array(#"","hash":""#.utf8)
    private static let tail = Array("\"}".utf8)
    private static let hashDigits = 2 * ContentHash.byteCount

    /// Whether `body` may stand in a line: one JSON object without line feeds, not too long.
    static func accepts(_ body: [UInt8]) -> Bool {
        guard body.count <= self.bodyBytesMax, body.first == UInt8(ascii: "{"),
            body.last == UInt8(ascii: "}"), body.allSatisfy({ $0 >= 0x20 })
        else { return false }
        return (try? JSONValue(parsing: body.span)) != nil
    }

    /// Appends the line to `text`, line feed included, and returns its hash.
    static func append(
        n: UInt64, written: String, body: [UInt8], previous: [UInt8], to text: inout [UInt8]
    ) -> [UInt8] {
        let start = text.count
        text.append(contentsOf: self.head)
        text.append(contentsOf: String(n).utf8)
        text.append(contentsOf: self.writtenKey)
        text.append(contentsOf: written.utf8)
        text.append(contentsOf: self.bodyKey)
        text.append(contentsOf: body)
        text.append(contentsOf: self.previousKey)
        HexDigits.append(previous, to: &text)
        text.append(UInt8(ascii: "\""))
        let hash = ContentHash.sha256(text[start...])
        text.append(contentsOf: self.hashKey.dropFirst())
        HexDigits.append(hash, to: &text)
        text.append(contentsOf: self.tail)
        text.append(UInt8(ascii: "\n"))
        return hash
    }

    /// What is wrong with a line.
    enum Fault: Error, Equatable { case form, hash }

    /// Takes a line apart, without its line feed, and checks its hash.
    ///
    /// The ends have fixed lengths, so nothing in a body can be taken for a member of the line.
    static func parse(_ line: ArraySlice<UInt8>) throws(Fault) -> LedgerLine {
        var rest = line
        guard rest.count <= self.lineBytesMax, Self.drop(self.head, from: &rest),
            let n = Self.number(&rest), Self.drop(self.writtenKey, from: &rest),
            let quote = rest.firstIndex(of: UInt8(ascii: "\"")), quote - rest.startIndex <= 40
        else { throw .form }
        let written = String(decoding: rest[..<quote], as: UTF8.self)
        rest = rest[quote...]
        guard Self.drop(self.bodyKey, from: &rest), Self.dropLast(self.tail, from: &rest),
            let hash = Self.hash(&rest), Self.dropLast(self.hashKey, from: &rest)
        else { throw .form }
        let hashed = line[line.startIndex...rest.endIndex]
        guard let previous = Self.hash(&rest), Self.dropLast(self.previousKey, from: &rest),
            rest.first == UInt8(ascii: "{"), rest.last == UInt8(ascii: "}")
        else { throw .form }
        guard ContentHash.sha256(hashed) == hash else { throw .hash }
        return LedgerLine(
            n: n, written: written, body: Array(rest), previous: previous, hash: hash)
    }

    private static func drop(_ prefix: [UInt8], from rest: inout ArraySlice<UInt8>) -> Bool {
        guard rest.starts(with: prefix) else { return false }
        rest = rest.dropFirst(prefix.count)
        return true
    }

    private static func dropLast(_ suffix: [UInt8], from rest: inout ArraySlice<UInt8>) -> Bool {
        guard rest.suffix(suffix.count).elementsEqual(suffix) else { return false }
        rest = rest.dropLast(suffix.count)
        return true
    }

    private static func number(_ rest: inout ArraySlice<UInt8>) -> UInt64? {
        let digits = rest.prefix { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
        guard let first = digits.first, first != UInt8(ascii: "0") else { return nil }
        rest = rest.dropFirst(digits.count)
        return UInt64(String(decoding: digits, as: UTF8.self))
    }

    private static func hash(_ rest: inout ArraySlice<UInt8>) -> [UInt8]? {
        let digits = rest.suffix(self.hashDigits)
        guard digits.count == self.hashDigits else { return nil }
        rest = rest.dropLast(self.hashDigits)
        return HexDigits.bytes(digits)
    }
}
