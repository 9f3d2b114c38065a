// SPDX-License-Identifier: Apache-2.0

internal import Hummingbird
internal import JSONText
internal import MidwatchModel
internal import NIOCore
internal import OperatorViews

/// A taken place among the streams; it is given back when the last reference goes, also if the
/// response is never begun.
final class StreamSeat: Sendable {
    private let metrics: RequestMetrics
    private let address: String

    /// `address` has taken the place.
    init(_ metrics: RequestMetrics, address: String) {
        self.metrics = metrics
        self.address = address
    }

    deinit { self.metrics.closeStream(address: self.address) }
}

/// Server-sent events of the ledger (WHATWG HTML, "Server-sent events").
///
/// The stream pulls: it fetches the next records when the client took the ones before, so a slow
/// client holds no queue. The id of an event is its ledger number; a client that comes back with
/// `Last-Event-ID` misses nothing and gets nothing twice.
struct EventStream: Sendable {
    let backend: any OperatorBackend
    let metrics: RequestMetrics
    let stopping: EventSignal
    /// Passes 0 when the client hangs up.
    let hangUp: EventSignal
    let after: UInt64
    let query: EventQuery
    let seat: StreamSeat

    @concurrent
    func run(into writer: inout any ResponseBodyWriter) async throws {
        var after = self.after
        // Told at once: the stream is open, and from where a client resumes if it breaks before
        // the first event. The retry time is in milliseconds.
        try await writer.write(ByteBuffer(string: "retry: 2000\nid: \(after)\n: open\n\n"))
        let newest = await self.backend.newestEvent()
        if after > newest {
            // The ledger was put back or began anew: what the client saw is not there any more.
            let gap = EventView.gap(
                newest + 1..<(after == .max ? after : after + 1), n: newest,
                written: RequestClock.wall(),
                reason: "the ledger ends before the last record known")
            try await writer.write(Self.frames([gap]))
            after = newest
        }
        while self.stopping.value == 0, self.hangUp.value == 0, !Task.isCancelled {
            let events: [EventView]
            do {
                events = try await self.backend.events(
                    after: after, limit: OperatorAPILimits.streamBatchMax)
            } catch {
                // The stream stays open over a disk that hangs, and its client knows why.
                try await writer.write(ByteBuffer(string: ": \(error.title)\n\n"))
                await self.waitOrTimeOut(seconds: OperatorAPILimits.streamRetrySeconds)
                continue
            }
            if let last = events.last {
                let wanted = events.filter { self.query.matches($0) }
                // Also what is passed over moves the place from which a client resumes.
                let passed = wanted.last?.n == last.n ? "" : "id: \(last.n)\n: passed\n\n"
                try await writer.write(Self.frames(wanted, passed))
                self.metrics.add(.streamEvents, UInt64(wanted.count))
                after = last.n
                continue
            }
            if await self.waitOrTimeOut(
                after: after, seconds: OperatorAPILimits.streamHeartbeatSeconds)
            {
                try await writer.write(ByteBuffer(string: ": heartbeat\n\n"))
            }
        }
        try await writer.finish(nil)
    }

    /// Whether the time passed without an event above `after` and without an end.
    @discardableResult
    private func waitOrTimeOut(after: UInt64 = .max, seconds: Int64) async -> Bool {
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                await self.backend.waitForEvents(after: after)
                return false
            }
            group.addTask {
                await self.stopping.wait(after: 0)
                return false
            }
            group.addTask {
                await self.hangUp.wait(after: 0)
                return false
            }
            group.addTask {
                do {
                    try await Task.sleep(for: .seconds(seconds))
                    return true
                } catch {
                    return false
                }
            }
            let timedOut = await group.next() ?? false
            group.cancelAll()
            return timedOut
        }
    }

    static func frames(_ events: [EventView], _ ending: String = "") -> ByteBuffer {
        var buffer = ByteBuffer()
        for event in events {
            // JSON text has no line breaks, so one `data` line carries the whole event.
            buffer.writeString("id: \(event.n)\nevent: ledger\ndata: ")
            buffer.writeString(event.jsonText)
            buffer.writeString("\n\n")
        }
        buffer.writeString(ending)
        return buffer
    }
}

/// Tells a stream that its client hung up, so that its seat is free at once and not when the next
/// heartbeat cannot be written.
final class HangUpHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = NIOAny

    private let hangUp: EventSignal

    init(_ hangUp: EventSignal) { self.hangUp = hangUp }

    /// A signal that passes 0 when the other end of `channel` closes.
    static func watch(_ channel: any Channel) async throws -> EventSignal {
        let hangUp = EventSignal()
        try await channel.eventLoop.submit {
            try channel.pipeline.syncOperations.addHandler(
                HangUpHandler(hangUp), position: .first)
        }.get()
        return hangUp
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed? = event as? ChannelEvent { self.hangUp.advance(to: 1) }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.hangUp.advance(to: 1)
        context.fireChannelInactive()
    }
}
