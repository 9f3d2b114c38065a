// SPDX-License-Identifier: Apache-2.0

internal import JSONText
internal import Journal
internal import MidwatchModel
internal import OperatorConsole
internal import OperatorViews
internal import StateFolder

/// One attempt to deliver, or what an alert came to.
struct DeliveryLine {
    var at: WallInstant
    /// As it stands in the log, with the name of the log's line taken away.
    var body: JSONValue

    var endpoint: String { self.text("endpoint") }
    var alert: String { self.text("alert") }
    var isDelivered: Bool {
        // Before formats judged answers, the status alone did.
        let verdict = self.text("verdict")
        return verdict.isEmpty ? (200..<300).contains(self.status) : verdict == "delivered"
    }

    private var status: Int64 { self.body["status"]?.integer ?? 0 }

    private func text(_ name: String) -> String { self.body[name]?.string ?? "" }

    var json: String {
        var json = JSONWriter()
        json.value(self.body)
        return json.text
    }

    var cells: [String] {
        let latency = self.body["latencyNanoseconds"]?.integer.map {
            Words.latency(nanoseconds: UInt64(clamping: $0))
        }
        return [
            LocalTime.text(self.at, digits: 3), self.endpoint, self.outcome,
            self.body["attempt"]?.integer.map { "\($0)" } ?? "", latency ?? "",
            self.text("alarmID"), self.alert, self.text("answer"),
        ]
    }

    private var outcome: String {
        switch self.text("kind") {
        case "alertDeadLettered": return "given up: \(self.text("reason"))"
        case "alertSuperseded": return "superseded"
        case "endpointBreaker": return "breaker \(self.text("breaker"))"
        default:
            if self.status > 0 { return "\(self.status)" }
            let failure = self.text("failure")
            return failure.isEmpty ? "no answer" : failure
        }
    }
}

/// The newest lines about deliveries since an instant.
struct DeliveryLines {
    private let since: WallInstant
    private let countMax: Int
    private var lines: [DeliveryLine] = []
    private(set) var droppedCount = 0

    init(since: WallInstant, countMax: Int) {
        self.since = since
        self.countMax = countMax
    }

    /// Takes a line of a log if it is of one of the kinds and new enough.
    mutating func take(_ line: LedgerLine, _ kinds: Set<String>) {
        guard let body = try? JSONValue(parsing: line.body.span),
            let kind = body["kind"]?.string, kinds.contains(kind)
        else { return }
        // An attempt says when it ended; an outcome stands in the log at its time.
        let at =
            (body["at"]?.string).flatMap { WallInstant(rfc3339: $0) }
            ?? WallInstant(rfc3339: line.written)
        guard let at, at.nanoseconds >= self.since.nanoseconds else { return }
        self.lines.append(DeliveryLine(at: at, body: body))
        guard self.lines.count >= 2 * self.countMax else { return }
        self.lines.removeFirst(self.countMax)
        self.droppedCount += self.countMax
    }

    /// Oldest first.
    func sorted() -> [DeliveryLine] {
        self.lines.suffix(self.countMax).enumerated().sorted {
            ($0.element.at.nanoseconds, $0.offset) < ($1.element.at.nanoseconds, $1.offset)
        }.map(\.element)
    }
}
