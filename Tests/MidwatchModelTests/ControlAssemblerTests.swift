// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@Suite struct ControlAssemblerTests {
    private func record(_ kind: SlotKind, _ text: String) -> [Slot] {
        var head = Slot(kind: kind, arrival: MonotonicInstant(nanoseconds: 5))
        head.sensor = SensorIndex(rawValue: 3)
        return ControlRecord.slots(head: head, payload: Array(text.utf8))
    }

    private let long = String(repeating: "0123456789", count: 20)

    /// What the assembler made of `slots`, numbered from 0: number of the head and payload.
    private func assemble(_ slots: [Slot]) -> [(n: UInt64, text: String)] {
        var assembler = ControlAssembler()
        return slots.enumerated().compactMap { offset, slot in
            assembler.push(slot, n: UInt64(offset)).map {
                ($0.n, String(decoding: $0.payload, as: UTF8.self))
            }
        }
    }

    @Test func `records follow each other`() {
        let slots =
            self.record(.registerSensor, self.long) + self.record(.command, "")
            + self.record(.registerSource, "x")
        let whole = self.assemble(slots)
        #expect(whole.map(\.n) == [0, 6, 7])
        #expect(whole.map(\.text) == [self.long, "", "x"])
    }

    @Test func `a continuation without a head is dropped`() {
        let slots =
            Array(self.record(.registerSensor, self.long).dropFirst())
            + self.record(.registerSensor, "ok")
        #expect(self.assemble(slots).map(\.text) == ["ok"])
    }

    @Test func `a head inside an unfinished record drops what was pending`() {
        let slots =
            Array(self.record(.registerSensor, self.long).dropLast())
            + self.record(.registerSensor, "ok")
        let whole = self.assemble(slots)
        #expect(whole.map(\.text) == ["ok"])
        #expect(whole.map(\.n) == [5])
    }

    @Test func `a payload longer than any record has is refused`() {
        var head = Slot(kind: .command, arrival: .zero)
        for count in [UInt64(SystemLimits.controlPayloadBytesMax) + 1, .max] {
            head.payloadHash = count
            var assembler = ControlAssembler()
            #expect(assembler.push(head, n: 1)?.n == nil)
            #expect(!assembler.isMidRecord)
        }
    }

    @Test func `the assembler knows whether it is inside a record`() {
        var assembler = ControlAssembler()
        let slots = self.record(.registerSensor, self.long)
        for (offset, slot) in slots.enumerated() {
            _ = assembler.push(slot, n: UInt64(offset))
            #expect(assembler.isMidRecord == (offset < slots.count - 1))
        }
    }

    @Test func `a continuation keeps the fields that say what it is`() {
        let slots = self.record(.registerSensor, String(repeating: "\u{7F}", count: 48))
        #expect(slots.count == 2)
        #expect(slots[1].kind == .continuation)
        #expect(slots[1].sensor == SensorIndex.none)
        #expect(slots[0].payloadHash == 48)
    }
}
