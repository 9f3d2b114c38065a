// SPDX-License-Identifier: Apache-2.0

import FleetSimulation
import Glibc
import MidwatchModel
import Testing

@Suite(.serialized) struct UDPFleetSenderTests {
    /// Receives until `count` lines came or nothing came for a second.
    private static func receive(_ socket: LocalSocket, lines count: Int) -> [[UInt8]] {
        var wait = timeval(tv_sec: 1, tv_usec: 0)
        unsafe setsockopt(
            socket.descriptor, SOL_SOCKET, SO_RCVTIMEO, &wait,
            socklen_t(MemoryLayout<timeval>.size))
        var datagrams: [[UInt8]] = []
        var lines = 0
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while lines < count {
            let size = unsafe recv(socket.descriptor, &buffer, buffer.count, 0)
            guard size > 0 else { return datagrams }
            datagrams.append(Array(buffer[..<size]))
            lines += buffer[..<size].count { $0 == UInt8(ascii: "\n") }
        }
        return datagrams
    }

    @Test(arguments: [true, false])
    func `every reading of a load arrives once, with its own number`(
        usesSegmentation: Bool
    ) throws {
        let socket = try #require(LocalSocket(isStream: false))
        defer { close(socket.descriptor) }
        var settings = UDPFleetSender.Settings(
            destination: FleetDestination(port: socket.port), load: .pattern(sensors: 7))
        settings.readingsMax = 2_013
        settings.rate = 40_000
        settings.usesSegmentation = usesSegmentation
        settings.firstSequence = 500
        let sender = try UDPFleetSender(settings)
        try sender.start()
        let datagrams = Self.receive(socket, lines: 2_013)
        let report = sender.join()
        #expect(report.readings == 2_013)
        #expect(report.datagrams == UInt64(datagrams.count))
        #expect(report.sendErrors == 0)
        #expect(sender.readingCount == 2_013)
        #expect(datagrams.allSatisfy { $0.count <= ReadingText.datagramBytesDefault })
        var sequences: [UInt64] = []
        for datagram in datagrams {
            let lines = try #require(parsed(datagram))
            #expect(lines.count <= 20)
            for line in lines {
                let value = Double(bitPattern: line.bits)
                let sequence = try #require(LoadPattern.sequence(ofValue: value))
                #expect(line.path == LoadPattern.path(sensor: Int(sequence % 7)))
                #expect((line.time ?? 0) > 1_600_000_000_000_000_000)
                sequences.append(sequence)
            }
        }
        #expect(sequences == Array(500..<2_513))
    }

    @Test func `a paced load keeps its rate`() throws {
        let socket = try #require(LocalSocket(isStream: false))
        defer { close(socket.descriptor) }
        var settings = UDPFleetSender.Settings(
            destination: FleetDestination(port: socket.port), load: .pattern(sensors: 100))
        settings.rate = 20_000
        settings.durationNanoseconds = 500_000_000
        settings.sendsTime = false
        let sender = try UDPFleetSender(settings)
        try sender.start()
        let report = sender.join()
        #expect((7_000...10_001).contains(report.readings))
        #expect(report.elapsedNanoseconds >= 500_000_000)
        let datagrams = Self.receive(socket, lines: Int(report.readings))
        #expect(datagrams.reduce(0) { $0 + (parsed($1)?.count ?? 0) } == Int(report.readings))
        #expect(datagrams.allSatisfy { parsed($0)?.first?.time == nil })
    }

    @Test func `a plant is sent as it happens`() throws {
        let socket = try #require(LocalSocket(isStream: false))
        defer { close(socket.descriptor) }
        let sensors = (0..<20).map {
            VirtualSensor(
                path: "p/s\($0)", periodNanoseconds: 20_000_000, waveform: Waveform(offset: 1))
        }
        let plant = VirtualPlant(
            seed: 1, sensors: sensors, wallStart: WallInstant(nanoseconds: 1_000))
        var expected = plant
        var settings = UDPFleetSender.Settings(
            destination: FleetDestination(port: socket.port), load: .plant(plant))
        settings.durationNanoseconds = 300_000_000
        let sender = try UDPFleetSender(settings)
        try sender.start()
        let report = sender.join()
        let readings = expected.due(until: 300_000_000)
        #expect((200...readings.count).contains(Int(report.readings)))
        let lines = Self.receive(socket, lines: Int(report.readings)).flatMap { parsed($0) ?? [] }
        #expect(lines.count == Int(report.readings))
        #expect(lines.map(\.time) == readings.prefix(lines.count).map(\.sourceTime))
    }

    @Test func `nobody listening is counted, not fatal, and stop ends it`() throws {
        let socket = try #require(LocalSocket(isStream: false))
        close(socket.descriptor)
        let sender = try UDPFleetSender(
            UDPFleetSender.Settings(
                destination: FleetDestination(port: socket.port), load: .pattern(sensors: 1)))
        try sender.start()
        #expect(eventually { sender.readingCount > 0 })
        sender.stop()
        let report = sender.join()
        #expect(report.sendErrors > 0)
        #expect(report.lastError == ECONNREFUSED)
    }

    @Test func `settings out of range are refused`() {
        let destination = FleetDestination(port: 1)
        #expect(throws: FleetError.self) {
            _ = try UDPFleetSender(
                UDPFleetSender.Settings(destination: destination, load: .pattern(sensors: 0)))
        }
        var settings = UDPFleetSender.Settings(destination: destination, load: .pattern(sensors: 1))
        settings.linesPerDatagram = 0
        #expect(throws: FleetError.self) { _ = try UDPFleetSender(settings) }
        settings.linesPerDatagram = 1
        settings.destination.host = "localhost"
        #expect(throws: FleetError.badAddress("localhost")) {
            try UDPFleetSender(settings).start()
        }
    }
}
