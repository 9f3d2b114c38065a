// SPDX-License-Identifier: Apache-2.0

/// A JSON value.
///
/// Objects keep the order of their members; names are unique.
package enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    /// A number without fraction or exponent that fits 64 bits.
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([(name: String, value: JSONValue)])

    /// The member `name` of an object; nil for anything else.
    package subscript(_ name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    /// The value at a path of member names and array indexes, `a.b.0`.
    package func value(atPath path: String) -> JSONValue? {
        var value = self
        for part in path.split(separator: ".") {
            switch value {
            case .object:
                guard let next = value[String(part)] else { return nil }
                value = next
            case .array(let elements):
                guard let index = Int(part), elements.indices.contains(index) else { return nil }
                value = elements[index]
            default: return nil
            }
        }
        return value
    }

    package var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    package var double: Double? {
        switch self {
        case .integer(let number): Double(number)
        case .number(let number): number
        default: nil
        }
    }

    package var integer: Int64? {
        guard case .integer(let number) = self else { return nil }
        return number
    }

    package var bool: Bool? {
        guard case .bool(let flag) = self else { return nil }
        return flag
    }

    package var array: [JSONValue]? {
        guard case .array(let elements) = self else { return nil }
        return elements
    }

    package static func == (lhs: Self, rhs: Self) -> Bool {
        switch (lhs, rhs) {
        case (.null, .null): true
        case (.bool(let a), .bool(let b)): a == b
        case (.integer(let a), .integer(let b)): a == b
        case (.number(let a), .number(let b)): a == b
        case (.integer(let a), .number(let b)), (.number(let b), .integer(let a)): Double(a) == b
        case (.string(let a), .string(let b)): a == b
        case (.array(let a), .array(let b)): a == b
        case (.object(let a), .object(let b)): a.elementsEqual(b) { $0 == $1 }
        default: false
        }
    }
}

/// Why a text is not JSON, and at which byte.
package struct JSONError: Error, Equatable, Sendable, CustomStringConvertible {
    package enum Reason: String, Sendable {
        case unexpectedEnd = "the text ends too early"
        case unexpectedByte = "unexpected character"
        case badNumber = "malformed number"
        case badEscape = "malformed escape"
        case badUTF8 = "not UTF-8"
        case controlCharacter = "control character in a string"
        case duplicateName = "the same name twice in one object"
        case tooDeep = "nested too deeply"
        case trailingBytes = "text after the value"
    }

    package var reason: Reason
    /// Offset in bytes from the start of the text.
    package var offset: Int

    package var description: String { "\(self.reason.rawValue) at byte \(self.offset)" }
}

extension JSONValue {
    /// Levels of nesting a text may have.
    package static let depthMax = 64

    /// Parses exactly one JSON value (RFC 8259), strictly.
    ///
    /// - Parameter bytes: UTF-8 text; white space around the value is allowed. The caller bounds
    ///   its length.
    /// - Throws: `JSONError` naming the reason and the byte. Duplicate names are an error.
    package init(parsing bytes: borrowing Span<UInt8>) throws(JSONError) {
        var parser = JSONParser()
        parser.skipSpace(bytes)
        self = try parser.parseValue(bytes, depth: 0)
        parser.skipSpace(bytes)
        guard parser.offset == bytes.count else { throw parser.error(.trailingBytes) }
    }

    /// Parses exactly one JSON value from `text`.
    package init(parsing text: String) throws(JSONError) {
        try self.init(parsing: text.utf8.span)
    }
}

private struct JSONParser {
    var offset = 0

    func error(_ reason: JSONError.Reason) -> JSONError {
        JSONError(reason: reason, offset: self.offset)
    }

    func peek(_ bytes: borrowing Span<UInt8>) -> UInt8? {
        self.offset < bytes.count ? bytes[self.offset] : nil
    }

    mutating func skipSpace(_ bytes: borrowing Span<UInt8>) {
        while let byte = self.peek(bytes),
            byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
        {
            self.offset += 1
        }
    }

