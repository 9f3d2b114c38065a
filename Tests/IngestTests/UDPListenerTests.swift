// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import Logging
import MidwatchModel
import ReadingRing
import Synchronization
import TelemetryWire
import Testing

@testable import Ingest

/// A listener on loopback with a ring of its own, and a socket that sends to it.
private final class UDPWorld: Sendable {
    let ring: ReadingRing
    let sensors: SensorRegistry
    let sources: SourceRegistry
    let listener: UDPListener
    let sender: Int32

    init(
        capacity: Int = 4_096, undeclaredMax: Int = 1_000,
        configure: (inout UDPListener.Configuration) -> Void = { _ in }
    ) throws {
        let ring = ReadingRing(capacity: capacity, firstSequence: 0)
        self.ring = ring
        self.sensors = SensorRegistry(
            restored: [], undeclaredMax: undeclaredMax, ring: ring, clock: .system,
            classify: { sensor in
                switch sensor.path.split(separator: "/").first {
                case "low": SensorClass(isDeclared: true, criticality: .low)
                case "critical": SensorClass(isDeclared: true, criticality: .critical)
                case "midwatch": SensorClass(isDeclared: true, criticality: .own)
                default: SensorClass(isDeclared: false, criticality: .normal)
                }
            })
        self.sources = SourceRegistry(restored: [], ring: ring, clock: .system)
        var configuration = UDPListener.Configuration(
            name: "udp/test", address: "127.0.0.1", port: 0)
        configuration.napNanoseconds = 100_000
        configure(&configuration)
        guard case .known(let source) = self.sources.resolve("udp/test", origin: .configured)
        else { throw SocketError.exhausted(what: "test source") }
        self.listener = try UDPListener(
            configuration, source: source,
            services: IngestServices(
                ring: ring, sensors: self.sensors, sources: self.sources, clock: .system),
            progress: .standalone(), logger: .quiet)
        let port = self.listener.port
        self.sender = unsafe "127.0.0.1".withCString {
            unsafe clinux_udp_connect($0, port)
        }
    }

    deinit { close(self.sender) }

    func send(_ text: String) {
        let bytes = Array(text.utf8)
        let sent = unsafe bytes.withUnsafeBytes {
            unsafe Glibc.send(self.sender, $0.baseAddress, $0.count, 0)
        }
        #expect(sent == bytes.count)
    }

    /// Starts, waits until so many datagrams were taken, stops.
    func run(until datagramCount: UInt64, _ body: () -> Void = {}) throws {
        try self.listener.start()
        body()
        #expect(eventually { self.listener[.datagramsReceived] >= datagramCount })
        self.listener.stop()
        self.expectBalance()
    }

    /// received = accepted + shed + rejected, for readings and for lines, in all and per sender.
    func expectBalance() {
        let shed =
            self.listener[.readingsShedLow] + self.listener[.readingsShedNormal]
            + self.listener[.readingsShedCritical]
        #expect(
            self.listener[.readingsReceived]
                == self.listener[.readingsAccepted] + shed + self.listener[.readingsRejected])
        var sums: [String: Double] = [:]
        for sample in self.sources.metrics() where sample.labels.first?.name == "source" {
            sums[sample.labels[1].value, default: 0] += sample.value
        }
        #expect(sums["received"] == Double(self.listener[.readingsReceived]))
        #expect(sums["accepted"] == Double(self.listener[.readingsAccepted]))
        #expect(sums["shed"] == Double(shed))
        #expect(sums["rejected"] == Double(self.listener[.readingsRejected]))
        #expect(sums["linesRejected"] == Double(self.listener[.linesRejected]))
    }

    var readings: [Slot] { TestRing.peek(self.ring).filter { $0.kind == .reading } }

    func index(_ path: String) -> SensorIndex? {
        self.sensors.paths.firstIndex(of: path).map { SensorIndex(rawValue: UInt32($0)) }
    }
}

