// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

extension ConfigurationReader {
    private static let second = ConfigurationLimits.nanosecondsPerSecond
    private static let stepRange: ClosedRange<UInt64> = (1 * second)...(24 * 3_600 * second)
    private static let longRange: ClosedRange<UInt64> = (1 * second)...(30 * 86_400 * second)

    /// Who is told, when, and what is kept back: `routes` and the sections beside it.
    ///
    /// `hasList`: there are routes under `alerts` as well.
    func policy(
        _ root: ConfigurationSection, _ alerts: AlertsConfiguration, hasList: Bool
    ) -> AlertPolicy {
        let names = alerts.endpoints.map(\.name)
        var policy = AlertPolicy()
        let escalations = root.sections("escalation")
        policy.escalations = escalations.map { self.escalation($0, names) }
        self.requireUnique(zip(escalations, policy.escalations.map(\.name)), "name")
        let sections = root.sections("routes")
        if sections.isEmpty {
            policy.routes = Self.routes(of: alerts)
            policy.leavesOutUnrouted = true
        } else {
            let known = policy.escalations.map(\.name)
            policy.routes = sections.map { self.route($0, above: nil, names, known) }
            if hasList {
                root.report(
                    .invalid, "routes", "give routes here or under alerts, not in both places")
            }
            self.adviseRoutes(policy, names, root)
        }
        policy.inhibitions = root.sections("inhibition").map(self.inhibition)
        let maintenance = root.sections("maintenance")
        policy.maintenance = maintenance.map(self.maintenance)
        self.requireUnique(zip(maintenance, policy.maintenance.map(\.id)), "name")
        policy.flood = self.flood(root.section("flood"))
        policy.links = self.links(root.section("links"))
        return policy
    }

    /// The list `alerts.routes` as a tree of one level: every route that fits is taken.
    private static func routes(of alerts: AlertsConfiguration) -> [RouteDeclaration] {
        alerts.routes.enumerated().map { index, route in
            var declaration = RouteDeclaration(name: "route-\(index + 1)")
            declaration.matcher.priorities = route.priorities
            declaration.matcher.sensors = route.paths
            declaration.endpoints = route.endpoints
            declaration.continues = true
            return declaration
        }
    }

    private func adviseRoutes(
        _ policy: AlertPolicy, _ names: [String], _ root: ConfigurationSection
    ) {
        if let last = policy.routes.last, !last.matcher.fitsAll {
            root.report(
                .advice, "routes",
                "the last route does not take everything: what fits no route goes to every "
                    + "endpoint")
        }
        func told(_ route: RouteDeclaration) -> [String] {
            route.endpoints + route.routes.flatMap(told)
        }
        let reached = Set(
            policy.routes.flatMap(told)
                + policy.escalations.flatMap { $0.levels.flatMap(\.endpoints) })
        for name in names where !reached.contains(name) {
            root.report(.advice, "routes", "no route leads to \(quoted(name))")
        }
    }

    // MARK: Routes

