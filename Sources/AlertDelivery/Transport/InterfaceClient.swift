// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL

/// Makes a call through one network interface, whatever the routes of the machine say.
///
/// It is for the way that is left when the usual network is gone, so it owes that network nothing: the
/// socket is bound to the interface, and every call has a connection of its own, which shows at once
/// whether the way is there.
struct InterfaceClient: Sendable {
    /// Why a call ended without an answer, beside what the network says.
    enum Failure: Error, Equatable, Sendable {
        /// The machine has no interface of this name now.
        case noInterface(String)
        case timeout
        /// The connection ended before the head of an answer.
        case closed
    }

    /// SO_BINDTOIFINDEX (socket(7), since Linux 5.0): needs no right, and names one interface.
    private static let bindToInterface: SocketOptionName = 62

    let interface: String
    /// nil: plain http.
    let tls: NIOSSLContext?
    /// Name that the certificate must have; nil: the address.
    let serverName: String?

    /// What makes connections through `interface`; nil: as the routes of the machine say.
    static func bootstrap(
        on loop: any EventLoop, through interface: String?, connectNanoseconds: UInt64
    ) throws -> ClientBootstrap {
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(.nanoseconds(Int64(clamping: connectNanoseconds)))
            .channelOption(
                ChannelOptions.socket(
                    SocketOptionLevel(IPPROTO_TCP), SocketOptionName(TCP_NODELAY)),
                value: 1
            )
        guard let interface else { return bootstrap }
        let index = unsafe if_nametoindex(interface)
        guard index > 0 else { throw Failure.noInterface(interface) }
        return bootstrap.channelOption(
            ChannelOptions.socket(SocketOptionLevel(SOL_SOCKET), Self.bindToInterface),
            value: SocketOptionValue(index))
    }

    /// Posts to `address` and reads the answer, within `nanoseconds`.
    func post(
        _ outgoing: OutgoingRequest, to address: NetworkAddress, port: UInt16, nanoseconds: UInt64
    ) async throws -> WebhookReply {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let bootstrap = try Self.bootstrap(
            on: loop, through: self.interface,
            connectNanoseconds: min(nanoseconds, DeliveryLimits.connectNanosecondsMax))
        let reply = loop.makePromise(of: WebhookReply.self)
        let timer = loop.scheduleTask(in: .nanoseconds(Int64(clamping: nanoseconds))) {
            reply.fail(Failure.timeout)
        }
        defer { timer.cancel() }
        let bound = bootstrap.channelInitializer { [tls, serverName] channel in
            channel.eventLoop.makeCompletedFuture {
                let pipeline = channel.pipeline.syncOperations
                if let tls {
                    try pipeline.addHandler(
                        NIOSSLClientHandler(context: tls, serverHostname: serverName))
                }
                try pipeline.addHTTPClientHandlers()
                try pipeline.addHandler(InterfaceCall(outgoing, reply))
            }
        }
        let channel: any Channel
        do {
            let target = try SocketAddress(ipAddress: address.description, port: Int(port))
            channel = try await bound.connect(to: target).get()
        } catch {
            reply.fail(error)
            throw error
        }
        defer { channel.close(promise: nil) }
        return try await withTaskCancellationHandler {
            try await reply.futureResult.get()
        } onCancel: {
            reply.fail(CancellationError())
        }
    }
}

/// A request as it stands on the wire.
struct OutgoingRequest: Sendable {
    var method: String
    /// What follows the host in the address.
    var target: String
    var fields: [(name: String, value: String)]
    var body: [UInt8]
}

/// Writes one request and gathers its answer; on the connection's event loop.
private final class InterfaceCall: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let outgoing: OutgoingRequest
    private let reply: EventLoopPromise<WebhookReply>
    private var head: HTTPResponseHead?
    private var kept: [UInt8] = []
    private var readBytes = 0

    init(_ outgoing: OutgoingRequest, _ reply: EventLoopPromise<WebhookReply>) {
        self.outgoing = outgoing
        self.reply = reply
    }

    func channelActive(context: ChannelHandlerContext) {
        var head = HTTPRequestHead(
            version: .http1_1, method: HTTPMethod(rawValue: self.outgoing.method),
            uri: self.outgoing.target)
        for field in self.outgoing.fields { head.headers.add(name: field.name, value: field.value) }
        head.headers.add(name: "content-length", value: String(self.outgoing.body.count))
        head.headers.add(name: "connection", value: "close")
        context.write(self.wrapOutboundOut(.head(head)), promise: nil)
        let body = context.channel.allocator.buffer(bytes: self.outgoing.body)
        context.write(self.wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: nil)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch self.unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            // The head is the answer: a body that never ends does not take it back.
            context.eventLoop.assumeIsolated().scheduleTask(
                in: .nanoseconds(Int64(DeliveryLimits.responseBodyNanosecondsMax))
            ) { self.finish() }
        case .body(let part):
            self.readBytes += part.readableBytes
            let room = DeliveryLimits.responseKeptBytesMax - self.kept.count
            self.kept.append(contentsOf: part.readableBytesView.prefix(max(0, room)))
            if self.readBytes > DeliveryLimits.responseBytesMax { self.finish() }
        case .end: self.finish()
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Cut short after the head: what has come is kept, the status stands.
        self.finish(error)
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.finish(InterfaceClient.Failure.closed)
        context.fireChannelInactive()
    }

    /// Only the first end counts.
    private func finish(_ error: any Error = InterfaceClient.Failure.closed) {
        guard let head = self.head else { return self.reply.fail(error) }
        self.reply.succeed(
            .response(
                status: UInt16(clamping: head.status.code),
                retryAfter: head.headers.first(name: "retry-after"), body: self.kept))
    }
}
