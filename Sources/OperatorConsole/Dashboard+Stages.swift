// SPDX-License-Identifier: Apache-2.0

internal import OperatorViews

extension Dashboard {
    /// A stage whose loop did not turn for this long is shown as stuck: it beats once a second.
    static let beatAgeMaxNanoseconds: UInt64 = 3_000_000_000

    /// Three rows: rates, queues, stages with their heartbeats or what is wrong with them.
    func drawStages(_ screen: inout Screen, _ status: StatusView, from row: Int) {
        let rates = status.rates
        let style = Style(self.isBlind ? .stale : .plain)
        let head = "\(self.glyphs.separator) "
        let steps = [
            "received \(Words.count(rates.received))", "accepted \(Words.count(rates.accepted))",
            "evaluated \(Words.count(rates.evaluated))",
            "journal \(Words.count(rates.journaled))", "archive \(Words.count(rates.archived))",
        ]
        let isWide = self.size.columns >= 100
        var text = isWide ? " per s    " : " /s  "
        text += steps.joined(separator: isWide ? " \(head)" : " ")
        self.put(text, &screen, 0, row, style)

        let queues = status.queues
        text = " queues   ring \(Words.decimals(queues.ringFill * 100, 0))% \(head)"
        text += "journal \(Words.bytes(queues.journalStagedBytes)) \(head)"
        text += "archive \(Words.count(Double(queues.archiveLagRecords)))"
        text += " (\(Words.decimals(queues.archiveLagSeconds, 1))s) \(head)"
        text += "delivery \(queues.deliveryBacklog)"
        if let seconds = status.disk.timeToFullSeconds {
            text +=
                " \(head)disk full in \(Words.duration(nanoseconds: seconds &* 1_000_000_000))"
        }
        self.put(text, &screen, 0, row + 1, style)

        let troubles = self.troubles(status)
        if troubles.isEmpty {
            let stages = status.stages.map(\.name).joined(separator: " ")
            self.put(
                " stages   all turn: \(stages)", &screen, 0, row + 2, style)
        } else {
            self.put(
                " stages   " + troubles.joined(separator: ", "), &screen, 0, row + 2,
                Style(.critical, bold: true))
        }
    }

    /// What does not turn, is open or is unreachable, in words.
    private func troubles(_ status: StatusView) -> [String] {
        var troubles: [String] = []
        for stage in status.stages where stage.beatAgeNanoseconds > Self.beatAgeMaxNanoseconds {
            let age = Words.duration(nanoseconds: stage.beatAgeNanoseconds &+ self.lag)
            troubles.append("\(stage.name) NOT TURNING for \(age)")
        }
        if !status.archive.breaker.isEmpty, status.archive.breaker != "closed" {
            troubles.append("archive \(status.archive.store) breaker \(status.archive.breaker)")
        }
        for endpoint in status.endpoints where endpoint.breaker != "closed" {
            troubles.append(
                "endpoint \(endpoint.name) breaker \(endpoint.breaker), \(endpoint.queue) waiting")
        }
        return troubles
    }
}
