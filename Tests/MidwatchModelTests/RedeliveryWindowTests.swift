// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@Suite struct RedeliveryWindowTests {
    private static let small = RedeliveryWindow.Limits(
        publishesPerSource: 4, trackedSources: 3, dualHomedReadings: 16, recordSpan: 100)

    private func publish(
        _ identifier: UInt16, hash: UInt64 = 7, aux: UInt64 = 0, source: UInt32 = 1,
        isDuplicate: Bool = false
    ) -> Slot {
        var slot = Slot(
            reading: 21.5, of: SensorIndex(rawValue: 0), from: SourceIndex(rawValue: source),
            arrival: .zero)
        slot.flags =
            isDuplicate
            ? [.acknowledgedDelivery, .duplicateDelivery]
            : [
                .acknowledgedDelivery
            ]
        slot.packetIdentifier = identifier
        slot.payloadHash = hash
        slot.aux = aux
        return slot
    }

    private func copy(
        _ value: Double, time: Int64, source: UInt32, sensor: UInt32 = 3
    ) -> Slot {
        var slot = Slot(
            reading: value, of: SensorIndex(rawValue: sensor),
            from: SourceIndex(rawValue: source), arrival: .zero, sourceTime: time)
        slot.flags = [.dualHomed]
        return slot
    }

    /// Verdicts of `slots` as records 1, 2, 3 …: true where redelivered.
    private func verdicts(
        _ slots: [Slot], limits: RedeliveryWindow.Limits = Self.small
    ) -> [Bool] {
        var window = RedeliveryWindow(limits: limits)
        return slots.enumerated().map { window.judge($1, n: UInt64($0 + 1)) == .redelivered }
    }

    @Test func `a resend with DUP counts once`() {
        #expect(
            self.verdicts([self.publish(1), self.publish(1, isDuplicate: true)]) == [false, true])
        #expect(
            self.verdicts([
                self.publish(1), self.publish(1, isDuplicate: true),
                self.publish(1, isDuplicate: true),
            ]) == [false, true, true])
    }

    @Test func `the same publish without DUP is a new reading`() {
        #expect(self.verdicts([self.publish(1), self.publish(1)]) == [false, false])
    }

    @Test func `DUP on something never seen is a first delivery`() {
        #expect(
            self.verdicts([
                self.publish(1), self.publish(2, isDuplicate: true),
                self.publish(1, hash: 8, isDuplicate: true),
                self.publish(1, source: 2, isDuplicate: true),
            ]) == [false, false, false, false])
    }

    @Test func `only the last publishes of a source are remembered`() {
        var slots = (1...5).map { self.publish(UInt16($0)) }
        slots.append(self.publish(2, isDuplicate: true))
        slots.append(self.publish(1, isDuplicate: true))
        #expect(self.verdicts(slots).suffix(2) == [true, false])
    }

    @Test func `a resend of a publish that a crash cut delivers the rest`() {
        let first = (0..<3).map { self.publish(1, aux: $0) }
        let resend = (0..<6).map { self.publish(1, aux: $0, isDuplicate: true) }
        let expected = [false, false, false, true, true, true, false, false, false]
        #expect(self.verdicts(first + resend) == expected)
        // A whole publish, a resend cut after two readings, and the resend of that.
        let whole = (0..<4).map { self.publish(1, aux: $0) }
        let cut = (0..<2).map { self.publish(1, aux: $0, isDuplicate: true) }
        let again = (0..<4).map { self.publish(1, aux: $0, isDuplicate: true) }
        #expect(
            self.verdicts(whole + cut + again)
                == Array(repeating: false, count: 4) + Array(repeating: true, count: 6))
    }

    @Test func `a copy further back than the span does not count`() {
        var window = RedeliveryWindow(limits: Self.small)
        #expect(window.judge(self.publish(1), n: 1) == .firstDelivery)
        #expect(window.judge(self.publish(1, isDuplicate: true), n: 102) == .firstDelivery)
        #expect(window.judge(self.copy(1, time: 5, source: 1), n: 103) == .firstDelivery)
        #expect(window.judge(self.copy(1, time: 5, source: 2), n: 203) == .redelivered)
        #expect(window.judge(self.copy(1, time: 5, source: 2), n: 304) == .firstDelivery)
    }

    @Test func `when too many sources publish the one silent for longest is forgotten`() {
        #expect(
            self.verdicts([
                self.publish(1, source: 1), self.publish(1, source: 2), self.publish(1, source: 3),
                self.publish(2, source: 1), self.publish(1, source: 4),
                self.publish(1, source: 1, isDuplicate: true),
                self.publish(1, source: 2, isDuplicate: true),
            ]) == [false, false, false, false, false, true, false])
    }

    @Test func `dual-homed copies count once and only with a source time`() {
        var bare = self.copy(1, time: Slot.noSourceTime, source: 1)
        #expect(self.verdicts([bare, bare]) == [false, false])
        bare.flags = []
        bare.sourceTime = 9
        #expect(self.verdicts([bare, bare]) == [false, false])
        #expect(
            self.verdicts([
                self.copy(1, time: 9, source: 1), self.copy(1, time: 9, source: 2),
                self.copy(2, time: 9, source: 2), self.copy(1, time: 10, source: 2),
                self.copy(1, time: 9, source: 2, sensor: 4),
            ]) == [false, true, false, false, false])
    }

    @Test func `the canary and control records leave no trace`() {
        var canary = self.publish(1)
        canary.flags.insert(.canary)
        let tick = Slot(kind: .tick, arrival: .zero)
        #expect(
            self.verdicts([canary, tick, self.publish(1, isDuplicate: true)])
                == [false, false, false])
    }

    @Test func `a source number outside the table is never tracked`() {
        let stray = self.publish(1, source: UInt32.max)
        var again = stray
        again.flags.insert(.duplicateDelivery)
        #expect(self.verdicts([stray, again]) == [false, false])
    }

    /// The promise that restarting rests on: a window fed the records before a cursor agrees, from
    /// the cursor on, with one that saw everything.
    @Test(arguments: UInt64(1)...24)
    func `a window rebuilt at a cursor agrees with one that saw everything`(seed: UInt64) {
        var random = Xorshift(seed: seed)
        let limits = RedeliveryWindow.Limits(
            publishesPerSource: 3, trackedSources: 2, dualHomedReadings: 8, recordSpan: 40)
        var slots: [Slot] = []
        while slots.count < 9_000 {
            let source = UInt32(random.below(3)) + 1
            if random.below(4) == 0 {
                slots.append(
                    self.copy(
                        Double(random.below(2)), time: Int64(random.below(4)), source: source,
                        sensor: UInt32(random.below(4))))
                continue
            }
            let identifier = UInt16(random.below(4))
            let isDuplicate = random.below(2) == 0
            for aux in 0..<random.below(4) + 1 {
                slots.append(
                    self.publish(
                        identifier, hash: 1, aux: aux, source: source, isDuplicate: isDuplicate))
            }
        }
        var whole = RedeliveryWindow(limits: limits)
        let expected = slots.enumerated().map { whole.judge($1, n: UInt64($0)) }
        #expect(expected.contains(.redelivered) && expected.contains(.firstDelivery))
        for _ in 0..<20 {
            let cursor = 4_500 + Int(random.below(4_000))
            var rebuilt = RedeliveryWindow(limits: limits)
            for n in cursor - Int(rebuilt.rereadRecords)..<cursor {
                _ = rebuilt.judge(slots[n], n: UInt64(n))
            }
            for n in cursor..<min(cursor + 300, slots.count) {
                #expect(rebuilt.judge(slots[n], n: UInt64(n)) == expected[n], "record \(n)")
            }
        }
    }
}

private struct Xorshift {
    var state: UInt64

    init(seed: UInt64) { self.state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

    mutating func below(_ bound: UInt64) -> UInt64 {
        self.state ^= self.state << 13
        self.state ^= self.state >> 7
        self.state ^= self.state << 17
        return self.state % bound
    }
}
