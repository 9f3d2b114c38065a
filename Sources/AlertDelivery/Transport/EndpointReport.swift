// SPDX-License-Identifier: Apache-2.0

/// What was found on the way to an endpoint.
package struct EndpointReport: Sendable, Equatable {
    /// Why an alert would not get through.
    package enum Fault: Sendable, Equatable {
        /// The name has no address; the resolver's words.
        case name(String)
        /// No address of the name may be connected to.
        case address(NetworkAddress, AddressPolicy.Refusal)
        /// The machine has no interface of this name.
        case interface(String)
        /// No connection to this address, the last one of the name that was tried.
        case connection(NetworkAddress, String)
        /// A certificate or key of ours cannot be used; which file, and why.
        case files(String)
        case handshake(NetworkAddress, HandshakeFault)
    }

    /// Where a connection was made to.
    package struct Reach: Sendable, Equatable {
        package var address: NetworkAddress
        /// `TLS 1.3`; nil without TLS.
        package var version: String?

        package init(address: NetworkAddress, version: String? = nil) {
            self.address = address
            self.version = version
        }
    }

    /// Whose certificate.
    package enum Holder: String, Sendable, Equatable {
        case receiver, ours, authority
    }

    /// When a certificate ends, in Unix seconds.
    package struct Term: Sendable, Equatable {
        package var holder: Holder
        package var endsAtSeconds: Int64

        package init(holder: Holder, endsAtSeconds: Int64) {
            self.holder = holder
            self.endsAtSeconds = endsAtSeconds
        }
    }

    /// Nil if something failed.
    package var reach: Reach?
    package var faults: [Fault] = []
    /// Certificates that a connection needs, as far as they were seen.
    package var terms: [Term] = []

    package init(reach: Reach? = nil, faults: [Fault] = [], terms: [Term] = []) {
        self.reach = reach
        self.faults = faults
        self.terms = terms
    }
}

/// Why there is no secure connection although there is a connection.
package enum HandshakeFault: Error, Sendable, Equatable {
    /// The receiver's certificate, or one it rests on, ended at these Unix seconds.
    case ended(Int64)
    /// It begins only at these Unix seconds.
    case notYet(Int64)
    /// It is for others; what it says of itself.
    case name(String)
    /// Nobody whom we trust has signed it; what it says of itself.
    case untrusted(String)
    /// The receiver refuses our certificate, or us for having none; its word for it.
    case unwelcome(String)
    /// No version of TLS that both would speak.
    case version
    /// What answers does not speak TLS.
    case notTLS
    /// The receiver closed the connection without a word.
    case closed
    case timeout
    /// Words of the library.
    case other(String)
}
