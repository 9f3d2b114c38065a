// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import AlertDelivery
import JSONText
import MidwatchModel
import OperatorAPI
import OperatorViews

/// What operators ask about routes and silences.
extension RoutingDesk {
    /// The longest silence that an operator can make; longer ones belong into the configuration.
    static let silenceSecondsMax: Int64 = 31 * 86_400
    /// Bytes of author and reason of a silence, and of each word of its filter.
    private static let wordBytesMax = 1_024
    /// Words of the filter of a silence.
    private static let wordCountMax = 64

    func object(_ write: (inout JSONWriter) -> Void) -> [UInt8] {
        var json = JSONWriter(reservingBytes: 1_024)
        json.object(write)
        return json.bytes
    }

    // MARK: Routes

    /// The routes, or those that the alarms of a sensor would take.
    func routes(explaining sensor: String?) throws(Problem) -> [UInt8] {
        let table = self.withRouter { $0.table }
        guard let sensor else {
            return self.object { json in
                json.arrayField("items") { json in
                    for (number, route) in table.routes.enumerated()
                    where number != table.everybody {
                        json.object { json in self.write(route, table, nil, to: &json) }
                    }
                }
            }
        }
        let alarms = self.alarms(of: sensor)
        guard !alarms.isEmpty else {
            throw Problem(
                .notFound, detail: "no sensor or alarm is called so; PATH or PATH:ALARM",
                instance: sensor)
        }
        let wall = EngineClock.wall()
        return self.object { json in
            json.arrayField("items") { json in
                for alarm in alarms {
                    let subject = self.subject(
                        alarmID: alarm.alarmID, priority: alarm.priority,
                        condition: alarm.condition)
                    let reason = self.withRouter { $0.reasonToWithhold(subject, at: wall) }
                    let (routes, isUnrouted) = table.resolve(subject)
                    json.object { json in
                        json.field("alarmID", alarm.alarmID)
                        json.field("priority", alarm.priority.word)
                        json.field("class", subject.alarmClass)
                        json.field("asset", subject.label("asset"))
                        json.field("unrouted", isUnrouted)
                        if let reason { json.field("withheld", reason.text) }
                        json.arrayField("routes") { json in
                            for number in routes {
                                json.object { json in
                                    self.write(
                                        table.routes[number], table, alarm.priority, to: &json)
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// The alarms that a sensor has, or the one that is named.
    private func alarms(
        of text: String
    ) -> [(alarmID: String, priority: AlarmPriority, condition: AlarmKind)] {
        let (paths, rules) = (self.parts.live.paths, self.parts.live.ruleBook)
        var found: [(alarmID: String, priority: AlarmPriority, condition: AlarmKind)] = []
        for index in 0..<self.parts.live.alarms.count {
            guard let alarm = self.parts.live.alarms.read(index), !alarm.isRetired,
                Int(alarm.sensor.rawValue) < paths.count
            else { continue }
            let path = paths[Int(alarm.sensor.rawValue)]
            guard text == path || text.hasPrefix(path + ":") else { continue }
            let alarmID = "\(path):\(rules.alarmName(alarm.kind, rule: alarm.rule))"
            guard text == path || text == alarmID else { continue }
            found.append((alarmID, alarm.priority, alarm.kind))
        }
        return found.sorted { ($1.priority, $0.alarmID) < ($0.priority, $1.alarmID) }
    }

    private func write(
        _ route: RouteTable.Route, _ table: RouteTable, _ priority: AlarmPriority?,
        to json: inout JSONWriter
    ) {
        json.field("route", route.name)
        json.field("tellsNobody", route.tellsNobody)
        json.field("sendsReturned", route.sendsReturned)
        json.field("sendsAcknowledged", route.sendsAcknowledged)
        if route.repeatNanoseconds > 0 {
            json.field("repeatSeconds", route.repeatNanoseconds / 1_000_000_000)
        }
        if let priority, route.standing[priority] > 0 {
            json.field("standingSeconds", route.standing[priority] / 1_000_000_000)
        }
        if let grouping = route.grouping {
            json.arrayField("groupedBy") { json in
                for label in grouping.labels { json.value(label) }
            }
        }
        json.arrayField("stages") { json in
            for stage in route.stages {
                json.object { json in
                    json.field("level", stage.level)
                    json.arrayField("endpoints") { json in
                        for endpoint in stage.endpoints { json.value(table.endpoints[endpoint]) }
                    }
                    if let priority, stage.after[priority] > 0 {
                        json.field(
                            "unacknowledgedSeconds", stage.after[priority] / 1_000_000_000)
                    }
                    json.field(
                        "undeliveredSeconds", stage.undeliveredNanoseconds / 1_000_000_000)
                }
            }
        }
    }

    // MARK: Silences

    func silencesText() -> [UInt8] {
        let wall = EngineClock.wall()
        let (all, holding) = self.withRouter {
            ($0.policy.maintenance + $0.silences, Set($0.holding(at: wall).map(\.id)))
        }
        return self.object { json in
            json.arrayField("items") { json in
                for silence in all {
                    self.write(silence, isHolding: holding.contains(silence.id), to: &json)
                }
            }
        }
    }

    private func write(_ silence: AlertSilence, isHolding: Bool, to json: inout JSONWriter) {
        json.object { json in
            json.field("id", silence.id)
            json.field("holds", isHolding)
            json.name("silence")
            silence.encode(to: &json)
        }
    }

    /// `{"match": {…}, "seconds": 3600, "reason": "…", "includesCritical": false}`.
    ///
    /// It holds at once; `recorded` says whether it would hold after a crash as well.
    func addSilence(
        _ wanted: JSONValue, author: String, origin: String
    ) async throws(Problem) -> [UInt8] {
        guard let matcher = wanted["match"].flatMap(AlertMatcher.init(json:)), !matcher.fitsAll
        else {
            throw Problem(
                .badRequest,
                detail: "\"match\" must name priorities, classes, assets, sensors, alarms or labels"
            )
        }
        let words =
            matcher.classes + matcher.assets + matcher.sensors + matcher.alarms
            + matcher.labels.flatMap { [$0.key, $0.value] }
        guard words.count <= Self.wordCountMax,
            words.allSatisfy({ $0.utf8.count <= Self.wordBytesMax }),
            matcher.sensors.allSatisfy({ PathTemplate.isWellFormed($0) })
        else {
            throw Problem(
                .badRequest, detail: "\"match\" is too long, or a sensor is no path or template")
        }
        guard let seconds = wanted["seconds"]?.integer,
            (1...Self.silenceSecondsMax).contains(seconds)
        else {
            throw Problem(
                .badRequest, detail: "\"seconds\" must be 1 to \(Self.silenceSecondsMax)")
        }
        let reason = wanted["reason"]?.string ?? ""
        guard !reason.isEmpty, reason.utf8.count <= Self.wordBytesMax else {
            throw Problem(.badRequest, detail: "\"reason\" must say why, in a line")
        }
        let from = EngineClock.wall()
        let until = WallInstant(nanoseconds: from.nanoseconds &+ seconds * 1_000_000_000)
        let silence = AlertSilence(
            id: "silence-\(self.parts.epoch)-\(self.takeNumber())", matcher: matcher,
            period: .once(from: from, until: until), author: author, reason: reason,
            includesCritical: wanted["includesCritical"]?.bool ?? false)
        guard self.withRouter({ $0.add(silence) }) == .added else {
            throw Problem(
                .refused, detail: "\(RoutingLimits.silenceCountMax) silences are there already")
        }
        let isRecorded = await self.record("silenceAdded") { json in
            json.name("silence")
            silence.encode(to: &json)
            json.field("origin", origin)
        }
        return self.object { json in
            json.field("id", silence.id)
            json.field("until", until.rfc3339)
            json.field("recorded", isRecorded)
        }
    }

    func removeSilence(
        _ id: String, author: String, origin: String
    ) async throws(Problem) -> [UInt8] {
        guard let silence = self.withRouter({ $0.removeSilence(id: id) }) else {
            let isFixed = self.withRouter { router in
                router.policy.maintenance.contains { $0.id == id }
            }
            throw isFixed
                ? Problem(
                    .refused, detail: "it is maintenance of the configuration", instance: id)
                : Problem(.notFound, detail: "no silence has this id", instance: id)
        }
        let isRecorded = await self.record("silenceRemoved") { json in
            json.field("id", silence.id)
            json.field("user", author)
            json.field("origin", origin)
        }
        return self.object { json in
            json.field("id", silence.id)
            json.field("recorded", isRecorded)
        }
    }

    // MARK: Figures

    /// Lines for the metrics page; any thread.
    func metrics() -> [MetricSample] {
        let (counters, followed, silences) = self.withRouter {
            ($0.counters, $0.caseCount, $0.silences.count)
        }
        func counter(_ name: String, _ help: String, _ value: UInt64) -> MetricSample {
            MetricSample(
                "midwatch_routing_\(name)_total", help: help, kind: .counter,
                value: Double(value))
        }
        return [
            counter("sent", "Alerts sent singly.", counters.sent),
            counter("withheld", "Alerts kept back.", counters.withheld),
            counter("unrouted", "Alarms that fitted no route.", counters.unrouted),
            counter("escalated", "Steps to a further endpoint or level.", counters.escalated),
            counter("repeated", "Alerts of alarms told before.", counters.repeated),
            counter("digests", "Digests sent.", counters.digests),
            counter("digested", "Alerts that left in digests.", counters.digested),
            counter("cases_full", "Alarms not followed for want of room.", counters.casesFull),
            counter(
                "inhibitors_full", "Alarms that inhibit nothing for want of room.",
                counters.inhibitorsFull),
            MetricSample(
                "midwatch_routing_followed", help: "Alarms followed.", kind: .gauge,
                value: Double(followed)),
            MetricSample(
                "midwatch_routing_silences", help: "Silences of operators.", kind: .gauge,
                value: Double(silences)),
        ]
    }
}