    private func route(
        _ section: ConfigurationSection, above: RouteDeclaration?, _ names: [String],
        _ escalations: [String], depth: Int = 1
    ) -> RouteDeclaration {
        var route = RouteDeclaration(name: self.label(section, "name") ?? "")
        if route.name.isEmpty, !section.has("name") {
            section.report(.invalid, "name", "missing; the ledger names the route of each alert")
        }
        route.matcher = self.matcher(section.section("match"))
        route.endpoints = self.endpoints(section, "endpoints", names)
        route.nextNanoseconds = self.turn(section)
        route.continues = section.boolean("continue", default: false)
        route.tellsNobody = section.boolean("nobody", default: false)
        if let name = section.text("escalation") {
            route.escalation = name
            if !escalations.contains(name) {
                section.report(
                    .invalid, "escalation",
                    self.unknown("escalation", name, among: escalations))
            }
        }
        let send = section.section("send")
        route.sendsReturned = send.boolean("returned", default: true)
        route.sendsAcknowledged = send.boolean("acknowledged", default: true)
        send.finish()
        route.repeatNanoseconds = section.duration("repeat", in: Self.longRange) ?? 0
        if section.has("group") { route.grouping = self.grouping(section.section("group")) }
        let children = section.sections("routes")
        if depth >= ConfigurationLimits.routeDepthMax, !children.isEmpty {
            section.report(
                .invalid, "routes",
                "routes stand at most \(ConfigurationLimits.routeDepthMax) deep")
        } else {
            var inherited = route
            if inherited.endpoints.isEmpty { inherited.endpoints = above?.endpoints ?? [] }
            route.routes = children.map {
                self.route($0, above: inherited, names, escalations, depth: depth + 1)
            }
        }
        section.finish()
        let isSilent = route.endpoints.isEmpty && (above?.endpoints ?? []).isEmpty
        if isSilent, !route.tellsNobody {
            section.report(
                .invalid, "endpoints", "missing; name whom it tells, or say nobody: true")
        }
        if route.tellsNobody, Self.mayBeCritical(route.matcher) {
            section.report(
                .unsafe, "nobody", "nobody is called for critical alarms that take this route")
        }
        return route
    }

    private static func mayBeCritical(_ matcher: AlertMatcher) -> Bool {
        matcher.priorities.isEmpty || matcher.priorities.contains(.critical)
    }

    /// `inTurn: 30s`: the next endpoint when the one before has not delivered.
    private func turn(_ section: ConfigurationSection) -> UInt64 {
        section.duration("inTurn", in: Self.stepRange) ?? 0
    }

    private func grouping(_ section: ConfigurationSection) -> AlertGrouping {
        let labels = section.texts("by").map(\.text)
        if labels.isEmpty {
            section.report(.invalid, "by", "missing; name labels such as asset, class or sensor")
        }
        let wait = section.duration("wait", in: Self.second...(600 * Self.second))
        section.finish()
        return AlertGrouping(
            labels: labels, waitNanoseconds: wait ?? ConfigurationDefaults.groupWaitNanoseconds)
    }

    func matcher(_ section: ConfigurationSection) -> AlertMatcher {
        var matcher = AlertMatcher()
        matcher.priorities = section.choices("priorities", of: Self.priorityWords)
        matcher.classes = section.texts("classes").map(\.text)
        matcher.assets = section.texts("assets").map(\.text)
        matcher.alarms = section.texts("alarms").map(\.text)
        for (index, path) in section.texts("sensors").enumerated() {
            if !PathTemplate.isWellFormed(path.text) {
                self.issues.add(
                    .invalid,
                    "expected a path or a template with + and #, got \(quoted(path.text))",
                    key: section.name("sensors[\(index)]"), at: path.position)
            }
            matcher.sensors.append(path.text)
        }
        let labels = section.section("labels")
        for key in labels.keys { matcher.labels[key] = labels.text(key) }
        labels.finish()
        // An empty list would fit nothing or everything: absent means all, empty is a mistake.
        for key in ["priorities", "classes", "assets", "alarms", "sensors"]
        where section.isEmptyList(key) {
            section.report(.invalid, key, "empty; leave the key out to mean all")
        }
        section.finish()
        return matcher
    }

    private func endpoints(
        _ section: ConfigurationSection, _ key: String, _ names: [String]
    ) -> [String] {
        let endpoints = section.texts(key)
        for (index, endpoint) in endpoints.enumerated() where !names.contains(endpoint.text) {
            self.issues.add(
                .invalid, self.unknown("endpoint", endpoint.text, among: names),
                key: section.name("\(key)[\(index)]"), at: endpoint.position)
        }
        return endpoints.map(\.text)
    }

