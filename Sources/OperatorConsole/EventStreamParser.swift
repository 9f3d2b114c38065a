// SPDX-License-Identifier: Apache-2.0

/// Reads server-sent events (WHATWG HTML, 9.2.6) from bytes that come in any pieces.
package struct EventStreamParser: Sendable {
    /// One event of a stream.
    package struct Event: Sendable, Equatable {
        package var id: String
        package var type: String
        package var data: String

        package init(id: String, type: String, data: String) {
            self.id = id
            self.type = type
            self.data = data
        }
    }

    /// Bytes of one line, and of one event's data.
    package static let dataBytesMax = 1 << 20

    private var line: [UInt8] = []
    private var sawCarriageReturn = false
    private var id = ""
    /// Id of the last event, or the one that the stream began with.
    package var lastID: String { self.id }
    private var type = ""
    private var data: [UInt8] = []
    private var hasData = false
    /// Lines that were too long and are left out.
    package private(set) var refusedCount = 0
    private var isSkipping = false

    package init() {}

    /// Takes the next bytes and returns the events they complete.
    package mutating func feed(_ bytes: some Sequence<UInt8>) -> [Event] {
        var events: [Event] = []
        for byte in bytes {
            switch byte {
            case UInt8(ascii: "\n"):
                if !self.sawCarriageReturn, let event = self.endLine() { events.append(event) }
                self.sawCarriageReturn = false
            case UInt8(ascii: "\r"):
                if let event = self.endLine() { events.append(event) }
                self.sawCarriageReturn = true
            default:
                self.sawCarriageReturn = false
                if self.line.count < Self.dataBytesMax {
                    self.line.append(byte)
                } else {
                    self.isSkipping = true
                }
            }
        }
        return events
    }

    private mutating func endLine() -> Event? {
        let line = self.line
        self.line = []
        if self.isSkipping {
            self.isSkipping = false
            self.refusedCount += 1
            return nil
        }
        guard !line.isEmpty else { return self.dispatch() }
        let colon = line.firstIndex(of: UInt8(ascii: ":")) ?? line.endIndex
        let name = String(decoding: line[..<colon], as: UTF8.self)
        var value = line[min(colon + 1, line.endIndex)...]
        if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
        switch name {
        case "data":
            if self.hasData { self.data.append(UInt8(ascii: "\n")) }
            if self.data.count + value.count <= Self.dataBytesMax {
                self.data.append(contentsOf: value)
            } else {
                self.refusedCount += 1
            }
            self.hasData = true
        case "id": self.id = String(decoding: value, as: UTF8.self)
        case "event": self.type = String(decoding: value, as: UTF8.self)
        default: break  // a comment, the retry time, or a field of a later standard
        }
        return nil
    }

    private mutating func dispatch() -> Event? {
        defer {
            self.type = ""
            self.data = []
            self.hasData = false
        }
        guard self.hasData else { return nil }
        return Event(
            id: self.id, type: self.type.isEmpty ? "message" : self.type,
            data: String(decoding: self.data, as: UTF8.self))
    }
}
