// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

extension IngestConfiguration {
    var settings: Setting {
        var entries = SettingEntries()
        entries.list("udp", self.udp.map(\.settings))
        entries.list("mqtt", self.mqtt.map(\.settings))
        entries.integer("undeclaredSensorsMax", self.undeclaredSensorsMax)
        entries.time("undeclaredDeadline", self.undeclaredDeadlineNanoseconds)
        return entries.mapping
    }
}

extension UDPListenerConfiguration {
    fileprivate var settings: Setting {
        var entries = SettingEntries()
        entries.text("name", self.name)
        entries.text("bind", self.bind.description)
        // It was said, or the file would have been refused.
        entries.flag("allowUnauthenticatedRemote", !self.bind.isLoopback)
        entries.word("precision", self.precision.rawValue)
        entries.size("receiveBuffer", self.receiveBufferBytes)
        if let tags = self.pathTags {
            let list = Setting.list(tags.map { .text($0) })
            entries.add("pathTemplate", .mapping([Setting.Entry("tags", list)]))
        }
        entries.flag("trustSource", self.trustSource)
        entries.flag("dualHomed", self.dualHomed)
        return entries.mapping
    }
}

extension MQTTListenerConfiguration {
    fileprivate var settings: Setting {
        var entries = SettingEntries()
        entries.text("name", self.name)
        entries.text("bind", self.bind.description)
        let isRemote = !self.bind.isLoopback
        entries.flag("allowUnauthenticatedRemote", isRemote && !self.security.isAuthenticated)
        entries.flag("allowPlaintextRemote", isRemote && self.security.tls == nil)
        entries.integer("connectionsMax", self.connectionsMax)
        entries.integer("connectionsPerAddressMax", self.connectionsPerAddressMax)
        entries.size("packetSizeMax", self.packetBytesMax)
        entries.integer("receiveMaximum", Int(self.receiveMaximum))
        entries.integer("qosMax", Int(self.qosMax))
        entries.integer("topicAliasMax", Int(self.topicAliasMax))
        entries.time("sessionExpiryMax", UInt64(self.sessionExpiryMaxSeconds) * 1_000_000_000)
        entries.time("keepAliveMax", UInt64(self.keepAliveMaxSeconds) * 1_000_000_000)
        entries.word("retained", self.retained.rawValue)
        entries.flag("dualHomed", self.dualHomed)
        self.security.write(to: &entries)
        entries.list("topics", self.topics.map(\.settings))
        return entries.mapping
    }
}

extension MQTTSecurityConfiguration {
    fileprivate func write(to entries: inout SettingEntries) {
        entries.time("connectTimeout", self.connectTimeoutNanoseconds)
        entries.integer("halfOpenMax", self.halfOpenMax)
        entries.integer("connectRateMax", self.connectRateMax)
        entries.integer("connectBurstMax", self.connectBurstMax)
        entries.integer("messageRateMax", self.messageRateMax)
        entries.integer("newSensorsPerClientMax", self.newSensorsPerClientMax)
        entries.text("passwordFile", self.passwordFile)
        entries.text("accessFile", self.accessFile)
        entries.flag("allowAnonymous", self.allowAnonymous)
        guard let tls = self.tls else { return }
        var nested = SettingEntries()
        nested.text("certificate", tls.certificate)
        nested.text("key", tls.key)
        nested.text("clientCA", tls.clientCA)
        nested.text("minimumVersion", tls.minimumVersion.rawValue)
        nested.flag("useCommonNameAsUser", tls.useCommonNameAsUser)
        entries.add("tls", nested.mapping)
    }
}

extension MQTTTopicConfiguration {
    fileprivate var settings: Setting {
        var entries = SettingEntries()
        entries.text("filter", self.filter)
        entries.text("path", self.path)
        entries.word("format", self.format.rawValue)
        entries.text("value", self.valuePath)
        if !self.values.isEmpty {
            entries.add(
                "values", .mapping(self.values.map { Setting.Entry($0.name, .text($0.path)) }))
        }
        entries.text("name", self.namePath)
        entries.text("time", self.timePath)
        if self.timePath != nil {
            entries.word("timeUnit", self.timeIsText ? "rfc3339" : self.timeUnit.rawValue)
        }
        if !self.states.isEmpty {
            let states = self.states.sorted { $0.key < $1.key }
            entries.add(
                "states", .mapping(states.map { Setting.Entry($0.key, .number(Double($0.value))) }))
        }
        entries.text("unit", self.unit)
        entries.word("supervision", self.supervision?.word)
        entries.time("deadline", self.deadlineNanoseconds)
        return entries.mapping
    }
}
