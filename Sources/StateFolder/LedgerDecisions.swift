// SPDX-License-Identifier: Apache-2.0

internal import AlarmEngine
internal import JSONText
internal import Journal

/// The decisions of a ledger, one after the other; other lines are counted.
struct LedgerDecisions {
    struct Item {
        var line: UInt64
        var id: DecisionID
        /// Without the mark of unrecorded input: what the engine wrote.
        var body: [UInt8]
        var isOnUnrecordedInput: Bool
    }

    private static let mark = Array("{\"unrecordedInput\":true,".utf8)

    private let reader: LedgerReader
    /// Lines behind this one are newer than the comparison.
    private let limit: UInt64
    private(set) var otherLineCount: UInt64 = 0
    private var ahead: Item?
    private var isAtEnd = false

    init(folder: String, limit: UInt64) {
        self.reader = LedgerReader(directory: folder)
        self.limit = limit
    }

    /// The next decision without taking it; nil at the end.
    mutating func peek() throws(LedgerError) -> Item? {
        if let ahead = self.ahead { return ahead }
        while !self.isAtEnd {
            guard let line = try self.reader.next(through: self.limit) else {
                self.isAtEnd = true
                break
            }
            if let item = Self.item(line) {
                self.ahead = item
                return item
            }
            self.otherLineCount += 1
        }
        return nil
    }

    /// Takes what `peek` gave.
    mutating func advance() { self.ahead = nil }

    private static func item(_ line: LedgerLine) -> Item? {
        guard let json = try? JSONValue(parsing: line.body.span),
            let id = json["decision"]?.string.flatMap({ DecisionID($0) })
        else { return nil }
        let isMarked = line.body.starts(with: self.mark)
        return Item(
            line: line.n, id: id,
            body: isMarked ? [UInt8(ascii: "{")] + line.body.dropFirst(self.mark.count) : line.body,
            isOnUnrecordedInput: isMarked)
    }
}
