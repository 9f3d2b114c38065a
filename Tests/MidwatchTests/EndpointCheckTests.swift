// SPDX-License-Identifier: Apache-2.0

import AlertDelivery
import MidwatchConfiguration
import MidwatchModel
import Testing

@testable import midwatch

/// What `midwatch doctor` says of the ways to receivers.
@Suite struct EndpointCheckTests {
    private static let day: Int64 = 86_400
    /// 2026-11-21T12:00:00Z.
    private static let now: Int64 = 1_795_262_400

    private static func endpoint(_ more: String = "") throws -> AlertEndpointConfiguration {
        let text = """
            node: {name: n}
            alerts:
              endpoints:
                - {name: sink, url: "https://hook.example/in", caFile: /etc/ca.pem, secrets: [],
                   clientCertificate: /etc/our.pem, clientKey: /etc/our.key\(more)}
            """
        let result = MidwatchConfiguration.parse(text: text, fileName: "m.yaml")
        return try #require(result.configuration?.alerts.endpoints.first, "\(result.report)")
    }

    private static func findings(_ report: EndpointReport) throws -> [DoctorFinding] {
        EndpointChecks.findings(
            report, try self.endpoint(), now: WallInstant(nanoseconds: self.now * 1_000_000_000))
    }

    private static func ending(_ holder: EndpointReport.Holder, in seconds: Int64) throws
        -> DoctorFinding?
    {
        try self.findings(
            EndpointReport(terms: [.init(holder: holder, endsAtSeconds: self.now + seconds)])
        ).first
    }

    @Test func `a certificate is announced thirty days before its end, and is a failure after it`()
        throws
    {
        #expect(try Self.ending(.receiver, in: 31 * Self.day) == nil)
        let soon = try #require(try Self.ending(.receiver, in: 30 * Self.day))
        #expect(soon.level == .warning)
        #expect(soon.found.hasPrefix("the receiver's certificate ends in 30 days, on 2026-12-21"))
        #expect(try Self.ending(.receiver, in: Self.day)?.found.contains("in a day,") == true)
        #expect(try Self.ending(.receiver, in: 60)?.found.contains("within a day,") == true)
        let over = try #require(try Self.ending(.ours, in: -Self.day))
        #expect(over.level == .failure)
        #expect(over.found == "our certificate /etc/our.pem ended on 2026-11-20")
        #expect(try Self.ending(.authority, in: 0)?.found.contains("/etc/ca.pem") == true)
        // Ends that no calendar reaches are no reason to stop.
        #expect(try Self.ending(.receiver, in: .max - Self.now) == nil)
    }

    @Test func `every fault is a failure with words of its own and a remedy`() throws {
        let address = try #require(NetworkAddress("192.0.2.7"))
        let shakes: [HandshakeFault] = [
            .ended(Self.now), .notYet(Self.now), .name("common_name=a"),
            .untrusted("common_name=b"),
            .unwelcome("CERTIFICATE_REQUIRED"), .version, .notTLS, .closed, .timeout, .other("x"),
        ]
        let faults: [EndpointReport.Fault] =
            [
                .name("no such name"), .address(address, .privateNetwork), .interface("wwan0"),
                .connection(address, "Connection refused"), .files("/etc/ca.pem: absent"),
            ] + shakes.map { .handshake(address, $0) }
        let findings = try Self.findings(EndpointReport(faults: faults))
        #expect(findings.count == faults.count)
        #expect(findings.allSatisfy { $0.level == .failure && !$0.remedy.isEmpty })
        #expect(findings.allSatisfy { $0.topic == "endpoint sink" })
        #expect(Set(findings.map(\.found)).count == faults.count)
        #expect(findings[1].found.contains("192.0.2.7 (a private network)"))
        #expect(findings[1].remedy.contains("192.0.2.7"))
        #expect(findings.contains { $0.found.contains("signed by none of /etc/ca.pem") })
        #expect(findings.contains { $0.found.contains("refuses our certificate, /etc/our.pem") })
    }

    @Test func `a way that is open says by what, and that nothing was sent`() throws {
        let address = try #require(NetworkAddress("192.0.2.7"))
        let secure = try Self.findings(
            EndpointReport(reach: .init(address: address, version: "TLS 1.3")))
        #expect(
            secure == [.ok("endpoint sink", "192.0.2.7 port 443 speaks TLS 1.3; nothing was sent")])
        let bound = try Self.endpoint(", via: wwan0")
        let plain = EndpointChecks.findings(
            EndpointReport(reach: .init(address: address)), bound, now: WallInstant(nanoseconds: 0))
        #expect(
            plain == [
                .ok(
                    "endpoint sink",
                    "192.0.2.7 port 443 through wwan0 answers, without TLS; nothing was sent")
            ])
    }

    @Test func `no name of an endpoint is cut`() {
        let topic = "endpoint control-room-of-the-west-tube"
        #expect(DoctorFinding.ok(topic, "fine").lines == ["ok       \(topic) fine"])
        #expect(DoctorFinding.ok("clock", "fine").lines == ["ok       clock              fine"])
    }

    @Test func `an address that is none is said without a way to it`() throws {
        var endpoint = try Self.endpoint()
        endpoint.url = "ftp://hook.example"
        let findings = EndpointChecks(endpoints: [endpoint]).run()
        #expect(findings.count == 1)
        #expect(findings.first?.level == .failure)
    }
}
