// SPDX-License-Identifier: Apache-2.0

internal import JSONText
internal import Journal
internal import MidwatchModel

/// Holds the access log to what the ledger says of its head.
///
/// The daemon puts number and hash of the last record into the ledger daily and at a stop. A log
/// that was written anew has a whole chain of its own, and other hashes at those places.
struct AccessLogAnchors {
    /// What the ledger says.
    private struct Anchor {
        var record: UInt64
        var hash: String
    }

    /// The newest anchors are looked at; older ones lie before the bound of the log.
    private static let anchorCountMax = 4_096

    /// Anchors that the log still reaches, all of them found true before `fault`.
    private(set) var checkedCount = 0
    /// The first record that is not what the ledger says.
    private(set) var fault: (record: UInt64, reason: String)?

    /// Compares the two; lines behind damage, which the audit names, are not looked at.
    init(ledger: String, accessLog: String) {
        let anchors = Self.anchors(in: ledger)
        guard let newest = anchors.last else { return }
        // Numbers only grow, unless somebody began the log anew.
        if let (before, after) = zip(anchors, anchors.dropFirst()).first(where: {
            $1.record < $0.record
        }) {
            self.fault = (
                after.record, "it began anew: the ledger knew records up to \(before.record)"
            )
            return
        }
        var next = anchors.startIndex
        var last: UInt64 = 0
        var isBroken = false
        let reader = Self.begin(accessLog)
        while !isBroken, next < anchors.endIndex {
            do throws(LedgerError) {
                guard let line = try reader.next(through: newest.record) else { break }
                if last == 0 {
                    next = anchors.firstIndex { $0.record >= line.n } ?? anchors.endIndex
                }
                last = line.n
                while next < anchors.endIndex, anchors[next].record == line.n {
                    guard anchors[next].hash == HexDigits.text(line.hash) else {
                        self.fault = (line.n, "the ledger has another hash for it")
                        return
                    }
                    self.checkedCount += 1
                    next += 1
                }
            } catch {
                isBroken = true
            }
        }
        if !isBroken, last < newest.record {
            self.fault = (
                last + 1, "it is missing: the ledger knows records up to \(newest.record)"
            )
        }
    }

    /// A reader at the oldest line that is kept.
    private static func begin(_ folder: String) -> LedgerReader {
        do throws(LedgerError) {
            _ = try LedgerReader(directory: folder).next()
        } catch {
            // Anything else the audit names.
            if case .lineTooOld(let oldest) = error {
                return LedgerReader(directory: folder, fromLine: oldest)
            }
        }
        return LedgerReader(directory: folder)
    }

    private static func anchors(in ledger: String) -> [Anchor] {
        var anchors: [Anchor] = []
        let reader = LedgerReader(directory: ledger)
        while let line = try? reader.next() {
            guard let body = try? JSONValue(parsing: line.body.span),
                body["kind"]?.string == "accessLogAnchored",
                let record = body["record"]?.double.flatMap({ UInt64(exactly: $0) }),
                let hash = body["hash"]?.string
            else { continue }
            anchors.append(Anchor(record: record, hash: hash))
            if anchors.count > Self.anchorCountMax { anchors.removeFirst() }
        }
        return anchors
    }
}
