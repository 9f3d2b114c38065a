// SPDX-License-Identifier: Apache-2.0

internal import AsyncHTTPClient
internal import NIOCore
internal import NIOSSL
internal import Synchronization

/// The connections to one endpoint.
///
/// A client belongs to one address. When the address changes, or certificates are to be read again,
/// a new client takes over; the one before is closed once its calls have ended.
final class EndpointLine: Sendable {
    /// Calls of a client that was replaced have ended by then.
    private static let retireNanoseconds =
        2 * DeliveryLimits.laterAttemptNanosecondsMax + DeliveryLimits.responseBodyNanosecondsMax
    /// Clients that are on their way out; beyond it the oldest is closed at once.
    private static let retiredCountMax = 4

    private struct State {
        var current: (address: NetworkAddress, client: HTTPClient)?
        var retired: [(number: UInt64, client: HTTPClient)] = []
        var nextNumber: UInt64 = 0
        /// What a connection through an interface is secured with, until certificates are read again.
        var security: NIOSSLContext?
        var isShut = false
    }

    let pins: AddressPins
    private let endpoint: EndpointConfiguration
    private let state = Mutex(State())

    init(_ endpoint: EndpointConfiguration, resolver: any AddressResolver) {
        self.endpoint = endpoint
        self.pins = AddressPins(
            host: endpoint.address.host,
            policy: AddressPolicy(host: endpoint.address.host, allowed: endpoint.allowed),
            resolver: resolver)
    }

    /// The client that is connected to `address` and to nothing else.
    ///
    /// - Throws: If a certificate file cannot be read; it is tried again at the next call.
    func client(for address: NetworkAddress) throws -> HTTPClient {
        let known = self.state.withLock { state in
            state.current.flatMap { $0.address == address ? $0.client : nil }
        }
        if let known { return known }
        let fresh = HTTPClient(configuration: try self.configuration(address))
        // Another call may have been faster: its client serves both.
        let (used, isShut) = self.state.withLock { state -> (HTTPClient, Bool) in
            if let current = state.current, current.address == address {
                return (current.client, state.isShut)
            }
            if !state.isShut {
                if let old = state.current?.client { self.retire(old, &state) }
                state.current = (address, fresh)
            }
            return (fresh, state.isShut)
        }
        if used !== fresh { Task { try? await fresh.shutdown() } }
        guard !isShut else {
            if used === fresh { Task { try? await fresh.shutdown() } }
            throw CancellationError()
        }
        return used
    }

    /// What makes calls through `interface`.
    ///
    /// - Throws: If a certificate file cannot be read; it is tried again at the next call.
    func client(through interface: String) throws -> InterfaceClient {
        let known = try self.state.withLock { state in
            if state.isShut { throw CancellationError() }
            return state.security
        }
        let name = self.serverName
        guard self.endpoint.address.isSecure, known == nil else {
            return InterfaceClient(interface: interface, tls: known, serverName: name)
        }
        let context = try NIOSSLContext(configuration: self.security())
        self.state.withLock { $0.security = context }
        return InterfaceClient(interface: interface, tls: context, serverName: name)
    }

    /// The name that a certificate must have; nil: the address.
    var serverName: String? {
        let host = self.endpoint.address.host
        return NetworkAddress(host) == nil ? host : nil
    }

    /// The next call gets a new client, which reads the certificates again.
    func renew() {
        self.state.withLock { state in
            state.security = nil
            guard let old = state.current?.client else { return }
            state.current = nil
            self.retire(old, &state)
        }
    }

    func shutdown() async {
        let clients = self.state.withLock { state in
            state.isShut = true
            defer { (state.current, state.retired) = (nil, []) }
            return [state.current?.client].compactMap { $0 } + state.retired.map(\.client)
        }
        for client in clients { try? await client.shutdown() }
    }

    private func retire(_ client: HTTPClient, _ state: inout State) {
        state.nextNumber += 1
        let number = state.nextNumber
        state.retired.append((number, client))
        if state.retired.count > Self.retiredCountMax {
            let oldest = state.retired.removeFirst().client
            Task { try? await oldest.shutdown() }
        }
        Task { [weak self] in
            try? await Task.sleep(for: .nanoseconds(Self.retireNanoseconds))
            let due = self?.state.withLock { state in
                state.retired.firstIndex { $0.number == number }
                    .map { state.retired.remove(at: $0).client }
            }
            try? await due?.shutdown()
        }
    }

    private func configuration(_ address: NetworkAddress) throws -> HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow,
            timeout: .init(connect: .nanoseconds(Int64(DeliveryLimits.connectNanosecondsMax))))
        configuration.httpVersion = .http1Only
        configuration.decompression = .disabled
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit =
            max(self.endpoint.concurrency, 1)
        // Retrying is the ladder's business; the pool's own back-off would hide a refusal.
        configuration.connectionPool.retryConnectionEstablishment = false
        let host = self.endpoint.address.host
        if NetworkAddress(host) == nil { configuration.dnsOverride = [host: address.description] }
        if self.endpoint.address.isSecure { configuration.tlsConfiguration = try self.security() }
        return configuration
    }

    /// Whom we trust and what we show.
    ///
    /// - Throws: If a certificate file cannot be read.
    func security() throws -> TLSConfiguration {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        if let path = self.endpoint.authorityFile {
            tls.trustRoots = .certificates(try Self.read(path, NIOSSLCertificate.fromPEMFile))
        }
        if let files = self.endpoint.clientCertificate {
            tls.certificateChain = try Self.read(files.chainFile, NIOSSLCertificate.fromPEMFile)
                .map { .certificate($0) }
            tls.privateKey = .privateKey(
                try Self.read(files.keyFile) { try NIOSSLPrivateKey(file: $0, format: .pem) })
        }
        return tls
    }

    /// An error that says which file.
    private static func read<Content>(
        _ path: String, _ body: (String) throws -> Content
    ) throws -> Content {
        do { return try body(path) } catch { throw FileError(path: path, reason: "\(error)") }
    }

    private struct FileError: Error, CustomStringConvertible {
        var path: String
        var reason: String

        var description: String { "\(self.path): \(self.reason)" }
    }
}
