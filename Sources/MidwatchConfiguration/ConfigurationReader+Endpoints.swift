// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import MidwatchModel

extension ConfigurationReader {
    func endpoint(_ section: ConfigurationSection) -> AlertEndpointConfiguration {
        let name = section.text("name") ?? ""
        if name.isEmpty, !section.has("name") {
            section.report(.invalid, "name", "missing; routes and screens use it")
        } else if !Self.isLabel(name) {
            section.report(
                .invalid, "name",
                "expected one line of at most \(SystemLimits.sourceNameBytesMax) bytes")
        }
        let format = section.choice("format", of: Self.formatWords) ?? .native
        let url = self.url(section, format)
        let secrets = self.secrets(section)
        if secrets.isEmpty, section.isEmptyList("secrets") || !section.has("secrets"),
            format.isSigned
        {
            section.report(
                .unsafe, "secrets", "none: alerts to \(quoted(name)) are not signed")
        }
        var endpoint = AlertEndpointConfiguration(
            name: name, url: url, secrets: secrets,
            timeoutNanoseconds: section.duration("timeout", in: 500_000_000...60_000_000_000)
                ?? ConfigurationDefaults.deliveryTimeoutNanoseconds,
            inFlightMax: section.integer(
                "inFlightMax", in: 1...64, default: ConfigurationDefaults.inFlightMax),
            caFile: section.filePath("caFile"), format: format)
        endpoint.ratePerSecond = section.integer(
            "ratePerSecond", in: 1...1_000, default: ConfigurationDefaults.alertsPerSecond)
        self.certificates(section, into: &endpoint)
        endpoint.via = self.interface(section)
        endpoint.allowed = self.allowed(section)
        self.credentials(section, into: &endpoint)
        self.formatKeys(section, into: &endpoint)
        self.adviseOnName(section, endpoint)
        section.finish()
        return endpoint
    }

    static let formatWords = AlertEndpointConfiguration.Format.allCases.map { ($0.rawValue, $0) }

    // MARK: - Secrets

    private func secrets(_ section: ConfigurationSection) -> [SecretReference] {
        let nodes = section.items("secrets", max: ConfigurationLimits.secretCountMax)
        return nodes.enumerated().compactMap { index, node in
            self.secret(
                section, node, section.name("secrets[\(index)]"), Self.complaint(aboutSecret:))
        }
    }

    private func secret(
        _ section: ConfigurationSection, _ node: YAMLNode, _ key: String,
        _ check: (String) -> String?
    ) -> SecretReference? {
        let secret = section.secret(node, key, check: check)
        if case .literal = secret {
            self.issues.add(
                .unsafe,
                "a secret that every copy of this file shows; use {env: NAME} or {file: /path}",
                key: key, at: node.position)
        }
        return secret
    }

    private func credentials(
        _ section: ConfigurationSection, into endpoint: inout AlertEndpointConfiguration
    ) {
        func read(_ key: String, _ check: (String) -> String?) -> SecretReference? {
            section.take(key).flatMap { self.secret(section, $0, section.name(key), check) }
        }
        endpoint.authorization = read("authorization") { _ in nil }
        endpoint.urlPath = read("urlPath") {
            $0.hasPrefix("/") ? nil : "expected what follows the host in the URL, /…"
        }
        endpoint.routingKey = read("routingKey") { _ in nil }
        if endpoint.format == .pagerDuty, !section.has("routingKey") {
            section.report(.invalid, "routingKey", "missing; give the integration's key")
        }
        if endpoint.format != .pagerDuty, section.has("routingKey") {
            section.report(.invalid, "routingKey", "only the format pagerduty has one")
        }
    }

    // MARK: - Formats

    private func formatKeys(
        _ section: ConfigurationSection, into endpoint: inout AlertEndpointConfiguration
    ) {
        endpoint.templateFile = section.filePath("template")
        if endpoint.format == .template, !section.has("template") {
            section.report(.invalid, "template", "missing; name the file of the template")
        }
        if endpoint.format != .template, section.has("template") {
            section.report(.invalid, "template", "only the format template has one")
        }
        endpoint.repeatNanoseconds =
            section.duration("repeatEvery", in: 10_000_000_000...3_600_000_000_000)
            ?? ConfigurationDefaults.repeatNanoseconds
        endpoint.holdNanoseconds =
            section.duration("holdFor", in: 300_000_000_000...(7 * ConfigurationLimits.day))
            ?? ConfigurationDefaults.holdNanoseconds
        for key in ["repeatEvery", "holdFor"]
        where section.has(key) && endpoint.format != .alertmanagerAPI {
            section.report(.invalid, key, "only the format alertmanager-api repeats")
        }
        if endpoint.holdNanoseconds < 3 * endpoint.repeatNanoseconds {
            section.report(
                .invalid, "holdFor",
                "expected three times repeatEvery at least: one lost "
                    + "repetition must not look like a return to normal")
        }
    }

    // MARK: - Where to

