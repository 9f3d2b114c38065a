// SPDX-License-Identifier: Apache-2.0

/// One POST of one attempt.
package struct WebhookRequest: Sendable {
    package var endpoint: EndpointConfiguration
    package var id: String
    /// Unix seconds of this attempt.
    package var timestamp: Int64
    package var signature: String
    package var body: [UInt8]
    package var timeoutNanoseconds: UInt64
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
    /// Name not resolved, refused, reset, closed early.
    case network
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
