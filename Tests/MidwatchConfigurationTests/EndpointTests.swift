// SPDX-License-Identifier: Apache-2.0

import MidwatchConfiguration
import Testing

/// The keys of an endpoint of alerts.
@Suite struct EndpointTests {
    private func endpoint(_ keys: String) throws -> AlertEndpointConfiguration {
        let result = Fixture.parse(Fixture.file("alerts: {endpoints: [{name: a, \(keys)}]}\n"))
        return try #require(
            result.configuration?.alerts.endpoints.first, "\(result.report)")
    }

    private func report(_ keys: String) -> String {
        Fixture.parse(Fixture.file("alerts: {endpoints: [{name: a, \(keys)}]}\n")).report
            .joined(separator: "\n")
    }

    @Test func `every key arrives`() throws {
        let endpoint = try self.endpoint(
            """
            url: 'https://am.site.lan:9093', format: alertmanager-api, ratePerSecond: 7, \
            timeout: 3s, inFlightMax: 2, caFile: /ca, clientCertificate: /c, clientKey: /k, \
            via: wwan0, allow: [10.0.0.0/8, 'fd00::/8', 127.0.0.1], authorization: {env: AUTH}, \
            urlPath: {file: /p}, repeatEvery: 30s, holdFor: 2h
            """)
        #expect(endpoint.format == .alertmanagerAPI)
        #expect(endpoint.ratePerSecond == 7)
        #expect(endpoint.via == "wwan0")
        #expect(endpoint.clientCertificate?.chainFile == "/c")
        #expect(endpoint.clientCertificate?.keyFile == "/k")
        #expect(endpoint.allowed == ["10.0.0.0/8", "fd00::/8", "127.0.0.1"])
        #expect(endpoint.authorization == .environment("AUTH"))
        #expect(endpoint.urlPath == .file("/p"))
        #expect(endpoint.repeatNanoseconds == 30_000_000_000)
        #expect(endpoint.holdNanoseconds == 7_200_000_000_000)
    }

    @Test func `what cannot be a network interface is refused`() {
        for name in ["a/b", "a:1", "'a b'", "abcdefghijklmnop"] {
            #expect(
                self.report("url: 'https://a.example/', via: \(name)")
                    .contains("expected the name of a network interface"), "\(name)")
        }
    }

    @Test func `PagerDuty's address is known, its key is a secret`() throws {
        let endpoint = try self.endpoint("format: pagerduty, routingKey: {file: /key}")
        #expect(endpoint.url == "https://events.pagerduty.com/v2/enqueue")
        #expect(endpoint.routingKey == .file("/key"))
        #expect(
            self.report("format: pagerduty, routingKey: abc")
                .contains("a secret that every copy of this file shows"))
    }

    @Test func `a signature is missed where receivers check one`() {
        #expect(self.report("url: 'https://a.example/'").contains("are not signed"))
        for format in ["alertmanager-api", "template, template: /t"] {
            #expect(
                !self.report("url: 'https://a.example/', format: \(format)")
                    .contains("are not signed"), "\(format)")
        }
    }

    @Test func `a name of the site's own network is pointed out until a network is allowed`() {
        for host in ["pager", "pager.site.lan", "am.local"] {
            let words = "looks like a name of a private network"
            #expect(self.report("url: 'https://\(host)/'").contains(words), "\(host)")
            #expect(
                !self.report("url: 'https://\(host)/', allow: [10.0.0.0/8]").contains(words))
        }
        for host in ["hooks.example", "10.0.0.7", "localhost", "[fd00::1]"] {
            #expect(!self.report("url: 'https://\(host)/'").contains("private network"), "\(host)")
        }
    }

    @Test func `one lost repetition must not look like a return to normal`() {
        #expect(
            self.report(
                "url: 'https://a.example/', format: alertmanager-api, repeatEvery: 10m, holdFor: 20m"
            ).contains("expected three times repeatEvery at least"))
    }
}
