// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@testable import AlertDelivery
@testable import midwatchd

/// What a test of a route says at once of an endpoint that nothing gets through to.
@Suite struct EndpointHindranceTests {
    private static func found(
        _ change: (inout EndpointStatus) -> Void, unusable: [EndpointKeys.Unusable] = []
    ) -> EndpointHindrance? {
        var endpoint = EndpointStatus(endpoint: "pager")
        change(&endpoint)
        return EndpointHindrance.of("pager", DeliveryStatus(endpoints: [endpoint]), unusable)
    }

    @Test func `what needs somebody lasts, and says what helps`() throws {
        #expect(Self.found { _ in } == nil)
        let paused = try #require(
            Self.found { $0.condition = .paused(status: 401, probeAt: .zero) })
        #expect(paused.isLasting && paused.reason.contains("401"))
        #expect(paused.remedy.contains("midwatch alerts enable pager"))
        let gone = try #require(Self.found { $0.condition = .disabled })
        #expect(gone.isLasting && gone.reason.contains("410"))
        let mute = try #require(
            Self.found({ _ in }, unusable: [.init(name: "pager", reason: "no file /k")]))
        #expect(mute.isLasting && mute.reason.contains("no file /k"))
    }

    @Test func `an open breaker closes by itself`() throws {
        let open = try #require(Self.found { $0.breaker = .open(since: .zero, round: 0) })
        #expect(!open.isLasting && open.reason.contains("open"))
        #expect(EndpointHindrance.of("other", DeliveryStatus(endpoints: []), []) == nil)
    }
}
