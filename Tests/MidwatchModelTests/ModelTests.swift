// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@Suite struct ModelTests {
    @Test func `a slot and a journal record are 64 bytes`() {
        #expect(MemoryLayout<Slot>.size == Slot.byteCount)
        #expect(MemoryLayout<Slot>.stride == Slot.byteCount)
        #expect(MemoryLayout<Slot>.offset(of: \.valueBits) == 16)
        #expect(MemoryLayout<Slot>.offset(of: \.arrival) == 32)
        #expect(MemoryLayout<Slot>.offset(of: \.payloadHash) == 48)
        #expect(MemoryLayout<Slot>.offset(of: \.aux) == 56)
    }

    @Test(arguments: [0, 1, 47, 48, 49, 96, 255, 3_072])
    func `a control payload survives its slots`(count: Int) {
        let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ 7) }
        let head = Slot(kind: .registerSensor, arrival: MonotonicInstant(nanoseconds: 9))
        let slots = ControlRecord.slots(head: head, payload: payload)
        #expect(slots.count == ControlRecord.slotCount(payloadBytes: count))
        var assembler = ControlAssembler()
        var whole: [ControlAssembler.Record] = []
        for (offset, slot) in slots.enumerated() {
            if let record = assembler.push(slot, n: UInt64(100 + offset)) { whole.append(record) }
        }
        #expect(whole.count == 1)
        #expect(whole.first?.payload == payload)
        #expect(whole.first?.n == 100)
    }

    @Test(arguments: [
        ("a/b", true), ("a", true), ("", false), ("/a", false), ("a/", false), ("a//b", false),
        ("a/+", false), ("a#", false), ("a\u{7}", false), ("caf\u{e9}/t", true),
    ])
    func `sensor paths`(path: String, isAccepted: Bool) {
        #expect((SensorID(path) != nil) == isAccepted)
    }

    @Test(arguments: [
        ("a/#", "a/b/c", true), ("a/#", "ab", false), ("a/+", "a/b", true), ("a/+", "a/b/c", false),
        ("+/+", "a/b", true), ("a/b", "a/b", true), ("a/b", "a/c", false), ("#", "x", true),
        ("a/+/c", "a/b/c", true), ("a/+/c", "a/b", false),
    ])
    func `templates match as MQTT filters do`(pattern: String, path: String, expected: Bool) {
        #expect(PathTemplate.matches(pattern, path) == expected)
    }

    @Test(arguments: [
        (0, "1970-01-01T00:00:00.000000Z"),
        (1_763_683_200_123_456_789, "2025-11-21T00:00:00.123456Z"),
        (-1_000, "1969-12-31T23:59:59.999999Z"),
        (951_782_400_000_000_000, "2000-02-29T00:00:00.000000Z"),
    ])
    func `wall instants print as RFC 3339`(nanoseconds: Int64, text: String) {
        #expect(WallInstant(nanoseconds: nanoseconds).rfc3339 == text)
    }

    @Test func `a journal id survives its text`() {
        let id = JournalID(high: 0x0123_4567_89ab_cdef, low: 0x0fed_cba9_8765_4321)
        #expect(JournalID(id.description) == id)
        #expect(id.description.count == 36)
        #expect(JournalID("zz") == nil)
    }

    @Test func `positions order by epoch, then number`() {
        #expect(Position(epoch: 1, n: 9) < Position(epoch: 2, n: 0))
        #expect(Position(epoch: 1, n: 1) < Position(epoch: 1, n: 2))
    }
}
