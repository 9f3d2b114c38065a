// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

extension IntegrationTests {
    /// Nobody reads the daemon's log; the alarms do not care.
    @Suite struct LogTests {
        @Test func `alerts leave while standard error is a full pipe that nobody reads`()
            async throws
        {
            let folder = try TemporaryFolder()
            let sink = try await Sink(in: folder)
            let site = try Site(
                Site.options(sensors: Site.limitSensor("alarm/log"), sink: sink), folder: folder)
            let pipe = try FullPipe(site.daemonLog)
            try await site.start()
            let device = try FieldDevice(site)
            _ = device.send("alarm/log", 90)
            #expect(
                try await waits(5) {
                    try !sink.alerts("alarm.raised", of: "alarm/log:high").isEmpty
                })
            // It was full until here; what waited is written as soon as there is room.
            var text = pipe.drain()
            #expect(text.prefix(pipe.capacity).allSatisfy { $0 == FullPipe.filler })
            #expect(
                try await waits(5) {
                    text += pipe.drain()
                    return String(decoding: text, as: UTF8.self).contains("journal opened")
                })
            #expect(try await site.stop() == 0)
        }
    }
}

/// A named pipe without any room.
private final class FullPipe {
    static let filler = UInt8(ascii: "#")
    private let descriptor: Int32
    private(set) var capacity = 0

    init(_ path: String) throws {
        guard unsafe mkfifo(path, 0o600) == 0 else { throw Trouble("no pipe at \(path)") }
        self.descriptor = unsafe open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC)
        guard self.descriptor >= 0 else { throw Trouble("cannot open \(path)") }
        var byte = Self.filler
        while unsafe write(self.descriptor, &byte, 1) == 1 { self.capacity += 1 }
        // The programs under test get a pipe that blocks, as standard error does.
    }

    deinit { close(self.descriptor) }

    /// Everything that can be read now.
    func drain() -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe read(self.descriptor, &chunk, chunk.count)
            guard count > 0 else { return bytes }
            bytes += chunk.prefix(count)
        }
    }
}
