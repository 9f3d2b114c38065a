// SPDX-License-Identifier: Apache-2.0

internal import JSONText
internal import MidwatchModel
internal import OperatorConsole
internal import OperatorViews

/// Follows the ledger during the demo: a line for each alarm, and counts.
struct DemoEventLog {
    private let client: OperatorClient
    private let isQuiet: Bool
    private var seen: UInt64 = 0
    private(set) var raised: UInt64 = 0
    private(set) var returned: UInt64 = 0
    private(set) var acknowledged: UInt64 = 0
    /// The first alarm raised: its sensor, decision and time.
    private(set) var first: (path: String, decision: String, at: WallInstant)?

    init(client: OperatorClient, isQuiet: Bool) {
        self.client = client
        self.isQuiet = isQuiet
    }

    /// Reads what is new.
    mutating func read() throws(DemoFailure) {
        while true {
            let page: PageView<EventView>
            do throws(ClientError) {
                page = try self.client.events(after: self.seen, limit: 1_000)
            } catch {
                throw DemoFailure(error.description)
            }
            for event in page.items { self.take(event) }
            self.seen = page.items.last?.n ?? self.seen
            if page.next == nil { return }
        }
    }

    private mutating func take(_ event: EventView) {
        let body = event.body
        guard let kind = body["kind"]?.string, let path = body["sensor"]?.string,
            let alarm = body["alarm"]?.string
        else { return }
        let word: String
        // The counts are of the plant; an alarm about the monitor itself is shown all the same.
        let count: UInt64 = OwnPath.isOwn(path) ? 0 : 1
        switch kind {
        case "alarmRaised":
            word = "RAISED  "
            self.raised += count
            if count > 0, self.first == nil, let at = WallInstant(rfc3339: body["at"]?.string ?? "")
            {
                self.first = (path, body["decision"]?.string ?? "", at)
            }
        case "alarmReturned":
            word = "returned"
            self.returned += count
        case "alarmAcknowledged":
            word = "acked   "
            self.acknowledged += count
        default: return
        }
        guard !self.isQuiet else { return }
        let time = (body["at"]?.string ?? "").split(separator: "T").last?.prefix(12) ?? ""
        let value = body["value"]?.double.map { "  value \($0)" } ?? ""
        let limit = body["setpoint"]?.double.map { ", limit \($0)" } ?? ""
        let priority = body["priority"]?.string ?? ""
        CommandOutput.line(
            TerminalText.clean("\(time)  \(word)  \(priority)  \(path):\(alarm)\(value)\(limit)"))
    }
}