    mutating func parseValue(
        _ bytes: borrowing Span<UInt8>, depth: Int
    ) throws(JSONError) -> JSONValue {
        guard depth < JSONValue.depthMax else { throw self.error(.tooDeep) }
        guard let byte = self.peek(bytes) else { throw self.error(.unexpectedEnd) }
        switch byte {
        case UInt8(ascii: "{"): return try self.parseObject(bytes, depth: depth)
        case UInt8(ascii: "["): return try self.parseArray(bytes, depth: depth)
        case UInt8(ascii: "\""): return .string(try self.parseString(bytes))
        case UInt8(ascii: "t"): return try self.parseWord(bytes, "true", .bool(true))
        case UInt8(ascii: "f"): return try self.parseWord(bytes, "false", .bool(false))
        case UInt8(ascii: "n"): return try self.parseWord(bytes, "null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            return try self.parseNumber(bytes)
        default: throw self.error(.unexpectedByte)
        }
    }

    mutating func parseWord(
        _ bytes: borrowing Span<UInt8>, _ word: StaticString, _ value: JSONValue
    ) throws(JSONError) -> JSONValue {
        for expected in "\(word)".utf8 {
            guard let byte = self.peek(bytes) else { throw self.error(.unexpectedEnd) }
            guard byte == expected else { throw self.error(.unexpectedByte) }
            self.offset += 1
        }
        return value
    }

    mutating func parseObject(
        _ bytes: borrowing Span<UInt8>, depth: Int
    ) throws(JSONError) -> JSONValue {
        self.offset += 1
        var members: [(name: String, value: JSONValue)] = []
        var names: Set<String> = []
        self.skipSpace(bytes)
        if self.peek(bytes) == UInt8(ascii: "}") {
            self.offset += 1
            return .object([])
        }
        while true {
            self.skipSpace(bytes)
            guard let byte = self.peek(bytes) else { throw self.error(.unexpectedEnd) }
            guard byte == UInt8(ascii: "\"") else { throw self.error(.unexpectedByte) }
            let name = try self.parseString(bytes)
            guard names.insert(name).inserted else { throw self.error(.duplicateName) }
            self.skipSpace(bytes)
            guard let colon = self.peek(bytes) else { throw self.error(.unexpectedEnd) }
            guard colon == UInt8(ascii: ":") else { throw self.error(.unexpectedByte) }
            self.offset += 1
            self.skipSpace(bytes)
            members.append((name, try self.parseValue(bytes, depth: depth + 1)))
            self.skipSpace(bytes)
            guard let next = self.peek(bytes) else { throw self.error(.unexpectedEnd) }
            self.offset += 1
            if next == UInt8(ascii: "}") { return .object(members) }
            guard next == UInt8(ascii: ",") else {
                self.offset -= 1
                throw self.error(.unexpectedByte)
            }
        }
    }

    mutating func parseArray(
        _ bytes: borrowing Span<UInt8>, depth: Int
    ) throws(JSONError) -> JSONValue {
        self.offset += 1
        var elements: [JSONValue] = []
        self.skipSpace(bytes)
        if self.peek(bytes) == UInt8(ascii: "]") {
            self.offset += 1
            return .array([])
        }
        while true {
            self.skipSpace(bytes)
            elements.append(try self.parseValue(bytes, depth: depth + 1))
            self.skipSpace(bytes)
            guard let next = self.peek(bytes) else { throw self.error(.unexpectedEnd) }
            self.offset += 1
            if next == UInt8(ascii: "]") { return .array(elements) }
            guard next == UInt8(ascii: ",") else {
                self.offset -= 1
                throw self.error(.unexpectedByte)
            }
        }
    }

    mutating func parseString(_ bytes: borrowing Span<UInt8>) throws(JSONError) -> String {
        self.offset += 1
        var text: [UInt8] = []
        while true {
            guard let byte = self.peek(bytes) else { throw self.error(.unexpectedEnd) }
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: text, as: UTF8.self) else {
                    throw self.error(.badUTF8)
                }
                self.offset += 1
                return string
            case UInt8(ascii: "\\"):
                self.offset += 1
                try self.parseEscape(bytes, into: &text)
            case 0..<0x20: throw self.error(.controlCharacter)
            default:
                text.append(byte)
                self.offset += 1
            }
        }
    }

    mutating func parseEscape(
        _ bytes: borrowing Span<UInt8>, into text: inout [UInt8]
    ) throws(JSONError) {
        guard let byte = self.peek(bytes) else { throw self.error(.unexpectedEnd) }
        self.offset += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            var code = try self.parseHex(bytes)
            if code >= 0xD800, code < 0xDC00 {
                guard self.peek(bytes) == UInt8(ascii: "\\") else { throw self.error(.badEscape) }
                self.offset += 1
                guard self.peek(bytes) == UInt8(ascii: "u") else { throw self.error(.badEscape) }
                self.offset += 1
                let low = try self.parseHex(bytes)
                guard low >= 0xDC00, low < 0xE000 else { throw self.error(.badEscape) }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw self.error(.badEscape) }
            text.append(contentsOf: String(Character(scalar)).utf8)
        default:
            self.offset -= 1
            throw self.error(.badEscape)
        }
    }

    mutating func parseHex(_ bytes: borrowing Span<UInt8>) throws(JSONError) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = self.peek(bytes) else { throw self.error(.unexpectedEnd) }
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
                throw self.error(.badEscape)
            }
            code = code << 4 | UInt32(digit)
            self.offset += 1
        }
        return code
    }

    mutating func parseNumber(_ bytes: borrowing Span<UInt8>) throws(JSONError) -> JSONValue {
        var text = ""
        var isInteger = true
        func isDigit(_ byte: UInt8?) -> Bool {
            guard let byte else { return false }
            return byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
        }
        func take(_ parser: inout JSONParser, _ bytes: borrowing Span<UInt8>) {
            text.unicodeScalars.append(Unicode.Scalar(bytes[parser.offset]))
            parser.offset += 1
        }
        if self.peek(bytes) == UInt8(ascii: "-") { take(&self, bytes) }
        guard isDigit(self.peek(bytes)) else { throw self.error(.badNumber) }
        let startsWithZero = self.peek(bytes) == UInt8(ascii: "0")
        take(&self, bytes)
        if startsWithZero, isDigit(self.peek(bytes)) { throw self.error(.badNumber) }
        while isDigit(self.peek(bytes)) { take(&self, bytes) }
        if self.peek(bytes) == UInt8(ascii: ".") {
            isInteger = false
            take(&self, bytes)
            guard isDigit(self.peek(bytes)) else { throw self.error(.badNumber) }
            while isDigit(self.peek(bytes)) { take(&self, bytes) }
        }
        if let byte = self.peek(bytes), byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E") {
            isInteger = false
            take(&self, bytes)
            if let sign = self.peek(bytes), sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") {
                take(&self, bytes)
            }
            guard isDigit(self.peek(bytes)) else { throw self.error(.badNumber) }
            while isDigit(self.peek(bytes)) { take(&self, bytes) }
        }
        if isInteger, let integer = Int64(text) { return .integer(integer) }
        guard let number = Double(text), number.isFinite else { throw self.error(.badNumber) }
        return .number(number)
    }
}
