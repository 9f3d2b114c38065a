// SPDX-License-Identifier: Apache-2.0

import Glibc
import MidwatchModel
import NIOSSL
import Testing

@testable import AlertDelivery

/// Connections: to checked addresses only, with the right names and certificates.
@Suite struct TransportTests {
    /// Makes an authority and what it signs: `server` for hook.example, `client`.
    private static func makeCertificates(_ folder: TemporaryFolder) throws {
        let script = """
            set -e; cd '\(folder.path)'
            curve='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2'
            openssl req -x509 $curve -subj /CN=authority -keyout ca.key -out ca.pem
            for name in server client stranger; do
              openssl req $curve -subj /CN=$name -keyout $name.key -out $name.csr
              echo 'subjectAltName=DNS:hook.example' > $name.ext
              if [ $name = stranger ]; then
                openssl x509 -req -in $name.csr -signkey $name.key -days 2 -out $name.pem
              else
                openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
                  -extfile $name.ext -out $name.pem
              fi
            done
            """
        let code = unsafe system("( \(script) ) > '\(folder.file("openssl.log"))' 2>&1")
        try #require(code == 0, "the command openssl must be there")
    }

    private func post(
        _ endpoint: EndpointConfiguration, _ resolver: any AddressResolver
    ) async throws -> WebhookReply {
        let transport = HTTPWebhookTransport(endpoints: [endpoint], resolver: resolver)
        let reply = await transport.post(
            WebhookRequest(
                endpoint: endpoint, id: "alert_1",
                content: AlertFormat.Request(
                    url: endpoint.address.url, body: Array("{}".utf8)),
                signer: try makeSigner(exampleSecret), at: testWall,
                timeoutNanoseconds: 5_000_000_000))
        await transport.shutdown()
        return reply
    }

    @Test func `a name is connected to by its checked address, and asked for by name`()
        async throws
    {
        let sink = try await WebhookSink()
        var endpoint = try makeEndpoint("one", "http://HOOK.example:\(sink.port)/in")
        let resolver = ScriptedResolver([["127.0.0.1"]])
        guard case .failure(.address, let detail) = try await self.post(endpoint, resolver) else {
            Issue.record("a name led to loopback")
            return
        }
        #expect(detail.contains("hook.example is 127.0.0.1: loopback"))
        #expect(sink.requests().isEmpty)
        endpoint.allowed = [try #require(AddressBlock("127.0.0.1"))]
        guard case .response(200, _, _) = try await self.post(endpoint, resolver) else {
            Issue.record("not delivered")
            return
        }
        #expect(sink.requests("in").first?.headers["host"] == "hook.example:\(sink.port)")
        await sink.stop()
    }

    @Test func `a call leaves by the interface that the endpoint names and by no other`()
        async throws
    {
        let sink = try await WebhookSink()
        var endpoint = try makeEndpoint("one", "http://127.0.0.1:\(sink.port)/in?k=1")
        endpoint.interface = "lo"
        let taken = try await self.post(endpoint, ScriptedResolver([]))
        guard case .response(200, _, let body) = taken else {
            Issue.record("\(taken)")
            return
        }
        #expect(body == Array("ok".utf8))
        let request = try #require(sink.requests().first)
        #expect(request.path == "/in?k=1")
        #expect(request.body == Array("{}".utf8))
        #expect(request.headers["host"] == "127.0.0.1:\(sink.port)")
        #expect(request.id == "alert_1" && request.headers["webhook-signature"] != nil)
        // What is not there is no way out, and nothing takes another one.
        endpoint.interface = "nosuch0"
        let missing = try await self.post(endpoint, ScriptedResolver([]))
        guard case .failure(.network, let detail) = missing else {
            Issue.record("\(missing)")
            return
        }
        #expect(detail.contains("nosuch0"))
        #expect(sink.requests().count == 1)
        // Loopback cannot be reached through a network: the socket is bound, not only addressed.
        for name in Self.networks() {
            endpoint.interface = name
            let reply = try await self.post(endpoint, ScriptedResolver([]))
            guard case .failure = reply else {
                Issue.record("\(name): \(reply)")
                continue
            }
        }
        #expect(sink.requests().count == 1)
        await sink.stop()
    }

    /// Interfaces of this machine beside loopback, a few of them.
    private static func networks() -> [String] {
        guard let list = unsafe if_nameindex() else { return [] }
        defer { unsafe if_freenameindex(list) }
        var names: [String] = []
        var place = 0
        while let name = unsafe list[place].if_name, names.count < 2 {
            let text = unsafe String(cString: name)
            if text != "lo" { names.append(text) }
            place += 1
        }
        return names
    }

    @Test(arguments: [WebhookSink.Behaviour.hang, .reset, .drip, .dripBody])
    func `a receiver behind an interface holds a call no longer than its time`(
        behaviour: WebhookSink.Behaviour
    ) async throws {
        let sink = try await WebhookSink()
        sink.set("in", behaviour)
        var endpoint = try makeEndpoint("one", sink.url("in"))
        endpoint.interface = "lo"
        let transport = HTTPWebhookTransport(endpoints: [endpoint])
        let reply = await transport.post(
            WebhookRequest(
                endpoint: endpoint, id: "alert_1",
                content: AlertFormat.Request(url: endpoint.address.url, body: Array("{}".utf8)),
                signer: try makeSigner(exampleSecret), at: testWall,
                timeoutNanoseconds: 2_000_000_000))
        await transport.shutdown()
        switch (behaviour, reply) {
        case (.hang, .failure(.timeout, _)), (.drip, .failure(.timeout, _)),
            (.reset, .failure(.network, _)), (.dripBody, .response(200, _, _)):
            break
        default: Issue.record("\(behaviour): \(reply)")
        }
        await sink.stop()
    }

    @Test func `a name that is rebound to this machine is not followed`() async throws {
        let sink = try await WebhookSink()
        let endpoint = try makeEndpoint("one", "http://hook.example:\(sink.port)/in")
        for answer in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "0.0.0.0", "169.254.169.254"] {
            let reply = try await self.post(endpoint, ScriptedResolver([[answer]]))
            guard case .failure(.address, _) = reply else {
                Issue.record("\(answer): \(reply)")
                continue
            }
        }
        #expect(sink.requests().isEmpty)
        await sink.stop()
    }

