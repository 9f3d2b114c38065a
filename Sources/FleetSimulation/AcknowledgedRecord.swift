// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Which readings a server acknowledged, per client: what a crash test compares with the table.
///
/// Sequence numbers are kept as ranges: acknowledgements come nearly in order, so memory stays
/// small however long the run.
package struct AcknowledgedRecord: Equatable, Sendable {
    private var ranges: [[ClosedRange<UInt64>]]

    package init(clients: Int) {
        self.ranges = [[ClosedRange<UInt64>]](repeating: [], count: clients)
    }

    /// Clients of the run.
    package var clientCount: Int { self.ranges.count }

    /// Acknowledged readings of all clients.
    package var count: UInt64 {
        self.ranges.reduce(0) { sum, ranges in ranges.reduce(sum) { $0 + UInt64($1.count) } }
    }

    /// Notes that the server acknowledged reading `sequence` of `client`.
    package mutating func add(client: Int, sequence: UInt64) {
        if let last = self.ranges[client].last, last.upperBound + 1 == sequence {
            let count = self.ranges[client].count
            self.ranges[client][count - 1] = last.lowerBound...sequence
        } else {
            self.ranges[client].append(sequence...sequence)
        }
    }

    /// The acknowledged sequence numbers of `client`, ascending, joined, without overlap.
    package func acknowledged(client: Int) -> [ClosedRange<UInt64>] {
        var joined: [ClosedRange<UInt64>] = []
        for range in self.ranges[client].sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = joined.last, range.lowerBound <= last.upperBound + 1 {
                joined[joined.count - 1] =
                    last.lowerBound...max(last.upperBound, range.upperBound)
            } else {
                joined.append(range)
            }
        }
        return joined
    }

    /// The record as text: one line `client first last` for each range.
    package var text: String {
        self.ranges.indices.map { client in
            self.acknowledged(client: client).map {
                "\(client) \($0.lowerBound) \($0.upperBound)\n"
            }.joined()
        }.joined()
    }

    /// Writes `text` to a new file.
    package func write(to path: String) throws(FleetError) {
        let file = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw .system(call: "open", code: errno) }
        defer { close(file) }
        let bytes = Array(self.text.utf8)
        var offset = 0
        while offset < bytes.count {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe Glibc.write(
                    file, $0.baseAddress.map { unsafe $0 + offset }, $0.count - offset)
            }
            guard count > 0 else { throw .system(call: "write", code: errno) }
            offset += count
        }
    }
}
