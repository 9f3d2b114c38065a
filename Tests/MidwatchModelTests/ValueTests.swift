// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@Suite struct ValueTests {
    @Test func `instants saturate at both ends`() {
        let late = MonotonicInstant(nanoseconds: .max - 1)
        #expect(late.advanced(byNanoseconds: 5) == .distantFuture)
        #expect(MonotonicInstant.zero.nanosecondsSince(late) == 0)
        #expect(late.nanosecondsSince(.zero) == UInt64.max - 1)
    }

    @Test(arguments: [
        (Int64.min, "1677-09-21T00:12:43.145224Z"), (Int64.max, "2262-04-11T23:47:16.854775Z"),
        (4_107_542_399_999_999_999, "2100-02-28T23:59:59.999999Z"),
        (4_107_542_400_000_000_000, "2100-03-01T00:00:00.000000Z"),
        (1_709_164_800_000_000_000, "2024-02-29T00:00:00.000000Z"),
    ])
    func `wall instants print to the ends of their range`(nanoseconds: Int64, text: String) {
        #expect(WallInstant(nanoseconds: nanoseconds).rfc3339 == text)
    }

    @Test(arguments: [
        (Int64(7), Int64(2), Int64(3), Int64(1)), (-7, 2, -4, 1), (-8, 2, -4, 0),
        (Int64.min, 1_000_000_000, -9_223_372_037, 145_224_192),
    ])
    func `quotients round towards minus infinity`(
        value: Int64, divisor: Int64, quotient: Int64, remainder: Int64
    ) {
        let result = value.flooredQuotientAndRemainder(divisor)
        #expect(result.0 == quotient)
        #expect(result.1 == remainder)
    }

    @Test func `words and values are one to one`() {
        #expect(
            AlarmPriority.allCases.compactMap { AlarmPriority(word: $0.word) }
                == AlarmPriority.allCases)
        #expect(
            AlarmState.allCases.compactMap { AlarmState(word: $0.word) }
                == AlarmState.allCases)
        #expect(AlarmKind.allCases.compactMap { AlarmKind(word: $0.word) } == AlarmKind.allCases)
        #expect(AlarmPriority(word: "urgent") == nil)
        #expect(AlarmState(word: "firing") == nil)
        #expect(AlarmKind(word: "") == nil)
        for words in [
            Freshness.allCases.map(\.word), Quality.allCases.map(\.word),
            SourceTimeStatus.allCases.map(\.word), ConditionResult.allCases.map(\.word),
            SensorCriticality.allCases.map(\.word), SupervisionMode.allCases.map(\.word),
        ] {
            #expect(Set(words).count == words.count)
        }
    }

    @Test func `numbers that are stored for ever do not move`() {
        #expect(AlarmKind.allCases.map(\.rawValue) == [0, 1, 2, 3, 4, 5] + Array(16...28))
        #expect(AlarmState.allCases.map(\.rawValue) == [0, 1, 2, 3, 4, 5])
        #expect(AlarmPriority.allCases.map(\.rawValue) == [0, 1, 2, 3])
        #expect(SlotKind.allCases.map(\.rawValue) == Array(0...18))
        #expect(Freshness.allCases.map(\.rawValue) == [0, 1, 2, 3])
        #expect(SourceTimeStatus.allCases.map(\.rawValue) == [0, 1, 2, 3, 4])
        #expect(ReadingFlags.historical.rawValue == 1)
        #expect(ReadingFlags.dualHomed.rawValue == 16)
    }

    @Test(arguments: [
        (ValueKind.float64, (2.5).bitPattern, 2.5), (.int64, UInt64(bitPattern: -3), -3),
        (.mappedState, 4, 4), (.bool, 0, 0), (.bool, 9, 1),
    ])
    func `a slot's number follows its value kind`(kind: ValueKind, bits: UInt64, number: Double) {
        var slot = Slot(reading: 0, of: .none, from: .own, arrival: .zero)
        slot.valueKindRaw = kind.rawValue
        slot.valueBits = bits
        #expect(slot.number == number)
    }

    @Test func `what no version gave out is bad or nothing`() {
        var slot = Slot(reading: 1, of: .none, from: .own, arrival: .zero)
        slot.valueKindRaw = 99
        slot.qualityRaw = 99
        slot.kindRaw = 99
        #expect(slot.number.isNaN)
        #expect(slot.quality == .bad)
        #expect(slot.kind == nil)
    }

    @Test(arguments: [
        ("a/b", true), ("a/+", true), ("+", true), ("#", true), ("a/#", true), ("a/#/b", false),
        ("a/b#", false), ("a/+b", false), ("", false), ("a//b", false), ("a/", false),
        ("a/\u{1}", false), (String(repeating: "x", count: 255), true),
        (String(repeating: "x", count: 256), false),
    ])
    func `templates are well formed`(pattern: String, isWellFormed: Bool) {
        #expect(PathTemplate.isWellFormed(pattern) == isWellFormed)
    }

    @Test(arguments: [
        (AlarmPriority.low, AlarmPriority.low, SensorCriticality.low), (.low, .medium, .normal),
        (.medium, .low, .normal), (.low, .high, .critical), (.critical, .low, .critical),
    ])
    func `criticality is the highest priority among the alarms`(
        stale: AlarmPriority, limit: AlarmPriority, criticality: SensorCriticality
    ) {
        var declaration = SensorDeclaration(pattern: "a", deadlineNanoseconds: 1)
        declaration.stalePriority = stale
        declaration.lowLow = LimitSetting(setpoint: 0, priority: limit)
        #expect(declaration.highestPriority == max(stale, limit))
        #expect(declaration.effectiveCriticality == criticality)
        declaration.criticality = .own
        #expect(declaration.effectiveCriticality == .own)
    }
}
