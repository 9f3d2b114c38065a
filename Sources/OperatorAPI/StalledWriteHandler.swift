// SPDX-License-Identifier: Apache-2.0

internal import NIOCore

/// Closes a connection whose client takes nothing for `timeout`.
///
/// Without it a client that never reads would hold its answer and its place for ever.
final class StalledWriteHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    private let metrics: RequestMetrics
    private let limit: TimeAmount
    private var timeout: Scheduled<Void>?

    init(_ metrics: RequestMetrics, timeout: TimeAmount) {
        self.metrics = metrics
        self.limit = timeout
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        self.timeout?.cancel()
        self.timeout = nil
        if !context.channel.isWritable {
            let channel = context.channel
            let metrics = self.metrics
            self.timeout = context.eventLoop.scheduleTask(in: self.limit) {
                metrics.add(.writesStalled)
                channel.close(promise: nil)
            }
        }
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.timeout?.cancel()
        self.timeout = nil
        context.fireChannelInactive()
    }
}
