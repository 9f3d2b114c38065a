// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

extension MidwatchConfiguration {
    /// The whole configuration with the defaults in, as a file would say it.
    ///
    /// A file made of it gives the same configuration again, but for secrets that stand in the file
    /// itself.
    package var settings: Setting {
        var root = SettingEntries()
        root.add("node", self.node.settings)
        root.text("stateDirectory", self.stateDirectory)
        root.text("runDirectory", self.runDirectory)
        root.add("ingest", self.ingest.settings)
        root.list("sources", self.sources.compactMap(\.settings))
        root.add("priorityMatrix", self.priorityMatrix.settings)
        root.list("alarmClasses", self.alarmClasses.map(\.settings))
        root.list("sensors", self.sensors.map(\.settings))
        root.list("areas", self.areas.map(\.settings))
        root.list("rules", self.rules.map(\.settings))
        root.list("assets", self.assets.declarations.map(\.settings))
        root.add("ring", self.ring.settings)
        root.add("journal", self.journal.settings)
        root.add("archive", self.archive.settings)
        root.add("alerts", self.alerts.settings)
        self.alerts.policy.write(to: &root)
        root.add("api", self.api.settings)
        root.add("vitals", self.vitals.settings)
        root.add("log", self.log.settings)
        return root.mapping
    }

    /// Top keys that a reload puts in force; the others wait for a restart.
    private static let reloadedKeys: Set = [
        "sources", "priorityMatrix", "alarmClasses", "sensors", "areas", "rules", "assets",
    ]

    /// Keys of the operator API that a reload puts in force.
    private static let reloadedAPIKeys = ["api.roles", "api.tokenFile"]

    /// Top keys of changes that take effect with a restart only, in their order.
    package static func keysNeedingRestart(_ changes: [SettingChange]) -> [String] {
        var keys: [String] = []
        for change in changes {
            let key = String(change.key.prefix { $0 != "." && $0 != "[" })
            if self.reloadedAPIKeys.contains(where: { change.key.hasPrefix($0) }) { continue }
            if !self.reloadedKeys.contains(key), !keys.contains(key) { keys.append(key) }
        }
        return keys
    }

    /// This configuration with what a reload puts in force taken from `other`.
    package func reloaded(with other: Self) -> Self {
        var result = self
        result.sources = other.sources
        result.priorityMatrix = other.priorityMatrix
        result.alarmClasses = other.alarmClasses
        result.sensors = other.sensors
        result.areas = other.areas
        result.rules = other.rules
        result.assets = other.assets
        result.api.roles = other.api.roles
        result.api.tokenFile = other.api.tokenFile
        return result
    }
}

extension NodeConfiguration {
    fileprivate var settings: Setting {
        var entries = SettingEntries()
        entries.text("name", self.name)
        entries.text("site", self.site)
        return entries.mapping
    }
}

extension RingConfiguration {
    fileprivate var settings: Setting {
        var entries = SettingEntries()
        entries.integer("capacity", self.capacity)
        return entries.mapping
    }
}

extension JournalConfiguration {
    fileprivate var settings: Setting {
        var entries = SettingEntries()
        entries.size("segmentSize", self.segmentBytes)
        entries.time("syncInterval", self.syncIntervalNanoseconds)
        entries.size("stagingSize", self.stagingBytes)
        var retention = SettingEntries()
        retention.size("bytes", self.retentionBytes)
        retention.time("time", self.retentionNanoseconds)
        entries.add("retention", retention.mapping)
        return entries.mapping
    }
}

extension ArchiveConfiguration {
    fileprivate var settings: Setting {
        var entries = SettingEntries()
        switch self.store {
        case .sqlite:
            entries.word("store", "sqlite")
            entries.time("retention", self.retentionNanoseconds)
        case .postgresql(let server):
            entries.word("store", "postgresql")
            entries.time("retention", self.retentionNanoseconds)
            var postgresql = SettingEntries()
            switch server.connection {
            case .literal(let text) where !ConfigurationReader.holdsPassword(text):
                postgresql.text("connection", text)
            case .literal, .environment, .file:
                postgresql.add("connection", server.connection.settings)
            }
            postgresql.flag("migrateAtStart", server.migrateAtStart)
            entries.add("postgresql", postgresql.mapping)
        }
        return entries.mapping
    }
}