    private func unknown(_ what: String, _ name: String, among names: [String]) -> String {
        let message = "no \(what) is named \(quoted(name))"
        guard let near = Spelling.nearest(to: name, among: names) else { return message }
        return message + ", did you mean \"\(near)\"?"
    }

    private func label(_ section: ConfigurationSection, _ key: String) -> String? {
        guard let text = section.text(key) else { return nil }
        if !Self.isLabel(text) {
            section.report(
                .invalid, key,
                "expected one line of at most \(SystemLimits.sourceNameBytesMax) bytes")
        }
        return text
    }

    // MARK: Escalation

    private func escalation(
        _ section: ConfigurationSection, _ names: [String]
    ) -> EscalationDeclaration {
        var escalation = EscalationDeclaration(name: self.label(section, "name") ?? "")
        if escalation.name.isEmpty, !section.has("name") {
            section.report(.invalid, "name", "missing; routes name it")
        }
        escalation.undeliveredNanoseconds =
            section.duration("undelivered", in: Self.stepRange)
            ?? AlertPolicy.undeliveredNanoseconds
        for (index, level) in section.sections("levels").enumerated() {
            let endpoints = self.endpoints(level, "endpoints", names)
            if endpoints.isEmpty {
                level.report(.invalid, "endpoints", "missing; name whom this level tells")
            }
            // Unless it says so, each level comes as long after the one before as the first.
            let steps = UInt64(index + 1)
            var usual = PriorityTimes()
            usual.high = AlertPolicy.levelDelays.high * steps
            usual.critical = AlertPolicy.levelDelays.critical * steps
            escalation.levels.append(
                EscalationLevel(
                    endpoints: endpoints, after: self.times(level, "after", usual: usual)))
            level.finish()
        }
        escalation.standing = self.times(section, "standing", usual: AlertPolicy.standing)
        section.finish()
        return escalation
    }

    /// Times by priority; a priority that is not named has none, unless the key is left out.
    private func times(
        _ section: ConfigurationSection, _ key: String, usual: PriorityTimes
    ) -> PriorityTimes {
        guard section.has(key) else {
            _ = section.take(key)
            return usual
        }
        let words = section.section(key)
        let times = PriorityTimes(
            low: words.duration("low", in: Self.longRange) ?? 0,
            medium: words.duration("medium", in: Self.longRange) ?? 0,
            high: words.duration("high", in: Self.longRange) ?? 0,
            critical: words.duration("critical", in: Self.longRange) ?? 0)
        words.finish()
        return times
    }

    // MARK: What is kept back

    private func inhibition(_ section: ConfigurationSection) -> InhibitionDeclaration {
        var inhibition = InhibitionDeclaration(name: self.label(section, "name") ?? "")
        if inhibition.name.isEmpty, !section.has("name") {
            section.report(.invalid, "name", "missing; the ledger says by it why nobody was told")
        }
        inhibition.source = self.matcher(section.section("source"))
        inhibition.target = self.matcher(section.section("target"))
        inhibition.equal = section.texts("equal").map(\.text)
        section.finish()
        if inhibition.source.fitsAll {
            section.report(.invalid, "source", "missing; every alarm would keep others back")
        }
        if Self.mayBeCritical(inhibition.target) {
            section.report(
                .unsafe, "target",
                "critical alarms are kept back as well; name the priorities that may be")
        }
        return inhibition
    }

    private func maintenance(_ section: ConfigurationSection) -> AlertSilence {
        let name = self.label(section, "name") ?? ""
        let author = self.label(section, "author") ?? ""
        let reason = section.text("reason") ?? ""
        for (key, text) in [("name", name), ("author", author), ("reason", reason)]
        where text.isEmpty && !section.has(key) {
            section.report(.invalid, key, "missing; who keeps alerts back says who and why")
        }
        let matcher = self.matcher(section.section("match"))
        let includesCritical = section.boolean("includesCritical", default: false)
        let period = self.period(section)
        section.finish()
        if matcher.fitsAll {
            section.report(.unsafe, "match", "missing: alerts of every alarm are kept back")
        }
        if includesCritical {
            section.report(.unsafe, "includesCritical", "critical alarms are kept back as well")
        }
        return AlertSilence(
            id: "maintenance/\(name)", matcher: matcher, period: period, author: author,
            reason: reason, includesCritical: includesCritical)
    }

