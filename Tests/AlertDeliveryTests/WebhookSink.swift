// SPDX-License-Identifier: Apache-2.0

import Glibc
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// A small HTTP/1.1 receiver on loopback that answers as it is told, path by path.
final class WebhookSink: Sendable {
    enum Behaviour: Sendable {
        case answer(Int, headers: [(String, String)] = [])
        /// Reads the request and never answers.
        case hang
        /// Closes with a reset instead of answering.
        case reset
        /// Sends the head of the answer one byte at a time, without end.
        case drip
        /// Answers 200 at once and drips the body.
        case dripBody
        /// Waits for `release`, then answers 200.
        case hold
    }

    struct Request: Sendable {
        var path: String
        var headers: [String: String]
        var body: [UInt8]
        /// Whether the answer was one of 200 to 299, at once.
        var isTaken = false

        var id: String { self.headers["webhook-id"] ?? "" }
    }

    private struct State {
        var behaviours: [String: [Behaviour]] = [:]
        var requests: [Request] = []
        var held: [any Channel] = []
    }

    private let state = Mutex(State())
    private let group: MultiThreadedEventLoopGroup
    private let channel: any Channel
    let port: Int

    /// Listens on a free port of loopback; with TLS if `tls` is given.
    init(tls: NIOSSLContext? = nil) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let relay = Relay()
        let channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1_024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLServerHandler(context: tls))
                    }
                    try channel.pipeline.syncOperations.addHandler(SinkHandler(relay: relay))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        self.group = group
        self.channel = channel
        self.port = channel.localAddress?.port ?? 0
        relay.sink.withLock { $0 = self }
    }

    func stop() async {
        try? await self.channel.close()
        try? await self.group.shutdownGracefully()
    }

    func url(_ path: String) -> String { "http://127.0.0.1:\(self.port)/\(path)" }

    /// What `path` does from now on; the last behaviour stays, the ones before it serve once.
    func set(_ path: String, _ behaviours: Behaviour...) {
        self.state.withLock { $0.behaviours["/" + path] = behaviours }
    }

    /// Answers every request that is held, and those to come.
    func release(_ path: String) {
        self.set(path, .answer(200))
        let held = self.state.withLock { state in
            defer { state.held = [] }
            return state.held
        }
        for channel in held { Self.write(200, [], to: channel) }
    }

    /// Requests of `path`, all of them without one, in the order they arrived.
    func requests(_ path: String? = nil) -> [Request] {
        self.state.withLock { state in
            state.requests.filter { path == nil || $0.path == "/" + (path ?? "") }
        }
    }

    fileprivate func arrived(_ request: Request, on channel: any Channel) {
        let behaviour: Behaviour = self.state.withLock { state in
            state.requests.append(request)
            guard var script = state.behaviours[request.path], let next = script.first else {
                state.requests[state.requests.count - 1].isTaken = true
                return .answer(200)
            }
            if case .answer(200..<300, _) = next {
                state.requests[state.requests.count - 1].isTaken = true
            }
            if script.count > 1 {
                script.removeFirst()
                state.behaviours[request.path] = script
            }
            if case .hold = next { state.held.append(channel) }
            return next
        }
        switch behaviour {
        case .answer(let status, let headers): Self.write(status, headers, to: channel)
        case .hang, .hold: break
        case .reset: Self.reset(channel)
        case .drip: Self.drip(Array("HTTP/1.1 200 OK\r\nx-drip: ".utf8), 0, to: channel)
        case .dripBody:
            let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n"
            channel.writeAndFlush(ByteBuffer(string: head), promise: nil)
            Self.drip([], 0, to: channel)
        }
    }

    private static func write(
        _ status: Int, _ headers: [(String, String)], to channel: any Channel
    ) {
        // 204 has no body, and no field that speaks of one (RFC 9112, 6.3).
        let isEmpty = status == 204
        var text = "HTTP/1.1 \(status) Answer\r\n" + (isEmpty ? "" : "content-length: 2\r\n")
        for (name, value) in headers { text += "\(name): \(value)\r\n" }
        text += isEmpty ? "\r\n" : "\r\nok"
        channel.writeAndFlush(ByteBuffer(string: text), promise: nil)
    }

    private static func reset(_ channel: any Channel) {
        guard let socket = channel as? any SocketOptionProvider else { return }
        socket.setSoLinger(linger(l_onoff: 1, l_linger: 0))
            .whenComplete { _ in channel.close(promise: nil) }
    }

    private static func drip(_ bytes: [UInt8], _ index: Int, to channel: any Channel) {
        guard channel.isActive else { return }
        let byte = index < bytes.count ? bytes[index] : UInt8(ascii: "x")
        channel.writeAndFlush(ByteBuffer(bytes: [byte]), promise: nil)
        channel.eventLoop.scheduleTask(in: .milliseconds(20)) {
            self.drip(bytes, index + 1, to: channel)
        }
    }
}

private final class Relay: Sendable {
    let sink = Mutex<WebhookSink?>(nil)
}

/// Reads requests with a `content-length` body, one after the other.
private final class SinkHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let relay: Relay
    private var bytes: [UInt8] = []

    init(relay: Relay) { self.relay = relay }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.bytes.append(contentsOf: self.unwrapInboundIn(data).readableBytesView)
        while let request = self.next() {
            let sink = self.relay.sink.withLock { $0 }
            sink?.arrived(request, on: context.channel)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func next() -> WebhookSink.Request? {
        let mark = Array("\r\n\r\n".utf8)
        guard self.bytes.count >= 4,
            let end = (0...(self.bytes.count - 4)).first(where: {
                self.bytes[$0] == 13 && Array(self.bytes[$0..<$0 + 4]) == mark
            })
        else { return nil }
        let lines = String(decoding: self.bytes[..<end], as: UTF8.self).split(separator: "\r\n")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            headers[line[..<colon].lowercased()] = String(value)
        }
        let bodyCount = Int(headers["content-length"] ?? "0") ?? 0
        guard self.bytes.count >= end + 4 + bodyCount else { return nil }
        let words = lines.first?.split(separator: " ") ?? []
        let request = WebhookSink.Request(
            path: words.count > 1 ? String(words[1]) : "", headers: headers,
            body: Array(self.bytes[end + 4..<end + 4 + bodyCount]))
        self.bytes.removeFirst(end + 4 + bodyCount)
        return request
    }
}
