// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import ReadingRing
import Testing

@testable import Ingest

@Suite struct RegistryTests {
    private func sensors(
        ring: ReadingRing, restored: [String] = [], undeclaredMax: Int = 2
    ) -> SensorRegistry {
        SensorRegistry(
            restored: restored, undeclaredMax: undeclaredMax, ring: ring, clock: .fixed,
            classify: { sensor in
                sensor.path.hasPrefix("declared/")
                    ? SensorClass(isDeclared: true, criticality: .critical)
                    : SensorClass(isDeclared: false, criticality: .low)
            })
    }

    @Test func `a new path gets the next index and its record is in the ring first`() throws {
        let ring = ReadingRing(capacity: 64, firstSequence: 100)
        let registry = self.sensors(ring: ring, restored: ["declared/a", "b"])
        let source = SourceIndex(rawValue: 7)
        let path = Array("declared/tunnel/west/fan-03/vibration/axis-x/long-enough".utf8)
        #expect(
            registry.resolve(path.span, from: source)
                == .known(SensorIndex(rawValue: 2), .critical))
        // Again: the same index and no second record.
        #expect(
            registry.resolve(path.span, from: source)
                == .known(SensorIndex(rawValue: 2), .critical))
        #expect(
            registry.resolve(Array("b".utf8).span, from: source)
                == .known(SensorIndex(rawValue: 1), .low))
        let records = TestRing.controlRecords(in: ring)
        #expect(records.count == 1)
        let record = try #require(records.first)
        #expect(record.n == 100)
        #expect(record.head.kind == .registerSensor)
        #expect(record.head.sensor == SensorIndex(rawValue: 2))
        #expect(record.head.source == source)
        #expect(record.payload == path)
        #expect(registry.paths.count == 3)
    }

    @Test func `undeclared sensors are taken up to the limit and then refused`() {
        let ring = ReadingRing(capacity: 64, firstSequence: 0)
        let registry = self.sensors(ring: ring, restored: ["old"], undeclaredMax: 2)
        func resolve(_ path: String) -> SensorRegistry.Resolution {
            registry.resolve(Array(path.utf8).span, from: .own)
        }
        #expect(resolve("new") == .known(SensorIndex(rawValue: 1), .low))
        #expect(resolve("newer") == .rejected(.undeclaredLimit))
        #expect(resolve("old") == .known(SensorIndex(rawValue: 0), .low))
        #expect(resolve("declared/x") == .known(SensorIndex(rawValue: 2), .critical))
        #expect(resolve("a//b") == .rejected(.malformedPath))
        #expect(resolve("a/+") == .rejected(.malformedPath))
        let samples = registry.metrics()
        #expect(samples.contains { $0.labels.first?.value == "undeclaredLimit" && $0.value == 1 })
        #expect(samples.contains { $0.labels.first?.value == "malformedPath" && $0.value == 2 })
    }

    @Test func `nobody registers an undeclared path that is kept for Midwatch itself`() {
        let ring = ReadingRing(capacity: 64, firstSequence: 0)
        let registry = SensorRegistry(
            restored: [], undeclaredMax: 2, ring: ring, clock: .fixed,
            classify: { SensorClass(isDeclared: $0.path == "midwatch/a/up", criticality: .own) })
        let (known, other) = (Array("midwatch/a/up".utf8), Array("midwatch/a/forged".utf8))
        #expect(registry.resolve(other.span, from: .own) == .rejected(.reservedPath))
        #expect(registry.resolve(known.span, from: .own) == .known(SensorIndex(rawValue: 0), .own))
        #expect(registry.count == 1)
    }

    @Test func `bytes that are no UTF-8 are no path`() {
        let ring = ReadingRing(capacity: 64, firstSequence: 0)
        let registry = self.sensors(ring: ring)
        let bytes: [UInt8] = [0x61, 0xC0, 0x80]
        #expect(registry.resolve(bytes.span, from: .own) == .rejected(.malformedPath))
    }

    @Test func `a refused record registers nothing`() {
        let ring = ReadingRing(capacity: 64, firstSequence: 0)
        TestRing.fill(ring)
        let registry = self.sensors(ring: ring)
        let path = Array("declared/a".utf8)
        #expect(registry.resolve(path.span, from: .own) == .ringFull(.critical))
        #expect(registry.count == 0)
        TestRing.drain(ring)
        #expect(
            registry.resolve(path.span, from: .own) == .known(SensorIndex(rawValue: 0), .critical))
    }

    @Test func `a new configuration classifies known sensors again`() {
        let ring = ReadingRing(capacity: 64, firstSequence: 0)
        let registry = self.sensors(ring: ring, restored: ["a"])
        let before = registry.revision
        registry.reclassify { _ in SensorClass(isDeclared: true, criticality: .normal) }
        #expect(registry.revision == before + 1)
        #expect(
            registry.resolve(Array("a".utf8).span, from: .own)
                == .known(SensorIndex(rawValue: 0), .normal))
    }

    @Test func `sources count from one and say what they are behind`() throws {
        let ring = ReadingRing(capacity: 64, firstSequence: 0)
        let registry = SourceRegistry(restored: ["udp/a"], ring: ring, clock: .fixed)
        let listener = SourceIndex(rawValue: 1)
        #expect(registry.resolve("udp/a", origin: .configured) == .known(listener))
        let sender = SourceIndex(rawValue: 2)
        #expect(
            registry.resolve("udp/a/192.0.2.1", behind: listener, origin: .discovered)
                == .known(sender))
        #expect(registry.name(of: sender) == "udp/a/192.0.2.1")
        #expect(registry.name(of: .own) == "midwatch")
        #expect(registry.name(of: SourceIndex(rawValue: 3)) == nil)
        let record = try #require(TestRing.controlRecords(in: ring).first)
        #expect(record.head.kind == .registerSource)
        #expect(record.head.source == sender)
        #expect(record.head.signedValue == 1)
        #expect(record.payload == Array("udp/a/192.0.2.1".utf8))
        let long = String(repeating: "x", count: SystemLimits.sourceNameBytesMax + 1)
        #expect(registry.resolve(long, origin: .discovered) == .rejected(.malformedName))
        #expect(registry.resolve("", origin: .discovered) == .rejected(.malformedName))
    }

    @Test func `discovered sources leave room for configured ones`() {
        let ring = ReadingRing(capacity: 64, firstSequence: 0)
        let full = SystemLimits.sourceCountMax - SourceRegistry.configuredReserve - 1
        let registry = SourceRegistry(
            restored: (0..<full).map { "s\($0)" }, ring: ring, clock: .fixed)
        #expect(registry.resolve("client", origin: .discovered) == .rejected(.sourceLimit))
        #expect(
            registry.resolve("listener", origin: .configured)
                == .known(SourceIndex(rawValue: UInt32(full) + 1)))
    }

    @Test func `the reject log keeps the last entries, cut to their first bytes`() {
        let log = RejectLog()
        for number in 0..<70 {
            let input = [UInt8](repeating: UInt8(number), count: 200)
            let topic = [UInt8](repeating: UInt8(ascii: "t"), count: 200)
            log.append(
                at: .zero, source: .own, cause: RejectLog.Cause("c\(number)", offset: number),
                topic: topic.span, input: input.span)
        }
        let entries = log.entries
        #expect(entries.count == RejectLog.entryCountMax)
        #expect(entries.first?.cause == "c6")
        #expect(entries.last?.cause == "c69")
        #expect(entries.last?.number == 70)
        #expect(entries.last?.offset == 69)
        #expect(entries.last?.inputBytes == 200)
        #expect(entries.last?.topic.count == RejectLog.topicBytesMax)
        #expect(
            entries.last?.excerpt
                == [UInt8](repeating: 69, count: RejectLog.excerptBytesMax))
    }

    @Test func `refused bytes are shown as text that changes nothing on a terminal`() {
        let bytes: [UInt8] = [0x61, 0x0A, 0x0D, 0x09, 0x5C, 0x1B, 0x5B, 0x7F, 0xC3, 0xA4, 0]
        #expect(RejectLog.escaped(bytes) == #"a\n\r\t\\\x1b[\x7f\xc3\xa4\x00"#)
    }

    @Test func `the rejection rate speaks of the last minute`() {
        var rate = RejectionRate()
        var totals = RejectionTotals()
        func at(_ seconds: UInt64) -> MonotonicInstant {
            MonotonicInstant(nanoseconds: seconds * 1_000_000_000)
        }
        rate.update(totals, at: at(100))
        #expect(rate.rejectedPerMinute == 0)
        for second in UInt64(101)...220 {
            totals.received += 9
            totals.rejected += 1
            rate.update(totals, at: at(second))
            if second == 130 { #expect(rate.rejectedPerMinute == 30) }
        }
        #expect((58...62).contains(rate.rejectedPerMinute))
        #expect((0.099...0.101).contains(rate.rejectedShare))
        #expect(rate.unusualShare == rate.rejectedShare)
        for second in UInt64(221)...290 { rate.update(totals, at: at(second)) }
        #expect(rate.rejectedPerMinute == 0)
        #expect(rate.rejectedShare == 0)
        // One of two is half, but a typing error.
        totals.received += 1
        totals.rejected += 1
        rate.update(totals, at: at(290))
        #expect(rate.rejectedShare == 0.5 && rate.unusualShare == 0)
        // Totals that begin anew are no flood.
        rate.update(RejectionTotals(), at: at(291))
        #expect(rate.rejectedPerMinute == 0)
    }
}
