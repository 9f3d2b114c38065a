// SPDX-License-Identifier: Apache-2.0

/// Faults as people write them: one a line, `SENSOR KIND FROM UNTIL [EVERY]`.
///
/// SENSOR is the number of a sensor from 0 on, or `*/N` for every N-th; KIND is a word of
/// `FaultKind`, with an amount where it has one (`drift=60`, `burst=20`, `clockSkew=-90`); the times
/// are seconds. `#` begins a comment.
package struct FaultScript: Equatable, Sendable {
    /// Lines of a script at most.
    package static let lineCountMax = 10_000

    /// What is wrong with a script.
    package struct Fault: Error, Equatable, Sendable, CustomStringConvertible {
        package var line: Int
        package var reason: String

        package var description: String { "line \(self.line): \(self.reason)" }
    }

    private struct Row: Equatable, Sendable {
        /// The number itself, or each sensor whose number this divides.
        var sensor: Int
        var isEvery: Bool
        var fault: ScriptedFault
    }

    private var rows: [Row] = []

    /// Each tenth sensor misbehaves, each in another way, for half of every minute.
    package static let standard: FaultScript = {
        let kinds: [FaultKind] = [
            .silent, .drift(by: 60), .notANumber, .epochTime, .stuck, .burst(factor: 20),
            .clockSkew(nanoseconds: -90_000_000_000), .outOfOrder, .duplicate,
        ]
        var script = FaultScript()
        script.rows = kinds.enumerated().map { index, kind in
            Row(
                sensor: 10 * (index + 1), isEvery: true,
                fault: ScriptedFault(kind, from: 5, until: 35, every: 60))
        }
        return script
    }()

    private init() {}

    package init(_ text: String) throws(Fault) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            let words = line.prefix { $0 != "#" }.split { $0 == " " || $0 == "\t" || $0 == "\r" }
            guard !words.isEmpty else { continue }
            guard self.rows.count < Self.lineCountMax else {
                throw Fault(line: index + 1, reason: "more than \(Self.lineCountMax) faults")
            }
            do throws(Reason) {
                self.rows.append(try Self.row(words))
            } catch {
                throw Fault(line: index + 1, reason: error.text)
            }
        }
    }

    /// The faults of sensor number `index`.
    package func faults(of index: Int) -> [ScriptedFault] {
        self.rows.filter { row in
            row.isEvery ? index % row.sensor == 0 : index == row.sensor
        }.map(\.fault)
    }

    private struct Reason: Error { var text: String }

    private static func row(_ words: [Substring]) throws(Reason) -> Row {
        guard (4...5).contains(words.count) else {
            throw Reason(text: "expected SENSOR KIND FROM UNTIL [EVERY]")
        }
        let isEvery = words[0].hasPrefix("*/")
        guard let sensor = Int(isEvery ? words[0].dropFirst(2) : words[0]),
            sensor >= (isEvery ? 1 : 0)
        else { throw Reason(text: "\(words[0]) is neither a number nor */N") }
        var times: [Double] = []
        for word in words[2...] {
            guard let time = Double(word), time >= 0 else {
                throw Reason(text: "\(word) is no time in seconds")
            }
            times.append(time)
        }
        guard times[0] < times[1] else { throw Reason(text: "FROM is not before UNTIL") }
        return Row(
            sensor: sensor, isEvery: isEvery,
            fault: ScriptedFault(
                try self.kind(words[1]), from: times[0], until: times[1],
                every: times.count > 2 ? times[2] : 0))
    }

    private static func kind(_ word: Substring) throws(Reason) -> FaultKind {
        let parts = word.split(separator: "=", maxSplits: 1)
        let amount = parts.count > 1 ? Double(parts[1]) : nil
        switch (parts.first, amount) {
        case ("silent", nil): return .silent
        case ("drift", let amount?): return .drift(by: amount)
        case ("notANumber", nil): return .notANumber
        case ("epochTime", nil): return .epochTime
        case ("stuck", nil): return .stuck
        case ("burst", let amount?) where (1...10_000).contains(amount):
            return .burst(factor: Int(amount))
        case ("clockSkew", let amount?) where abs(amount) < 9e9:
            return .clockSkew(nanoseconds: Int64(amount * 1e9))
        case ("outOfOrder", nil): return .outOfOrder
        case ("duplicate", nil): return .duplicate
        default:
            throw Reason(
                text: "\(word) is not one of silent, drift=AMOUNT, notANumber, epochTime, stuck, "
                    + "burst=FACTOR, clockSkew=SECONDS, outOfOrder, duplicate")
        }
    }
}
