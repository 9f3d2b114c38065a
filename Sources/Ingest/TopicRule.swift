// SPDX-License-Identifier: Apache-2.0

package import TelemetryWire

/// How the messages of some topics become readings.
///
/// Rules are tried in order; the first whose filter matches a topic applies.
package struct TopicRule: Equatable, Sendable {
    /// MQTT topic filter with `+` and `#`.
    package var filter: String
    /// Path of the sensor.
    ///
    /// `{1}`, `{2}`, … are what the wildcards matched, `{topic}` is the whole topic. With line
    /// protocol the path must contain `{series}`, which is what `seriesPath` makes of a line; with
    /// other payloads it must not.
    package var path: String
    package var payload: PayloadFormat
    /// How a line names its sensor; used with line protocol only.
    package var seriesPath: SeriesPathTemplate

    package init(
        filter: String, path: String, payload: PayloadFormat,
        seriesPath: SeriesPathTemplate = .standard
    ) {
        self.filter = filter
        self.path = path
        self.payload = payload
        self.seriesPath = seriesPath
    }

    /// Why a list of rules cannot be used.
    package enum Problem: Error, Equatable, Sendable {
        /// Empty, or a wildcard that does not stand alone in its level, or `#` not last.
        case malformedFilter(rule: Int)
        /// Empty, or an unclosed or unknown `{…}`, or `{series}` where the payload has none.
        case malformedPath(rule: Int)
        /// `{number}` where the filter has fewer wildcards.
        case noSuchWildcard(rule: Int, number: Int)
        /// Line protocol and no `{series}`: every field would be the same sensor.
        case missingSeries(rule: Int)
        /// More than `TopicRouter.ruleCountMax` rules.
        case tooManyRules
    }
}

/// The compiled rules of one listener.
struct TopicRouter: Sendable {
    struct Route: Sendable {
        var rule: TopicRule
        var template: TopicTemplate
        /// The payload is a plain number: the common case, told apart without touching the rule.
        var isPlain: Bool
        var isLineProtocol: Bool
    }

    /// Rules one listener may have.
    static let ruleCountMax = 1_000

    let routes: [Route]

    init(_ rules: [TopicRule]) throws(TopicRule.Problem) {
        guard rules.count <= Self.ruleCountMax else { throw .tooManyRules }
        var routes: [Route] = []
        for (index, rule) in rules.enumerated() {
            routes.append(try Self.route(rule, index))
        }
        self.routes = routes
    }

    /// The first rule that matches; nil if none does.
    func rule(for topic: String) -> Int? {
        self.routes.firstIndex { $0.template.path(for: topic) != nil }
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
        var isLineProtocol = false
        if case .lineProtocol = rule.payload { isLineProtocol = true }
        if isLineProtocol, !template.hasSeries { throw .missingSeries(rule: index) }
        if !isLineProtocol, template.hasSeries { throw .malformedPath(rule: index) }
        return Route(
            rule: rule, template: template, isPlain: rule.payload == .plain,
            isLineProtocol: isLineProtocol)
    }
}
