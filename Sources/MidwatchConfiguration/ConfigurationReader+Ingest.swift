// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

extension ConfigurationReader {
    func ingest(_ section: ConfigurationSection) -> IngestConfiguration {
        let udpSections = section.sections("udp")
        let mqttSections = section.sections("mqtt")
        let configuration = IngestConfiguration(
            udp: udpSections.map(self.udpListener),
            mqtt: mqttSections.map(self.mqttListener),
            undeclaredSensorsMax: section.integer(
                "undeclaredSensorsMax", in: 0...SystemLimits.sensorCountMax,
                default: ConfigurationDefaults.undeclaredSensorsMax),
            undeclaredDeadlineNanoseconds: section.duration(
                "undeclaredDeadline", in: ConfigurationLimits.deadlineRange)
                ?? ConfigurationDefaults.deadlineNanoseconds)
        section.finish()
        if udpSections.isEmpty, mqttSections.isEmpty {
            self.issues.add(
                .advice, "no listener: no sensor can send to this node", key: "ingest",
                at: section.position)
        }
        self.requireUnique(
            zip(
                udpSections + mqttSections,
                configuration.udp.map(\.name) + configuration.mqtt.map(\.name)), "name")
        self.requireUnique(zip(udpSections, configuration.udp.map(\.bind.description)), "bind")
        self.requireUnique(zip(mqttSections, configuration.mqtt.map(\.bind.description)), "bind")
        return configuration
    }

    // MARK: - UDP

    private func udpListener(_ section: ConfigurationSection) -> UDPListenerConfiguration {
        let bind = section.bindAddress("bind") ?? ConfigurationDefaults.udpBind
        let pathTemplate = section.section("pathTemplate")
        let tags = pathTemplate.texts("tags")
        for (index, tag) in tags.enumerated() where !Self.isLabel(tag.text) {
            self.issues.add(
                .invalid, "expected a tag key, got \(quoted(tag.text))",
                key: pathTemplate.name("tags[\(index)]"), at: tag.position)
        }
        pathTemplate.finish()
        let listener = UDPListenerConfiguration(
            name: self.listenerName(section, fallback: "udp:\(bind)"), bind: bind,
            precision: self.precision(section, "precision") ?? .nanoseconds,
            receiveBufferBytes: section.size("receiveBuffer", in: (64 << 10)...(1 << 30))
                ?? ConfigurationDefaults.receiveBufferBytes,
            pathTags: pathTemplate.has("tags") ? tags.map(\.text) : nil,
            trustSource: section.boolean("trustSource", default: false),
            dualHomed: section.boolean("dualHomed", default: false))
        self.requireConsent(section, bind)
        section.finish()
        return listener
    }

    // MARK: - MQTT

    private func mqttListener(_ section: ConfigurationSection) -> MQTTListenerConfiguration {
        let bind = section.bindAddress("bind") ?? ConfigurationDefaults.mqttBind
        let connectionsMax = section.integer(
            "connectionsMax", in: 1...100_000, default: ConfigurationDefaults.connectionsMax)
        let packetSize = section.size("packetSizeMax", in: 1_024...(16 << 20))
        let keepAlive = section.duration(
            "keepAliveMax", in: 1_000_000_000...(65_535 * 1_000_000_000))
        let sessionExpiry = section.duration(
            "sessionExpiryMax", in: 0...(365 * 86_400 * 1_000_000_000))
        let topicSections = section.sections("topics")
        var topics = topicSections.map(self.topic)
        if topics.isEmpty, !section.has("topics") {
            topics = [Self.defaultTopic]
        }
        self.warnOfUnreachable(zip(topicSections, topics))
        let listener = MQTTListenerConfiguration(
            name: self.listenerName(section, fallback: "mqtt:\(bind)"), bind: bind,
            connectionsMax: connectionsMax,
            connectionsPerAddressMax: section.integer(
                "connectionsPerAddressMax", in: 1...100_000,
                default: min(connectionsMax, ConfigurationDefaults.connectionsPerAddressMax)),
            packetBytesMax: packetSize ?? SystemLimits.mqttPacketBytesMax,
            receiveMaximum: UInt16(
                clamping: section.integer(
                    "receiveMaximum", in: 1...SystemLimits.resentPublishesMax,
                    default: ConfigurationDefaults.receiveMaximum)),
            qosMax: UInt8(
                section.integer("qosMax", in: 0...2, default: ConfigurationDefaults.qosMax)),
            topicAliasMax: UInt16(
                section.integer(
                    "topicAliasMax", in: 0...65_535,
                    default: ConfigurationDefaults.topicAliasMax)),
            sessionExpiryMaxSeconds: UInt32(
                clamping: sessionExpiry.map { Int($0 / ConfigurationLimits.nanosecondsPerSecond) }
                    ?? ConfigurationDefaults.sessionExpiryMaxSeconds),
            keepAliveMaxSeconds: UInt16(
                clamping: keepAlive.map { Int($0 / ConfigurationLimits.nanosecondsPerSecond) }
                    ?? ConfigurationDefaults.keepAliveMaxSeconds),
            retained: section.choice(
                "retained", of: RetainedMessages.allCases.map { ($0.rawValue, $0) })
                ?? .historical,
            dualHomed: section.boolean("dualHomed", default: false),
            topics: topics, security: self.mqttSecurity(section))
        self.requireConsent(section, bind, listener.security)
        section.finish()
        return listener
    }

    // MARK: - Checks

    func precision(_ section: ConfigurationSection, _ key: String) -> TimePrecision? {
        section.choice(key, of: TimePrecision.allCases.map { ($0.rawValue, $0) })
    }

    private func listenerName(_ section: ConfigurationSection, fallback: String) -> String {
        guard let name = section.text("name") else { return fallback }
        if !Self.isLabel(name) {
            section.report(
                .invalid, "name",
                "expected one line of at most \(SystemLimits.sourceNameBytesMax) bytes")
        }
        return name
    }

    /// Being reachable from other machines without authentication must be said in so many words.
    private func requireConsent(_ section: ConfigurationSection, _ bind: BindAddress) {
        let isAllowed = section.boolean("allowUnauthenticatedRemote", default: false)
        guard !bind.isLoopback else { return }
        if isAllowed {
            section.report(
                .unsafe, "bind", "anyone who reaches \(bind) can send readings unauthenticated")
        } else {
            section.report(
                .invalid, "bind",
                "\(bind) is open to other machines and nothing authenticates them; bind a loopback "
                    + "address or set allowUnauthenticatedRemote: true")
        }
    }

    /// Reports every value of `key` that an earlier section has too.
    func requireUnique(
        _ values: some Sequence<(ConfigurationSection, String)>, _ key: String
    ) {
        var first: [String: String] = [:]
        for (section, value) in values {
            if let owner = first[value] {
                section.report(.invalid, key, "\(quoted(value)) is used by \(owner) already")
            } else {
                first[value] = section.path
            }
        }
    }
}
