// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import JSONText
internal import MidwatchModel
internal import OperatorViews

/// One round of questions after another: what the screen needs, and what was learned before.
///
/// Used by one thread.
package struct DashboardRound {
    /// Sensors of one page of the directory.
    private static let directoryPageMax = 1_000
    /// A directory is read anew after this long, for the sensors that no count tells of.
    private static let directoryNanosecondsMax: UInt64 = 300_000_000_000
    /// Ledger records behind the newest that are read at first.
    private static let eventsBack: UInt64 = 500
    private static let eventsPageMax = 500
    private static let rejectsMax = 50
    /// Alarms that the bell listens to while a filter narrows the list.
    private static let urgentMax = 50

    let client: OperatorClient
    var details = DetailRounds()
    private var commands: CommandSet?
    private(set) var newestEvent: UInt64?
    /// Entries of a directory under way, and the path to go on behind.
    private var entries: [(path: String, title: String)] = []
    private var after: String?
    private var isReading = false
    private var directoryKey = DirectoryKey()
    private var directoryAt: UInt64?
    private var assets = AssetTree()
    private var unknownAt: UInt64 = 0
    /// The one that was given out last.
    private var directory = SensorDirectory(entries: [])

    /// What a directory was read of: with another one it is read anew.
    private struct DirectoryKey: Equatable {
        var filter = ""
        var sensorCount: UInt64 = 0
        var revision = ""
        var epoch: UInt32 = 0
        var site = ""
    }

    package init(client: OperatorClient) { self.client = client }

    /// Whether a directory is read in part.
    package var hasMore: Bool { self.isReading }

    /// The daemon fell silent: another one may answer next.
    package mutating func forget() {
        self.commands = nil
        self.newestEvent = nil
        self.isReading = false
        self.directoryAt = nil
        self.unknownAt = 0
        self.details = DetailRounds()
    }

    /// Something was done: what it changed is asked for with the next round.
    package mutating func lookAgain() {
        self.details.deliveryAt = 0
        self.details.alarmAt = 0
        self.details.sensorAt = 0
    }

    /// Asks for everything that is needed.
    package mutating func ask(_ need: DashboardNeed) throws(ClientError) -> DashboardAnswer {
        let askedAt = clinux_boottime_ns()
        var answer = DashboardAnswer(askedAt: askedAt, status: try self.client.status())
        var alarms = AlarmQuery(limit: need.alarmLimit)
        alarms.filter = need.alarmFilter
        answer.alarms = try self.client.alarms(alarms).items
        if !need.alarmFilter.isEmpty {
            // What nobody may miss is heard also by who looks at something else.
            var urgent = AlarmQuery(limit: Self.urgentMax)
            urgent.priorities = [.high, .critical]
            answer.urgent = try self.client.alarms(urgent).items
        }
        if need.worstLimit > 0 {
            var query = SensorQuery(limit: need.worstLimit)
            query.order = .worst
            answer.worst = try self.client.sensors(query).items
        }
        for window in need.windows {
            var query = SensorQuery(limit: window.limit)
            query.filter = window.filter
            query.after = window.after
            answer.sensors += try self.client.sensors(query).items
        }
        if !need.paths.isEmpty { answer.sensors += try self.client.sensors(at: need.paths) }
        if need.wantsUnknown { answer.unknown = try self.unknown(answer.status, now: askedAt) }
        if need.wantsDirectory {
            let status = answer.status
            answer.directory = try self.directory(
                DirectoryKey(
                    filter: need.directoryFilter, sensorCount: status.sensors.total,
                    revision: status.configurationRevision, epoch: status.epoch,
                    site: status.site), now: askedAt)
        }
        // What reads files or is new may be refused while all else is well: that is said, and
        // blinds nothing.
        do throws(ClientError) {
            try self.askMore(need, &answer)
        } catch {
            guard case .problem(let problem) = error else { throw error }
            answer.trouble = problem.title
        }
        answer.commands = self.commands
        return answer
    }

    private mutating func askMore(
        _ need: DashboardNeed, _ answer: inout DashboardAnswer
    ) throws(ClientError) {
        // At first always: a key that needs them must not say that there are none.
        let wantsAreas = need.wantsAreas || self.commands == nil
        if wantsAreas { answer.areas = try self.client.areas().items }
        if self.commands == nil {
            let bytes = try self.client.get("/v1/openapi.json")
            if let json = try? JSONValue(parsing: bytes.span) {
                self.commands = CommandSet(description: json)
            }
        }
        if need.wantsMetrics {
            answer.metrics = MetricsPicture(
                page: try self.client.get("/metrics"), at: answer.askedAt)
        }
        if need.wantsRejects {
            answer.rejects = try self.client.rejects(limit: Self.rejectsMax).items
        }
        if need.wantsEvents { answer.events = try self.events() }
        try self.askDetails(need, &answer)
    }

    /// Reads one page; a directory when it is complete and not the one of before.
    private mutating func directory(
        _ key: DirectoryKey, now: UInt64
    ) throws(ClientError) -> SensorDirectory? {
        if !self.isReading || key.filter != self.directoryKey.filter {
            let isOld =
                self.directoryAt.map { now > $0 &+ Self.directoryNanosecondsMax } ?? true
            guard isOld || key != self.directoryKey else { return nil }
            self.assets = try self.currentAssets()
            self.entries = []
            self.entries.reserveCapacity(
                min(SensorDirectory.entriesMax, Int(clamping: key.sensorCount)) + 1)
            self.after = nil
            self.isReading = true
            self.directoryKey = key
        }
        var query = SensorQuery(limit: Self.directoryPageMax)
        query.filter = key.filter
        query.after = self.after
        let page = try self.client.sensors(query)
        self.entries += page.items.map { ($0.path, $0.title) }
        self.after = page.next
        let isFull = self.entries.count >= SensorDirectory.entriesMax
        guard page.next == nil || isFull else { return nil }
        self.isReading = false
        self.directoryAt = now
        let found = SensorDirectory(
            sensors: self.entries, tree: self.assets, site: key.site,
            isCut: page.next != nil || !key.filter.isEmpty, filter: key.filter,
            version: self.directory.version + 1)
        self.entries = []
        // The same again would have the tree made anew, for nothing.
        guard !found.names(sameAs: self.directory) else { return nil }
        self.directory = found
        return found
    }

    /// The plant as the configuration describes it; none where the daemon does not say.
    private func currentAssets() throws(ClientError) -> AssetTree {
        do throws(ClientError) {
            return try self.client.assets()
        } catch {
            guard case .problem = error else { throw error }
            return AssetTree()
        }
    }

    /// Those that the counts of the status speak of; nil between the rounds that ask.
    private mutating func unknown(
        _ status: StatusView, now: UInt64
    ) throws(ClientError) -> UnknownSensors? {
        guard now >= self.unknownAt &+ DetailRounds.intervalNanoseconds else { return nil }
        self.unknownAt = now
        var unknown = UnknownSensors()
        let counts: [(Freshness, UInt64)] = [
            (.stale, status.sensors.stale), (.unverified, status.sensors.unverified),
            (.neverReceived, status.sensors.neverReceived),
        ]
        for (freshness, count) in counts where count > 0 {
            var query = SensorQuery(limit: UnknownSensors.countMax)
            query.freshness = freshness
            let page = try self.client.sensors(query)
            unknown.sensors += page.items.map {
                UnknownSensors.Sensor(path: $0.path, freshness: freshness)
            }
            unknown.isCut = unknown.isCut || page.next != nil
        }
        return unknown
    }

    private mutating func events() throws(ClientError) -> [EventView] {
        let after: UInt64
        if let newest = self.newestEvent {
            after = newest
        } else {
            let newest = try self.client.newestEvent()
            after = newest > Self.eventsBack ? newest - Self.eventsBack : 0
        }
        let events = try self.client.events(after: after, limit: Self.eventsPageMax).items
        self.newestEvent = events.last?.n ?? after
        return events
    }
}
