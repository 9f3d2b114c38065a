// SPDX-License-Identifier: Apache-2.0

internal import AlertDelivery
internal import MidwatchConfiguration
internal import MidwatchModel

/// Checks of the way to each receiver of alerts; no alert is sent.
struct EndpointChecks {
    /// A certificate that ends within it is said.
    static let noticeSeconds: Int64 = 30 * 86_400

    let endpoints: [AlertEndpointConfiguration]

    func run() -> [DoctorFinding] {
        let ways = self.endpoints.map(Self.way)
        let now = MomentArgument.now
        var reports = EndpointProbe.run(ways.compactMap { try? $0.get() }, now: now)[...]
        return zip(self.endpoints, ways).flatMap { endpoint, way -> [DoctorFinding] in
            let topic = Self.topic(endpoint)
            switch way {
            case .failure(let refusal):
                return [
                    .failure(topic, refusal.rawValue, remedy: "correct url in the configuration")
                ]
            case .success:
                let report = reports.popFirst() ?? EndpointReport()
                return Self.secrets(endpoint) + Self.findings(report, endpoint, now: now)
            }
        }
    }

    private static func topic(_ endpoint: AlertEndpointConfiguration) -> String {
        "endpoint \(endpoint.name)"
    }

    /// What decides about connections to an endpoint.
    private static func way(
        _ endpoint: AlertEndpointConfiguration
    ) -> Result<EndpointConfiguration, EndpointAddress.Refusal> {
        do throws(EndpointAddress.Refusal) {
            var way = EndpointConfiguration(
                name: endpoint.name, address: try EndpointAddress(endpoint.url),
                credentials: { nil })
            way.authorityFile = endpoint.caFile
            way.clientCertificate = endpoint.clientCertificate.map { ($0.chainFile, $0.keyFile) }
            way.interface = endpoint.via
            way.allowed = endpoint.allowed.compactMap { AddressBlock($0) }
            return .success(way)
        } catch {
            return .failure(error)
        }
    }

    // MARK: - Secrets

    private static func secrets(_ endpoint: AlertEndpointConfiguration) -> [DoctorFinding] {
        let signing = endpoint.secrets.compactMap { reference in
            self.secret(
                reference, endpoint, "no whsec_ secret of 24 to 64 bytes in base64",
                { WebhookSecret($0) != nil })
        }
        let others: [(SecretReference?, String, (String) -> Bool)] = [
            (
                endpoint.authorization, "no value of a header field",
                EndpointCredentials.isFieldValue
            ),
            (endpoint.routingKey, "no key", EndpointCredentials.isFieldValue),
            (
                endpoint.urlPath, "nothing that follows a host in a URL",
                EndpointCredentials.isURLPath
            ),
        ]
        return signing
            + others.compactMap { reference, missing, isRight in
                reference.flatMap { self.secret($0, endpoint, missing, isRight) }
            }
    }

    private static func secret(
        _ reference: SecretReference, _ endpoint: AlertEndpointConfiguration, _ missing: String,
        _ isRight: (String) -> Bool
    ) -> DoctorFinding? {
        let words: String
        do throws(SecretError) {
            if isRight(try reference.resolve()) { return nil }
            words = "\(reference) holds \(missing)"
        } catch {
            words = "\(error)"
        }
        return .failure(
            self.topic(endpoint), words, remedy: "put it right: without it nothing is sent there")
    }

    // MARK: - The way

    /// What a report means.
    static func findings(
        _ report: EndpointReport, _ endpoint: AlertEndpointConfiguration, now: WallInstant
    ) -> [DoctorFinding] {
        let topic = self.topic(endpoint)
        var findings = report.faults.map { fault -> DoctorFinding in
            let (found, remedy) = self.words(fault, endpoint)
            return .failure(topic, found, remedy: remedy)
        }
        if let reach = report.reach {
            let version = reach.version.map { "speaks \($0)" } ?? "answers, without TLS"
            findings.append(
                .ok(
                    topic,
                    "\(self.place(reach.address, endpoint)) \(version); nothing was sent"))
        }
        return findings + report.terms.compactMap { self.ending($0, endpoint, now: now) }
    }

    /// `192.0.2.7 port 443 through wwan0`.
    private static func place(
        _ address: NetworkAddress, _ endpoint: AlertEndpointConfiguration
    ) -> String {
        let port = (try? EndpointAddress(endpoint.url)).map { " port \($0.port)" } ?? ""
        return "\(address)\(port)" + (endpoint.via.map { " through \($0)" } ?? "")
    }

