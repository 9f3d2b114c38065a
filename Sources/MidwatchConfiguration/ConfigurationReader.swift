// SPDX-License-Identifier: Apache-2.0

internal import AlarmEngine
internal import MidwatchModel

/// Turns the walked file into values, section by section.
struct ConfigurationReader {
    let issues: IssueLog
    /// What the file says before its sensors and rules are read, which name it.
    private(set) var classes: [AlarmClassDeclaration] = []
    private(set) var areaModes: [AreaDeclaration] = []
    private(set) var matrix = PriorityMatrix()
    private(set) var sourceNames: [String] = []
    /// Names to look up when everything is read.
    let references = PendingReferences()

    init(_ issues: IssueLog) { self.issues = issues }

    /// The whole file; what is wrong is in `issues` and has its default in the result.
    mutating func read(_ root: ConfigurationSection) -> MidwatchConfiguration {
        let node = self.node(root.section("node"))
        let stateDirectory = root.filePath("stateDirectory")
        let runDirectory = root.filePath("runDirectory") ?? ConfigurationDefaults.runDirectory
        let ingest = self.ingest(root.section("ingest"))
        self.matrix = self.priorityMatrix(root)
        self.classes = self.alarmClasses(root.sections("alarmClasses"))
        self.areaModes = self.areas(root.sections("areas"))
        let areas = self.areaModes
        let sources = self.sources(
            root.sections("sources", max: SystemLimits.sourceCountMax), ingest)
        self.sourceNames = sources.map(\.declaration.name)
        let sensorSections = root.sections("sensors", max: SystemLimits.sensorCountMax)
        let sensors = self.sensors(sensorSections)
        // Topics declare sensors, too; rules and areas may name them.
        let declared = sensors + self.declarations(of: ingest, behind: sensors)
        self.checkModes(zip(sensorSections, sensors), areas: areas)
        let assets = self.assets(
            root.sections("assets", max: AssetTree.countMax), sensors: declared)
        let rules = self.rules(
            root.sections("rules", max: ConfigurationLimits.ruleCountMax), sensors: declared)
        self.resolve(rules: rules, sensors: declared)
        let alertsSection = root.section("alerts")
        var alerts = self.alerts(alertsSection)
        alerts.policy = self.policy(root, alerts, hasList: alertsSection.has("routes"))
        let configuration = MidwatchConfiguration(
            node: node,
            stateDirectory: stateDirectory ?? ConfigurationDefaults.stateDirectory,
            runDirectory: runDirectory,
            ingest: ingest,
            alarmClasses: self.classes,
            priorityMatrix: self.matrix,
            sources: sources,
            sensors: declared,
            areas: areas,
            assets: assets,
            rules: rules,
            ring: self.ring(root.section("ring")),
            journal: self.journal(root.section("journal")),
            archive: self.archive(root.section("archive")),
            alerts: alerts,
            api: self.api(root.section("api"), runDirectory: runDirectory),
            vitals: self.vitals(root.section("vitals"), runDirectory: runDirectory),
            log: self.log(root.section("log")),
            unsafeSettings: [])
        // The ledger has nothing to set yet: it is permanent and its segments are of fixed size.
        root.section("ledger").finish()
        root.finish()
        return configuration
    }

    private func node(_ section: ConfigurationSection) -> NodeConfiguration {
        let name = section.text("name")
        if name == nil, !section.has("name") {
            section.report(.invalid, "name", "missing; name this node, it signs every alert")
        }
        let site = section.text("site")
        section.finish()
        for (key, text) in [("name", name), ("site", site)] {
            guard let text, !Self.isLabel(text) else { continue }
            section.report(
                .invalid, key,
                "expected one line of at most \(SystemLimits.sourceNameBytesMax) bytes, "
                    + "got \(quoted(text))")
        }
        // Sensors about the node would be taken for sources, whose silence nobody judges.
        if let name, OwnPath.path(node: name, "").hasPrefix(RuleBook.sourcePathPrefix) {
            section.report(
                .invalid, "name", "\(quoted(name)) is kept for sources; choose another name")
        }
        return NodeConfiguration(name: name ?? "", site: site ?? "")
    }

    private func ring(_ section: ConfigurationSection) -> RingConfiguration {
        let capacity = section.integer(
            "capacity", in: 1_024...(1 << 26), default: ConfigurationDefaults.ringCapacity)
        if capacity & (capacity - 1) != 0 {
            let above = 1 << (Int.bitWidth - capacity.leadingZeroBitCount)
            section.report(
                .invalid, "capacity",
                "expected a power of two, got \"\(capacity)\"; write \(above / 2) or \(above)")
        }
        section.finish()
        return RingConfiguration(capacity: capacity)
    }

