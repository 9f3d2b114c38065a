// SPDX-License-Identifier: Apache-2.0

import AlertDelivery
import JSONText
import MidwatchModel

/// Why nothing gets through to an endpoint at the moment, and what helps.
struct EndpointHindrance: Sendable, Equatable {
    var reason: String
    var remedy: String
    /// It lasts until somebody does something.
    var isLasting: Bool

    /// What is known of an endpoint; nil if nothing stands in the way.
    static func of(
        _ name: String, _ status: DeliveryStatus, _ unusable: [EndpointKeys.Unusable]
    ) -> EndpointHindrance? {
        if let missing = unusable.first(where: { $0.name == name }) {
            return EndpointHindrance(
                reason: "nothing can be sent: \(missing.reason)",
                remedy: "put the secret in its place; it is found by itself", isLasting: true)
        }
        guard let endpoint = status.endpoints.first(where: { $0.endpoint == name }) else {
            return nil
        }
        switch endpoint.condition {
        case .disabled:
            return EndpointHindrance(
                reason: "it answered 410, nothing is sent to it any more",
                remedy: "give it its right address, or midwatch alerts enable \(name)",
                isLasting: true)
        case .paused(let status, _):
            return EndpointHindrance(
                reason: "it refuses our credentials (\(status)), alerts for it wait",
                remedy: "renew its secret or authorization, then midwatch alerts enable \(name)",
                isLasting: true)
        case .usable: break
        }
        guard endpoint.breaker != .closed else { return nil }
        return EndpointHindrance(
            reason: "it did not answer lately, its breaker is \(endpoint.breaker.word)",
            remedy: "see midwatch alerts log --endpoint \(name); it is tried again by itself",
            isLasting: false)
    }

    func write(to json: inout JSONWriter, endpoint: String) {
        json.field("endpoint", endpoint)
        json.field("reason", self.reason)
        json.field("remedy", self.remedy)
        json.field("lasting", self.isLasting)
    }
}
