// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
internal import TelemetryWire

extension ConfigurationReader {
    /// Topics of a listener that lists none: the topic is the path, the payload a number.
    static let defaultTopic = MQTTTopicConfiguration(
        filter: "#", path: "{topic}", format: .number)

    /// Words that stand for something in every path.
    private static let reservedNames = ["topic", "name", "series", "unit"]

    func topic(_ section: ConfigurationSection) -> MQTTTopicConfiguration {
        let filter = section.text("filter")
        self.checkFilter(section, filter)
        let format =
            section.choice("format", of: MQTTPayloadFormat.allCases.map { ($0.rawValue, $0) })
            ?? .number
        var topic = MQTTTopicConfiguration(filter: filter ?? "#", path: "", format: format)
        self.readJSON(section, &topic)
        self.readTime(section, &topic)
        topic.states = self.states(section)
        topic.unit = section.text("unit") ?? ""
        topic.supervision = section.choice(
            "supervision", of: SupervisionMode.allCases.map { ($0.word, $0) })
        topic.deadlineNanoseconds = section.duration(
            "deadline", in: ConfigurationLimits.deadlineRange)
        let hasNames = Self.hasNames(topic)
        topic.path = section.text("path") ?? Self.defaultPath(topic, hasNames: hasNames)
        if let complaint = Self.complaint(about: topic, hasNames: hasNames) {
            section.report(.invalid, "path", complaint)
        }
        if topic.supervision == nil, !topic.unit.isEmpty || topic.deadlineNanoseconds != nil {
            section.report(
                .incomplete, "supervision",
                "missing, periodic is used; say periodic, exception or event")
        }
        section.finish()
        return topic
    }

    private func checkFilter(_ section: ConfigurationSection, _ filter: String?) {
        guard let filter else {
            if !section.has("filter") {
                section.report(.invalid, "filter", "missing; \"#\" takes every topic")
            }
            return
        }
        guard let compiled = TopicFilter(filter) else {
            section.report(
                .invalid, "filter",
                "expected an MQTT topic filter (+ alone in a level, # alone and last), "
                    + "got \(quoted(filter))")
            return
        }
        for name in compiled.names {
            guard let name, Self.reservedNames.contains(name) else { continue }
            section.report(
                .invalid, "filter",
                "a wildcard cannot be called \(quoted(name)): {\(name)} means "
                    + "something else in every path")
        }
    }

    // MARK: - JSON

    private func readJSON(
        _ section: ConfigurationSection, _ topic: inout MQTTTopicConfiguration
    ) {
        let value = section.text("value")
        topic.namePath = section.text("name")
        topic.timePath = section.text("time")
        let valuesSection = section.section("values")
        for key in valuesSection.keys {
            guard let path = valuesSection.text(key) else { continue }
            topic.values.append(MQTTTopicConfiguration.Value(name: key, path: path))
            self.checkPath(valuesSection, key, path)
        }
        valuesSection.finish()
        for (key, text) in [("value", value), ("name", topic.namePath), ("time", topic.timePath)] {
            if topic.format != .json, text != nil {
                section.report(
                    .invalid, key, "only used with format: json; remove it or set the format")
            } else if let text {
                self.checkPath(section, key, text)
            }
        }
        if topic.format != .json, section.has("values") {
            section.report(
                .invalid, "values", "only used with format: json; remove it or set the format")
        }
        guard topic.format == .json else { return }
        if topic.values.isEmpty {
            topic.valuePath = value ?? "value"
        } else if value != nil {
            section.report(.invalid, "value", "expected value or values, got both")
        }
        if topic.values.count > ConfigurationLimits.listCountMax {
            section.report(
                .invalid, "values", "expected at most \(ConfigurationLimits.listCountMax) values")
        }
        self.checkElements(section, topic)
    }

    private func checkPath(_ section: ConfigurationSection, _ key: String, _ text: String) {
        guard JSONPath(text) == nil else { return }
        section.report(
            .invalid, key,
            "expected JSON keys separated by dots, data.value, got \(quoted(text))")
    }

    /// Where a path may have the step `*`.
    private func checkElements(
        _ section: ConfigurationSection, _ topic: MQTTTopicConfiguration
    ) {
        var json = JSONPayload()
        json.value = JSONPath(topic.valuePath) ?? .root
        json.name = topic.namePath.flatMap { JSONPath($0) }
        json.time = topic.timePath.flatMap { JSONPath($0) }
        json.values = topic.values.compactMap { value in
            JSONPath(value.path).map { JSONPayload.Value(name: value.name, path: $0) }
        }
        switch json.problem {
        case nil, .valueAndValues: break
        case .eachInValues:
            section.report(.invalid, "values", "* is for value: each of values is one reading")
        case .name:
            section.report(
                .invalid, "name", "expected * where value has it: each element has a name")
        case .time:
            section.report(
                .invalid, "time", "expected no *, or * where value has it: one time per element")
        }
    }