    private func journal(_ section: ConfigurationSection) -> JournalConfiguration {
        let segmentBytes = section.size("segmentSize", in: (1 << 20)...(1 << 32))
        let syncInterval = section.duration("syncInterval", in: 1_000_000...10_000_000_000)
        let stagingBytes = section.size("stagingSize", in: (1 << 20)...(1 << 34))
        let retention = section.section("retention")
        let retentionBytes = retention.size("bytes", in: (64 << 20)...(1 << 50))
        let retentionTime = retention.duration(
            "time", in: 3_600_000_000_000...(3_660 * ConfigurationLimits.day))
        let segment = segmentBytes ?? ConfigurationDefaults.segmentBytes
        if segment & 4_095 != 0 {
            section.report(.invalid, "segmentSize", "expected a multiple of 4KiB")
        }
        if let retentionBytes, retentionBytes < 4 * segment {
            retention.report(
                .invalid, "bytes",
                "expected at least four segments of "
                    + "\(Scalars.show(size: UInt64(segment))) (journal.segmentSize)")
        }
        retention.finish()
        section.finish()
        return JournalConfiguration(
            segmentBytes: segment,
            syncIntervalNanoseconds: syncInterval ?? ConfigurationDefaults.syncIntervalNanoseconds,
            retentionBytes: retentionBytes,
            retentionNanoseconds: retentionTime
                ?? ConfigurationDefaults.journalRetentionNanoseconds,
            stagingBytes: stagingBytes ?? ConfigurationDefaults.stagingBytes)
    }

    private func archive(_ section: ConfigurationSection) -> ArchiveConfiguration {
        let isPostgreSQL = section.choice("store", of: [("sqlite", false), ("postgresql", true)])
        let retention = section.duration(
            "retention", in: ConfigurationLimits.day...(36_600 * ConfigurationLimits.day))
        let postgresql = section.section("postgresql")
        let connection = postgresql.take("connection").flatMap {
            postgresql.secret($0, postgresql.name("connection")) { _ in nil }
        }
        let migrateAtStart = postgresql.boolean("migrateAtStart", default: false)
        postgresql.finish()
        section.finish()
        if case .literal(let text) = connection, Self.holdsPassword(text) {
            postgresql.report(
                .unsafe, "connection",
                "holds a password that every copy of this file shows; use {env: NAME} or "
                    + "{file: /path}")
        }
        var store = ArchiveConfiguration.Store.sqlite
        if isPostgreSQL == true {
            if let connection {
                store = .postgresql(
                    PostgreSQLConfiguration(connection: connection, migrateAtStart: migrateAtStart))
            } else if !postgresql.has("connection") {
                postgresql.report(
                    .invalid, "connection",
                    "missing; give a libpq connection string such as \"host=/run/postgresql "
                        + "dbname=midwatch\"")
            }
        }
        return ArchiveConfiguration(
            store: store,
            retentionNanoseconds: retention ?? ConfigurationDefaults.archiveRetentionNanoseconds)
    }

    private func vitals(
        _ section: ConfigurationSection, runDirectory: String
    ) -> VitalsConfiguration {
        let path = section.filePath("path")
        let canary = section.bindAddress("canary")
        section.finish()
        if let canary, !canary.isLoopback {
            section.report(
                .invalid, "canary",
                "expected a loopback address, got \"\(canary)\": only the watchdog sends to it")
        }
        return VitalsConfiguration(
            path: path ?? runDirectory + "/vitals",
            canary: canary ?? ConfigurationDefaults.canaryBind)
    }

    private func log(_ section: ConfigurationSection) -> LogConfiguration {
        let level = section.choice(
            "level", of: LogConfiguration.Level.allCases.map { ($0.rawValue, $0) })
        let format = section.choice(
            "format", of: LogConfiguration.Format.allCases.map { ($0.rawValue, $0) })
        section.finish()
        return LogConfiguration(level: level ?? .info, format: format ?? .auto)
    }

    // MARK: - Helpers

    /// Whether `text` is one line, short enough to be a name on screens and in logs.
    static func isLabel(_ text: String) -> Bool {
        text.utf8.count <= SystemLimits.sourceNameBytesMax
            && !text.utf8.contains { $0 < 0x20 || $0 == 0x7F }
    }

    /// Whether a libpq string, keyword or URI form, carries a password.
    static func holdsPassword(_ connection: String) -> Bool {
        let text = connection.lowercased()
        let bare = text.filter { $0 != " " }
        if bare.contains("password=") { return true }
        guard text.hasPrefix("postgres"), let start = text.firstRange(of: "://")?.upperBound else {
            return false
        }
        let authority = text[start...].prefix { $0 != "/" && $0 != "?" }
        guard let at = authority.lastIndex(of: "@") else { return false }
        return authority[..<at].contains(":")
    }
}
