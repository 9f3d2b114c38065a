// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// Where alerts are sent: the parts of an `http` or `https` URL that decide.
package struct EndpointAddress: Sendable, Equatable {
    /// Why a text is not the address of an endpoint.
    package enum Refusal: String, Error, Sendable, CaseIterable {
        case scheme = "only http and https addresses are taken"
        case host = "the address names no host"
        case port = "the port is not 1 to 65535"
        case userInfo = "a user name or password does not belong in the address"
        case characters = "the address has characters that do not belong in one"
        case fragment = "an address of an endpoint has no fragment"
    }

    /// As written, scheme and host in lower case.
    package let url: String
    package let isSecure: Bool
    /// Lower case; an IPv6 address without its brackets.
    package let host: String
    package let port: UInt16
    /// Whether something follows the host.
    package let hasPath: Bool

    package init(_ url: String) throws(Refusal) {
        guard url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") }) else {
            throw .characters
        }
        let lower = url.lowercased()
        let rest: Substring
        if lower.hasPrefix("https://") {
            (self.isSecure, rest) = (true, url.dropFirst(8))
        } else if lower.hasPrefix("http://") {
            (self.isSecure, rest) = (false, url.dropFirst(7))
        } else {
            throw .scheme
        }
        guard !rest.contains("#") else { throw .fragment }
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        guard !authority.contains("@") else { throw .userInfo }
        var host = authority
        var portText: Substring?
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { throw .host }
            host = authority[authority.index(after: authority.startIndex)..<end]
            let after = authority[authority.index(after: end)...]
            guard after.isEmpty || after.hasPrefix(":") else { throw .host }
            portText = after.isEmpty ? nil : after.dropFirst()
        } else if let colon = authority.firstIndex(of: ":") {
            host = authority[..<colon]
            portText = authority[authority.index(after: colon)...]
        }
        guard !host.isEmpty else { throw .host }
        if let portText {
            guard portText.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let port = UInt16(portText), port > 0
            else { throw .port }
            self.port = port
        } else {
            self.port = self.isSecure ? 443 : 80
        }
        self.host = host.lowercased()
        guard NetworkAddress(self.host) != nil || Self.isName(self.host) else { throw .host }
        let path = rest.dropFirst(authority.count)
        self.hasPath = !path.isEmpty && path != "/"
        // One spelling, so that what is checked and what is connected to are the same host.
        self.url = (self.isSecure ? "https://" : "http://") + authority.lowercased() + path
    }

    private static func isName(_ host: String) -> Bool {
        host.utf8.count <= DeliveryLimits.hostBytesMax
            && host.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                    UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }
}

/// One receiver of alerts.
package struct EndpointConfiguration: Sendable {
    /// Unique and stable: the store files deliveries under it.
    package var name: String
    package var address: EndpointAddress
    /// Secrets at the moment; nil while one is missing, and then nothing is sent.
    package var credentials: @Sendable () -> EndpointCredentials?
    package var format = AlertFormat.native
    /// Alerts below it do not go here.
    package var priorityMin = AlarmPriority.low
    /// Whether the routes send an alert here; a pure function of the alert.
    package var accepts: @Sendable (Alert) -> Bool = { _ in true }
    /// Calls under way at once.
    package var concurrency = 4
    /// Calls a second at most, over time; as many may leave at once.
    package var callsPerSecondMax = DeliveryLimits.callsPerSecondMax
    /// The whole of a first attempt; a later one may take twice as long.
    package var timeoutNanoseconds = DeliveryLimits.firstAttemptNanosecondsMax
    /// PEM file of the roots to trust instead of the system's.
    package var authorityFile: String?
    /// PEM files of the certificate we show, with its chain, and of its key.
    package var clientCertificate: (chainFile: String, keyFile: String)?
    /// Network interface that calls leave by; nil: as the routes of the machine say.
    package var interface: String?
    /// Networks that may be connected to beside what `AddressPolicy` allows by itself.
    package var allowed: [AddressBlock] = []

    package init(name: String, address: EndpointAddress, signer: WebhookSigner) {
        self.init(name: name, address: address, signingWith: { signer })
    }

    /// An endpoint whose secret may come later; `signer` is asked at every attempt.
    package init(
        name: String, address: EndpointAddress,
        signingWith signer: @escaping @Sendable () -> WebhookSigner?
    ) {
        self.init(
            name: name, address: address,
            credentials: { signer().map { EndpointCredentials(signer: $0) } })
    }

    /// An endpoint whose secrets may come later; `credentials` are asked for at every attempt.
    package init(
        name: String, address: EndpointAddress,
        credentials: @escaping @Sendable () -> EndpointCredentials?
    ) {
        self.name = name
        self.address = address
        self.credentials = credentials
    }
}

/// What delivery is built from.
package struct DeliveryConfiguration: Sendable {
    package var endpoints: [EndpointConfiguration]
    /// Path of `outbox.sqlite`.
    package var outboxPath: String
    /// Seed of the jitter.
    package var seed: UInt64
    package var queueCountMax = DeliveryLimits.queueCountMax
    package var queueBytesMax = DeliveryLimits.queueBytesMax
    package var storeQueueCountMax = DeliveryLimits.storeQueueCountMax

    /// Takes at most `DeliveryLimits.endpointCountMax` endpoints, with unique names.
    package init(endpoints: [EndpointConfiguration], outboxPath: String, seed: UInt64) {
        precondition(endpoints.count <= DeliveryLimits.endpointCountMax, "count of endpoints")
        precondition(Set(endpoints.map(\.name)).count == endpoints.count, "endpoint named twice")
        self.endpoints = endpoints
        self.outboxPath = outboxPath
        self.seed = seed
    }
}

/// The clocks of the program, as delivery reads them.
package struct DeliveryClock: Sendable {
    package var monotonic: @Sendable () -> MonotonicInstant
    package var wall: @Sendable () -> WallInstant
    /// Returns after so many nanoseconds of `monotonic`, at once if the task is cancelled.
    package var pause: @Sendable (UInt64) async -> Void

    package init(
        monotonic: @escaping @Sendable () -> MonotonicInstant,
        wall: @escaping @Sendable () -> WallInstant,
        pause: @escaping @Sendable (UInt64) async -> Void = Self.sleep
    ) {
        self.monotonic = monotonic
        self.wall = wall
        self.pause = pause
    }

    /// The pause of real time.
    package static let sleep: @Sendable (UInt64) async -> Void = { nanoseconds in
        try? await Task.sleep(for: .nanoseconds(nanoseconds))
    }
}
