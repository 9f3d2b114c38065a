// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import ReadingRing
import TelemetryWire
import Testing

@testable import Ingest

/// Pseudo-random numbers that a seed repeats.
struct SeededGenerator: RandomNumberGenerator {
    private var numbers: SplitMix64

    init(seed: UInt64) { self.numbers = SplitMix64(seed: seed) }

    mutating func next() -> UInt64 { self.numbers.next() }

    mutating func below(_ limit: Int) -> Int { Int.random(in: 0..<limit, using: &self) }
}

/// A client that publishes with QoS 2 in a session it keeps, as the standard says; no socket.
struct ExactlyOnceClient: ~Copyable {
    enum State: Equatable { case queued, published, released }

    struct Message {
        var identifier: UInt16
        var payload: String
        var state = State.queued
        var wasSent = false
    }

    static let window = 6

    let version: MQTTVersion
    /// Payloads not begun, last first.
    var waiting: [String]
    var messages: [Message] = []
    var completed = 0
    var isConnected = false
    private var lastIdentifier: UInt16 = 0
    private var framer = MQTTFramer(packetBytesMax: 4_096)

    init(version: MQTTVersion, payloads: [String]) {
        self.version = version
        self.waiting = payloads.reversed()
    }

    var isDone: Bool { self.waiting.isEmpty && self.messages.isEmpty }

    /// CONNECT of a new connection.
    mutating func connect() -> [UInt8] {
        self.framer = MQTTFramer(packetBytesMax: 4_096)
        self.isConnected = false
        return MQTTTestClient.connectBytes(self.version, "c1") { request in
            request.cleanStart = false
            if version == .v5 { request.properties = [.number(.sessionExpiryInterval, 3_600)] }
        }
    }

    /// The next message, if one may be sent.
    mutating func publishNext() -> [UInt8] {
        guard self.isConnected, self.messages.count < Self.window,
            let payload = self.waiting.popLast()
        else { return [] }
        // Few identifiers, and soon used again.
        repeat {
            self.lastIdentifier = self.lastIdentifier % 8 + 1
        } while self.messages.contains {
            $0.identifier == self.lastIdentifier
        }
        self.messages.append(Message(identifier: self.lastIdentifier, payload: payload))
        return self.publish(self.messages.count - 1)
    }

    private mutating func publish(_ index: Int) -> [UInt8] {
        let message = self.messages[index]
        var buffer = WireBuffer()
        MQTTEncoder.publish(
            topic: "lines/a".utf8.span, payload: message.payload.utf8.span, qos: .exactlyOnce,
            packetIdentifier: message.identifier, isDuplicate: message.wasSent,
            version: self.version, into: &buffer)
        self.messages[index].wasSent = true
        self.messages[index].state = .published
        return buffer.array()
    }

    private func pubrel(_ identifier: UInt16) -> [UInt8] {
        [0x62, 2, UInt8(identifier >> 8), UInt8(identifier & 0xFF)]
    }

    /// Takes what the server wrote; what the client answers.
    mutating func receive(_ bytes: [UInt8]) -> [UInt8] {
        var answer: [UInt8] = []
        var offset = 0
        while offset < bytes.count { offset += self.framer.append(bytes.span, from: offset) }
        while case .packet(let header) = self.framer.next() {
            let body = self.framer.withBytes { bytes in header.body.range.map { bytes[$0] } }
            self.framer.consume()
            switch header.type {
            case .connack: answer += self.connected(isPresent: body[0] == 1)
            case .pubrec, .pubcomp:
                let identifier = UInt16(body[0]) << 8 | UInt16(body[1])
                guard let index = self.messages.firstIndex(where: { $0.identifier == identifier })
                else { continue }
                if header.type == .pubcomp {
                    self.messages.remove(at: index)
                    self.completed += 1
                } else {
                    self.messages[index].state = .released
                    answer += self.pubrel(identifier)
                }
            default: Issue.record("the server sent \(header.type)")
            }
        }
        return answer
    }

    /// [MQTT-4.4.0-1]: everything unacknowledged goes out again, in order.
    private mutating func connected(isPresent: Bool) -> [UInt8] {
        self.isConnected = true
        var answer: [UInt8] = []
        for index in self.messages.indices where self.messages[index].wasSent {
            if self.messages[index].state == .released {
                // What was acknowledged is durable, and so is the session it is of.
                #expect(isPresent)
                answer += self.pubrel(self.messages[index].identifier)
            } else {
                answer += self.publish(index)
            }
        }
        return answer
    }
}

