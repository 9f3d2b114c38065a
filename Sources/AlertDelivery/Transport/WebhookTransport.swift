// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// One request of one attempt.
package struct WebhookRequest: Sendable {
    package var endpoint: EndpointConfiguration
    package var id: String
    /// Unix seconds of this attempt.
    package var timestamp: Int64
    /// Empty if nothing is signed.
    package var signature: String
    package var content: AlertFormat.Request
    package var timeoutNanoseconds: UInt64

    /// A request that is signed at `at`, the wall clock.
    package init(
        endpoint: EndpointConfiguration, id: String, content: AlertFormat.Request,
        signer: WebhookSigner, at: WallInstant, timeoutNanoseconds: UInt64
    ) {
        self.endpoint = endpoint
        self.id = id
        self.timestamp = at.nanoseconds.flooredQuotientAndRemainder(1_000_000_000).0
        self.signature = signer.signature(id: id, timestamp: self.timestamp, body: content.body)
        self.content = content
        self.timeoutNanoseconds = timeoutNanoseconds
    }
}

/// What came of one POST.
package enum WebhookReply: Sendable, Equatable {
    /// - Parameters:
    ///   - retryAfter: The `Retry-After` field as received.
    ///   - body: At most `DeliveryLimits.responseKeptBytesMax` bytes.
    case response(status: UInt16, retryAfter: String?, body: [UInt8])
    case failure(TransportFailure, detail: String)
}

/// Why there was no answer.
package enum TransportFailure: String, Sendable, Equatable, CaseIterable {
    case connectTimeout
    /// The whole call took longer than its bound.
    case timeout
    /// The peer's certificate or protocol was not accepted. Tried again like the others: a
    /// certificate that ran out is renewed within the age of an alert.
    case tls
    /// Refused, reset, closed early.
    case network
    /// The name has no address, or the resolver does not answer.
    case name
    /// The addresses of the name must not be connected to (`AddressPolicy`).
    case address
    /// The endpoint's secret is not there: nothing was sent, and it is tried again.
    case secret
    /// We stopped.
    case cancelled
}

/// Posts webhooks; must return within the time-out of the request, or soon after.
package protocol WebhookTransport: Sendable {
    /// Makes one attempt; never throws, never follows a redirect.
    func post(_ request: WebhookRequest) async -> WebhookReply
    /// Gives up what is under way and closes connections.
    func shutdown() async
}
