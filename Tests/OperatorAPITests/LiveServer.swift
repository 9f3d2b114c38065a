// SPDX-License-Identifier: Apache-2.0

import Glibc
import JSONText
import Logging
import MidwatchModel
import OperatorAPI
import OperatorConsole
import OperatorViews
import ServiceLifecycle
import Synchronization
import Testing

/// A real server on a unix socket in a fresh folder and, if asked, on a free loopback port.
struct LiveServer: Sendable {
    let backend: FakeBackend
    let folder: String
    let socketPath: String
    let port: Int
    let metrics: RequestMetrics
    let accesses: SeenAccesses

    var client: OperatorClient { OperatorClient(socketPath: self.socketPath) }

    /// What `curl` prints with these arguments.
    func curl(_ arguments: String) async -> String { await shell("curl -sS \(arguments)") }

    func curlUnix(_ arguments: String, _ path: String) async -> String {
        await self.curl("--unix-socket '\(self.socketPath)' \(arguments) 'http://midwatch\(path)'")
    }

    func curlTCP(_ arguments: String, _ path: String) async -> String {
        await self.curl("\(arguments) 'http://127.0.0.1:\(self.port)\(path)'")
    }
}

/// Standard output and error of a shell command; run on a thread of its own.
func shell(_ command: String) async -> String {
    await onOwnThread {
        guard let stream = unsafe popen(command + " 2>&1", "r") else { return "popen failed" }
        var bytes: [UInt8] = []
        while true {
            let byte = unsafe fgetc(stream)
            if byte == EOF { break }
            bytes.append(UInt8(truncatingIfNeeded: byte))
        }
        _ = unsafe pclose(stream)
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// A count that several threads add to.
final class TestCount: Sendable {
    private let count = Mutex(0)
    func increment() { self.count.withLock { $0 += 1 } }
    var value: Int { self.count.withLock { $0 } }
}

private final class WorkBox: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

/// What a server told the access log.
final class SeenAccesses: Sendable {
    private let events = Mutex<[AccessEvent]>([])
    func add(_ event: AccessEvent) { self.events.withLock { $0.append(event) } }
    var all: [AccessEvent] { self.events.withLock { $0 } }
}

/// Runs blocking work outside the pool that the server's tasks run in.
func onOwnThread<Result: Sendable>(_ work: @escaping @Sendable () -> Result) async -> Result {
    await withCheckedContinuation { continuation in
        startOnOwnThread { continuation.resume(returning: work()) }
    }
}

func startOnOwnThread(_ work: @escaping @Sendable () -> Void) {
    var thread = pthread_t()
    let context = unsafe Unmanaged.passRetained(WorkBox(work)).toOpaque()
    let result = unsafe pthread_create(
        &thread, nil,
        { context in
            if let context = unsafe context {
                unsafe Unmanaged<WorkBox>.fromOpaque(context).takeRetainedValue().run()
            }
            return nil
        }, context)
    precondition(result == 0, "no thread")
    _ = pthread_detach(thread)
}

func temporaryFolder() -> String {
    var template = Array("/tmp/midwatch-api-XXXXXX".utf8CString)
    let made = unsafe template.withUnsafeMutableBufferPointer { buffer in
        guard let base = buffer.baseAddress else { return false }
        return unsafe mkdtemp(base) != nil
    }
    precondition(made, "no temporary folder")
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// Runs a server for the time of `body`, then stops it gracefully and waits for its end.
func withServer(
    _ backend: FakeBackend = FakeBackend(), rights: FakeAccess = FakeAccess(),
    writeTimeoutSeconds: Int64 = OperatorAPILimits.writeTimeoutSeconds,
    _ body: @escaping @Sendable (LiveServer) async throws -> Void
) async throws {
    let folder = temporaryFolder()
    let path = folder + "/midwatch.sock"
    let (ports, report) = AsyncStream<Int?>.makeStream()
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    var configuration = OperatorAPIConfiguration(
        socketPath: path, loopback: .init(port: 0))
    configuration.writeTimeoutSeconds = writeTimeoutSeconds
    let accesses = SeenAccesses()
    let server = try OperatorAPIServer(
        configuration: configuration,
        backend: backend, access: rights, logger: logger, onListening: { report.yield($0) },
        onAccess: { accesses.add($0) })
    let group = ServiceGroup(
        configuration: .init(services: [.init(service: server)], logger: logger))
    try await withThrowingTaskGroup { tasks in
        tasks.addTask { try await group.run() }
        tasks.addTask {
            var port: Int?
            var seen = 0
            for await reported in ports {
                port = reported ?? port
                seen += 1
                if seen == 2 { break }
            }
            defer { Task { await group.triggerGracefulShutdown() } }
            try await body(
                LiveServer(
                    backend: backend, folder: folder, socketPath: path,
                    port: try #require(port), metrics: server.metrics, accesses: accesses))
        }
        try await tasks.waitForAll()
    }
    #expect(unsafe access(path, F_OK) != 0, "the socket is removed at the end")
    _ = unsafe rmdir(folder)
}

/// Waits until `condition` holds, for ten seconds at most.
func eventually(_ condition: @Sendable () async -> Bool) async -> Bool {
    for _ in 0..<1_000 {
        if await condition() { return true }
        try? await Task.sleep(for: .milliseconds(10))
    }
    return false
}

/// The problem that an answer is.
func problem(in text: String) throws -> Problem {
    let json = try JSONValue(parsing: text)
    return try Problem(json: json)
}