    private func readTime(
        _ section: ConfigurationSection, _ topic: inout MQTTTopicConfiguration
    ) {
        let words: [(word: String, value: TimePrecision?)] =
            TimePrecision.allCases.map { ($0.rawValue, $0) } + [("rfc3339", nil)]
        guard let unit = section.choice("timeUnit", of: words) else { return }
        if let unit {
            topic.timeUnit = unit
            return
        }
        topic.timeIsText = true
        if topic.format != .json {
            section.report(.invalid, "timeUnit", "rfc3339 is only used with format: json")
        }
    }

    private func states(_ section: ConfigurationSection) -> [String: Int64] {
        let statesSection = section.section("states")
        var states: [String: Int64] = [:]
        for key in statesSection.keys {
            states[key] = Int64(
                statesSection.integer(key, in: Int.min...Int.max, default: 0))
        }
        statesSection.finish()
        if section.has("states"), StateMap(states) == nil {
            section.report(
                .invalid, "states",
                "expected 1 to \(StateMap.stateCountMax) texts of at most "
                    + "\(StateMap.textBytesMax) bytes, each with a whole number")
        }
        return states
    }

    // MARK: - Paths

    private static func hasNames(_ topic: MQTTTopicConfiguration) -> Bool {
        switch topic.format {
        case .number, .boolean: false
        case .lineProtocol, .senml: true
        case .json: !topic.values.isEmpty || JSONPath(topic.valuePath)?.eachIndex != nil
        }
    }

    private static func defaultPath(_ topic: MQTTTopicConfiguration, hasNames: Bool) -> String {
        switch topic.format {
        case .number, .boolean: "{topic}"
        case .json: hasNames ? "{topic}/{name}" : "{topic}"
        case .lineProtocol: "{series}"
        case .senml: "{name}"
        }
    }

    /// What is wrong with a path made from a topic; nil if nothing is.
    private static func complaint(
        about topic: MQTTTopicConfiguration, hasNames: Bool
    ) -> String? {
        let path = topic.path
        let names = TopicFilter(topic.filter)?.names ?? []
        var words = ["topic"]
        if hasNames {
            words += topic.format == .lineProtocol ? ["series", "name"] : ["name", "series"]
        }
        if topic.format == .senml { words.append("unit") }
        words += names.compactMap { $0 }
        var found: [Substring] = []
        var literal = ""
        var rest = path[...]
        while let open = rest.firstIndex(of: "{") {
            literal += rest[..<open] + "x"
            guard let close = rest[open...].firstIndex(of: "}") else {
                return "expected } after { in \(quoted(path))"
            }
            let word = rest[rest.index(after: open)..<close]
            found.append(word)
            let number = Scalars.integer(String(word)) ?? 0
            guard words.contains(String(word)) || names.indices.contains(number - 1) else {
                let numbers = names.indices.map { ", {\($0 + 1)}" }.joined()
                let others = words.dropFirst().map { ", {\($0)}" }.joined()
                return "expected {topic}\(others)\(numbers) (the wildcards of the filter), got "
                    + quoted("{\(word)}")
            }
            rest = rest[rest.index(after: close)...]
        }
        literal += rest
        guard !literal.contains("}"), SensorID(literal) != nil else {
            return "expected a sensor path such as \"plant/{1}/temperature\", got \(quoted(path))"
        }
        guard !hasNames || found.contains("name") || found.contains("series") else {
            return "expected {name} in the path: the payload carries several readings, got "
                + quoted(path)
        }
        return nil
    }

    /// Rules are tried in order: one behind a wider one is never reached.
    func warnOfUnreachable(
        _ topics: some Sequence<(ConfigurationSection, MQTTTopicConfiguration)>
    ) {
        var earlier: [(section: ConfigurationSection, filter: TopicFilter)] = []
        for (section, topic) in topics {
            guard let filter = TopicFilter(topic.filter) else { continue }
            if let first = earlier.first(where: { $0.filter.covers(filter) }) {
                section.report(
                    .advice, "filter",
                    "never used: \(first.section.path) stands before it and takes every topic that "
                        + "\(quoted(topic.filter)) matches; put the narrower filter first")
            }
            earlier.append((section, filter))
        }
    }

    // MARK: - Sensors

    /// What topic rules say about the sensors they make, behind what `sensors` declares.
    func declarations(
        of ingest: IngestConfiguration, behind sensors: [SensorDeclaration]
    ) -> [SensorDeclaration] {
        var patterns = Set(sensors.map(\.pattern))
        return ingest.mqtt.flatMap(\.topics).compactMap { topic in
            topic.declaration(undeclaredDeadline: ingest.undeclaredDeadlineNanoseconds)
                .flatMap { patterns.insert($0.pattern).inserted ? $0 : nil }
        }
    }
}
