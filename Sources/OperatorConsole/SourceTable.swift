// SPDX-License-Identifier: Apache-2.0

/// What one source sent and what became of it, since the daemon started.
package struct SourceCounts: Equatable, Sendable {
    package var name: String
    package var received: UInt64 = 0
    package var accepted: UInt64 = 0
    package var shed: UInt64 = 0
    package var rejected: UInt64 = 0
    package var linesRejected: UInt64 = 0
    /// Rows in the archive, of earlier runs too.
    package var stored: UInt64 = 0
    /// Readings received per second, over the time between two looks; nil after one.
    package var rate: Double?

    package init(name: String) { self.name = name }
}

/// Sources as a table for people.
package enum SourceTable {
    package static func text(_ sources: [SourceCounts], columns: Int?) -> String {
        var table = TextTable(
            titles: [
                "SOURCE", "PER S", "RECEIVED", "ACCEPTED", "SHED", "REJECTED", "LINES REFUSED",
                "STORED",
            ],
            flexible: 0, rightAligned: [1, 2, 3, 4, 5, 6, 7], paths: [0], spare: [6, 1, 7])
        for source in sources {
            table.add([
                source.name, source.rate.map { "\(Int($0.rounded()))" } ?? "-",
                "\(source.received)", "\(source.accepted)", "\(source.shed)",
                "\(source.rejected)", "\(source.linesRejected)", "\(source.stored)",
            ])
        }
        return table.text(columns: columns)
    }
}
