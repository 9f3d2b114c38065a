// SPDX-License-Identifier: Apache-2.0

/// Why bytes are not an HTTP response that this client takes.
package enum ResponseError: Error, Equatable, Sendable {
    case badStatusLine, badHeader, badLength, badChunk
    case headTooLarge(bytesMax: Int)
    case bodyTooLarge(bytesMax: Int)
    /// The connection closed in the middle.
    case cutOff
}

/// Reads one HTTP/1.1 response (RFC 9112) from bytes that come in any pieces.
///
///     head ──▶ fixed length ──────────────▶ complete
///          ├─▶ chunk size ⇄ chunk data ──▶ trailers ─▶ complete
///          └─▶ until close ──finish()────▶ complete
package struct ResponseParser: Sendable {
    private enum State: Sendable, Equatable {
        case head
        case fixed(remaining: Int)
        case chunkSize
        case chunkData(remaining: Int)
        case chunkEnd
        case trailers
        case untilClose
        case complete
    }

    /// Bytes of status line and headers, of one chunk-size line, and of the trailers.
    package static let headBytesMax = 16 * 1_024

    private var state = State.head
    private var line: [UInt8] = []
    private var headBytes = 0
    private var bodyBytes = 0
    private let bodyBytesMax: Int
    private var body: [UInt8] = []
    /// 0 until the head is read.
    package private(set) var status = 0
    /// Header fields with names in lower case.
    package private(set) var headers: [String: String] = [:]

    /// - Parameter bodyBytesMax: More than this is an error; a stream takes its body away as it
    ///   comes and passes `Int.max`.
    package init(bodyBytesMax: Int) { self.bodyBytesMax = bodyBytesMax }

    package var isComplete: Bool { self.state == .complete }
    package var hasHead: Bool { self.state != .head }

    /// Takes the body bytes read since the last call.
    package mutating func takeBody() -> [UInt8] {
        let body = self.body
        self.body = []
        return body
    }

    /// Takes the next bytes; those behind the end of the response are ignored.
    package mutating func feed(_ bytes: ArraySlice<UInt8>) throws(ResponseError) {
        var rest = bytes
        while !rest.isEmpty {
            switch self.state {
            case .head, .chunkSize, .chunkEnd, .trailers:
                guard let line = try self.takeLine(&rest) else { return }
                try self.handle(line: line)
            case .fixed(let remaining):
                let count = min(remaining, rest.count)
                try self.append(rest.prefix(count))
                rest = rest.dropFirst(count)
                self.state = count == remaining ? .complete : .fixed(remaining: remaining - count)
            case .chunkData(let remaining):
                let count = min(remaining, rest.count)
                try self.append(rest.prefix(count))
                rest = rest.dropFirst(count)
                self.state =
                    count == remaining ? .chunkEnd : .chunkData(remaining: remaining - count)
            case .untilClose:
                try self.append(rest)
                return
            case .complete: return
            }
        }
    }

    /// The connection closed.
    package mutating func finish() throws(ResponseError) {
        switch self.state {
        case .untilClose: self.state = .complete
        case .complete: break
        case .head, .fixed, .chunkSize, .chunkData, .chunkEnd, .trailers: throw .cutOff
        }
    }

    // MARK: Private

    private mutating func append(_ bytes: ArraySlice<UInt8>) throws(ResponseError) {
        self.bodyBytes += bytes.count
        guard self.bodyBytes <= self.bodyBytesMax else {
            throw .bodyTooLarge(bytesMax: self.bodyBytesMax)
        }
        self.body.append(contentsOf: bytes)
    }

    /// A whole line without its end, or nil until it is there.
    private mutating func takeLine(_ rest: inout ArraySlice<UInt8>) throws(ResponseError)
        -> [UInt8]?
    {
        let end = rest.firstIndex(of: UInt8(ascii: "\n"))
        let part = rest[rest.startIndex..<(end ?? rest.endIndex)]
        self.headBytes += part.count + 1
        guard self.headBytes <= Self.headBytesMax else {
            throw .headTooLarge(bytesMax: Self.headBytesMax)
        }
        self.line.append(contentsOf: part)
        guard let end else {
            rest = []
            return nil
        }
        rest = rest[(end + 1)...]
        var line = self.line
        self.line = []
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        return line
    }

    private mutating func handle(line: [UInt8]) throws(ResponseError) {
        switch self.state {
        case .head:
            if self.status == 0 {
                try self.handle(statusLine: line)
            } else if line.isEmpty {
                try self.handleHeadEnd()
            } else {
                try self.handle(header: line)
            }
        case .chunkSize: try self.handle(chunkSize: line)
        case .chunkEnd:
            guard line.isEmpty else { throw .badChunk }
            self.headBytes = 0
            self.state = .chunkSize
        case .trailers: if line.isEmpty { self.state = .complete }
        case .fixed, .chunkData, .untilClose, .complete: break
        }
    }

    private mutating func handle(statusLine line: [UInt8]) throws(ResponseError) {
        let text = String(decoding: line, as: UTF8.self)
        let words = text.split(separator: " ", maxSplits: 2)
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), words[1].utf8.count == 3,
            let status = Int(words[1]), (100..<600).contains(status)
        else { throw .badStatusLine }
        self.status = status
    }

    private mutating func handle(header line: [UInt8]) throws(ResponseError) {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")), colon > 0 else {
            throw .badHeader
        }
        let name = String(decoding: line[..<colon], as: UTF8.self).lowercased()
        var value = line[(colon + 1)...]
        func isBlank(_ byte: UInt8) -> Bool {
            byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t")
        }
        while let first = value.first, isBlank(first) { value = value.dropFirst() }
        while let last = value.last, isBlank(last) { value = value.dropLast() }
        self.headers[name] = String(decoding: value, as: UTF8.self)
    }

    private mutating func handleHeadEnd() throws(ResponseError) {
        self.headBytes = 0
        if self.status < 200 {
            // An interim response; the real one follows (RFC 9110, 15.2).
            self.status = 0
            self.headers = [:]
        } else if self.status == 204 || self.status == 304 {
            self.state = .complete
        } else if self.headers["transfer-encoding"]?.lowercased() == "chunked" {
            self.state = .chunkSize
        } else if let text = self.headers["content-length"] {
            guard let length = Int(text), length >= 0 else { throw .badLength }
            guard length <= self.bodyBytesMax else {
                throw .bodyTooLarge(bytesMax: self.bodyBytesMax)
            }
            self.state = length == 0 ? .complete : .fixed(remaining: length)
        } else {
            self.state = .untilClose
        }
    }

    private mutating func handle(chunkSize line: [UInt8]) throws(ResponseError) {
        self.headBytes = 0
        // Chunk extensions are allowed and mean nothing here (RFC 9112, 7.1.1).
        let digits = line.prefix { $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: " ") }
        guard !digits.isEmpty, digits.count <= 15,
            let size = Int(String(decoding: digits, as: UTF8.self), radix: 16), size >= 0
        else { throw .badChunk }
        self.state = size == 0 ? .trailers : .chunkData(remaining: size)
    }
}