extension SecretReference {
    fileprivate var settings: Setting {
        switch self {
        case .environment(let name): .mapping([Setting.Entry("env", .text(name))])
        case .file(let path): .mapping([Setting.Entry("file", .text(path))])
        case .literal(let text): .hidden(text, shown: Setting.hiddenText)
        }
    }
}

extension AlertsConfiguration {
    fileprivate var settings: Setting {
        var entries = SettingEntries()
        entries.list("endpoints", self.endpoints.map(\.settings))
        if self.policy.isList { entries.list("routes", self.routes.map(\.settings)) }
        return entries.mapping
    }
}

extension AlertEndpointConfiguration {
    fileprivate var settings: Setting {
        var entries = SettingEntries()
        entries.text("name", self.name)
        entries.add("url", .hidden(self.url, shown: self.shownURL))
        entries.list("secrets", self.secrets.map(\.settings))
        entries.time("timeout", self.timeoutNanoseconds)
        entries.integer("inFlightMax", self.inFlightMax)
        entries.integer("ratePerSecond", self.ratePerSecond)
        entries.text("caFile", self.caFile)
        entries.text("clientCertificate", self.clientCertificate?.chainFile)
        entries.text("clientKey", self.clientCertificate?.keyFile)
        entries.text("via", self.via)
        entries.texts("allow", self.allowed)
        if let secret = self.authorization { entries.add("authorization", secret.settings) }
        if let secret = self.urlPath { entries.add("urlPath", secret.settings) }
        entries.word("format", self.format.rawValue)
        if let secret = self.routingKey { entries.add("routingKey", secret.settings) }
        entries.text("template", self.templateFile)
        if self.format == .alertmanagerAPI {
            entries.time("repeatEvery", self.repeatNanoseconds)
            entries.time("holdFor", self.holdNanoseconds)
        }
        return entries.mapping
    }
}

extension AlertEndpointConfiguration {
    /// The URL up to its host: what follows may be what lets one in.
    fileprivate var shownURL: String {
        guard let start = self.url.firstRange(of: "://")?.upperBound else {
            return Setting.hiddenText
        }
        let host = self.url[start...].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let isBare = self.url[host.endIndex...].isEmpty || self.url[host.endIndex...] == "/"
        return self.url[..<host.endIndex] + (isBare ? "/" : "/" + Setting.hiddenText)
    }
}

extension AlertRouteConfiguration {
    fileprivate var settings: Setting {
        var entries = SettingEntries()
        entries.list("priorities", self.priorities.map { .word($0.word) })
        entries.texts("paths", self.paths)
        entries.texts("endpoints", self.endpoints)
        return entries.mapping
    }
}

extension APIConfiguration {
    fileprivate var settings: Setting {
        var entries = SettingEntries()
        entries.text("unixSocket", self.unixSocketPath)
        entries.text("tcp", self.tcp?.description)
        entries.text("tokenFile", self.tokenFile)
        entries.add("roles", self.roles.settings)
        return entries.mapping
    }
}

extension RolesConfiguration {
    fileprivate var settings: Setting {
        var entries = SettingEntries()
        for role in OperatorRole.allCases {
            entries.texts(role.word + "s", self.accounts[role] ?? [])
        }
        entries.word("others", self.others?.word ?? "none")
        return entries.mapping
    }
}

extension VitalsConfiguration {
    fileprivate var settings: Setting {
        var entries = SettingEntries()
        entries.text("path", self.path)
        entries.text("canary", self.canary.description)
        return entries.mapping
    }
}

extension LogConfiguration {
    fileprivate var settings: Setting {
        var entries = SettingEntries()
        entries.word("level", self.level.rawValue)
        entries.word("format", self.format.rawValue)
        return entries.mapping
    }
}
