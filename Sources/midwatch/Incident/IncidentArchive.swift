// SPDX-License-Identifier: Apache-2.0

internal import JSONText
internal import Journal
internal import MidwatchConfiguration
internal import MidwatchModel
internal import OperatorViews
internal import StateFolder

/// Gathers what happened in a span of time into one archive, for the review afterwards.
///
/// Everything is read from the state folder, with the daemon running or stopped, in passes: one
/// pass for each member, so that memory does not grow with the span. The same state and the same
/// span give the same bytes, `status.json` excepted, which says how things are now.
struct IncidentArchive {
    struct Settings {
        var folders: Folders
        var from: WallInstant
        var to: WallInstant
        /// Paths and templates of sensors whose readings are wanted; empty: those with alarms.
        var sensors: [String]
    }

    /// How much of each there is.
    struct Counts {
        var events = 0
        var alarms = 0
        var actions = 0
        var deliveries = 0
        var readings = 0
        var sensors = 0
        var revisions = 0
    }

    /// Sensors whose readings go into one archive.
    static let sensorCountMax = 4_096
    /// Configuration revisions of one archive.
    private static let revisionCountMax = 256
    static let manifestName = "SHA256SUMS"

    let settings: Settings
    let tar: TarWriter
    var counts = Counts()
    /// What could not be had, in words.
    var notes: [String] = []
    private(set) var alarmSensors: Set<String> = []
    private var revisions: [String] = []

    init(_ settings: Settings, tar: TarWriter) {
        self.settings = settings
        self.tar = tar
    }

    /// Writes every member; the caller finishes the archive.
    mutating func write(status: [UInt8]?) throws {
        try self.writeTimeline()
        try self.member("timeline.json") { archive in try archive.writeTimelineJSON() }
        try self.member("ledger.jsonl") { archive in try archive.writeLines(of: .ledger) }
        try self.member("access.jsonl") { archive in try archive.writeLines(of: .access) }
        try self.member("alarms.csv") { archive in try archive.writeAlarms() }
        try self.member("actions.csv") { archive in try archive.writeActions() }
        try self.member("deliveries.csv") { archive in try archive.writeDeliveries() }
        try self.member("readings.csv") { archive in try archive.writeReadings() }
        try self.writeConfigurations()
        try self.member("status.json") { archive in
            try archive.tar.write(status ?? Array("null\n".utf8))
        }
        try self.member("incident.json") { archive in try archive.tar.write(archive.summary) }
        try self.member("README.txt") { archive in try archive.tar.write(Self.readme) }
        // Last: it holds the sums of all the others.
        let sums = self.tar.members.map { "\($0.sum)  \($0.name)\n" }.joined()
        try self.member(Self.manifestName) { archive in try archive.tar.write(sums) }
    }

    private mutating func member(
        _ name: String, _ write: (inout IncidentArchive) throws -> Void
    ) throws {
        try self.tar.begin(name)
        try write(&self)
        try self.tar.end()
    }

    /// Gives every event of the span to `body`, in time order.
    private mutating func eachEvent(_ body: (LedgerEvent) throws -> Void) throws {
        var timeline = try Timeline(
            ledgerFolder: self.settings.folders.ledger,
            accessFolder: self.settings.folders.accessLog, from: self.settings.from,
            to: self.settings.to)
        while let event = try timeline.next() { try body(event) }
        for damage in timeline.damage where !self.notes.contains(damage) {
            self.notes.append(damage)
        }
    }

    // MARK: The timeline