    private func certificates(
        _ section: ConfigurationSection, into endpoint: inout AlertEndpointConfiguration
    ) {
        let chain = section.filePath("clientCertificate")
        let key = section.filePath("clientKey")
        if section.has("clientCertificate") != section.has("clientKey") {
            section.report(
                .invalid, section.has("clientKey") ? "clientKey" : "clientCertificate",
                "clientCertificate and clientKey go together")
        }
        if let chain, let key { endpoint.clientCertificate = .init(chainFile: chain, keyFile: key) }
        for name in ["caFile", "clientCertificate"]
        where section.has(name) && endpoint.url.hasPrefix("http://") {
            section.report(.invalid, name, "an http address has no certificates; use https")
        }
    }

    /// `via: wwan0`: whether the machine has it now does not matter, a modem comes and goes.
    private func interface(_ section: ConfigurationSection) -> String? {
        guard let name = section.text("via") else { return nil }
        let isName =
            (1..<Int(IFNAMSIZ)).contains(name.utf8.count)
            && name.utf8.allSatisfy {
                $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: ":")
            }
        if !isName {
            section.report(
                .invalid, "via",
                "expected the name of a network interface, such as wwan0, got \(quoted(name))")
        }
        return name
    }

    private func allowed(_ section: ConfigurationSection) -> [String] {
        section.texts("allow").enumerated().compactMap { index, entry in
            if Self.isAddressBlock(entry.text) { return entry.text }
            self.issues.add(
                .invalid,
                "expected an address or a network, 192.168.4.0/24 or fd00::/8, "
                    + "got \(quoted(entry.text))",
                key: section.name("allow[\(index)]"), at: entry.position)
            return nil
        }
    }

    private static func isAddressBlock(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2 else { return false }
        let family = parts[0].contains(":") ? AF_INET6 : AF_INET
        var storage = in6_addr()
        guard unsafe inet_pton(family, String(parts[0]), &storage) == 1 else { return false }
        guard parts.count == 2 else { return true }
        let bits = Scalars.integer(String(parts[1])) ?? -1
        return (0...(family == AF_INET ? 32 : 128)).contains(bits)
    }

    /// A name that only a site's own servers know leads to private addresses.
    private func adviseOnName(
        _ section: ConfigurationSection, _ endpoint: AlertEndpointConfiguration
    ) {
        guard endpoint.allowed.isEmpty, let host = Self.host(endpoint.url) else { return }
        let isSiteName =
            !host.contains(".")
            || [".local", ".lan", ".internal", ".intranet", ".corp", ".home.arpa"].contains {
                host.hasSuffix($0)
            }
        guard isSiteName, !Self.isAddressBlock(host), !host.hasPrefix("["), host != "localhost"
        else { return }
        section.report(
            .advice, "url",
            "\(quoted(host)) looks like a name of a private network; names lead to public "
                + "addresses only, unless allow lists the network")
    }

    private static func host(_ url: String) -> String? {
        guard let start = url.utf8.firstIndex(of: UInt8(ascii: ":")) else { return nil }
        let authority = url[start...].dropFirst(3).prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        return authority.hasPrefix("[")
            ? String(authority) : String(authority.prefix { $0 != ":" }).lowercased()
    }

    private func url(
        _ section: ConfigurationSection, _ format: AlertEndpointConfiguration.Format
    ) -> String {
        guard let url = section.text("url") else {
            if format == .pagerDuty, !section.has("url") {
                return ConfigurationDefaults.pagerDutyAddress
            }
            if !section.has("url") {
                section.report(.invalid, "url", "missing; give https://host/path")
            }
            return ""
        }
        let isTLS = url.hasPrefix("https://")
        let rest = isTLS ? url.dropFirst(8) : url.dropFirst(7)
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard isTLS || url.hasPrefix("http://"), !authority.isEmpty, !authority.hasPrefix(":"),
            !authority.contains("@"), url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else {
            section.report(
                .invalid, "url",
                "expected https://host/path (or http://…), without a user name, got \(quoted(url))")
            return url
        }
        let host =
            authority.hasPrefix("[")
            ? authority.prefix { $0 != "]" } : authority.prefix { $0 != ":" }
        let isLocal = host == "localhost" || host.hasPrefix("127.") || host == "[::1"
        if !isTLS, !isLocal {
            section.report(
                .unsafe, "url", "http sends alerts readable and forgeable by anyone on the way")
        }
        return url
    }

    /// What is wrong with a literal secret; nil if nothing is.
    ///
    /// Standard Webhooks: `whsec_` and the base64 of 24 to 64 bytes.
    static func complaint(aboutSecret text: String) -> String? {
        let expected = "expected {env: NAME}, {file: /path} or whsec_ and base64 of 24-64 bytes"
        guard text.hasPrefix("whsec_") else { return "\(expected); got something else" }
        guard let count = Base64Text.decode(text.dropFirst(6))?.count else {
            return "\(expected); this is not base64"
        }
        guard (24...64).contains(count) else { return "\(expected); this is \(count) bytes" }
        return nil
    }
}
