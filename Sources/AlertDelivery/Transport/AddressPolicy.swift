// SPDX-License-Identifier: Apache-2.0

/// Which addresses alerts to one endpoint may be sent to.
///
/// Whoever can change a name's entry in the DNS must not be able to turn the monitor against the
/// machines beside it. At an edge site receivers often are such machines, so the operator says
/// which:
///
/// 1. What `allow` lists is allowed.
/// 2. An address that the URL itself spells out is the operator's word and allowed, loopback and
///    private ones included; `localhost` spells out loopback. Not so link-local addresses, where
///    clouds keep the keys of their machines, and what no receiver can have.
/// 3. A name leads to public addresses only. A name of a private network needs `allow`.
///
/// Every address of an answer is checked on its own, at every resolution, and the connection is
/// made to the address that was checked: a name that changes its mind in between changes nothing.
package struct AddressPolicy: Sendable, Equatable {
    /// Why an address is not used.
    package enum Refusal: String, Error, Sendable, CaseIterable {
        case unspecified, loopback, privateNetwork, linkLocal, sharedNetwork, multicast, reserved
    }

    private let host: String
    private let allowed: [AddressBlock]

    /// A policy for the host of a URL, in lower case, an IPv6 address without brackets.
    package init(host: String, allowed: [AddressBlock] = []) {
        self.host = host
        self.allowed = allowed
    }

    /// The address that the URL spells out; nil if it has a name.
    package var literal: NetworkAddress? { NetworkAddress(self.host) }

    /// Why `address` must not be connected to; nil if it may.
    package func refusal(of address: NetworkAddress) -> Refusal? {
        if self.allowed.contains(where: { $0.contains(address) }) { return nil }
        guard let refusal = Self.refusal(of: address) else { return nil }
        switch refusal {
        case .unspecified, .linkLocal, .multicast, .reserved: return refusal
        case .loopback, .privateNetwork, .sharedNetwork:
            if address == self.literal { return nil }
            let isLocalhost = self.host == "localhost" || self.host.hasSuffix(".localhost")
            return isLocalhost && refusal == .loopback ? nil : refusal
        }
    }

    /// What is special about an address; nil for a public one.
    package static func refusal(of address: NetworkAddress) -> Refusal? {
        if let embedded = address.embedded { return self.refusal(of: embedded) }
        return self.table.first { $0.block.contains(address) }?.refusal
    }

    /// Special-purpose addresses (RFC 6890 and the registries it made).
    private static let table: [(block: AddressBlock, refusal: Refusal)] =
        [
            ("0.0.0.0/8", Refusal.unspecified), ("10.0.0.0/8", .privateNetwork),
            ("100.64.0.0/10", .sharedNetwork), ("127.0.0.0/8", .loopback),
            ("169.254.0.0/16", .linkLocal), ("172.16.0.0/12", .privateNetwork),
            ("192.0.0.0/24", .reserved), ("192.0.2.0/24", .reserved),
            ("192.88.99.0/24", .reserved), ("192.168.0.0/16", .privateNetwork),
            ("198.18.0.0/15", .reserved), ("198.51.100.0/24", .reserved),
            ("203.0.113.0/24", .reserved), ("224.0.0.0/4", .multicast),
            ("240.0.0.0/4", .reserved), ("::/128", .unspecified), ("::1/128", .loopback),
            // What is left of the addresses that carried IPv4 ones (RFC 4291, 2.5.5.1).
            ("::/96", .reserved), ("64:ff9b:1::/48", .reserved), ("100::/64", .reserved),
            ("2001::/23", .reserved), ("2001:db8::/32", .reserved), ("3fff::/20", .reserved),
            ("fc00::/7", .privateNetwork), ("fe80::/10", .linkLocal),
            ("fec0::/10", .privateNetwork), ("ff00::/8", .multicast),
        ].compactMap { text, refusal in AddressBlock(text).map { ($0, refusal) } }
}
