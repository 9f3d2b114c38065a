// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// What one endpoint is sent singly, and what waits to leave in a digest.
///
/// In any 60 seconds at most `alertsPerMinute` alerts below the highest priority and
/// `criticalPerMinute` of it leave singly; the rest leaves in one digest every `digestNanoseconds`.
/// With the defaults that is 366 messages a minute at most, whatever the plant does.
struct FloodGate: Sendable {
    /// Alerts that leave together.
    struct Collection: Sendable {
        var cause: AlertDigest.Cause
        var openedAt: MonotonicInstant
        var dueAt: MonotonicInstant
        var count: UInt64 = 0
        var counts: [UInt64] = [0, 0, 0, 0]
        var firstOut: RoutedAlert?
        var top: [RoutedAlert] = []
        var members: [String] = []
        var alarms: Set<String> = []

        mutating func add(_ alert: RoutedAlert) {
            self.count += 1
            self.counts[Int(alert.priority.rawValue)] += 1
            if self.firstOut == nil { self.firstOut = alert }
            let place = self.top.firstIndex { $0.priority < alert.priority } ?? self.top.count
            if place < RoutingLimits.digestTopMax {
                self.top.insert(alert, at: place)
                if self.top.count > RoutingLimits.digestTopMax { self.top.removeLast() }
            }
            guard self.members.count < RoutingLimits.digestMemberMax else { return }
            self.members.append(alert.id)
            self.alarms.insert(alert.alarmID)
        }
    }

    private struct Second: Sendable {
        var number: UInt64 = 0
        var alerts = 0
        var critical = 0
    }

    /// Beyond the highest in a minute, and in every second of it counted alike.
    private static let windowSeconds: UInt64 = 60

    let endpoint: String
    private let settings: FloodSettings
    private var seconds = [Second](repeating: Second(), count: Int(Self.windowSeconds))
    private var flood: Collection?
    private var groups: [AlertGroup: Collection] = [:]
    /// The group in which an earlier alert of an alarm waits.
    private var grouped: [String: AlertGroup] = [:]

    init(endpoint: String, settings: FloodSettings) {
        self.endpoint = endpoint
        self.settings = settings
    }

    enum Verdict: Equatable, Sendable { case single, collected }

    /// Takes one alert.
    ///
    /// `mustFollow`: a digest with an earlier alert of the alarm has not arrived yet.
    mutating func judge(_ alert: RoutedAlert, mustFollow: Bool, now: MonotonicInstant) -> Verdict {
        if self.flood?.alarms.contains(alert.alarmID) == true {
            self.flood?.add(alert)
            return .collected
        }
        if let group = self.grouped[alert.alarmID] {
            self.groups[group]?.add(alert)
            return .collected
        }
        if !mustFollow, alert.priority != .critical, let group = alert.group {
            if self.groups[group] != nil {
                self.groups[group]?.add(alert)
                if self.groups[group]?.alarms.contains(alert.alarmID) == true {
                    self.grouped[alert.alarmID] = group
                }
                return .collected
            }
            if self.groups.count < RoutingLimits.groupCountMax {
                self.groups[group] = Collection(
                    cause: .group, openedAt: now,
                    dueAt: now.advanced(byNanoseconds: group.waitNanoseconds))
            }
        }
        if !mustFollow, self.admits(alert.priority, now: now) { return .single }
        var flood =
            self.flood
            ?? Collection(
                cause: .flood, openedAt: now,
                dueAt: now.advanced(byNanoseconds: self.settings.digestNanoseconds))
        flood.add(alert)
        self.flood = flood
        return .collected
    }

    /// Whether one more single alert fits into the minute; counts it if so.
    private mutating func admits(_ priority: AlarmPriority, now: MonotonicInstant) -> Bool {
        let number = now.nanoseconds / 1_000_000_000
        let isCritical = priority == .critical
        let count = self.seconds.reduce(0) { sum, second in
            guard second.number + Self.windowSeconds > number else { return sum }
            return sum + (isCritical ? second.critical : second.alerts)
        }
        guard
            count < (isCritical ? self.settings.criticalPerMinute : self.settings.alertsPerMinute)
        else { return false }
        let place = Int(number % Self.windowSeconds)
        if self.seconds[place].number != number {
            self.seconds[place] = Second(number: number)
        }
        if isCritical {
            self.seconds[place].critical += 1
        } else {
            self.seconds[place].alerts += 1
        }
        return true
    }

