// SPDX-License-Identifier: Apache-2.0

import Glibc
import JSONText
import OperatorConsole
import OperatorViews
import Synchronization
import Testing

extension IntegrationTests {
    /// Who asks the operator API questions holds up nobody.
    @Suite struct DeskTests {
        /// Questions asked at once: more than the machine has threads for tasks.
        private static let questionCount = 8
        private static let latencyMaxNanoseconds: Int64 = 1_000_000_000

        @Test func `questions to a disk that hangs are answered late and alerts in time`()
            async throws
        {
            let folder = try TemporaryFolder()
            let sink = try await Sink(in: folder)
            let alarms = (0..<4).map { "alarm/s\($0)" }
            let site = try Site(
                Site.options(
                    sensors: (alarms + ["alarm/first"]).map { Site.limitSensor($0) }.joined(),
                    sink: sink),
                folder: folder)
            try await site.start()
            let device = try FieldDevice(site)
            for path in alarms { device.send(path, 20) }
            #expect(try await waits(10) { try site.client.status().sensors.fresh == 4 })
            // A decision, so that there is a ledger.
            device.send("alarm/first", 90)
            #expect(
                try await waits(10) {
                    try site.client.events(after: 0, limit: 1_000).items.contains {
                        $0.body["kind"]?.string == "alarmRaised"
                    }
                })
            // The newest file of the ledger, as the API's reader sees it, hangs whoever opens it.
            let pipe = try Pipe(inLedgerOf: site)
            let questions = try Questions(
                Self.questionCount, to: site, path: "/v1/events?after=0")
            var latencies: [Int64] = []
            for path in alarms {
                let crossed = device.send(path, 90)
                let isTold = try await waits(5) {
                    try sink.alerts("alarm.raised", of: "\(path):high").first != nil
                }
                #expect(isTold, "no alert about \(path)")
                if let alert = try sink.alerts("alarm.raised", of: "\(path):high").first {
                    latencies.append(alert.at - crossed)
                }
                #expect(try site.client.status().node == "integration")
            }
            #expect(latencies.count == alarms.count)
            #expect(
                latencies.allSatisfy { $0 < Self.latencyMaxNanoseconds },
                "\(latencies.map { $0 / 1_000_000 }) ms")
            #expect(try await waits(10) { questions.areAnswered })
            #expect(
                questions.answers.allSatisfy {
                    $0.contains("files-not-answering") && $0.hasSuffix(" 503")
                }, "\(questions.answers)")
            pipe.end()
            #expect(
                try await waits(10) { (try? site.client.events(after: 0, limit: 5)) != nil },
                "it answers again when the disk does")
            #expect(try await site.stop() == 0)
        }
    }
}

/// A pipe in the place of a file; to open it for reading hangs.
private final class Pipe {
    private let path: String
    private let isEnded = Atomic(false)

    init(inLedgerOf site: Site) throws {
        let folder = "\(site.state)/ledger"
        guard let newest = File.names(folder).last(where: { $0.hasSuffix(".ledger") }) else {
            throw Trouble("no ledger: \(File.names(folder))")
        }
        self.path = "\(folder)/9" + newest.dropFirst()
        guard unsafe mkfifo(self.path, 0o600) == 0 else { throw Trouble("no pipe") }
    }

    /// Takes it away and lets go who hangs in it.
    func end() {
        guard !self.isEnded.exchange(true, ordering: .relaxed) else { return }
        // Whoever opened it sees an end of the file as soon as a writer came and went.
        let descriptor = unsafe open(self.path, O_WRONLY | O_NONBLOCK | O_CLOEXEC)
        unsafe unlink(self.path)
        if descriptor >= 0 { close(descriptor) }
    }

    deinit { self.end() }
}

/// Questions that several clients ask at once, each a process.
private final class Questions {
    private var clients: [ChildProcess] = []

    init(_ count: Int, to site: Site, path: String) throws {
        for number in 0..<count {
            self.clients.append(
                try ChildProcess(
                    [
                        try Places.tool("curl"), "-sS", "-w", " %{http_code}", "--unix-socket",
                        site.folder.file("run/midwatch.sock"), "http://midwatch\(path)",
                    ], log: site.folder.file("question\(number).log")))
        }
    }

    var areAnswered: Bool { self.clients.allSatisfy { $0.exitStatus() != nil } }

    var answers: [String] { self.clients.map(\.logText) }
}
