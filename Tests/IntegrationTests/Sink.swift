// SPDX-License-Identifier: Apache-2.0

import Glibc
import JSONText

/// A webhook receiver in another language: checks every signature with a public package.
final class Sink {
    /// One webhook that arrived.
    struct Delivery: Sendable {
        /// Wall clock when it was whole, nanoseconds since 1970.
        var at: Int64
        var id: String
        var isVerified: Bool
        var body: JSONValue

        /// A member of `data`, as text.
        func text(_ name: String) -> String { self.body["data"]?[name]?.string ?? "" }
        var type: String { self.body["type"]?.string ?? "" }
        /// Whether it says that it is about Midwatch itself and not about the plant.
        var isOwn: Bool { self.body["data"]?["aboutMonitor"]?.bool ?? false }
    }

    /// Public on purpose: it signs the alerts of tests.
    static let secret = "whsec_aW50ZWdyYXRpb24tdGVzdC1zZWNyZXQtMDAwMDAw"

    let url: String
    private let process: ChildProcess
    private let journal: String

    /// Starts it and waits until it listens.
    ///
    /// Without a secret it accepts everything, as for the watchdog's plain messages.
    init(in folder: TemporaryFolder, name: String = "sink", secret: String? = Sink.secret)
        async throws
    {
        self.journal = folder.file("\(name).jsonl")
        let portFile = folder.file("\(name).port")
        let log = folder.file("\(name).log")
        self.process = try ChildProcess(
            [
                try Places.tool("python3"), Places.fixture("sink.py"), self.journal, portFile,
                secret ?? "none",
            ], log: log)
        let process = self.process
        _ = try await waits(20) { !File.text(portFile).isEmpty || process.exitStatus() != nil }
        let port = File.text(portFile)
        guard !port.isEmpty else { throw Trouble("the webhook sink: \(File.text(log))") }
        self.url = "http://127.0.0.1:\(port)/hook"
    }

    /// Everything that arrived so far, in order.
    func deliveries() throws -> [Delivery] {
        try File.text(self.journal).split(separator: "\n").map { line in
            let json = try JSONValue(parsing: String(line))
            return Delivery(
                at: json["at"]?.integer ?? 0, id: json["id"]?.string ?? "",
                isVerified: json["verified"]?.bool ?? false, body: json["body"] ?? .null)
        }
    }

    /// Alerts of a type about an alarm, in order.
    func alerts(_ type: String, of alarmID: String) throws -> [Delivery] {
        try self.deliveries().filter { $0.type == type && $0.text("alarmID") == alarmID }
    }
}
