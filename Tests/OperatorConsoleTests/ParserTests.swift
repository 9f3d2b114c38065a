// SPDX-License-Identifier: Apache-2.0

import Glibc
import OperatorConsole
import Testing

@Suite struct ParserTests {
    private static let chunked =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A:  b \r\n\r\n"
        + "5;ext=1\r\nhello\r\n6\r\n world\r\n0\r\nTrailer: x\r\n\r\n"

    @Test(arguments: [
        ("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world", 200),
        (ParserTests.chunked, 200),
        ("HTTP/1.1 404 Not Found\ncontent-length: 11\n\nhello world", 404),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world",
            200
        ),
    ])
    func `a response is the same however it is split`(text: String, status: Int) throws {
        let bytes = Array(text.utf8)
        for cut in 0...bytes.count {
            var parser = ResponseParser(bodyBytesMax: 100)
            try parser.feed(bytes[..<cut])
            var body = parser.takeBody()
            try parser.feed(bytes[cut...])
            body += parser.takeBody()
            #expect(parser.isComplete)
            #expect(parser.status == status)
            #expect(String(decoding: body, as: UTF8.self) == "hello world")
        }
    }

    @Test func `a body without a length ends with the connection`() throws {
        var parser = ResponseParser(bodyBytesMax: 100)
        try parser.feed(Array("HTTP/1.0 200 OK\r\n\r\nabc".utf8)[...])
        #expect(!parser.isComplete)
        try parser.finish()
        #expect(parser.isComplete)
        #expect(parser.takeBody() == Array("abc".utf8))
    }

    @Test(arguments: [
        ("SMTP/1.1 200\r\n\r\n", ResponseError.badStatusLine), ("HTTP/1.1 20\r\n", .badStatusLine),
        ("HTTP/1.1 200 OK\r\nnocolon\r\n", .badHeader),
        ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", .badLength),
        ("HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n", .bodyTooLarge(bytesMax: 100)),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", .badChunk),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", .badChunk),
        (
            "HTTP/1.1 200 OK\r\n" + String(repeating: "a: b\r\n", count: 4_000),
            .headTooLarge(bytesMax: ResponseParser.headBytesMax)
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc", .cutOff), ("HTTP/1.1", .cutOff),
    ])
    func `a response that is wrong or too large is refused`(text: String, error: ResponseError) {
        #expect(throws: error) {
            var parser = ResponseParser(bodyBytesMax: 100)
            try parser.feed(Array(text.utf8)[...])
            try parser.finish()
        }
    }

    @Test(arguments: ["\n", "\r\n", "\r"])
    func `events are the same however they are split`(end: String) {
        let lines = [
            "retry: 2000", "id: 6", ": open", "", "id: 7", "event: ledger", "data: {\"a\":1}", "",
            "data:x", "data: y", "unknown: z", "", "id: 9", "",
        ]
        let bytes = Array((lines.joined(separator: end) + end).utf8)
        let expected = [
            EventStreamParser.Event(id: "7", type: "ledger", data: "{\"a\":1}"),
            EventStreamParser.Event(id: "7", type: "message", data: "x\ny"),
        ]
        for cut in 0...bytes.count {
            var parser = EventStreamParser()
            #expect(parser.feed(bytes[..<cut]) + parser.feed(bytes[cut...]) == expected)
            #expect(parser.lastID == "9")
        }
    }

    @Test func `an event that is too long is left out and counted`() {
        var parser = EventStreamParser()
        let long = [UInt8](repeating: 0x61, count: EventStreamParser.dataBytesMax + 10)
        #expect(parser.feed(Array("data: ".utf8) + long + Array("\n\n".utf8)) == [])
        #expect(parser.refusedCount == 1)
        #expect(parser.feed(Array("data: x\n\n".utf8)).map(\.data) == ["x"])
    }

    @Test func `a daemon that is not there is told with what to do`() {
        let client = OperatorClient(socketPath: "/tmp/there-is-no-such-socket.sock")
        do throws(ClientError) {
            _ = try client.status()
            Issue.record("an answer from nobody")
        } catch {
            #expect(error.isUnreachable)
            #expect(error.description.contains("--socket PATH"))
        }
    }

    @Test func `a daemon that accepts and says nothing is given up in time`() throws {
        let path = "/tmp/midwatch-silent-\(getpid()).sock"
        let listener = try #require(SilentListener(path: path))
        let client = OperatorClient(socketPath: path, timeoutNanoseconds: 100_000_000)
        #expect(throws: ClientError.timedOut(path: path)) { try client.status() }
        listener.stop()
        #expect(throws: ClientError.unreachable(path: path, errno: ENOENT)) {
            try client.status()
        }
    }

    @Test func `ids are percent-encoded byte by byte`() {
        #expect(OperatorClient.encode("a/b ü:high?") == "a%2Fb%20%C3%BC%3Ahigh%3F")
    }
}

/// A unix socket that takes connections into its backlog and never looks at them.
private struct SilentListener {
    private let descriptor: Int32
    private let path: String

    init?(path: String) {
        self.path = path
        self.descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
        _ = unsafe unlink(path)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { buffer in
            for (index, byte) in path.utf8.enumerated() { unsafe buffer[index] = byte }
        }
        let descriptor = self.descriptor
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                unsafe bind(descriptor, generic, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0, listen(self.descriptor, 4) == 0 else { return nil }
    }

    func stop() {
        close(self.descriptor)
        _ = unsafe unlink(self.path)
    }
}
