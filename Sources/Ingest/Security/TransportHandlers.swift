// SPDX-License-Identifier: Apache-2.0

internal import NIOCore

/// Counts what the socket gave, in front of the TLS handler.
///
/// After a pause the kernel says how many bytes it has received in all; with TLS those are not the
/// bytes that the connection has seen. Confined to its event loop.
final class TransportByteCounter: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private(set) var receivedBytes: UInt64 = 0

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.receivedBytes &+= UInt64(self.unwrapInboundIn(data).readableBytes)
        context.fireChannelRead(data)
    }
}

/// Counts what the TLS handler refuses: handshakes that fail, certificates nobody signed.
final class TransportFaultCounter: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let gate: MQTTGate
    private var isCounted = false

    init(gate: MQTTGate) { self.gate = gate }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if !self.isCounted {
            self.isCounted = true
            self.gate.transportFailed(error)
        }
        context.fireErrorCaught(error)
    }
}