    private static func words(
        _ fault: EndpointReport.Fault, _ endpoint: AlertEndpointConfiguration
    ) -> (found: String, remedy: String) {
        switch fault {
        case .name(let words):
            (
                "the name in its url has no address: \(words)",
                "correct the name or the resolver (/etc/resolv.conf, /etc/hosts)"
            )
        case .address(let address, let refusal):
            (
                "its name leads to \(address) (\(self.words(refusal))), which alerts are not sent "
                    + "to",
                "if that is the receiver, list \(address) under allow of the endpoint; if not, "
                    + "somebody has changed the name's entry"
            )
        case .interface(let name):
            (
                "this machine has no interface \(name) now",
                "ip link lists them; plug it in, bring it up, or correct via"
            )
        case .connection(let address, let words):
            (
                "no connection to \(self.place(address, endpoint)): \(words)",
                "is the receiver running, and does a firewall let this machine out?"
            )
        case .files(let words):
            (
                words,
                "correct caFile, clientCertificate, clientKey; their files are PEM, readable for the daemon"
            )
        case .handshake(let address, let fault):
            self.words(fault, self.place(address, endpoint), endpoint)
        }
    }

    private static func words(
        _ fault: HandshakeFault, _ address: String, _ endpoint: AlertEndpointConfiguration
    ) -> (found: String, remedy: String) {
        let trusted = endpoint.caFile ?? "this machine's authorities"
        switch fault {
        case .ended(let at):
            return (
                "the certificate of \(address) ended on \(self.date(at))",
                "renew it there; if the date is to come, set this machine's clock"
            )
        case .notYet(let at):
            return (
                "the certificate of \(address) begins on \(self.date(at)) only",
                "this machine's clock is slow, or the receiver's was fast: compare date -u"
            )
        case .name(let names):
            return (
                "the certificate of \(address) is for others: \(names)",
                "write the name of the certificate in url, or give the receiver one for this name"
            )
        case .untrusted(let names):
            return (
                "the certificate of \(address) (\(names)) is signed by none of \(trusted)",
                "name the file of the authority that signed it as caFile, or have the receiver "
                    + "send the certificates in between"
            )
        case .unwelcome(let word):
            let ours = endpoint.clientCertificate.map { "our certificate, \($0.chainFile)" }
            return (
                "\(address) refuses \(ours ?? "us, who show no certificate") (\(word))",
                ours == nil
                    ? "set clientCertificate and clientKey of the endpoint, if the receiver asks for one"
                    : "have the receiver trust who signed it, or use one that it knows"
            )
        case .version:
            return (
                "\(address) speaks no version of TLS that is safe",
                "the receiver must speak TLS 1.2 or 1.3"
            )
        case .notTLS:
            return (
                "\(address) does not speak TLS", "correct the port in url, or write http://"
            )
        case .closed:
            return (
                "\(address) closes the connection as soon as it is made",
                "see the receiver's log; it may ask for a client certificate, or know no such name"
            )
        case .timeout:
            return (
                "\(address) does not finish the handshake in time",
                "correct the port in url; is there a TLS receiver behind it?"
            )
        case .other(let words):
            return ("no secure connection to \(address): \(words)", "see the receiver's log")
        }
    }

    private static func words(_ refusal: AddressPolicy.Refusal) -> String {
        switch refusal {
        case .unspecified: "no address of a machine"
        case .loopback: "this machine itself"
        case .privateNetwork: "a private network"
        case .linkLocal: "the link alone"
        case .sharedNetwork: "a provider's network"
        case .multicast: "many machines"
        case .reserved: "reserved"
        }
    }

    private static func ending(
        _ term: EndpointReport.Term, _ endpoint: AlertEndpointConfiguration, now: WallInstant
    ) -> DoctorFinding? {
        let seconds = now.nanoseconds.flooredQuotientAndRemainder(1_000_000_000).0
        let left = term.endsAtSeconds.subtractingReportingOverflow(seconds)
        guard !left.overflow, left.partialValue <= self.noticeSeconds else { return nil }
        let (whose, remedy) =
            switch term.holder {
            case .receiver: ("the receiver's certificate", "renew it there")
            case .ours:
                (
                    "our certificate \(endpoint.clientCertificate?.chainFile ?? "")",
                    "have it renewed, into the same files"
                )
            case .authority:
                (
                    "every certificate in \(endpoint.caFile ?? "caFile")",
                    "add the authority's next one to the file"
                )
            }
        guard left.partialValue >= 0 else {
            return .failure(
                self.topic(endpoint), "\(whose) ended on \(self.date(term.endsAtSeconds))",
                remedy: remedy)
        }
        let days = left.partialValue / 86_400
        let when = days == 0 ? "within a day" : days == 1 ? "in a day" : "in \(days) days"
        return .warning(
            self.topic(endpoint),
            "\(whose) ends \(when), on \(self.date(term.endsAtSeconds)): no alert gets through then",
            remedy: remedy)
    }

    private static func date(_ seconds: Int64) -> String {
        let days = seconds.flooredQuotientAndRemainder(86_400).0
        let (year, month, day) = WallInstant.civil(daysSinceEpoch: days)
        return "\(year)-\(month < 10 ? "0" : "")\(month)-\(day < 10 ? "0" : "")\(day)"
    }
}
