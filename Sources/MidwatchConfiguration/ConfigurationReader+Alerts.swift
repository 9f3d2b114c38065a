// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

extension ConfigurationReader {
    func alerts(_ section: ConfigurationSection) -> AlertsConfiguration {
        let endpointSections = section.sections("endpoints")
        let endpoints = endpointSections.map(self.endpoint)
        self.requireUnique(zip(endpointSections, endpoints.map(\.name)), "name")
        let routeSections = section.sections("routes")
        var routes = routeSections.map { self.route($0, endpoints.map(\.name)) }
        section.finish()
        if endpoints.isEmpty {
            self.issues.add(
                .advice, "no endpoint: alarms show on screens, nobody is called", key: "alerts",
                at: section.position)
        }
        if routeSections.isEmpty, !endpoints.isEmpty {
            routes = [
                AlertRouteConfiguration(
                    priorities: AlarmPriority.allCases, paths: ["#"],
                    endpoints: endpoints.map(\.name))
            ]
        }
        for (index, endpoint) in endpoints.enumerated()
        where !routes.contains(where: { $0.endpoints.contains(endpoint.name) }) {
            endpointSections[index].report(
                .advice, "name", "no route leads to \(quoted(endpoint.name))")
        }
        return AlertsConfiguration(endpoints: endpoints, routes: routes)
    }

    private func endpoint(_ section: ConfigurationSection) -> AlertEndpointConfiguration {
        let name = section.text("name") ?? ""
        if name.isEmpty, !section.has("name") {
            section.report(.invalid, "name", "missing; routes and screens use it")
        } else if !Self.isLabel(name) {
            section.report(
                .invalid, "name",
                "expected one line of at most \(SystemLimits.sourceNameBytesMax) bytes")
        }
        let url = self.url(section)
        let secretNodes = section.items("secrets", max: ConfigurationLimits.secretCountMax)
        let secrets = secretNodes.enumerated().compactMap { index, node in
            let key = section.name("secrets[\(index)]")
            let secret = section.secret(node, key, check: Self.complaint(aboutSecret:))
            if case .literal = secret {
                self.issues.add(
                    .unsafe,
                    "a secret that every copy of this file shows; use {env: NAME} or {file: /path}",
                    key: key, at: node.position)
            }
            return secret
        }
        if secretNodes.isEmpty {
            section.report(
                .unsafe, "secrets", "none: alerts to \(quoted(name)) are not signed")
        }
        let endpoint = AlertEndpointConfiguration(
            name: name, url: url, secrets: secrets,
            timeoutNanoseconds: section.duration("timeout", in: 500_000_000...60_000_000_000)
                ?? ConfigurationDefaults.deliveryTimeoutNanoseconds,
            inFlightMax: section.integer(
                "inFlightMax", in: 1...64, default: ConfigurationDefaults.inFlightMax),
            caFile: section.filePath("caFile"))
        section.finish()
        return endpoint
    }

    private func route(
        _ section: ConfigurationSection, _ names: [String]
    ) -> AlertRouteConfiguration {
        let priorities = section.choices(
            "priorities", of: Self.priorityWords)
        let paths = section.texts("paths")
        for (index, path) in paths.enumerated() where !PathTemplate.isWellFormed(path.text) {
            self.issues.add(
                .invalid, "expected a path or a template with + and #, got \(quoted(path.text))",
                key: section.name("paths[\(index)]"), at: path.position)
        }
        let endpoints = section.texts("endpoints")
        for (index, endpoint) in endpoints.enumerated() where !names.contains(endpoint.text) {
            var message = "no endpoint is named \(quoted(endpoint.text))"
            if let near = Spelling.nearest(to: endpoint.text, among: names) {
                message += ", did you mean \"\(near)\"?"
            }
            self.issues.add(
                .invalid, message, key: section.name("endpoints[\(index)]"), at: endpoint.position)
        }
        // An empty list would silence the route: absent means all, empty is a mistake.
        for key in ["priorities", "paths", "endpoints"] where section.has(key) {
            if section.isEmptyList(key) {
                section.report(.invalid, key, "empty; leave the key out to mean all")
            }
        }
        section.finish()
        return AlertRouteConfiguration(
            priorities: priorities.isEmpty ? AlarmPriority.allCases : priorities,
            paths: paths.isEmpty ? ["#"] : paths.map(\.text),
            endpoints: endpoints.isEmpty ? names : endpoints.map(\.text))
    }

    // MARK: - Checks

    private func url(_ section: ConfigurationSection) -> String {
        guard let url = section.text("url") else {
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
        let encoded = text.utf8.dropFirst(6)
        let digits = encoded.prefix { $0 != UInt8(ascii: "=") }
        let padding = encoded.count - digits.count
        let isBase64 =
            encoded.count % 4 == 0 && padding <= 2
            && encoded.suffix(padding).allSatisfy { $0 == UInt8(ascii: "=") }
            && digits.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"):
                    true
                default: false
                }
            }
        guard isBase64 else { return "\(expected); this is not base64" }
        let count = digits.count * 6 / 8
        guard (24...64).contains(count) else { return "\(expected); this is \(count) bytes" }
        return nil
    }
}
