// SPDX-License-Identifier: Apache-2.0

/// What an endpoint asks for before it believes us; never in a description, never in a log.
package struct EndpointCredentials: Sendable {
    /// Signs each request; without secrets nothing is signed.
    package var signer: WebhookSigner
    /// The `routing_key` of PagerDuty.
    package var routingKey: String?
    /// The whole value of an `Authorization` field, `Bearer …`.
    package var authorization: String?
    /// What follows the host in the URL, for receivers whose address is the secret; begins with `/`.
    package var urlPath: String?

    package init(signer: WebhookSigner) { self.signer = signer }

    /// Whether a text can stand in a header line.
    package static func isFieldValue(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
            && text.utf8.count <= DeliveryLimits.credentialBytesMax
    }

    /// Whether a text can stand behind the host of a URL.
    package static func isURLPath(_ text: String) -> Bool {
        text.hasPrefix("/") && text.utf8.count <= DeliveryLimits.credentialBytesMax
            && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x5C && $0 != 0x23 }
    }
}
