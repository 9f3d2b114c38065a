// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import MidwatchModel
import NIOCore
import NIOPosix
import NIOSSL
import Testing

@testable import AlertDelivery

/// What `midwatch doctor` finds on the way to a receiver, without sending anything.
@Suite struct EndpointProbeTests {
    /// An authority and what it signs, made with openssl: `server` for hook.example, `client`,
    /// `old`, which has ended; `stranger` signs itself.
    private struct Certificates {
        let folder: TemporaryFolder

        init() throws {
            self.folder = try TemporaryFolder()
            let script = """
                set -e; cd '\(self.folder.path)'
                curve='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
                openssl req -x509 $curve -days 200 -subj /CN=authority -keyout ca.key -out ca.pem
                touch index.txt; echo 01 > serial
                printf '[a]\\ndatabase=index.txt\\nserial=serial\\nnew_certs_dir=.\\n' > ca.conf
                printf 'default_md=sha256\\npolicy=p\\n[p]\\ncommonName=supplied\\n' >> ca.conf
                echo 'subjectAltName=DNS:hook.example' > names
                issue() {
                  openssl req $curve -subj /CN=$1 -keyout $1.key -out $1.csr
                  openssl ca -batch -config ca.conf -name a -cert ca.pem -keyfile ca.key \
                    -extfile names -startdate $2 -enddate $3 -in $1.csr -out $1.pem -notext
                }
                issue server 20200101000000Z $(date -u -d '+20 days' +%Y%m%d%H%M%SZ)
                issue client 20200101000000Z $(date -u -d '+100 days' +%Y%m%d%H%M%SZ)
                issue old 20200101000000Z 20210101000000Z
                issue early 20400101000000Z 20410101000000Z
                openssl req -x509 $curve -days 2 -subj /CN=stranger -keyout stranger.key \
                  -out stranger.pem
                """
            let log = self.folder.file("openssl.log")
            let code = unsafe system("( \(script) ) > '\(log)' 2>&1")
            try #require(code == 0, "the command openssl must be there")
        }

        func file(_ name: String) -> String { self.folder.file(name) }

        /// A receiver that shows `name`; with `asksFor` it wants a certificate of the authority.
        func receiver(
            _ name: String, asksForOurs: Bool = false, versions: (TLSVersion, TLSVersion)? = nil
        ) async throws -> WebhookSink {
            var server = TLSConfiguration.makeServerConfiguration(
                certificateChain: try NIOSSLCertificate.fromPEMFile(self.file(name + ".pem"))
                    .map { .certificate($0) },
                privateKey: .privateKey(
                    try NIOSSLPrivateKey(file: self.file(name + ".key"), format: .pem)))
            if asksForOurs {
                server.trustRoots = .certificates(
                    try NIOSSLCertificate.fromPEMFile(self.file("ca.pem")))
                server.certificateVerification = .noHostnameVerification
            }
            if let versions {
                server.minimumTLSVersion = versions.0
                server.maximumTLSVersion = versions.1
            }
            return try await WebhookSink(tls: try NIOSSLContext(configuration: server))
        }

        func endpoint(_ port: Int, host: String = "hook.example") throws -> EndpointConfiguration {
            var endpoint = try makeEndpoint("one", "https://\(host):\(port)/in")
            endpoint.allowed = [try #require(AddressBlock("127.0.0.1"))]
            endpoint.authorityFile = self.file("ca.pem")
            return endpoint
        }
    }

    private static var now: WallInstant { WallInstant(nanoseconds: clinux_realtime_ns()) }

    private func report(
        _ endpoint: EndpointConfiguration, _ answers: [[String]] = [["127.0.0.1"]]
    ) async throws -> EndpointReport {
        let reports = await EndpointProbe.reports(
            on: [endpoint], now: Self.now, resolver: ScriptedResolver(answers))
        return try #require(reports.first)
    }

    private func handshake(_ endpoint: EndpointConfiguration) async throws -> HandshakeFault? {
        let report = try await self.report(endpoint)
        #expect(report.reach == nil && report.faults.count == 1, "\(report)")
        guard case .handshake(_, let fault)? = report.faults.first else { return nil }
        return fault
    }