    @Test func `a receiver that asks for our certificate gets it, and its own is held to its name`()
        async throws
    {
        let folder = try TemporaryFolder()
        try Self.makeCertificates(folder)
        func certificates(_ name: String) throws -> [NIOSSLCertificate] {
            try NIOSSLCertificate.fromPEMFile(folder.file(name + ".pem"))
        }
        var server = TLSConfiguration.makeServerConfiguration(
            certificateChain: try certificates("server").map { .certificate($0) },
            privateKey: .privateKey(
                try NIOSSLPrivateKey(file: folder.file("server.key"), format: .pem)))
        server.trustRoots = .certificates(try certificates("ca"))
        server.certificateVerification = .noHostnameVerification
        let sink = try await WebhookSink(tls: try NIOSSLContext(configuration: server))
        let resolver = ScriptedResolver([["127.0.0.1"]])
        func attempt(
            _ host: String, _ client: String?, _ interface: String? = nil
        ) async throws -> WebhookReply {
            var endpoint = try makeEndpoint("one", "https://\(host):\(sink.port)/in")
            endpoint.interface = interface
            endpoint.allowed = [try #require(AddressBlock("127.0.0.1"))]
            endpoint.authorityFile = folder.file("ca.pem")
            endpoint.clientCertificate = client.map {
                (folder.file($0 + ".pem"), folder.file($0 + ".key"))
            }
            return try await self.post(endpoint, resolver)
        }
        let taken = try await attempt("hook.example", "client")
        guard case .response(200, _, _) = taken else {
            Issue.record("\(taken)")
            return
        }
        for (host, client) in [
            ("hook.example", nil), ("hook.example", "stranger"), ("other.example", "client"),
            ("hook.example", "absent"),
        ] as [(String, String?)] {
            let reply = try await attempt(host, client)
            guard case .failure = reply else {
                Issue.record("\(host) \(client ?? "-"): \(reply)")
                continue
            }
        }
        #expect(sink.requests("in").count == 1)
        // Through an interface the same names and certificates are asked for.
        let bound = try await attempt("hook.example", "client", "lo")
        guard case .response(200, _, _) = bound else {
            Issue.record("\(bound)")
            return
        }
        for (host, client) in [("other.example", "client"), ("hook.example", nil)] {
            let reply = try await attempt(host, client, "lo")
            guard case .failure = reply else {
                Issue.record("\(host): \(reply)")
                continue
            }
        }
        #expect(sink.requests("in").count == 2)
        await sink.stop()
    }
}