    /// The first pass also finds the sensors with alarms and the revisions in force.
    private mutating func writeTimeline() throws {
        try self.tar.begin("timeline.txt")
        try self.tar.write(
            "From \(LocalTime.text(self.settings.from)) to \(LocalTime.text(self.settings.to)), "
                + "times in the zone of this machine\n\n")
        self.revisions = try self.revisionBefore().map { [$0] } ?? []
        let tar = self.tar
        var counts = Counts()
        var sensors: Set<String> = []
        var revisions = self.revisions
        try self.eachEvent { event in
            counts.events += 1
            switch TimelineText.sort(event) {
            case .alarm: counts.alarms += 1
            case .action: counts.actions += 1
            case .delivery: counts.deliveries += 1
            case .configuration, .monitor, .access: break
            }
            if event.json["alarm"] != nil, let path = event.json["sensor"]?.string,
                sensors.count < Self.sensorCountMax
            {
                sensors.insert(path)
            }
            if let revision = event.json["revision"]?.string, !revision.isEmpty,
                !revisions.contains(revision), revisions.count < Self.revisionCountMax
            {
                revisions.append(revision)
            }
            if TimelineText.isTold(event) { try tar.write(TimelineText.line(event) + "\n") }
        }
        if counts.events == 0 { try tar.write("Nothing was recorded in this time.\n") }
        try tar.end()
        self.counts = counts
        self.alarmSensors = sensors
        self.revisions = revisions
    }

    /// The revision that was in force when the span began; nil if it is not known.
    private func revisionBefore() throws -> String? {
        var events = try LedgerEvents(
            .ledger, folder: self.settings.folders.ledger,
            from: WallInstant(nanoseconds: self.settings.from.nanoseconds - 86_400_000_000_000),
            to: self.settings.from)
        var revision: String?
        while let event = try events.next() {
            revision = event.json["revision"]?.string ?? revision
        }
        return revision
    }

    private mutating func writeTimelineJSON() throws {
        let tar = self.tar
        var isFirst = true
        try tar.write("[")
        try self.eachEvent { event in
            var json = JSONWriter(reservingBytes: 1_024)
            json.object { json in
                json.field("at", event.at.rfc3339)
                json.field("local", LocalTime.text(event.at, digits: 6))
                json.field("sort", TimelineText.sort(event).rawValue.lowercased())
                json.field("text", TimelineText.words(event))
                json.field("log", event.log.rawValue)
                json.field("n", event.line.n)
                json.name("record")
                json.rawValue(event.line.body)
            }
            try tar.write(isFirst ? "\n" : ",\n")
            try tar.write(json.bytes)
            isFirst = false
        }
        try tar.write("\n]\n")
    }

    private func writeLines(of log: LedgerEvent.Log) throws {
        let folders = self.settings.folders
        var events = try LedgerEvents(
            log, folder: log == .ledger ? folders.ledger : folders.accessLog,
            from: self.settings.from, to: self.settings.to)
        while let event = try events.next() { try self.tar.write(event.text + "\n") }
    }

    // MARK: Tables

    private mutating func writeAlarms() throws {
        let tar = self.tar
        try tar.write(
            CSV.row([
                "at", "local", "alarm", "kind", "cause", "priority", "from", "to", "value",
                "setpoint", "activation", "decision", "ledger_n",
            ]))
        let names = [
            "cause", "priority", "from", "to", "value", "setpoint", "activation", "decision",
        ]
        try self.eachEvent { event in
            guard let alarm = event.json["alarm"]?.string else { return }
            var cells = [event.at.rfc3339, LocalTime.text(event.at, digits: 3)]
            cells.append("\(event.json["sensor"]?.string ?? ""):\(alarm)")
            cells.append(event.kind)
            for name in names { cells.append(CSV.text(event.json[name])) }
            cells.append("\(event.line.n)")
            try tar.write(CSV.row(cells))
        }
    }

    private mutating func writeActions() throws {
        let tar = self.tar
        try tar.write(
            CSV.row([
                "at", "local", "user", "origin", "verb", "alarm", "outcome", "cause", "comment",
                "ledger_n",
            ]))
        try self.eachEvent { event in
            guard TimelineText.sort(event) == .action else { return }
            // Orders about alerts have no command: who and why stand in the record itself.
            let (json, command) = (event.json, event.json["command"])
            let user = command?["user"] ?? json.value(atPath: "silence.author") ?? json["user"]
            let what = command?["alarm"] ?? json.value(atPath: "silence.id") ?? json["id"]
            let why = command?["comment"] ?? json.value(atPath: "silence.reason")
            try tar.write(
                CSV.row([
                    event.at.rfc3339, LocalTime.text(event.at, digits: 3), CSV.text(user),
                    CSV.text(command?["origin"] ?? json["origin"]),
                    CSV.text(command?["verb"] ?? json["order"]),
                    CSV.text(what ?? json["alert"]), event.kind, CSV.text(json["cause"]),
                    CSV.text(why), "\(event.line.n)",
                ]))
        }
    }

