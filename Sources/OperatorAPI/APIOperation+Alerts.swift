// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
internal import OperatorViews

/// What can be asked and ordered about the way of alerts to people.
enum AlertQuestion: Hashable, Sendable {
    case routes, silences, addSilence, removeSilence, beginTest, test
}

extension APIOperation {
    /// Problems of orders about alerts; the daemon carries them out without the engine.
    private static let alertProblems: [Problem.Kind] = [
        .bodyTooLarge, .unsupportedMediaType, .refused, .notReady,
    ]

    static let alerts: [APIOperation] = [
        APIOperation(
            name: .alerts(.routes), path: "/v1/alerts/routes",
            summary: "The routes of alerts; with `explain` the alarms of a sensor instead, each "
                + "with the routes that it takes.",
            query: [("explain", "string", "Path of a sensor, or one alarm of it, `path:name`.")],
            answer: .page("AlertRoute"), problems: [.notReady]),
        APIOperation(
            name: .alerts(.silences), path: "/v1/alerts/silences",
            summary: "Silences and maintenance, those that hold now and those to come.",
            answer: .page("AlertSilence"), problems: [.notReady]),
        APIOperation(
            name: .alerts(.addSilence), method: "post", path: "/v1/alerts/silences",
            summary: "Keeps alerts back for a time, never alarms.", role: .operator,
            body: "SilenceRequest", answer: .object("SilenceAdded"), problems: Self.alertProblems),
        APIOperation(
            name: .alerts(.removeSilence), method: "post",
            path: "/v1/alerts/silences/{silenceID}/remove", summary: "Ends a silence.",
            role: .operator, body: "CommandRequest", answer: .object("SilenceRemoved"),
            problems: Self.alertProblems),
        APIOperation(
            name: .alerts(.beginTest), method: "post", path: "/v1/alerts/test",
            summary: "Sends a labelled test alarm to a route or to one endpoint.",
            role: .operator, body: "AlertTestRequest", answer: .object("AlertTestBegun"),
            problems: Self.alertProblems),
        APIOperation(
            name: .alerts(.test), path: "/v1/alerts/test/{testID}",
            summary: "What became of a test so far.", answer: .object("AlertTest"),
            problems: [.notReady]),
    ]
}
