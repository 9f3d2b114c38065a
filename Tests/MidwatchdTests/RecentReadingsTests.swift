// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@testable import midwatchd

/// The last readings of every sensor, as an alert shows them.
@Suite struct RecentReadingsTests {
    private func slot(_ value: Double, of sensor: UInt32, at second: UInt64) -> Slot {
        Slot(
            reading: value, of: SensorIndex(rawValue: sensor), from: SourceIndex(rawValue: 1),
            arrival: MonotonicInstant(nanoseconds: second * 1_000_000_000))
    }

    private func extract(_ recent: borrowing RecentReadings, _ sensor: UInt32) -> ReadingHistory? {
        recent.extract(of: SensorIndex(rawValue: sensor)) {
            WallInstant(nanoseconds: Int64($0.nanoseconds) + 7)
        }
    }

    @Test func `the newest are kept, oldest first, each sensor for itself`() throws {
        var recent = RecentReadings()
        for second in 1...50 as ClosedRange<UInt64> {
            recent.note(self.slot(Double(second), of: 3, at: second))
            recent.note(self.slot(-Double(second), of: 2_000, at: second))
        }
        recent.note(self.slot(5, of: 4, at: 9))
        let (third, far, fourth) = (
            self.extract(recent, 3), self.extract(recent, 2_000), self.extract(recent, 4)
        )
        let (fifth, none) = (self.extract(recent, 5), self.extract(recent, 100_000))
        let history = try #require(third)
        #expect(history.readings.map(\.value) == (31...50).map(Double.init))
        #expect(history.readings.first?.at.nanoseconds == 31_000_000_007)
        #expect(far?.readings.last?.value == -50)
        #expect(fourth?.readings.map(\.value) == [5])
        #expect(fifth == nil)
        #expect(none == nil)
    }

    @Test func `the last good value outlives what came after it`() throws {
        var recent = RecentReadings()
        recent.note(self.slot(42, of: 1, at: 1))
        for second in 2...40 as ClosedRange<UInt64> {
            var bad = self.slot(second % 2 == 0 ? .nan : 99, of: 1, at: second)
            bad.qualityRaw = Quality.bad.rawValue
            recent.note(bad)
        }
        let found = self.extract(recent, 1)
        let history = try #require(found)
        #expect(history.lastGood?.value == 42)
        #expect(history.lastGood?.arrival.nanoseconds == 1_000_000_000)
        #expect(history.readings.allSatisfy { $0.quality == .bad })
        #expect(history.readings.count == RecentReadings.depth)
    }

    @Test func `values of every kind come back as numbers`() throws {
        var recent = RecentReadings()
        for (kind, bits, expected) in [
            (ValueKind.int64, UInt64(bitPattern: -7), -7.0), (.bool, 1, 1), (.mappedState, 3, 3),
        ] {
            var slot = self.slot(0, of: 1, at: 1)
            slot.valueKindRaw = kind.rawValue
            slot.valueBits = bits
            recent.note(slot)
            let value = self.extract(recent, 1)?.readings.last?.value
            #expect(value == expected)
        }
    }

    @Test func `history and sensors beyond the bound leave no trace`() {
        var recent = RecentReadings()
        var late = self.slot(1, of: 1, at: 1)
        late.flags = .historical
        recent.note(late)
        let first = self.extract(recent, 1)
        #expect(first == nil)
        let beyond = UInt32(RecentReadings.sensorCountMax)
        recent.note(self.slot(1, of: beyond, at: 1))
        let last = self.extract(recent, beyond)
        #expect(last == nil)
    }
}
