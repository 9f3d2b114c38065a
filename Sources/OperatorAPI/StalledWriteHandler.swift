// SPDX-License-Identifier: Apache-2.0

internal import NIOCore

/// Closes a connection whose client takes nothing for `streamWriteTimeoutSeconds`.
///
/// Without it a client that never reads would hold its answer and its place for ever.
final class StalledWriteHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    private let metrics: RequestMetrics
    private var timeout: Scheduled<Void>?

    init(_ metrics: RequestMetrics) { self.metrics = metrics }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        self.timeout?.cancel()
        self.timeout = nil
        if !context.channel.isWritable {
            let channel = context.channel
            let metrics = self.metrics
            self.timeout = context.eventLoop.scheduleTask(
                in: .seconds(OperatorAPILimits.streamWriteTimeoutSeconds)
            ) {
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