@Suite struct UDPListenerTests {
    @Test(arguments: [true, false])
    func `of the copies that two ways bring one counts, if the listener says so`(isDualHomed: Bool)
        throws
    {
        let world = try UDPWorld { $0.isDualHomed = isDualHomed }
        // By two ways, then the next reading, then one without a time, which has no copies.
        for line in ["a value=1 5", "a value=1 5", "a value=1 6", "a value=2 6", "a value=1"] {
            world.send(line)
        }
        world.send("a value=1")
        try world.run(until: 6)
        var window = RedeliveryWindow(
            limits: RedeliveryWindow.Limits(trackedSources: 4, dualHomedReadings: 16))
        var verdicts: [Bool] = []
        for (n, slot) in world.readings.enumerated() {
            #expect(slot.flags == (isDualHomed ? .dualHomed : []))
            if case .redelivered = window.judge(slot, n: UInt64(n + 1)) {
                verdicts.append(true)
            } else {
                verdicts.append(false)
            }
        }
        #expect(verdicts == [false, isDualHomed, false, false, false, false])
    }

    @Test func `readings of good lines reach the ring with time, source and kind`() throws {
        let world = try UDPWorld { $0.timeUnit = .milliseconds }
        let before = clinux_boottime_ns()
        world.send(
            "pump,site=west pressure=4.5,count=7i,on=true 1700000000123\n# note\n\nfan value=1")
        try world.run(until: 1)
        let readings = world.readings
        try #require(readings.count == 4)
        #expect(
            world.sensors.paths == ["pump/west/pressure", "pump/west/count", "pump/west/on", "fan"])
        #expect(readings.map(\.number) == [4.5, 7, 1, 1])
        #expect(readings.map(\.valueKind) == [.float64, .int64, .bool, .float64])
        #expect(readings.map(\.sensor.rawValue) == [0, 1, 2, 3])
        #expect(readings.map(\.aux) == [0, 1, 2, 3])
        #expect(readings[0].sourceTime == 1_700_000_000_123_000_000)
        #expect(readings[3].sourceTime == Slot.noSourceTime)
        let now = clinux_boottime_ns()
        for reading in readings {
            #expect(reading.arrival.nanoseconds >= before && reading.arrival.nanoseconds <= now)
            #expect(world.sources.name(of: reading.source) == "udp/test/127.0.0.1")
            #expect(reading.criticalityRaw == SensorCriticality.normal.rawValue)
        }
        // Registrations stand before the readings that use them.
        let slots = TestRing.peek(world.ring)
        let lastRegistration = try #require(slots.lastIndex { $0.kind == .registerSensor })
        let firstReading = try #require(slots.firstIndex { $0.kind == .reading })
        #expect(lastRegistration < firstReading)
        #expect(world.listener[.stampsNotBelieved] == 0)
    }

    @Test func `bad lines are refused one by one and the good ones between them taken`() throws {
        let world = try UDPWorld()
        world.send("a value=1\nbroken\nb value=x\nc value=3\nd text=\"words\"\ne v=1,v=2\n")
        try world.run(until: 1)
        #expect(world.listener[.linesReceived] == 6)
        #expect(world.listener[.linesRejected] == 2)
        #expect(world.readings.map(\.number) == [1, 3, 2])
        #expect(world.listener[.readingsReceived] == 5)
        #expect(world.listener[.readingsRejected] == 2)
        #expect(world.listener.rejections[.textValue] == 1)
        #expect(world.listener.rejections[.duplicateField] == 1)
        let causes = world.listener.rejects.entries.map(\.cause)
        #expect(causes == ["noField", "malformedNumber", "textValue", "duplicateField"])
        #expect(world.listener.rejects.entries.first?.excerpt == Array("broken".utf8))
    }

    @Test func `a value that is not a number arrives as one of quality bad`() throws {
        let world = try UDPWorld()
        world.send("a value=nan\n")
        try world.run(until: 1)
        let reading = try #require(world.readings.first)
        #expect(reading.quality == .bad)
        #expect(reading.number.isNaN)
    }

    @Test func `a full ring sheds by class, counts it and records the loss`() throws {
        let world = try UDPWorld(capacity: 256)
        // Two of each class are known before the flood; nobody reads the ring.
        world.send("low value=0\nplain value=0\ncritical value=0\n")
        for number in 1...200 {
            world.send("low value=\(number)\nplain value=\(number)\ncritical value=\(number)\n")
        }
        try world.run(until: 201)
        let accepted = Dictionary(grouping: world.readings, by: \.criticalityRaw)
        let low = accepted[SensorCriticality.low.rawValue] ?? []
        let normal = accepted[SensorCriticality.normal.rawValue] ?? []
        let critical = accepted[SensorCriticality.critical.rawValue] ?? []
        #expect(low.count < normal.count || normal.count < critical.count)
        #expect(low.count < critical.count)
        #expect(world.listener[.readingsShedLow] == UInt64(201 - low.count))
        #expect(world.listener[.readingsShedNormal] == UInt64(201 - normal.count))
        #expect(world.listener[.readingsShedCritical] == UInt64(201 - critical.count))
        // 95 % is where critical readings stop; what follows is Midwatch's own.
        let slots = TestRing.peek(world.ring)
        let lastReading = try #require(slots.lastIndex { $0.kind == .reading })
        #expect(lastReading < 256 * 95 / 100)
        let losses = slots.filter { $0.kind == .lossObserved }
        #expect(!losses.isEmpty)
        #expect(losses.allSatisfy { $0.aux == LossCause.ringFull.rawValue })
        let recorded = losses.reduce(0) { $0 + $1.signedValue }
        #expect(recorded == Int64(603 - world.readings.count))
        // Order per sensor holds in what was kept.
        for kept in [low, normal, critical] {
            #expect(kept.map(\.number) == kept.map(\.number).sorted())
        }
    }

    @Test func `order per sensor is kept across many datagrams`() throws {
        let world = try UDPWorld(capacity: 1 << 14)
        try world.run(until: 500) {
            for number in 0..<500 {
                world.send("low value=\(number)\nb value=\(number)\ncritical/x value=\(number)")
            }
        }
        for path in ["low", "b", "critical/x"] {
            let index = try #require(world.index(path))
            let numbers = world.readings.filter { $0.sensor == index }.map(\.number)
            #expect(numbers == (0..<500).map(Double.init))
        }
    }

    @Test func `undeclared sensors beyond the limit are refused and counted`() throws {
        let world = try UDPWorld(undeclaredMax: 2)
        world.send("a value=1\nb value=1\nc value=1\nc value=2\nlow value=1")
        try world.run(until: 1)
        #expect(world.readings.count == 3)
        #expect(world.listener.rejections[.undeclaredLimit] == 2)
    }

    @Test func `nobody writes to a sensor of Midwatch itself`() throws {
        let world = try UDPWorld()
        world.send("midwatch/canary value=1")
        try world.run(until: 1)
        #expect(world.readings.isEmpty)
        #expect(world.listener.rejections[.reservedSensor] == 1)
    }

    @Test func `a datagram longer than is read is dropped, counted and recorded`() throws {
        let world = try UDPWorld { $0.datagramBytesMax = 64 }
        world.send("a value=1\n" + String(repeating: "#", count: 100))
        world.send("b value=2")
        try world.run(until: 2)
        #expect(world.listener[.datagramsTruncated] == 1)
        #expect(world.readings.map(\.number) == [2])
        let loss = try #require(TestRing.peek(world.ring).first { $0.kind == .lossObserved })
        #expect(loss.aux == LossCause.truncatedDatagram.rawValue)
        #expect(loss.signedValue == 1)
    }

    @Test func `drops in the kernel are counted exactly and recorded`() throws {
        let world = try UDPWorld { $0.receiveBufferBytes = 4_096 }
        for number in 0..<500 { world.send("a value=\(number)") }
        try world.run(until: 1) {
            // The counter comes with the datagrams that follow a loss.
            #expect(eventually { world.listener[.datagramsReceived] > 0 })
            world.send("a value=1000")
            #expect(eventually { world.readings.last?.number == 1_000 })
        }
        let dropped = world.listener[.datagramsDroppedByKernel]
        #expect(dropped > 0)
        #expect(dropped + world.listener[.datagramsReceived] == 501)
        let losses = TestRing.peek(world.ring).filter {
            $0.kind == .lossObserved && $0.aux == LossCause.kernelBuffer.rawValue
        }
        #expect(losses.reduce(0) { $0 + $1.signedValue } == Int64(dropped))
    }

    @Test func `a long wait in the socket is the monitor's own lag and not silence`() throws {
        let world = try UDPWorld()
        world.send("a value=1")
        let sent = clinux_boottime_ns()
        // The listener starts late on purpose.
        #expect(eventually { clinux_boottime_ns() > sent + 80_000_000 })
        try world.run(until: 1)
        let reading = try #require(world.readings.first)
        #expect(reading.arrival.nanoseconds <= sent + 5_000_000)
        let lag = try #require(TestRing.peek(world.ring).first { $0.kind == .lagObserved })
        #expect(lag.signedValue >= 75_000_000)
    }

    @Test func `senders beyond the limit share the source of the listener`() throws {
        let world = try UDPWorld { $0.senderCountMax = 0 }
        world.send("a value=1")
        try world.run(until: 1)
        #expect(world.readings.first?.source == world.listener.source)
        #expect(world.listener.senders.beyondLimitCount.load(ordering: .relaxed) == 1)
    }

    @Test func `readings beyond the limit of a message are refused`() throws {
        let world = try UDPWorld(capacity: 1 << 14)
        let lines = String(repeating: "a v=1\n", count: SystemLimits.readingsPerMessageMax + 3)
        world.send(lines)
        try world.run(until: 1)
        #expect(world.readings.count == SystemLimits.readingsPerMessageMax)
        #expect(world.listener.rejections[.beyondMessageLimit] == 3)
    }

    @Test func `one socket takes IPv6 and IPv4`() throws {
        let world = try UDPWorld { $0.address = "::" }
        let port = world.listener.port
        let six = unsafe "::1".withCString { unsafe clinux_udp_connect($0, port) }
        try #require(six >= 0)
        defer { close(six) }
        world.send("a value=4")
        let bytes = Array("a value=6".utf8)
        unsafe _ = bytes.withUnsafeBytes { unsafe Glibc.send(six, $0.baseAddress, $0.count, 0) }
        try world.run(until: 2)
        let names = world.readings.map { world.sources.name(of: $0.source) }
        #expect(names == ["udp/test/127.0.0.1", "udp/test/::1"])
    }

    @Test func `segmentation offload sends many datagrams in one call`() throws {
        let world = try UDPWorld()
        let bytes = Array(String(repeating: "abc value=1\n", count: 64).utf8)
        let sent = unsafe bytes.withUnsafeBytes {
            unsafe clinux_udp_gso_send(world.sender, $0.baseAddress, $0.count, 12)
        }
        #expect(sent == Int64(bytes.count))
        try world.run(until: 64)
        #expect(world.listener[.datagramsReceived] == 64)
        #expect(world.readings.count == 64)
    }

    @Test func `a configuration that changes a class is obeyed by the next datagram`() throws {
        let world = try UDPWorld()
        try world.run(until: 2) {
            world.send("a value=1")
            #expect(eventually { world.listener[.datagramsReceived] == 1 })
            world.sensors.reclassify { _ in SensorClass(isDeclared: true, criticality: .critical) }
            world.send("a value=2")
        }
        #expect(world.readings.map(\.criticalityRaw) == [1, 2])
        #expect(Set(world.readings.map(\.sensor)).count == 1)
    }
}

