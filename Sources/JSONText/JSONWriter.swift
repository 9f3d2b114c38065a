// SPDX-License-Identifier: Apache-2.0

/// Writes JSON text (RFC 8259) into one growing byte array.
///
/// The caller opens and closes objects and arrays; commas are the writer's business. The same
/// calls give the same bytes on every run, which replay and hashes rely on: numbers are written in
/// the shortest form that reads back equal, and a number that is not finite as `null`.
///
///     var json = JSONWriter()
///     json.object { json in
///         json.field("path", "tunnel/west/co")
///         json.field("value", 12.5)
///     }
///     json.text                        // {"path":"tunnel/west/co","value":12.5}
package struct JSONWriter: Sendable {
    /// The text so far, UTF-8.
    package private(set) var bytes: [UInt8]
    private var needsComma = false

    package init(reservingBytes: Int = 256) {
        self.bytes = []
        self.bytes.reserveCapacity(reservingBytes)
    }

    /// The text so far.
    package var text: String { String(decoding: self.bytes, as: UTF8.self) }

    // MARK: Structure

    /// Writes an object whose fields `body` writes.
    package mutating func object(_ body: (inout JSONWriter) -> Void) {
        self.open(UInt8(ascii: "{"))
        body(&self)
        self.close(UInt8(ascii: "}"))
    }

    /// Writes an array whose elements `body` writes.
    package mutating func array(_ body: (inout JSONWriter) -> Void) {
        self.open(UInt8(ascii: "["))
        body(&self)
        self.close(UInt8(ascii: "]"))
    }

    /// Writes the name of a field; its value must follow.
    package mutating func name(_ name: String) {
        self.separate()
        self.quote(name)
        self.bytes.append(UInt8(ascii: ":"))
        self.needsComma = false
    }

    // MARK: Values

    package mutating func value(_ value: String) {
        self.separate()
        self.quote(value)
        self.needsComma = true
    }

    package mutating func value(_ value: Double) {
        guard value.isFinite else { return self.null() }
        self.raw(value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)")
    }

    package mutating func value(_ value: Bool) { self.raw(value ? "true" : "false") }

    package mutating func value(_ value: some FixedWidthInteger) { self.raw("\(value)") }

    package mutating func null() { self.raw("null") }

    /// Writes `value`, a tree that was parsed or built before.
    package mutating func value(_ value: JSONValue) {
        switch value {
        case .null: self.null()
        case .bool(let flag): self.value(flag)
        case .integer(let number): self.value(number)
        case .number(let number): self.value(number)
        case .string(let text): self.value(text)
        case .array(let elements):
            self.array { json in for element in elements { json.value(element) } }
        case .object(let members):
            self.object { json in
                for (name, member) in members {
                    json.name(name)
                    json.value(member)
                }
            }
        }
    }

    /// Writes bytes that already are one JSON value.
    package mutating func rawValue(_ json: some Sequence<UInt8>) {
        self.separate()
        self.bytes.append(contentsOf: json)
        self.needsComma = true
    }

    // MARK: Fields

    package mutating func field(_ name: String, _ value: String) {
        self.name(name)
        self.value(value)
    }

    package mutating func field(_ name: String, _ value: Double) {
        self.name(name)
        self.value(value)
    }

    package mutating func field(_ name: String, _ value: Bool) {
        self.name(name)
        self.value(value)
    }

    package mutating func field(_ name: String, _ value: some FixedWidthInteger) {
        self.name(name)
        self.value(value)
    }

    package mutating func field(_ name: String, _ value: JSONValue) {
        self.name(name)
        self.value(value)
    }

    package mutating func nullField(_ name: String) {
        self.name(name)
        self.null()
    }

    /// Writes a field whose value is an object.
    package mutating func objectField(_ name: String, _ body: (inout JSONWriter) -> Void) {
        self.name(name)
        self.object(body)
    }

    /// Writes a field whose value is an array.
    package mutating func arrayField(_ name: String, _ body: (inout JSONWriter) -> Void) {
        self.name(name)
        self.array(body)
    }

    // MARK: Private

    private mutating func open(_ bracket: UInt8) {
        self.separate()
        self.bytes.append(bracket)
        self.needsComma = false
    }

    private mutating func close(_ bracket: UInt8) {
        self.bytes.append(bracket)
        self.needsComma = true
    }

    private mutating func separate() {
        if self.needsComma { self.bytes.append(UInt8(ascii: ",")) }
        self.needsComma = false
    }

    private mutating func raw(_ text: String) {
        self.separate()
        self.bytes.append(contentsOf: text.utf8)
        self.needsComma = true
    }

    private mutating func quote(_ text: String) {
        self.bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): self.bytes.append(contentsOf: "\\\"".utf8)
            case UInt8(ascii: "\\"): self.bytes.append(contentsOf: "\\\\".utf8)
            case UInt8(ascii: "\n"): self.bytes.append(contentsOf: "\\n".utf8)
            case UInt8(ascii: "\r"): self.bytes.append(contentsOf: "\\r".utf8)
            case UInt8(ascii: "\t"): self.bytes.append(contentsOf: "\\t".utf8)
            case 0..<0x20:
                let digits: [16 of UInt8] = [
                    48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 97, 98, 99, 100, 101, 102,
                ]
                self.bytes.append(contentsOf: "\\u00".utf8)
                self.bytes.append(digits[Int(byte >> 4)])
                self.bytes.append(digits[Int(byte & 15)])
            default: self.bytes.append(byte)
            }
        }
        self.bytes.append(UInt8(ascii: "\""))
    }
}
