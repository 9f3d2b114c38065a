// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel
package import TelemetryWire

/// How messages on some topics become readings.
package struct MQTTTopicConfiguration: Equatable, Sendable {
    /// One value of a JSON payload that carries several.
    package struct Value: Equatable, Sendable {
        package var name: String
        /// From the root of the document, `data.0.value`.
        package var path: String
    }

    /// MQTT topic filter; `+` and `#` are allowed, each with a name behind it or without.
    package var filter: String
    /// Sensor path; `{topic}` is the whole topic, `{1}` what the first wildcard stood for.
    ///
    /// `{NAME}` is what the wildcard of that name stood for, `{name}` what the payload calls the
    /// reading, `{unit}` its unit.
    package var path: String
    package var format: MQTTPayloadFormat
    /// Names and indexes from the root of the JSON document to the value, `data.0.value`.
    ///
    /// A step `*` stands for each element. Empty unless `format` is `json` and `values` is empty.
    package var valuePath = ""
    /// Values with names of their own.
    package var values: [Value] = []
    /// Path of an element's name; nil: its key or index.
    package var namePath: String?
    /// The same for the source time; nil: none is read.
    package var timePath: String?
    package var timeUnit = TimePrecision.milliseconds
    /// Whether the time is a text (RFC 3339) instead of a count of `timeUnit`.
    package var timeIsText = false
    /// Texts that stand for values; empty: texts are refused.
    package var states: [String: Int64] = [:]
    /// Unit of the sensors of these topics; empty if not set.
    package var unit = ""
    /// nil: not set.
    package var supervision: SupervisionMode?
    /// nil: not set.
    package var deadlineNanoseconds: UInt64?

    package init(filter: String, path: String, format: MQTTPayloadFormat) {
        self.filter = filter
        self.path = path
        self.format = format
    }

    /// The rule as ingest compiles it; nil with a path or state that `check` refuses.
    package var rule: TopicRule? {
        guard let payload = self.payload else { return nil }
        let states = self.states.isEmpty ? nil : StateMap(self.states)
        guard self.states.isEmpty || states != nil else { return nil }
        var rule = TopicRule(
            filter: self.filter, path: self.path, payload: payload, states: states)
        rule.unit = self.unit
        return rule
    }

    private var payload: PayloadFormat? {
        let unit = SourceTimeUnit(rawValue: self.timeUnit.rawValue) ?? .nanoseconds
        switch self.format {
        case .number, .boolean: return .plain
        case .lineProtocol: return .lineProtocol(unit: unit)
        case .senml: return .senML
        case .json:
            guard
                var json = JSONPayload(
                    value: self.valuePath, time: self.timePath,
                    timeFormat: self.timeIsText ? .rfc3339 : .count(unit))
            else { return nil }
            for value in self.values {
                guard let path = JSONPath(value.path) else { return nil }
                json.values.append(JSONPayload.Value(name: value.name, path: path))
            }
            if let namePath = self.namePath {
                guard let path = JSONPath(namePath) else { return nil }
                json.name = path
            }
            return json.problem == nil ? .json(json) : nil
        }
    }

    /// How the sensors of these topics are watched; nil if the rule says nothing about it.
    ///
    /// A path in which nothing varies declares its sensor. Where more than one level may vary
    /// everything below is meant: a template has no way to say less.
    package func declaration(undeclaredDeadline: UInt64) -> SensorDeclaration? {
        guard self.supervision != nil || self.deadlineNanoseconds != nil || !self.unit.isEmpty,
            let filter = TopicFilter(self.filter)
        else { return nil }
        var levels: [String] = []
        for level in self.pattern(filter).split(separator: "/", omittingEmptySubsequences: false) {
            if level.contains("#") {
                levels.append("#")
                break
            }
            levels.append(level.contains("+") ? "+" : String(level))
        }
        var declaration = SensorDeclaration(
            pattern: levels.joined(separator: "/"),
            deadlineNanoseconds: self.deadlineNanoseconds ?? undeclaredDeadline)
        guard PathTemplate.isWellFormed(declaration.pattern) else { return nil }
        declaration.unit = self.unit
        declaration.supervision = self.supervision ?? .periodic
        return declaration
    }

    /// The path with `+` and `#` for what varies.
    private func pattern(_ filter: TopicFilter) -> String {
        let words = filter.levels.map { level in
            switch level {
            case .exact(let name): name
            case .one: "+"
            case .rest: "#"
            }
        }
        let wildcards = words.filter { $0 == "+" || $0 == "#" }
        var pattern = ""
        var rest = self.path[...]
        while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
            pattern += rest[..<open]
            let word = rest[rest.index(after: open)..<close]
            rest = rest[rest.index(after: close)...]
            if word == "topic" {
                pattern += words.joined(separator: "/")
            } else if word == "unit" {
                pattern += "+"
            } else if let number = filter.number(of: word) ?? Int(word),
                wildcards.indices.contains(number - 1)
            {
                pattern += wildcards[number - 1]
            } else {
                pattern += "#"
            }
        }
        return pattern + rest
    }
}