    private mutating func writeDeliveries() throws {
        let tar = self.tar
        let names = ["alert", "alarmID", "endpoint", "attempt", "status", "failure", "reason"]
        try tar.write(
            CSV.row(["at", "local", "kind"] + names + ["latency_ms", "answer", "log", "n"]))
        try self.eachEvent { event in
            guard TimelineText.sort(event) == .delivery else { return }
            var cells = [event.at.rfc3339, LocalTime.text(event.at, digits: 3), event.kind]
            for name in names { cells.append(CSV.text(event.json[name])) }
            cells.append(event.json["latencyNanoseconds"]?.double.map { "\($0 / 1e6)" } ?? "")
            cells.append(CSV.text(event.json["answer"]))
            cells.append(event.log.rawValue)
            cells.append("\(event.line.n)")
            try tar.write(CSV.row(cells))
        }
    }

    // MARK: Configurations

    private mutating func writeConfigurations() throws {
        for revision in self.revisions {
            guard let file = KeptConfiguration.file(of: revision, self.settings.folders),
                let bytes = FileBytes.read(file)
            else {
                self.notes.append("the text of configuration \(revision) is not kept")
                continue
            }
            let text = String(decoding: bytes, as: UTF8.self)
            let hidden = SecretText.hidden(text)
            if hidden != text {
                self.notes.append("secrets in the text of configuration \(revision) are hidden")
            }
            try self.member("configuration/\(revision).yaml") { archive in
                try archive.tar.write(hidden)
            }
            self.counts.revisions += 1
        }
    }

    // MARK: Summary

    private var summary: [UInt8] {
        var json = JSONWriter(reservingBytes: 2_048)
        let configuration = try? KeptConfiguration.newest(self.settings.folders)
        json.object { json in
            json.field("format", 1)
            json.field("node", configuration?.node.name ?? "")
            json.field("site", configuration?.node.site ?? "")
            json.field("from", self.settings.from.rfc3339)
            json.field("to", self.settings.to.rfc3339)
            json.field("fromLocal", LocalTime.text(self.settings.from))
            json.field("toLocal", LocalTime.text(self.settings.to))
            json.field("events", self.counts.events)
            json.field("alarms", self.counts.alarms)
            json.field("actions", self.counts.actions)
            json.field("deliveries", self.counts.deliveries)
            json.field("readings", self.counts.readings)
            json.field("sensors", self.counts.sensors)
            json.field("revisions", self.counts.revisions)
            json.arrayField("notes") { json in for note in self.notes { json.value(note) } }
            json.objectField("members") { json in
                for member in self.tar.members { json.field(member.name, member.bytes) }
            }
        }
        return json.bytes + [UInt8(ascii: "\n")]
    }

    private static let readme = """
        Incident archive of Midwatch. Begin with timeline.txt.

        timeline.txt     what happened, one line an event, in time order, local time with offset
        timeline.json    the same with the whole records
        alarms.csv       every transition of an alarm
        actions.csv      what operators did, and what was refused
        deliveries.csv   who was told: outcomes (ledger) and attempts (access)
        readings.csv     what the sensors said; times in UTC
        configuration/   the configurations in force, secrets hidden
        ledger.jsonl     the records as they stand in the ledger: each names the hash of the one
                         before it; midwatch audit verify checks the whole chain on the node
        access.jsonl     the same of the access log
        status.json      how the node was when this was made
        incident.json    counts, and in "notes" what could not be had
        SHA256SUMS       checked by: midwatch incident verify FILE, or sha256sum -c

        """
}
