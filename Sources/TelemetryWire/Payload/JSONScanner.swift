// SPDX-License-Identifier: Apache-2.0

internal import JSONText

/// A place in a JSON text, and the scanning of what stands there.
struct JSONScanner: BitwiseCopyable {
    /// Digits of an exponent, or bytes of a number, from which it may be beyond a double.
    private static var exponentDigitsSafe: Int { 2 }
    private static var numberBytesSafe: Int { 200 }

    private(set) var offset = 0

    func fault(_ reason: JSONError.Reason) -> PayloadFault { PayloadFault(reason, at: self.offset) }

    @inline(__always)
    func isAtEnd(_ bytes: borrowing Span<UInt8>) -> Bool { self.offset >= bytes.count }

    @inline(__always)
    mutating func skipSpace(_ bytes: borrowing Span<UInt8>) {
        while self.offset < bytes.count {
            let byte = bytes[self.offset]
            guard byte <= 0x20, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else {
                return
            }
            self.offset &+= 1
        }
    }

    /// Passes over `byte` if it is next.
    @inline(__always)
    mutating func skip(_ byte: UInt8, _ bytes: borrowing Span<UInt8>) -> Bool {
        guard self.offset < bytes.count, bytes[self.offset] == byte else { return false }
        self.offset &+= 1
        return true
    }

    /// The value that begins here; of a container the opening bracket only.
    mutating func value(_ bytes: borrowing Span<UInt8>) throws(PayloadFault) -> JSONTape.Node {
        guard self.offset < bytes.count else { throw self.fault(.unexpectedEnd) }
        switch bytes[self.offset] {
        case UInt8(ascii: "\""): return try self.string(bytes)
        case UInt8(ascii: "{"): return self.bracket(.object)
        case UInt8(ascii: "["): return self.bracket(.array)
        case UInt8(ascii: "t"): return try self.word("true", .bool, bytes)
        case UInt8(ascii: "f"): return try self.word("false", .bool, bytes)
        case UInt8(ascii: "n"): return try self.word("null", .null, bytes)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            return try self.number(bytes)
        default: throw self.fault(.unexpectedByte)
        }
    }

    private func node(_ kind: JSONTape.Kind, from start: Int, flag: Bool = false) -> JSONTape.Node {
        JSONTape.Node(
            text: ByteRange(start, self.offset), next: 0, count: 0, kind: kind, hasEscape: false,
            flag: flag)
    }

    private mutating func bracket(_ kind: JSONTape.Kind) -> JSONTape.Node {
        self.offset &+= 1
        return self.node(kind, from: self.offset &- 1)
    }

    private mutating func word(
        _ word: StaticString, _ kind: JSONTape.Kind, _ bytes: borrowing Span<UInt8>
    ) throws(PayloadFault) -> JSONTape.Node {
        let start = self.offset
        for index in 0..<word.utf8CodeUnitCount {
            guard self.offset < bytes.count else { throw self.fault(.unexpectedEnd) }
            guard unsafe bytes[self.offset] == word.utf8Start[index] else {
                throw self.fault(.unexpectedByte)
            }
            self.offset &+= 1
        }
        return self.node(kind, from: start, flag: self.offset &- start == 4)
    }

    /// The string whose quote is next.
    mutating func string(_ bytes: borrowing Span<UInt8>) throws(PayloadFault) -> JSONTape.Node {
        self.offset &+= 1
        let start = self.offset
        var hasEscape = false
        while self.offset < bytes.count {
            let byte = bytes[self.offset]
            if byte == UInt8(ascii: "\"") {
                var node = self.node(.string, from: start)
                node.hasEscape = hasEscape
                self.offset &+= 1
                return node
            }
            if byte < 0x20 { throw self.fault(.controlCharacter) }
            self.offset &+= 1
            if byte == UInt8(ascii: "\\") {
                hasEscape = true
                try self.skipEscape(bytes)
            }
        }
        throw self.fault(.unexpectedEnd)
    }

