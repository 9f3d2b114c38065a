// SPDX-License-Identifier: Apache-2.0

/// Parses InfluxDB line protocol, line by line, out of one span of bytes.
///
///     measurement[,tag=value]* SP field=value[,field=value]* [SP timestamp] LF
///
/// A line is accepted whole or refused whole, with its error; the lines after it go on. The last
/// line needs no line feed. Lines that begin with `#` and blank lines are passed over; a carriage
/// return before the line feed is ignored.
///
///     parser.start()
///     while true {
///         switch parser.nextLine(datagram) {
///         case .line(let line): for index in 0..<line.fieldCount { … parser.field(index) … }
///         case .rejected(let rejection): counters.add(rejection.error)
///         case .end: return
///         }
///     }
///
/// Limits: `fieldCountMax` fields a line, `seriesKeyBytesMax`, `stringBytesMax`; each has its
/// error. Memory is taken once, in `init`.
///
/// Where a quoted string goes over the end of its line, every line up to the one in which the
/// quote closes is refused with it: text inside a string must not pass for a reading. If the quote
/// never closes, the first line alone is refused.
///
/// Not promised: tag keys are not compared with each other here (`SeriesPathTemplate` does, once
/// per series), and names are not checked for UTF-8 (the same).
///
/// `@unchecked Sendable`: the memory belongs to this one value, which cannot be copied.
///
/// Source: InfluxDB line protocol reference, v2.
@safe
package struct LineProtocolParser: ~Copyable, @unchecked Sendable {
    /// Fields of one line that are held if nothing else is asked for.
    package static var fieldCountDefault: Int { 256 }
    /// Bytes of measurement and tags together.
    package static var seriesKeyBytesMax: Int { @_noLocks get { 2_048 } }
    /// Bytes of one string value (line protocol reference: 64 KB).
    package static var stringBytesMax: Int { @_noLocks get { 65_536 } }

    let fields: UnsafeMutablePointer<LineProtocolField>
    package let fieldCountMax: Int
    let acceptsNotFinite: Bool
    /// Offset of the next byte to look at.
    var offset = 0
    private var lineNumber = 0
    var fieldCount = 0
    var duplicateFieldCount = 0

    /// Reserves the memory for one line.
    ///
    /// - Parameters:
    ///   - fieldCountMax: Fields one line may have, 1 or more.
    ///   - acceptsNotFinite: `nan` and `inf`, which the standard does not know, are handed out as
    ///     `.notFinite` (a failed sensor must show as unknown at once, not as stale later); false
    ///     refuses such lines.
    package init(fieldCountMax: Int = Self.fieldCountDefault, acceptsNotFinite: Bool = true) {
        precondition(fieldCountMax > 0, "a line has at least one field")
        self.fieldCountMax = fieldCountMax
        self.acceptsNotFinite = acceptsNotFinite
        unsafe self.fields = .allocate(capacity: fieldCountMax)
    }

    deinit { unsafe self.fields.deallocate() }

    /// Begins a new input at offset `offset` of the bytes that `nextLine` will be given.
    @_noLocks
    package mutating func start(at offset: Int = 0) {
        precondition(offset >= 0, "negative offset")
        self.offset = offset
        self.lineNumber = 0
        self.fieldCount = 0
    }

    /// Field `index` of the line that `nextLine` returned last, in the order written.
    @_noLocks
    package borrowing func field(_ index: Int) -> LineProtocolField {
        precondition(index >= 0 && index < self.fieldCount, "no such field in this line")
        return unsafe self.fields[index]
    }

    /// Takes the next line out of `bytes`, which must be the same at every call since `start`.
    ///
    /// - Complexity: O(bytes of the line), and O(fields²) key comparisons of equal length. No
    ///   allocation, locks or reference counting, except in numbers of more than 19 digits.
    @_noLocks
    package mutating func nextLine(_ bytes: borrowing Span<UInt8>) -> LineProtocolStep {
        while self.offset < bytes.count {
            self.lineNumber &+= 1
            let start = self.offset
            let first = bytes[start]
            // One comparison for nearly every line: a name begins above the space.
            if first <= UInt8(ascii: "#"),
                first == UInt8(ascii: "#") || Self.isBlank(bytes, from: start)
            {
                self.offset = Self.nextLineFeed(bytes, from: start) &+ 1
                continue
            }
            self.fieldCount = 0
            self.duplicateFieldCount = 0
            do {
                let line = try self.parseLine(bytes, from: start)
                return .line(line)
            } catch {
                return .rejected(self.reject(bytes, from: start, error: error))
            }
        }
        return .end
    }

    // MARK: Structure of a line

    @_noLocks
    private mutating func parseLine(
        _ bytes: borrowing Span<UInt8>, from start: Int
    ) throws(LineProtocolError) -> LineProtocolLine {
        try self.scanMeasurement(bytes, from: start)
        let measurement = ByteRange(start, self.offset)
        while self.offset < bytes.count, bytes[self.offset] == UInt8(ascii: ",") {
            self.offset &+= 1
            try self.scanTag(bytes)
        }
        let seriesKey = ByteRange(start, self.offset)
        if seriesKey.count > Self.seriesKeyBytesMax { throw .seriesKeyTooLong }
        guard self.offset < bytes.count, bytes[self.offset] == UInt8(ascii: " ") else {
            throw .noField
        }
        repeat {
            self.offset &+= 1
            try self.scanField(bytes)
        } while self.offset < bytes.count && bytes[self.offset] == UInt8(ascii: ",")
        var timestamp: Int64?
        if self.offset < bytes.count, bytes[self.offset] == UInt8(ascii: " ") {
            self.offset &+= 1
            timestamp = try self.scanTimestamp(bytes)
        }
        assert(Self.isLineEnd(bytes, self.offset), "a section ends at a delimiter it does not know")
        self.skipLineEnd(bytes)
        var line = LineProtocolLine(
            number: self.lineNumber, seriesKey: seriesKey, measurement: measurement,
            timestamp: timestamp)
        line.fieldCount = self.fieldCount
        line.duplicateFieldCount = self.duplicateFieldCount
        return line
    }

    @_noLocks
    @inline(__always)
    private mutating func scanMeasurement(
        _ bytes: borrowing Span<UInt8>, from start: Int
    ) throws(LineProtocolError) {
        let name = NameScan(bytes, from: start, stops: .measurement)
        self.offset = name.end
        if name.end == start { throw .emptyMeasurement }
        if Self.isLineEnd(bytes, start) { throw .emptyMeasurement }
        if bytes[start] == UInt8(ascii: "_") { throw .reservedName }
    }

    @_noLocks
    @inline(__always)
    private mutating func scanTag(_ bytes: borrowing Span<UInt8>) throws(LineProtocolError) {
        let start = self.offset
        let key = NameScan(bytes, from: start, stops: .key)
        self.offset = key.end
        if key.end == start || Self.isLineEnd(bytes, start) { throw .emptyTagKey }
        guard key.end < bytes.count, bytes[key.end] == UInt8(ascii: "=") else {
            throw .tagWithoutValue
        }
        if bytes[start] == UInt8(ascii: "_") { throw .reservedName }
        let value = NameScan(bytes, from: key.end &+ 1, stops: .key)
        self.offset = value.end
        if value.end == key.end &+ 1 || Self.isLineEnd(bytes, key.end &+ 1) {
            throw .emptyTagValue
        }
        if value.end < bytes.count, bytes[value.end] == UInt8(ascii: "=") {
            throw .unescapedEquals
        }
    }

    @_noLocks
    @inline(__always)
    private mutating func scanField(_ bytes: borrowing Span<UInt8>) throws(LineProtocolError) {
        let start = self.offset
        if Self.isLineEnd(bytes, start) {
            throw self.fieldCount == 0 ? .noField : .emptyFieldKey
        }
        if self.fieldCount == 0, bytes[start] == UInt8(ascii: " ") { throw .noField }
        let key = NameScan(bytes, from: start, stops: .key)
        self.offset = key.end
        if key.end == start { throw .emptyFieldKey }
        guard key.end < bytes.count, bytes[key.end] == UInt8(ascii: "=") else {
            throw .fieldWithoutValue
        }
        if bytes[start] == UInt8(ascii: "_") { throw .reservedName }
        self.offset = key.end &+ 1
        var field = try self.scanValue(bytes)
        field.key = ByteRange(start, key.end)
        field.keyHasEscape = key.hasEscape
        try self.keep(field, bytes)
    }

    /// Stores `field`; one with the same key before it gives way: the last wins.
    @_noLocks
    private mutating func keep(
        _ field: LineProtocolField, _ bytes: borrowing Span<UInt8>
    ) throws(LineProtocolError) {
        for index in 0..<self.fieldCount {
            let earlier = unsafe self.fields[index].key
            if earlier.count == field.key.count, Self.areEqual(bytes, earlier, field.key) {
                unsafe self.fields[index] = field
                self.duplicateFieldCount &+= 1
                return
            }
        }
        guard self.fieldCount < self.fieldCountMax else { throw .tooManyFields }
        unsafe (self.fields + self.fieldCount).initialize(to: field)
        self.fieldCount &+= 1
    }

    // MARK: Lines

    /// Whether the line content ends at `index`: input end, LF, or CR before one of these.
    @_noLocks
    @inline(__always)
    static func isLineEnd(_ bytes: borrowing Span<UInt8>, _ index: Int) -> Bool {
        if index >= bytes.count { return true }
        let byte = bytes[index]
        if byte == UInt8(ascii: "\n") { return true }
        return byte == UInt8(ascii: "\r")
            && (index &+ 1 == bytes.count || bytes[index &+ 1] == UInt8(ascii: "\n"))
    }

    @_noLocks
    private mutating func skipLineEnd(_ bytes: borrowing Span<UInt8>) {
        if self.offset < bytes.count, bytes[self.offset] == UInt8(ascii: "\r") {
            self.offset &+= 1
        }
        if self.offset < bytes.count { self.offset &+= 1 }
    }

    /// Whether nothing but spaces and tabs stands before the end of the line.
    @_noLocks
    private static func isBlank(_ bytes: borrowing Span<UInt8>, from start: Int) -> Bool {
        var index = start
        while index < bytes.count,
            bytes[index] == UInt8(ascii: " ") || bytes[index] == UInt8(ascii: "\t")
        {
            index &+= 1
        }
        return Self.isLineEnd(bytes, index)
    }

    /// Offset of the first line feed from `start` on, or the end of the input.
    @_noLocks
    private static func nextLineFeed(_ bytes: borrowing Span<UInt8>, from start: Int) -> Int {
        var index = start
        while index < bytes.count, bytes[index] != UInt8(ascii: "\n") { index &+= 1 }
        return index
    }

    @_noLocks
    private static func areEqual(
        _ bytes: borrowing Span<UInt8>, _ a: ByteRange, _ b: ByteRange
    ) -> Bool {
        for index in 0..<a.count
        where bytes[a.lowerBound &+ index] != bytes[b.lowerBound &+ index] {
            return false
        }
        return true
    }

    /// Passes over the refused line and says which bytes and how many lines went with it.
    @_noLocks
    private mutating func reject(
        _ bytes: borrowing Span<UInt8>, from start: Int, error: LineProtocolError
    ) -> LineProtocolRejection {
        self.fieldCount = 0
        let first = self.lineNumber
        let fault = min(self.offset, bytes.count)
        let end = Self.nextLineFeed(bytes, from: fault)
        // A string that spans lines was scanned to its closing quote: the lines it covers count.
        var index = start
        while index < end {
            if bytes[index] == UInt8(ascii: "\n") { self.lineNumber &+= 1 }
            index &+= 1
        }
        self.offset = end &+ 1
        return LineProtocolRejection(
            error: error, number: first, lineCount: self.lineNumber &- first &+ 1,
            bytes: ByteRange(start, end), offset: fault)
    }
}