/// QoS 2 over simulated crashes: the machine, the session table, the intake and a journal that
/// forgets what was not committed.
@Suite struct SessionCrashTests {
    /// One run of the daemon, from a start to a crash.
    private struct Run: ~Copyable {
        let ring: ReadingRing
        let table: SessionTable
        var intake: PublishIntake
        var machine: MQTTConnectionMachine?
        var session: UInt64 = 0
        var connection: UInt64 = 0
        var now: MonotonicInstant
    }

    /// What the disk holds: records, and the picture with the number behind it.
    private struct Disk {
        var slots: [Slot] = []
        var picture: [UInt8]?

        var next: UInt64 { UInt64(self.slots.count) + 1 }

        func sessions(engine: MonotonicInstant) throws -> SessionStore {
            var replay = SessionReplay()
            var first: UInt64 = 1
            if let picture = self.picture {
                let (store, next) = try SessionStore.restore(picture)
                replay = SessionReplay(store)
                first = next
            }
            for n in first..<self.next { replay.feed(self.slots[Int(n) - 1], n: n) }
            replay.restarted(engine: engine, wall: WallInstant(nanoseconds: 1))
            // A picture and the records behind it say what all records say.
            var whole = SessionReplay()
            for (index, slot) in self.slots.enumerated() { whole.feed(slot, n: UInt64(index) + 1) }
            whole.restarted(engine: engine, wall: WallInstant(nanoseconds: 1))
            #expect(
                whole.store.sessions.mapValues(\.flows) == replay.store.sessions.mapValues(\.flows))
            #expect(whole.store.numbers == replay.store.numbers)
            return replay.store
        }
    }

    private static func start(_ disk: Disk, now: MonotonicInstant) throws -> Run {
        let ring = ReadingRing(capacity: 1_024, firstSequence: disk.next)
        let sensors = SensorRegistry(
            restored: [], undeclaredMax: 100, ring: ring, clock: .fixed,
            classify: { _ in SensorClass(isDeclared: false, criticality: .normal) })
        let sources = SourceRegistry(restored: [], ring: ring, clock: .fixed)
        let services = IngestServices(
            ring: ring, sensors: sensors, sources: sources, clock: .fixed)
        return Run(
            ring: ring, table: SessionTable(try disk.sessions(engine: now), ring: ring),
            intake: PublishIntake(
                router: try TopicRouter(MQTTWorld.rules), services: services,
                statistics: MQTTStatistics(), topicCountMax: 64, retained: RetainedFindings(),
                logger: .quiet), machine: nil, now: now)
    }

    /// Moves `count` records from the ring onto the disk; all of them make a commit.
    private static func write(_ run: borrowing Run, _ disk: inout Disk, count: Int) {
        let head = Int(run.ring.head)
        let slots = TestRing.drain(run.ring)
        precondition(Int(disk.next) + slots.count == head, "the ring holds what the disk lacks")
        disk.slots += slots.prefix(count)
    }

    /// Gives bytes to the machine and acts on its steps; what it wrote.
    private static func serve(_ run: inout Run, _ bytes: [UInt8]) -> [UInt8] {
        guard var machine = run.machine.take() else { return [] }
        let taken = machine.received(bytes.span)
        #expect(taken == bytes.count)
        let written = Self.drive(&machine, &run)
        run.machine = consume machine
        return written
    }

    private static func drive(
        _ machine: inout MQTTConnectionMachine, _ run: inout Run
    ) -> [UInt8] {
        let now = run.now
        while true {
            switch machine.next(now: now) {
            case .needsBytes, .stalled:
                let written = machine.outbound.array()
                machine.outboundWritten()
                return written
            case .connect:
                let attachment = run.table.attach(
                    SessionKey(listener: .own, client: "c1"), connection: run.connection,
                    isCleanStart: false, expirySeconds: 3_600, now: now)
                guard case .granted(let grant, let number) = attachment else {
                    Issue.record("no session: \(attachment)")
                    return []
                }
                run.session = number
                let close = machine.connectAccepted(grant, now: now)
                #expect(close == nil)
            case .publish(let publish):
                machine.publishAccepted(through: Self.take(publish, machine, &run), now: now)
            case .release(let identifier):
                let recorded = run.table.release(
                    identifier, of: run.session, connection: run.connection, now: now)
                guard case .at(let number) = recorded else {
                    Issue.record("not released: \(recorded)")
                    return []
                }
                machine.releaseAccepted(through: number, now: now)
            case .close(let close):
                Issue.record("closed: \(close)")
                return []
            }
        }
    }

    private static func take(
        _ publish: MQTTPublish, _ machine: borrowing MQTTConnectionMachine, _ run: inout Run
    ) -> UInt64 {
        var outcome = PublishIntake.Outcome.ringFull
        var topicBytes: [UInt8] = []
        var payloadBytes: [UInt8] = []
        machine.withPublish(publish) { topic, payload in
            for index in 0..<topic.count { topicBytes.append(topic[index]) }
            for index in 0..<payload.count { payloadBytes.append(payload[index]) }
        }
        let now = run.now
        _ = run.table.receive(
            publish.packetIdentifier, identity: machine.identity(of: publish), of: run.session,
            connection: run.connection, now: now
        ) { receipt, mayBeRepeated in
            let incoming = IncomingPublish(
                packetIdentifier: publish.packetIdentifier,
                isDuplicate: publish.isDuplicate && mayBeRepeated, isHistorical: false,
                source: SourceIndex(rawValue: 1), arrival: now, receipt: receipt)
            outcome = run.intake.take(
                incoming, topic: topicBytes.span, payload: payloadBytes.span)
            return outcome
        }
        guard case .taken(let last) = outcome else {
            Issue.record("not taken: \(outcome)")
            return 0
        }
        return last
    }

    /// Readings that count, as engine and archive judge them.
    private static func accepted(_ disk: Disk) -> Int {
        var window = RedeliveryWindow()
        var count = 0
        for (index, slot) in disk.slots.enumerated() where slot.kind == .reading {
            if window.judge(slot, n: UInt64(index)) == .firstDelivery { count += 1 }
        }
        return count
    }

    @Test(arguments: 0..<60)
    func `every message counts once, whatever crashes and disconnects come between`(
        seed: Int
    ) throws {
        var generator = SeededGenerator(seed: UInt64(seed) << 32)
        // Equal payloads under few identifiers: nothing but the session can tell them apart. Some
        // messages have several readings, so that a commit can tear them.
        let payloads = (0..<120).map { $0 % 3 == 0 ? "p a=1,b=2,c=3" : "p a=1" }
        let readings = payloads.reduce(0) { $0 + ($1.count > 5 ? 3 : 1) }
        var client = ExactlyOnceClient(
            version: seed % 2 == 0 ? .v311 : .v5, payloads: payloads)
        var disk = Disk()
        var now = MonotonicInstant(nanoseconds: 1_000_000_000)
        var run = try Self.start(disk, now: now)
        /// Bytes on their way to the server and back.
        var toServer: [UInt8] = []
        var toClient: [UInt8] = []
        var connections: UInt64 = 0
        var steps = 0
        while !client.isDone {
            steps += 1
            try #require(steps < 200_000, "no progress")
            now = now.advanced(byNanoseconds: 1_000_000)
            run.now = now
            switch generator.below(steps < 4_000 ? 100 : 60) {
            case 0..<20:
                toServer += client.publishNext()
            case 20..<40:
                toClient += Self.serve(&run, toServer)
                toServer = []
            case 40..<50:
                toServer += client.receive(toClient)
                toClient = []
            case 50..<60:
                if run.machine == nil {
                    connections += 1
                    run.connection = connections
                    run.machine = MQTTConnectionMachine(options: .init(), now: now)
                    toServer = client.connect()
                    toClient = []
                }
                Self.write(run, &disk, count: Int.max)
                let durable = disk.next - 1
                _ = run.machine?.durable(through: durable, now: now)
                toClient += Self.serve(&run, [])
            case 60..<66:
                // The connection breaks: what was on its way is lost.
                if run.machine != nil, generator.below(2) == 0 {
                    run.table.detach(
                        run.session, connection: run.connection, expirySeconds: 3_600, now: now)
                }
                run.machine = nil
                client.isConnected = false
                toServer = []
                toClient = []
            case 66..<68:
                let (bytes, before) = run.table.picture(
                    engine: now, wall: WallInstant(nanoseconds: 1))
                if before <= disk.next { disk.picture = bytes }
            case 68..<72:
                // A crash: of what was not committed any first part may be on the disk.
                let staged = Int(run.ring.head - disk.next)
                Self.write(run, &disk, count: staged > 0 ? generator.below(staged + 1) : 0)
                disk.slots.append(Slot(kind: .start, arrival: now))
                client.isConnected = false
                toServer = []
                toClient = []
                run = try Self.start(disk, now: now)
            default: break
            }
        }
        #expect(client.completed == payloads.count)
        Self.write(run, &disk, count: Int.max)
        #expect(Self.accepted(disk) == readings)
    }
}