    /// `from` and `until`, or `days`, `at` and `for` for every week; all in UTC.
    private func period(_ section: ConfigurationSection) -> SilencePeriod {
        let never = SilencePeriod.once(
            from: WallInstant(nanoseconds: 0), until: WallInstant(nanoseconds: 0))
        let days = section.choices(
            "days",
            of: ["mon", "tue", "wed", "thu", "fri", "sat", "sun"].enumerated().map { ($1, $0) })
        let at = section.text("at")
        let length = section.duration("for", in: (60 * Self.second)...(7 * 86_400 * Self.second))
        let from = section.text("from")
        let until = section.text("until")
        if section.has("days") || section.has("at") || section.has("for") {
            guard let length, let start = at.flatMap(Self.minuteOfDay), !days.isEmpty else {
                section.report(
                    .invalid, "days", "expected days: [sun], at: \"02:00\" and for: 4h, in UTC")
                return never
            }
            return .weekly(
                days: days.reduce(UInt8(0)) { $0 | 1 << UInt8($1) }, startMinute: start,
                minutes: UInt16(clamping: length / (60 * Self.second)))
        }
        guard let from = from.flatMap({ WallInstant(rfc3339: $0) }),
            let until = until.flatMap({ WallInstant(rfc3339: $0) }), from < until
        else {
            section.report(
                .invalid, "from",
                "expected from and a later until, such as \"2026-03-01T02:00:00Z\", or days, at "
                    + "and for")
            return never
        }
        return .once(from: from, until: until)
    }

    /// Minutes since midnight of `02:30`.
    private static func minuteOfDay(_ text: String) -> UInt16? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ $0.utf8.count == 2 }),
            let hour = UInt16(parts[0]), let minute = UInt16(parts[1]), hour < 24, minute < 60
        else { return nil }
        return hour * 60 + minute
    }

    // MARK: Limits and links

    private func flood(_ section: ConfigurationSection) -> FloodSettings {
        var flood = FloodSettings()
        flood.alertsPerMinute = section.integer(
            "alertsPerMinute", in: 1...1_000_000, default: flood.alertsPerMinute)
        flood.criticalPerMinute = section.integer(
            "criticalPerMinute", in: 1...1_000_000, default: flood.criticalPerMinute)
        flood.digestNanoseconds =
            section.duration("digest", in: Self.second...(300 * Self.second))
            ?? flood.digestNanoseconds
        section.finish()
        return flood
    }

    private func links(_ section: ConfigurationSection) -> LinkSettings {
        var links = LinkSettings()
        if let url = section.text("baseURL") {
            let isSecure = url.hasPrefix("https://")
            let rest = isSecure ? url.dropFirst(8) : url.dropFirst(7)
            let authority = rest.prefix { $0 != "/" }
            if !isSecure && !url.hasPrefix("http://") || authority.isEmpty
                || authority.contains("@") || rest.contains("?") || rest.contains("#")
                || !url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
            {
                section.report(
                    .invalid, "baseURL",
                    "expected https://host or https://host/path, got "
                        + quoted(url))
            } else {
                links.baseURL = url
                let host = authority.prefix { $0 != ":" }
                if !isSecure, host != "localhost", !host.hasPrefix("127.") {
                    section.report(
                        .unsafe, "baseURL",
                        "over http whoever is on the way can take the links and acknowledge")
                }
            }
        }
        links.validNanoseconds =
            section.duration("valid", in: (60 * Self.second)...(30 * 86_400 * Self.second))
            ?? links.validNanoseconds
        section.finish()
        return links
    }
}
