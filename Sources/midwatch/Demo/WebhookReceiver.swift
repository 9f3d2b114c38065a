// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Crypto
internal import Glibc
internal import JSONText
internal import MidwatchModel
internal import NamedThread
internal import Synchronization

/// Takes the demo's alerts: a small HTTP server on one thread, for one sender that means well.
///
/// It answers every POST with 204 and checks the Standard Webhooks signature of those to `/alerts`.
final class WebhookReceiver: Sendable {
    struct Counts: Sendable {
        var raised: UInt64 = 0
        var returned: UInt64 = 0
        var other: UInt64 = 0
        var badSignatures: UInt64 = 0
        /// Messages of the watchdog.
        var watchdog: UInt64 = 0
        /// Decision and time of receipt, nanoseconds since 1970, of the first alerts.
        var received: [(decision: String, at: Int64)] = []

        var alerts: UInt64 { self.raised + self.returned + self.other }
    }

    private static let connectionsMax = 64
    private static let requestBytesMax = 1 << 20
    private static let receivedMax = 1_024
    private static let keyBytes = 32

    let port: UInt16
    private let listener: Int32
    private let key: SymmetricKey
    private let counts = Mutex(Counts())

    /// The secret to sign with, as it stands in a file: made anew for each run.
    let secretText: String

    /// nil if the system has no socket or thread left.
    init?() {
        var generator = SystemRandomNumberGenerator()
        let key = (0..<Self.keyBytes).map { _ in
            UInt8.random(in: 0...255, using: &generator)
        }
        self.secretText = "whsec_" + Base64Text.encode(key)
        var port: UInt16 = 0
        self.listener = unsafe clinux_loopback_socket(1, &port)
        guard self.listener >= 0 else { return nil }
        self.port = port
        self.key = SymmetricKey(data: key)
        do throws(ThreadRefusal) {
            try NamedThread.detach("demo-webhook") { [self] in self.serve() }
        } catch {
            return nil
        }
    }

    var snapshot: Counts { self.counts.withLock { $0 } }

    // MARK: Connections

    private struct Connection {
        var descriptor: Int32
        var bytes: [UInt8] = []
    }

    private func serve() {
        var connections: [Connection] = []
        while true {
            var entries = [pollfd(fd: self.listener, events: Int16(POLLIN), revents: 0)]
            entries += connections.map {
                pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0)
            }
            guard unsafe poll(&entries, nfds_t(entries.count), -1) > 0 else { continue }
            var open: [Connection] = []
            for (index, connection) in connections.enumerated() {
                var connection = connection
                if entries[index + 1].revents == 0 || self.receive(&connection) {
                    open.append(connection)
                } else {
                    close(connection.descriptor)
                }
            }
            connections = open
            if entries[0].revents != 0 {
                let descriptor = accept(self.listener, nil, nil)
                if descriptor >= 0, connections.count < Self.connectionsMax {
                    connections.append(Connection(descriptor: descriptor))
                } else if descriptor >= 0 {
                    close(descriptor)
                }
            }
        }
    }

    /// Reads once; false when the connection is done.
    private func receive(_ connection: inout Connection) -> Bool {
        var chunk = [UInt8](repeating: 0, count: 65_536)
        let count = unsafe recv(connection.descriptor, &chunk, chunk.count, 0)
        guard count > 0 else { return false }
        connection.bytes += chunk[..<count]
        guard connection.bytes.count <= Self.requestBytesMax else { return false }
        guard let request = Request(connection.bytes) else { return true }
        self.take(request)
        let answer = Array("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n".utf8)
        _ = unsafe send(connection.descriptor, answer, answer.count, Int32(MSG_NOSIGNAL))
        return false
    }

    // MARK: Requests

    /// One request, whole.
    private struct Request {
        var path: String
        var headers: [String: String] = [:]
        var body: [UInt8]

        /// nil while bytes are missing.
        init?(_ bytes: [UInt8]) {
            let end: [UInt8] = [13, 10, 13, 10]
            guard let headEnd = bytes.indices.first(where: { bytes[$0...].starts(with: end) })
            else { return nil }
            let lines = String(decoding: bytes[..<headEnd], as: UTF8.self).split(
                whereSeparator: \.isNewline)
            let words = lines.first?.split(separator: " ") ?? []
            self.path = words.count > 1 ? String(words[1]) : ""
            for line in lines.dropFirst() {
                guard let colon = line.firstIndex(of: ":") else { continue }
                let value = line[line.index(after: colon)...].drop { $0 == " " }
                self.headers[line[..<colon].lowercased()] = String(value)
            }
            let start = headEnd + end.count
            let length = self.headers["content-length"].flatMap { Int($0) } ?? 0
            guard length >= 0, bytes.count - start >= length else { return nil }
            self.body = Array(bytes[start..<(start + length)])
        }
    }

    private func take(_ request: Request) {
        let now = clinux_realtime_ns()
        guard request.path == "/alerts" else {
            self.counts.withLock { $0.watchdog += 1 }
            return
        }
        let isSigned = self.isSigned(request)
        let json = try? JSONValue(parsing: request.body.span)
        let type = json?["type"]?.string ?? ""
        let decision = json?.value(atPath: "data.decision")?.string
        self.counts.withLock { counts in
            switch type {
            case "alarm.raised": counts.raised += 1
            case "alarm.returned": counts.returned += 1
            default: counts.other += 1
            }
            if !isSigned { counts.badSignatures += 1 }
            if let decision, counts.received.count < Self.receivedMax {
                counts.received.append((decision, now))
            }
        }
    }

    /// Standard Webhooks 1.0.0: HMAC-SHA256 of `id.timestamp.body`, base64, `v1,` before it.
    private func isSigned(_ request: Request) -> Bool {
        guard let id = request.headers["webhook-id"],
            let timestamp = request.headers["webhook-timestamp"],
            let signature = request.headers["webhook-signature"]
        else { return false }
        let content = Array("\(id).\(timestamp).".utf8) + request.body
        let code = HMAC<SHA256>.authenticationCode(for: content, using: self.key)
        let expected = "v1," + Base64Text.encode(Array(code))
        return signature.split(separator: " ").contains { $0 == expected }
    }
}
