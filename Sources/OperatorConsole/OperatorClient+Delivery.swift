// SPDX-License-Identifier: Apache-2.0

internal import JSONText
package import MidwatchModel
package import OperatorViews

/// What keeps alerts back, tests of their way, and the past of a sensor.
extension OperatorClient {
    /// Keeps the alerts of a sensor, of all that fit a template, or of one alarm back for a while.
    ///
    /// `what` is a path, a template, or `path:name` of one alarm. The answer is the silence's id.
    package func silence(
        _ what: String, seconds: UInt64, reason: String
    ) throws(ClientError) -> String {
        let name = AlarmName(what)
        var json = JSONWriter()
        json.object { json in
            json.objectField("match") { json in
                json.arrayField("sensors") { $0.value(String(name.path)) }
                if !name.name.isEmpty { json.arrayField("alarms") { $0.value(String(name.name)) } }
            }
            json.field("seconds", seconds)
            json.field("reason", reason)
            json.field("includesCritical", false)
        }
        return try self.id(in: try self.post("/v1/alerts/silences", json.bytes))
    }

    package func endSilence(_ id: String) throws(ClientError) {
        _ = try self.post("/v1/alerts/silences/\(Self.encode(id))/remove", Array("{}".utf8))
    }

    /// Sends a labelled test alarm to a route or an endpoint; the answer is the test's id.
    package func beginTest(_ target: AlertTestTarget) throws(ClientError) -> String {
        var json = JSONWriter()
        json.object { json in
            switch target {
            case .route(let name): json.field("route", name)
            case .endpoint(let name): json.field("endpoint", name)
            }
        }
        return try self.id(in: try self.post("/v1/alerts/test", json.bytes))
    }

    /// One page of the alerts that were given up, newest first; of one alert with their bodies.
    package func deadLetters(
        _ query: DeadLetterQuery
    ) throws(ClientError) -> PageView<DeadLetterView> {
        var items = [("limit", "\(query.limit)")]
        if let alert = query.alert { items.append(("alert", alert)) }
        if let endpoint = query.endpoint { items.append(("endpoint", endpoint)) }
        if let after = query.after { items.append(("after", after)) }
        return try self.view(try self.get("/v1/alerts/dead-letters" + Self.query(items)))
    }

    /// As many of them as `limit` says, over as many pages as that takes.
    ///
    /// The answer's `next` says that there are more.
    package func allDeadLetters(
        _ query: DeadLetterQuery
    ) throws(ClientError) -> PageView<DeadLetterView> {
        var page = PageView<DeadLetterView>(items: [], next: query.after)
        repeat {
            let limit = min(Self.pageItemsMax, query.limit - page.items.count)
            let more = try self.deadLetters(
                DeadLetterQuery(
                    limit: limit, alert: query.alert, endpoint: query.endpoint, after: page.next))
            page.items += more.items
            page.next = more.next
        } while page.next != nil && page.items.count < query.limit
        return page
    }

    private func id(in answer: [UInt8]) throws(ClientError) -> String {
        guard let id = (try? JSONValue(parsing: answer.span))?["id"]?.string else {
            throw .malformed(reason: "an answer without an id")
        }
        return id
    }

    /// What the archive has of a sensor over the last `seconds`.
    package func history(_ path: String, seconds: UInt64) throws(ClientError) -> HistoryView {
        try self.view(
            try self.get("/v1/history?sensor=\(Self.encode(path))&seconds=\(seconds)"))
    }

    /// Why one alarm is as it is; `explain` takes names that may be either.
    package func explain(alarm alarmID: String) throws(ClientError) -> Explanation {
        try self.view(try self.get("/v1/why?alarm=\(Self.encode(alarmID))"))
    }
}

/// Where a test alert is sent.
package enum AlertTestTarget: Sendable, Equatable {
    case route(String)
    case endpoint(String)

    /// In words.
    package var text: String {
        switch self {
        case .route(let name): "route \(name)"
        case .endpoint(let name): "endpoint \(name)"
        }
    }
}