@Suite struct CanaryListenerTests {
    @Test func `a nonce becomes a reading of the reserved sensor, also when the ring is crowded`()
        throws
    {
        let ring = ReadingRing(capacity: 64, firstSequence: 0)
        let padding = Slot(kind: .padding, arrival: .zero)
        while ring.offer(padding, criticality: .critical) != .ringFull {}
        let sensor = SensorIndex(rawValue: 3)
        let source = SourceIndex(rawValue: 4)
        let canary = try CanaryListener(
            port: 0, sensor: sensor, source: source, ring: ring, clock: .system)
        try canary.start()
        let sender = unsafe "127.0.0.1".withCString { unsafe clinux_udp_connect($0, canary.port) }
        defer { close(sender) }
        func send(_ bytes: [UInt8]) {
            _ = unsafe bytes.withUnsafeBytes {
                unsafe Glibc.send(sender, $0.baseAddress, $0.count, 0)
            }
        }
        send([1, 2, 3])
        send([0xF1, 2, 3, 4, 5, 6, 7, 8])
        send([1, 2, 3, 4, 5, 6, 7, 8, 9])
        #expect(eventually { canary[.accepted] == 1 && canary[.malformed] == 2 })
        canary.stop()
        let reading = try #require(TestRing.peek(ring).first { $0.kind == .reading })
        #expect(reading.sensor == sensor)
        #expect(reading.source == source)
        #expect(reading.flags == .canary)
        #expect(reading.valueKind == .int64)
        #expect(reading.valueBits == 0xF102_0304_0506_0708)
    }
}