    /// Checks what stands behind a backslash.
    @inline(never)
    private mutating func skipEscape(_ bytes: borrowing Span<UInt8>) throws(PayloadFault) {
        guard self.offset < bytes.count else { throw self.fault(.unexpectedEnd) }
        switch bytes[self.offset] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"),
            UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            self.offset &+= 1
        case UInt8(ascii: "u"):
            self.offset &+= 1
            let code = try self.hexadecimal(bytes)
            if code & 0xF800 != 0xD800 { return }
            // One half of a pair is no character.
            guard code < 0xDC00, self.skip(UInt8(ascii: "\\"), bytes),
                self.skip(UInt8(ascii: "u"), bytes)
            else { throw self.fault(.badEscape) }
            guard try self.hexadecimal(bytes) & 0xFC00 == 0xDC00 else {
                throw self.fault(.badEscape)
            }
        default: throw self.fault(.badEscape)
        }
    }

    private mutating func hexadecimal(
        _ bytes: borrowing Span<UInt8>
    ) throws(PayloadFault) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard self.offset < bytes.count else { throw self.fault(.unexpectedEnd) }
            guard let digit = JSONStringReader.hexadecimal(bytes[self.offset]) else {
                throw self.fault(.badEscape)
            }
            code = code &<< 4 | digit
            self.offset &+= 1
        }
        return code
    }

    // MARK: Numbers

    private mutating func number(
        _ bytes: borrowing Span<UInt8>
    ) throws(PayloadFault) -> JSONTape.Node {
        let start = self.offset
        var isWhole = true
        var isDoubtful = false
        if bytes[start] == UInt8(ascii: "-") { self.offset &+= 1 }
        let first = self.offset
        guard self.skipDigits(bytes) > 0 else { throw self.fault(.badNumber) }
        if bytes[first] == UInt8(ascii: "0"), self.offset > first &+ 1 {
            self.offset = first &+ 1
            throw self.fault(.badNumber)
        }
        if self.skip(UInt8(ascii: "."), bytes) {
            isWhole = false
            guard self.skipDigits(bytes) > 0 else { throw self.fault(.badNumber) }
        }
        if self.offset < bytes.count, bytes[self.offset] | 0x20 == UInt8(ascii: "e") {
            isWhole = false
            self.offset &+= 1
            if !self.skip(UInt8(ascii: "+"), bytes) { _ = self.skip(UInt8(ascii: "-"), bytes) }
            let digits = self.skipDigits(bytes)
            guard digits > 0 else { throw self.fault(.badNumber) }
            isDoubtful = digits > Self.exponentDigitsSafe
        }
        if isDoubtful || self.offset &- start > Self.numberBytesSafe {
            let number = DecimalNumber(bytes, from: start, to: self.offset)
            guard number.value(bytes).isFinite else { throw self.fault(.badNumber) }
        }
        return self.node(.number, from: start, flag: isWhole)
    }

    @inline(__always)
    private mutating func skipDigits(_ bytes: borrowing Span<UInt8>) -> Int {
        let start = self.offset
        while self.offset < bytes.count, bytes[self.offset] &- UInt8(ascii: "0") < 10 {
            self.offset &+= 1
        }
        return self.offset &- start
    }
}

/// The bytes that a checked JSON string means, one after the other.
struct JSONStringReader: BitwiseCopyable {
    private var offset: Int
    private let end: Int
    /// UTF-8 of an escaped character, the next byte lowest.
    private var pending: UInt32 = 0

    init(_ node: JSONTape.Node) {
        self.offset = node.text.lowerBound
        self.end = node.text.upperBound
    }

    /// The next byte; nil at the end.
    @inline(__always)
    mutating func next(_ bytes: borrowing Span<UInt8>) -> UInt8? {
        if self.pending != 0 {
            let byte = UInt8(truncatingIfNeeded: self.pending)
            self.pending &>>= 8
            return byte
        }
        guard self.offset < self.end else { return nil }
        let byte = bytes[self.offset]
        self.offset &+= 1
        return byte == UInt8(ascii: "\\") ? self.escaped(bytes) : byte
    }

    private mutating func escaped(_ bytes: borrowing Span<UInt8>) -> UInt8 {
        let letter = bytes[self.offset]
        self.offset &+= 1
        switch letter {
        case UInt8(ascii: "b"): return 0x08
        case UInt8(ascii: "f"): return 0x0C
        case UInt8(ascii: "n"): return 0x0A
        case UInt8(ascii: "r"): return 0x0D
        case UInt8(ascii: "t"): return 0x09
        case UInt8(ascii: "u"): return self.character(bytes)
        default: return letter
        }
    }

    private mutating func character(_ bytes: borrowing Span<UInt8>) -> UInt8 {
        var code = self.code(bytes)
        if code & 0xFC00 == 0xD800 {
            self.offset &+= 2
            code = 0x10000 &+ (code &- 0xD800) &<< 10 &+ (self.code(bytes) &- 0xDC00)
        }
        // `\u0000` gives one byte 0, which `pending` need not hold.
        if code < 0x80 { return UInt8(truncatingIfNeeded: code) }
        if code < 0x800 {
            self.pending = 0x80 | code & 0x3F
            return UInt8(truncatingIfNeeded: 0xC0 | code &>> 6)
        }
        let last = 0x80 | code & 0x3F
        let middle = 0x80 | code &>> 6 & 0x3F
        if code < 0x10000 {
            self.pending = middle | last &<< 8
            return UInt8(truncatingIfNeeded: 0xE0 | code &>> 12)
        }
        self.pending = 0x80 | code &>> 12 & 0x3F | middle &<< 8 | last &<< 16
        return UInt8(truncatingIfNeeded: 0xF0 | code &>> 18)
    }

    private mutating func code(_ bytes: borrowing Span<UInt8>) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            code = code &<< 4 | (Self.hexadecimal(bytes[self.offset]) ?? 0)
            self.offset &+= 1
        }
        return code
    }

    @inline(__always)
    static func hexadecimal(_ byte: UInt8) -> UInt32? {
        let digit = byte &- UInt8(ascii: "0")
        if digit < 10 { return UInt32(digit) }
        let letter = (byte | 0x20) &- UInt8(ascii: "a")
        return letter < 6 ? UInt32(letter) &+ 10 : nil
    }
}
