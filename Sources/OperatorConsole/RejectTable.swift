// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel
package import OperatorViews

/// Refused input as a table for people, newest first.
package enum RejectTable {
    package static func text(
        _ rejects: [RejectView], columns: Int?, time: (WallInstant) -> String = Words.dateAndTime
    ) -> String {
        var table = TextTable(
            titles: ["TIME", "SOURCE", "TOPIC", "CAUSE", "AT", "BYTES", "INPUT"], flexible: 6,
            rightAligned: [4, 5], paths: [1, 2], spare: [5, 4])
        for reject in rejects {
            let detail = reject.detail.isEmpty ? "" : " (\(reject.detail))"
            table.add([
                time(reject.time), reject.source.isEmpty ? reject.listener : reject.source,
                reject.topic, reject.cause + detail, reject.offset.map { "\($0)" } ?? "",
                "\(reject.inputBytes)", reject.excerpt,
            ])
        }
        return table.text(columns: columns)
    }
}
