// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// How the messages of some topics become readings.
///
/// Rules are tried in order; the first whose filter matches a topic applies, however specific a
/// later one is: the order of a file can be read, a precedence of wildcards has to be worked out.
package struct TopicRule: Equatable, Sendable {
    /// MQTT topic filter, its wildcards with or without names (`TopicFilter`).
    package var filter: String
    /// Path of the sensor (`TopicTemplate`).
    ///
    /// Where the payload names its readings it must contain `{name}` or `{series}`, otherwise it
    /// must not. `{unit}` is for SenML.
    package var path: String
    package var payload: PayloadFormat
    /// Texts that stand for values.
    package var states: StateMap?
    /// How a line names its sensor; used with line protocol only.
    package var seriesPath: SeriesPathTemplate
    /// The unit that readings must have if they state one; empty: any.
    package var unit = ""

    package init(
        filter: String, path: String, payload: PayloadFormat, states: StateMap? = nil,
        seriesPath: SeriesPathTemplate = .standard
    ) {
        self.filter = filter
        self.path = path
        self.payload = payload
        self.states = states
        self.seriesPath = seriesPath
    }

    /// Why a list of rules cannot be used.
    package enum Problem: Error, Equatable, Sendable {
        /// Empty, a wildcard that shares its level with more than its name, or `#` not last.
        case malformedFilter(rule: Int)
        /// Empty, or an unclosed or unknown `{…}`, or `{name}` where the payload has none.
        case malformedPath(rule: Int)
        /// `{number}` where the filter has fewer wildcards.
        case noSuchWildcard(rule: Int, number: Int)
        /// The payload has names and the path no `{name}`: every reading would be one sensor.
        case missingSeries(rule: Int)
        /// A JSON description that contradicts itself.
        case malformedPayload(rule: Int)
        /// More than `TopicRouter.ruleCountMax` rules.
        case tooManyRules
    }
}

/// The compiled rules of one listener.
package struct TopicRouter: Sendable {
    package struct Route: Sendable {
        package var rule: TopicRule
        package var plan: PayloadPlan
        /// The payload is a plain number: the common case, told apart without touching the rule.
        package var isPlain: Bool
        package var isLineProtocol: Bool
        /// The payload names its readings.
        package var hasNames: Bool
        /// The path has a place for the unit, so that each unit is a sensor of its own.
        package var hasUnit: Bool
        var template: TopicTemplate

        /// Whether readings that state `unit` belong to this rule.
        package func takes(unit: String) -> Bool {
            unit.isEmpty || self.rule.unit.isEmpty || unit == self.rule.unit
        }

        /// The path of the one sensor of a topic that the filter matches; nil if there is none.
        package func sensor(for topic: String) -> SensorID? {
            self.template.path(for: topic).flatMap { SensorID($0) }
        }

        /// The path of a sensor below a topic that the filter matches.
        ///
        /// What a path does not allow in `name` and `unit` becomes `_`.
        package func sensor(
            for topic: String, name: String, unit: String
        ) throws(SeriesPathError) -> SensorID {
            let name = try SeriesPathTemplate.sensorID(of: [name]).path
            let level = String(unit.map { $0 == "/" ? "_" : $0 })
            let unit = self.hasUnit ? try SeriesPathTemplate.sensorID(of: [level]).path : ""
            let path = self.template.path(for: topic, name: name, unit: unit) ?? ""
            guard let sensor = SensorID(path) else { throw .pathTooLong }
            return sensor
        }
    }

    /// Rules one listener may have.
    package static let ruleCountMax = 1_000

    package let routes: [Route]

    package init(_ rules: [TopicRule]) throws(TopicRule.Problem) {
        guard rules.count <= Self.ruleCountMax else { throw .tooManyRules }
        var routes: [Route] = []
        for (index, rule) in rules.enumerated() {
            routes.append(try Self.route(rule, index))
        }
        self.routes = routes
    }

    /// The first rule that matches; nil if none does.
    package func rule(for topic: String) -> Int? {
        self.routes.firstIndex { $0.template.matches(topic) }
    }

    private static func route(_ rule: TopicRule, _ index: Int) throws(TopicRule.Problem) -> Route {
        let template: TopicTemplate
        do {
            template = try TopicTemplate(filter: rule.filter, path: rule.path)
        } catch {
            switch error {
            case .malformedFilter: throw .malformedFilter(rule: index)
            case .malformedPath: throw .malformedPath(rule: index)
            case .noSuchWildcard(let number): throw .noSuchWildcard(rule: index, number: number)
            }
        }
        if case .json(let description) = rule.payload, description.problem != nil {
            throw .malformedPayload(rule: index)
        }
        var isLineProtocol = false
        if case .lineProtocol = rule.payload { isLineProtocol = true }
        let hasNames = rule.payload.hasNames
        if hasNames, !template.hasName { throw .missingSeries(rule: index) }
        if !hasNames, template.hasName { throw .malformedPath(rule: index) }
        if template.hasUnit, rule.payload != .senML { throw .malformedPath(rule: index) }
        return Route(
            rule: rule, plan: PayloadPlan(rule.payload, states: rule.states),
            isPlain: rule.payload == .plain && rule.states == nil, isLineProtocol: isLineProtocol,
            hasNames: hasNames, hasUnit: template.hasUnit, template: template)
    }
}
