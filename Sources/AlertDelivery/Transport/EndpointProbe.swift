// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
package import MidwatchModel
internal import NIOCore
internal import NIOPosix
internal import NIOSSL

/// Goes the way of an alert to an endpoint up to where a request would begin, and sends none.
///
/// Names, the list of allowed addresses, interface, certificates are those that an alert would use,
/// by the same code: what stops an alert is found here.
package struct EndpointProbe: Sendable {
    /// The whole of one endpoint.
    package static let nanosecondsMax: UInt64 = 10_000_000_000
    /// A receiver that refuses our certificate says so after the handshake (RFC 8446, 4.4.2.4 and
    /// appendix E.1.2): it is given this long.
    static let settleNanoseconds: UInt64 = 1_000_000_000
    /// Endpoints that are looked at at once.
    static let concurrency = 8

    private let endpoint: EndpointConfiguration
    private let line: EndpointLine
    private let now: WallInstant
    private let deadline = clinux_boottime_ns() + Self.nanosecondsMax

    private init(
        _ endpoint: EndpointConfiguration, _ resolver: any AddressResolver, now: WallInstant
    ) {
        self.endpoint = endpoint
        self.line = EndpointLine(endpoint, resolver: resolver)
        self.now = now
    }

    /// A report for each endpoint, in their order.
    ///
    /// Thread: any that is no event loop; it is held up until all are known.
    package static func run(
        _ endpoints: [EndpointConfiguration], now: WallInstant,
        resolver: any AddressResolver = SystemResolver()
    ) -> [EndpointReport] {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let reports = loop.makeFutureWithTask {
            await Self.reports(on: endpoints, now: now, resolver: resolver)
        }
        return (try? reports.wait()) ?? []
    }

    static func reports(
        on endpoints: [EndpointConfiguration], now: WallInstant, resolver: any AddressResolver
    ) async -> [EndpointReport] {
        await withTaskGroup(of: (Int, EndpointReport).self) { group in
            var reports = [EndpointReport](repeating: EndpointReport(), count: endpoints.count)
            for (index, endpoint) in endpoints.enumerated() {
                if index >= Self.concurrency, let (done, report) = await group.next() {
                    reports[done] = report
                }
                group.addTask {
                    (index, await Self(endpoint, resolver, now: now).report())
                }
            }
            for await (done, report) in group { reports[done] = report }
            return reports
        }
    }

    private func report() async -> EndpointReport {
        var report = EndpointReport()
        var security: TLSConfiguration?
        var context: NIOSSLContext?
        if self.endpoint.address.isSecure {
            do {
                let found = try self.line.security()
                (security, context) = (found, try NIOSSLContext(configuration: found))
                report.terms = Self.terms(of: found)
            } catch {
                report.faults.append(.files(String("\(error)".prefix(200))))
            }
        }
        let address: NetworkAddress
        switch await self.connect() {
        case .success(let found): address = found
        case .failure(let refusal):
            report.faults.append(refusal.fault)
            return report
        }
        guard let security, let context else {
            if report.faults.isEmpty { report.reach = EndpointReport.Reach(address: address) }
            return report
        }
        switch await self.shake(context, with: address) {
        case .success(let secured):
            report.reach = EndpointReport.Reach(address: address, version: secured.version)
            if let end = secured.certificateEnd {
                report.terms.append(EndpointReport.Term(holder: .receiver, endsAtSeconds: end))
            }
        case .failure(let fault):
            let reason = await self.reason(fault, security, address)
            report.faults.append(.handshake(address, reason))
        }
        return report
    }

    /// When what lies in our own files ends: of the authorities the last one to do so, of our
    /// certificate and those it rests on the first.
    private static func terms(of security: TLSConfiguration) -> [EndpointReport.Term] {
        var terms: [EndpointReport.Term] = []
        if case .certificates(let authorities)? = security.trustRoots,
            let end = authorities.map(\.notValidAfter).max()
        {
            terms.append(EndpointReport.Term(holder: .authority, endsAtSeconds: Int64(end)))
        }
        let ours = security.certificateChain.compactMap { source -> Int? in
            guard case .certificate(let certificate) = source else { return nil }
            return certificate.notValidAfter
        }
        if let end = ours.min() {
            terms.append(EndpointReport.Term(holder: .ours, endsAtSeconds: Int64(end)))
        }
        return terms
    }

    // MARK: - Steps

    private struct Refusal: Error { var fault: EndpointReport.Fault }

    /// An address of the endpoint that a connection can be made to; the others are tried in turn.
    private func connect() async -> Result<NetworkAddress, Refusal> {
        var tried: Set<NetworkAddress> = []
        var last = EndpointReport.Fault.name("no address")
        while true {
            let address: NetworkAddress
            let wait = min(self.leftNanoseconds, DeliveryLimits.connectNanosecondsMax)
            switch await self.line.pins.address(withinNanoseconds: wait) {
            case .success(let found): address = found
            case .failure(.unresolved(let words)):
                return .failure(Refusal(fault: .name(words)))
            case .failure(.refused(let address, let refusal)):
                return .failure(Refusal(fault: .address(address, refusal)))
            }
            guard tried.insert(address).inserted, self.leftNanoseconds > 1 else {
                return .failure(Refusal(fault: last))
            }
            do {
                let channel = try await self.open(address) { _ in }
                channel.close(promise: nil)
                return .success(address)
            } catch InterfaceClient.Failure.noInterface(let name) {
                return .failure(Refusal(fault: .interface(name)))
            } catch {
                last = .connection(address, Self.words(error))
                self.line.pins.failed(address)
            }
        }
    }

    private func open(
        _ address: NetworkAddress,
        _ initialize: @escaping @Sendable (ChannelPipeline.SynchronousOperations) throws -> Void
    ) async throws -> any Channel {
        let bootstrap = try InterfaceClient.bootstrap(
            on: MultiThreadedEventLoopGroup.singleton.next(), through: self.endpoint.interface,
            connectNanoseconds: min(self.leftNanoseconds, DeliveryLimits.connectNanosecondsMax))
        let target = try SocketAddress(
            ipAddress: address.description, port: Int(self.endpoint.address.port))
        return try await bootstrap.channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try initialize(channel.pipeline.syncOperations)
            }
        }.connect(to: target).get()
    }

    /// The handshake, and what the receiver says to it.
    private func shake(
        _ context: NIOSSLContext, with address: NetworkAddress,
        looking look: (@Sendable ([NIOSSLCertificate]) -> Void)? = nil
    ) async -> Result<HandshakeWatch.Secured, HandshakeFault> {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let end = loop.makePromise(of: HandshakeWatch.Secured.self)
        // An alert waits for connection and handshake together no longer than for a connection.
        let wait = DeliveryLimits.connectNanosecondsMax + Self.settleNanoseconds
        let timer = loop.scheduleTask(
            in: .nanoseconds(Int64(clamping: min(self.leftNanoseconds, wait)))
        ) {
            end.fail(HandshakeFault.timeout)
        }
        defer { timer.cancel() }
        let name = self.line.serverName
        do {
            let channel = try await self.open(address) { pipeline in
                if let look {
                    try pipeline.addHandler(
                        NIOSSLClientHandler(context: context, serverHostname: name) {
                            (
                                certificates: [NIOSSLCertificate],
                                answer: EventLoopPromise<NIOSSLVerificationResult>
                            ) in
                            look(certificates)
                            answer.succeed(NIOSSLVerificationResult.failed)
                        })
                } else {
                    try pipeline.addHandler(
                        NIOSSLClientHandler(context: context, serverHostname: name))
                }
                try pipeline.addHandler(HandshakeWatch(end))
            }
            defer { channel.close(promise: nil) }
            return .success(try await end.futureResult.get())
        } catch let fault as HandshakeFault {
            return .failure(fault)
        } catch {
            end.fail(error)
            return .failure(HandshakeFault(error))
        }
    }

    /// What is wrong with a certificate that was refused: a second connection looks at it, and
    /// trusts nothing.
    private func reason(
        _ fault: HandshakeFault, _ security: TLSConfiguration, _ address: NetworkAddress
    ) async -> HandshakeFault {
        switch fault {
        case .untrusted, .name: break
        case .ended, .notYet, .unwelcome, .version, .notTLS, .closed, .timeout, .other:
            return fault
        }
        let seen = SeenCertificates()
        guard let context = try? NIOSSLContext(configuration: security) else { return fault }
        _ = await self.shake(context, with: address) { seen.take($0) }
        guard let own = seen.all.first else { return fault }
        let description = Self.words(of: own)
        if case .name = fault { return .name(description) }
        let seconds = self.now.nanoseconds.flooredQuotientAndRemainder(1_000_000_000).0
        for certificate in seen.all {
            if Int64(certificate.notValidAfter) < seconds {
                return .ended(Int64(certificate.notValidAfter))
            }
            if Int64(certificate.notValidBefore) > seconds {
                return .notYet(Int64(certificate.notValidBefore))
            }
        }
        return .untrusted(description)
    }

    private var leftNanoseconds: UInt64 {
        let now = clinux_boottime_ns()
        return self.deadline > now ? self.deadline - now : 1
    }

    // MARK: - Words

    /// What the system calls an error of a connection.
    private static func words(_ error: any Error) -> String {
        switch error {
        case let error as IOError: unsafe String(cString: strerror(error.errnoCode))
        case ChannelError.connectTimeout: "no answer in time"
        default: String("\(error)".prefix(200))
        }
    }

    /// The names in a certificate, from its description: `common_name=a, alternative_names=b`.
    private static func words(of certificate: NIOSSLCertificate) -> String {
        let parts = certificate.description.dropLast().split(separator: ";").dropFirst()
        let names = parts.filter { !$0.hasPrefix("serial_number=") }.joined(separator: ", ")
        return String((names.isEmpty ? "nobody" : names).prefix(200))
    }
}
