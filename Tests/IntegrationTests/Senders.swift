// SPDX-License-Identifier: Apache-2.0

import CLinux
import FleetSimulation
import Glibc
import OperatorViews
import Testing

/// Sends single lines, as a small field device does.
final class FieldDevice {
    private let descriptor: Int32

    convenience init(_ site: Site) throws { try self.init(port: site.udpPort) }

    init(port: UInt16) throws {
        self.descriptor = unsafe clinux_udp_connect("127.0.0.1", port)
        guard self.descriptor >= 0 else { throw Trouble("no UDP socket") }
    }

    deinit { close(self.descriptor) }

    /// Sends a reading of `path`, whose first level becomes the measurement, and gives the wall
    /// clock just before.
    @discardableResult
    func send(_ path: String, _ value: Double) -> Int64 {
        var line: [UInt8] = []
        let reading = SimulatedReading(sensor: 0, at: 0, value: value, form: .number)
        ReadingText.appendLine(reading, path: path, to: &line)
        let at = clinux_realtime_ns()
        self.send(line)
        return at
    }

    /// Sends a datagram of any bytes.
    func send(_ bytes: [UInt8]) {
        _ = unsafe bytes.withUnsafeBytes {
            unsafe Glibc.send(self.descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
        }
    }
}

extension Site {
    /// Many sensors that speak all the time, with nothing to alarm about but their silence.
    static func loadSensors(deadline: String = "60s", criticality: String = "normal") -> String {
        """
          - template: "load/#"
            supervision: periodic
            deadline: \(deadline)
            criticality: \(criticality)

        """
    }

    /// A sensor with an upper limit of 50 and a deadband of 5.
    static func limitSensor(_ path: String, deadline: String = "60s") -> String {
        """
          - path: \(path)
            unit: ppm
            supervision: periodic
            deadline: \(deadline)
            limits:
              high:
                setpoint: 50
                deadband: 5

        """
    }

    /// An MQTT fleet over `LoadPattern` that keeps what was acknowledged.
    func fleet(
        connections: Int = 10, sensorsPerClient: Int = 10, rate: Int = Scale.rate,
        window: Int = 100, isExactlyOnce: Bool = false
    ) throws -> MQTTFleetSender {
        var settings = MQTTFleetSender.Settings(
            destination: FleetDestination(port: self.mqttPort),
            load: .pattern(sensorsPerClient: sensorsPerClient))
        settings.connections = connections
        settings.rate = Double(rate)
        settings.window = window
        settings.recordsAcknowledged = true
        settings.isExactlyOnce = isExactlyOnce
        settings.drainNanoseconds = 30_000_000_000
        return try MQTTFleetSender(settings)
    }

    /// A UDP load over `LoadPattern`.
    func flood(
        sensors: Int, rate: Int, seconds: Double = 0, readings: UInt64 = 0, first: UInt64 = 0
    ) throws -> UDPFleetSender {
        var settings = UDPFleetSender.Settings(
            destination: FleetDestination(port: self.udpPort), load: .pattern(sensors: sensors))
        settings.rate = Double(rate)
        settings.durationNanoseconds = UInt64(seconds * 1e9)
        settings.readingsMax = readings
        settings.firstSequence = first
        return try UDPFleetSender(settings)
    }
}

extension MQTTFleetSender {
    /// Ends the load, waits for what is unacknowledged, and expects that nothing is.
    func finish(_ location: SourceLocation = #_sourceLocation) async -> MQTTFleetReport {
        self.stop()
        let report = await Task.detached { self.join() }.value
        #expect(report.unacknowledged == 0, sourceLocation: location)
        #expect(report.refused == 0, sourceLocation: location)
        return report
    }
}

extension UDPFleetSender {
    func finish() async -> UDPFleetReport {
        self.stop()
        return await Task.detached { self.join() }.value
    }
}

/// Holds one thread of a process still, until `release()`.
final class Wedge {
    private let process: ChildProcess

    init(_ thread: String, of processID: Int32, in folder: TemporaryFolder) async throws {
        let log = folder.file("wedge-\(thread)-\(bootNow()).log")
        self.process = try ChildProcess(
            [
                try Places.tool("python3"), Places.fixture("wedge.py"), "\(processID)", thread,
            ], log: log)
        let process = self.process
        let stands = try await waits(10) {
            process.logText.contains("wedged") || process.exitStatus() != nil
        }
        guard stands, process.exitStatus() == nil else {
            throw Trouble("cannot stop the thread \(thread): \(process.logText)")
        }
    }

    func release() async throws {
        self.process.send(SIGTERM)
        guard try await self.process.ends(5) != nil else { throw Trouble("the wedge stays") }
    }
}

/// A file system of its own on a loop device, that can be frozen.
final class LoopDisk {
    let path: String
    private let image: String
    private var isFrozen = false

    /// Mounts an ext4 (sparse) of a size at `path`; needs root.
    init(at path: String, image: String, size: String = "2G") throws {
        self.path = path
        self.image = image
        try ChildProcess.run([try Places.tool("truncate"), "-s", size, image])
        try ChildProcess.run([
            try Places.tool("mkfs.ext4"), "-q", "-F", "-E", "lazy_itable_init=1", image,
        ])
        try ChildProcess.run([try Places.tool("mkdir"), "-p", path])
        do {
            try ChildProcess.run([
                try Places.tool("mount"), "-o", "loop,noatime", image, path,
            ])
        } catch {
            throw Trouble("this test mounts a file system and needs root for it: \(error)")
        }
        try ChildProcess.run([try Places.tool("rm"), "-rf", "\(path)/lost+found"])
    }

    /// Every write and sync on it hangs from now on.
    func freeze() throws {
        try ChildProcess.run([try Places.tool("fsfreeze"), "-f", self.path])
        self.isFrozen = true
    }

    func thaw() throws {
        guard self.isFrozen else { return }
        try ChildProcess.run([try Places.tool("fsfreeze"), "-u", self.path])
        self.isFrozen = false
    }

    deinit {
        try? self.thaw()
        _ = try? ChildProcess.run(["/bin/umount", "-l", self.path])
        unsafe unlink(self.image)
    }
}