    /// When the next digest leaves; nil: none waits.
    var dueAt: MonotonicInstant? {
        self.groups.values.reduce(self.flood?.dueAt) { due, group in
            due.map { min($0, group.dueAt) } ?? group.dueAt
        }
    }

    /// The collections whose time has come; a group of one that was sent singly is none.
    mutating func takeDue(now: MonotonicInstant) -> [Collection] {
        var due: [Collection] = []
        if let flood = self.flood, flood.dueAt <= now {
            due.append(flood)
            self.flood = nil
        }
        let ended = self.groups.filter { $0.value.dueAt <= now }
        for (key, group) in ended.sorted(by: {
            $0.key.values.lexicographicallyPrecedes($1.key.values)
        }) {
            self.groups[key] = nil
            for alarmID in group.alarms { self.grouped[alarmID] = nil }
            if group.count > 0 { due.append(group) }
        }
        return due
    }
}

extension AlertRouter {
    /// Lets an alert out: singly, or with others in a digest.
    mutating func emit(
        _ alert: RoutedAlert, to endpoints: [Int], told: [Int: AlertCase.Told],
        now: MonotonicInstant, into actions: inout [RoutingAction]
    ) {
        if self.recovery != nil {
            self.recovery?.owe(alert)
            return
        }
        var single: [String] = []
        for endpoint in endpoints {
            let mustFollow = told[endpoint]?.digest != nil
            switch self.gates[endpoint].judge(alert, mustFollow: mustFollow, now: now) {
            case .single: single.append(self.table.endpoints[endpoint])
            case .collected:
                self.counters.digested += 1
                self.cases[alert.alarmID]?.told[endpoint]?.digest = ""
            }
        }
        guard !single.isEmpty else { return }
        var alert = alert
        alert.endpoints = single
        self.counters.sent += 1
        actions.append(.send(alert))
    }

    mutating func takeDigests(
        of endpoint: Int, now: MonotonicInstant, into actions: inout [RoutingAction]
    ) {
        for collection in self.gates[endpoint].takeDue(now: now) {
            guard let first = collection.firstOut else { continue }
            // One alone needs no digest around it.
            if collection.count == 1 {
                var alert = first
                alert.endpoints = [self.table.endpoints[endpoint]]
                self.cases[alert.alarmID]?.told[endpoint]?.digest = nil
                self.counters.sent += 1
                actions.append(.send(alert))
                continue
            }
            let name = self.table.endpoints[endpoint]
            let id = Self.digestID(first: first.id, endpoint: name, count: collection.count)
            for member in collection.members {
                guard let alarmID = self.alarm(of: member)?.alarmID else { continue }
                self.cases[alarmID]?.told[endpoint]?.digest = id
            }
            if self.digests.count >= RoutingLimits.digestOpenMax { self.digests.removeFirst() }
            self.digests.append((id, endpoint, collection.members))
            self.counters.digests += 1
            actions.append(
                .digest(
                    AlertDigest(
                        id: id, endpoint: name, cause: collection.cause, count: collection.count,
                        counts: collection.counts, firstOut: first, top: collection.top,
                        members: collection.members, openedAt: collection.openedAt)))
        }
    }

    /// The id of a digest: of its first member, its endpoint and its size.
    ///
    /// A digest made again after a crash with other members has another id.
    private static func digestID(first: String, endpoint: String, count: UInt64) -> String {
        var hash: UInt32 = 0x811C_9DC5
        for byte in endpoint.utf8 { hash = (hash ^ UInt32(byte)) &* 0x0100_0193 }
        return "digest_\(first.dropFirst("alert_".count))_\(String(hash, radix: 16))_\(count)"
    }
}