    @Test func `the handshake is made with the endpoint's own names and certificates`()
        async throws
    {
        let certificates = try Certificates()
        let sink = try await certificates.receiver("server", asksForOurs: true)
        var endpoint = try certificates.endpoint(sink.port)
        endpoint.clientCertificate = (
            certificates.file("client.pem"), certificates.file("client.key")
        )
        let report = try await self.report(endpoint)
        #expect(report.faults.isEmpty, "\(report)")
        #expect(
            report.reach
                == EndpointReport.Reach(
                    address: try #require(NetworkAddress("127.0.0.1")), version: "TLS 1.3"))
        let today = Self.now.nanoseconds / 1_000_000_000
        let days = report.terms.map { ($0.holder, ($0.endsAtSeconds - today + 43_200) / 86_400) }
        #expect(days.map(\.0) == [.authority, .ours, .receiver])
        #expect(days.map(\.1) == [200, 100, 20])
        // By an interface it is the same way.
        endpoint.interface = "lo"
        #expect(try await self.report(endpoint) == report)
        #expect(sink.requests().isEmpty)
        await sink.stop()
    }

    @Test func `a receiver that wants a certificate of ours says so when none or another comes`()
        async throws
    {
        let certificates = try Certificates()
        for version in [TLSVersion.tlsv12, .tlsv13] {
            let sink = try await certificates.receiver(
                "server", asksForOurs: true, versions: (version, version))
            var endpoint = try certificates.endpoint(sink.port)
            for name in [nil, "stranger"] as [String?] {
                endpoint.clientCertificate = name.map {
                    (certificates.file($0 + ".pem"), certificates.file($0 + ".key"))
                }
                let fault = try await self.handshake(endpoint)
                switch fault {
                case .unwelcome: break
                default: Issue.record("\(version) \(name ?? "none"): \(String(describing: fault))")
                }
            }
            #expect(sink.requests().isEmpty)
            await sink.stop()
        }
    }

    @Test(arguments: ["old", "early", "stranger", "other.example"])
    func `a certificate that is refused is refused for a reason`(name: String) async throws {
        let certificates = try Certificates()
        let isName = name.contains(".")
        let sink = try await certificates.receiver(isName ? "server" : name)
        let endpoint =
            isName
            ? try certificates.endpoint(sink.port, host: name)
            : try certificates.endpoint(sink.port)
        let fault = try await self.handshake(endpoint)
        switch (name, fault) {
        case ("old", .ended(1_609_459_200)), ("early", .notYet(2_208_988_800)): break
        case ("stranger", .untrusted(let words)): #expect(words == "common_name=stranger")
        case ("other.example", .name(let words)):
            #expect(words == "common_name=server, alternative_names=hook.example")
        default: Issue.record("\(name): \(String(describing: fault))")
        }
        await sink.stop()
    }

    @Test func `what is no TLS, or none that is safe, is told apart`() async throws {
        let certificates = try Certificates()
        let plain = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(PlainHTTP())
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(plain.localAddress?.port)
        #expect(try await self.handshake(certificates.endpoint(port)) == .notTLS)
        try? await plain.close()
        let old = try await certificates.receiver("server", versions: (.tlsv1, .tlsv11))
        #expect(try await self.handshake(certificates.endpoint(old.port)) == .version)
        await old.stop()
    }

    @Test func `what comes before a handshake fails under its own name`() async throws {
        let sink = try await WebhookSink()
        var endpoint = try makeEndpoint("one", "http://hook.example:\(sink.port)/in")
        let local = try #require(NetworkAddress("127.0.0.1"))
        #expect(try await self.report(endpoint).faults == [.address(local, .loopback)])
        #expect(try await self.report(endpoint, [[]]).faults.count == 1)
        guard case .name? = try await self.report(endpoint, [[]]).faults.first else {
            Issue.record("a name without address")
            return
        }
        endpoint.allowed = [try #require(AddressBlock("127.0.0.0/8"))]
        #expect(
            try await self.report(endpoint)
                == EndpointReport(reach: EndpointReport.Reach(address: local)))
        // The address that answers is found behind those that do not.
        let behind = try await self.report(endpoint, [["127.0.0.99", "127.0.0.1"]])
        #expect(behind.reach?.address == local)
        endpoint.interface = "nosuch0"
        #expect(try await self.report(endpoint).faults == [.interface("nosuch0")])
        await sink.stop()
        // Nobody listens there, and no other test can come to.
        endpoint = try makeEndpoint("one", "http://hook.example:1/in")
        endpoint.allowed = [try #require(AddressBlock("127.0.0.0/8"))]
        let gone = try await self.report(endpoint, [["127.0.0.1", "127.0.0.2"]])
        let last = try #require(NetworkAddress("127.0.0.2"))
        #expect(gone.faults == [.connection(last, "Connection refused")])
    }

    @Test func `a file of ours that cannot be used is named beside what the network says`()
        async throws
    {
        let folder = try TemporaryFolder()
        var endpoint = try makeEndpoint("one", "https://hook.example:1/in")
        endpoint.authorityFile = folder.file("absent.pem")
        let report = try await self.report(endpoint)
        #expect(report.faults.count == 2)
        guard case .files(let words)? = report.faults.first else {
            Issue.record("\(report)")
            return
        }
        #expect(words.contains("absent.pem"))
    }

    @Test func `a receiver that says nothing holds the check no longer than its bound`()
        async throws
    {
        let silent = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(silent.localAddress?.port)
        var endpoint = try makeEndpoint("one", "https://127.0.0.1:\(port)/in")
        endpoint.authorityFile = nil
        let begin = clinux_boottime_ns()
        let report = try await self.report(endpoint)
        let local = try #require(NetworkAddress("127.0.0.1"))
        #expect(report.faults == [.handshake(local, .timeout)])
        #expect(clinux_boottime_ns() - begin < EndpointProbe.nanosecondsMax)
        try? await silent.close()
    }
}

/// Answers whatever comes as a server without TLS does.
private final class PlainHTTP: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let answer = ByteBuffer(string: "HTTP/1.1 400 Bad Request\r\n\r\n")
        context.writeAndFlush(self.wrapOutboundOut(answer), promise: nil)
    }
}
