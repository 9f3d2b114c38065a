// SPDX-License-Identifier: Apache-2.0

import AlertDelivery
import AsyncHTTPClient
import Glibc
import JSONText
import NIOCore
import NIOPosix
import Synchronization
import Testing

/// The Alertmanager of the system, on a free port of loopback, without neighbours.
final class RealAlertmanager: Sendable {
    static let program = "/usr/bin/prometheus-alertmanager"

    let port: Int
    private let folder: TemporaryFolder
    private let process = Mutex<pid_t?>(nil)
    private let runCount = Mutex(0)

    /// Starts one that tells `receiver` of groups by `alertname` and `site`.
    init(folder: TemporaryFolder, receiver: String) async throws {
        self.folder = folder
        let probe = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        self.port = try #require(probe.localAddress?.port)
        try await probe.close()
        let configuration = """
            route: {receiver: sink, group_by: [alertname, site], group_wait: 1s,
              group_interval: 1s, repeat_interval: 1h}
            receivers: [{name: sink, webhook_configs: [{url: "\(receiver)", send_resolved: true}]}]

            """
        guard let file = unsafe fopen(folder.file("alertmanager.yml"), "w") else {
            throw CancellationError()
        }
        unsafe fputs(configuration, file)
        unsafe fclose(file)
        try await self.start()
    }

    /// Starts it with an empty memory.
    func start() async throws {
        let run = self.runCount.withLock { count in
            count += 1
            return count
        }
        let arguments = [
            Self.program, "--config.file=\(self.folder.file("alertmanager.yml"))",
            "--storage.path=\(self.folder.file("alertmanager-\(run)"))",
            "--web.listen-address=127.0.0.1:\(self.port)", "--cluster.listen-address=",
        ]
        var words: [UnsafeMutablePointer<CChar>?] = unsafe []
        for argument in arguments { unsafe words.append(strdup(argument)) }
        unsafe words.append(nil)
        defer { for index in 0..<arguments.count { unsafe free(words[index]) } }
        var environment: [UnsafeMutablePointer<CChar>?] = unsafe [nil]
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        for descriptor: Int32 in 1...2 {
            unsafe posix_spawn_file_actions_addopen(
                &actions, descriptor, self.folder.file("alertmanager.log"),
                O_WRONLY | O_CREAT | O_APPEND, 0o600)
        }
        var identifier: pid_t = 0
        let code = unsafe posix_spawn(&identifier, Self.program, &actions, nil, words, &environment)
        try #require(code == 0, "install prometheus-alertmanager (make deps-test)")
        self.process.withLock { $0 = identifier }
        let isReady = await eventually { await self.get("/-/ready") != nil }
        try #require(isReady, "see \(self.folder.file("alertmanager.log"))")
    }

    /// Ends it; it forgets its alerts.
    func stop() {
        guard let identifier = self.process.withLock({ $0.take() }) else { return }
        kill(identifier, SIGKILL)
        var status: Int32 = 0
        unsafe waitpid(identifier, &status, 0)
    }

    deinit { self.stop() }

    /// What it shows, by sensor: status and fingerprint.
    func alerts() async -> [String: JSONValue] {
        guard let text = await self.get("/api/v2/alerts?active=true"),
            let list = (try? JSONValue(parsing: text))?.array
        else { return [:] }
        var alerts: [String: JSONValue] = [:]
        for alert in list { alerts[alert.value(atPath: "labels.sensor")?.string ?? ""] = alert }
        return alerts
    }

    private func get(_ path: String) async -> String? {
        let request = HTTPClientRequest(url: "http://127.0.0.1:\(self.port)\(path)")
        guard let response = try? await HTTPClient.shared.execute(request, timeout: .seconds(2)),
            "\(response.status)".hasPrefix("200"),
            let body = try? await response.body.collect(upTo: 1 << 20)
        else { return nil }
        return String(buffer: body)
    }
}
