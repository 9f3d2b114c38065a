// SPDX-License-Identifier: Apache-2.0

import Glibc
import Historian
import Synchronization

/// A PostgreSQL server of this test process: temporary folder, unix socket, free loopback port.
///
/// PostgreSQL refuses to run as root, so a test that runs as root starts it as user `postgres`.
/// Every server still running is stopped when the process ends.
final class PostgresServer: Sendable {
    struct Failure: Error { var message: String }

    private struct EndedAtStart: Error { var message: String }

    let folder: String
    let port: UInt16
    private let isDurable: Bool
    private let process = Mutex<pid_t>(0)
    private static let running = Mutex<[pid_t]>([])
    private static let folders = Mutex<[String]>([])
    private static let binaries = PostgresServer.findBinaries()
    private static let superuser = "midwatch"

    /// Makes and starts a server.
    ///
    /// - Parameter isDurable: fsync on; off is enough for every test that does not cut the power.
    /// - Throws: `Failure` if a program fails or the server does not answer.
    init(isDurable: Bool = false) throws {
        self.isDurable = isDurable
        self.port = try Self.freePort()
        self.folder = try Self.makeFolder()
        _ = Self.atExit
        try Self.run(
            Self.asPostgres + [
                "\(Self.binaries)/initdb", "-D", "\(self.folder)/data", "-U", Self.superuser,
                "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync",
            ])
        try self.start()
    }

    deinit {
        self.kill()
        _ = try? Self.run(["/bin/rm", "-rf", self.folder])
    }

    /// Connection string over the unix socket.
    func connection(database: String = "postgres") -> String {
        "host=\(self.folder) port=\(self.port) user=\(Self.superuser) dbname=\(database)"
    }

    /// Connection string over TCP, by way of `port`.
    func connection(database: String, port: UInt16) -> String {
        "host=127.0.0.1 port=\(port) user=\(Self.superuser) dbname=\(database) sslmode=disable"
    }

    /// A new empty database.
    func makeDatabase() throws -> String {
        let name = "t\(UInt64.random(in: 0..<UInt64.max))"
        try self.session().link.run("CREATE DATABASE \(name)")
        return name
    }

    func session(database: String = "postgres") throws(ArchiveError) -> PostgresSession {
        PostgresSession(
            try PostgresConnection.connect(
                keywords: [("dbname", self.connection(database: database))], timeoutSeconds: 10,
                onWait: { true }))
    }

    /// Starts the server and waits until it answers.
    ///
    /// One that was killed may hold its shared memory for a moment longer, and the next one then
    /// ends at once: it is tried again.
    func start() throws {
        for _ in 0..<2 {
            do { return try self.startOnce() } catch is EndedAtStart { usleep(1_000_000) }
        }
        try self.startOnce()
    }

    private func startOnce() throws {
        let pid = try Self.spawn(
            Self.asPostgres + [
                "\(Self.binaries)/postgres", "-D", "\(self.folder)/data", "-p", "\(self.port)",
                "-k",
                self.folder, "-c", "listen_addresses=127.0.0.1", "-c",
                "fsync=\(self.isDurable ? "on" : "off")", "-c", "max_connections=30", "-c",
                "log_min_messages=fatal", "-c", "autovacuum=off",
            ], log: "\(self.folder)/log")
        self.process.withLock { $0 = pid }
        Self.running.withLock { $0.append(pid) }
        for _ in 0..<600 {
            if (try? self.session()) != nil { return }
            if waitpid(pid, nil, WNOHANG) == pid {
                Self.running.withLock { $0.removeAll { $0 == pid } }
                _ = try? Self.run(["/bin/cp", "\(self.folder)/log", "\(self.folder).log"])
                throw EndedAtStart(message: "PostgreSQL ended at its start, see \(self.folder).log")
            }
            usleep(50_000)
        }
        throw Failure(message: "PostgreSQL does not answer, see \(self.folder)/log")
    }

    /// Kills the server and all its processes, as a crash does.
    func kill() {
        let pid = self.process.withLock { pid in
            defer { pid = 0 }
            return pid
        }
        guard pid > 0 else { return }
        Glibc.kill(-pid, SIGKILL)
        waitpid(pid, nil, 0)
        // Its children are no children of ours: wait until none is left in the group.
        for _ in 0..<500 where Glibc.kill(-pid, 0) == 0 { usleep(10_000) }
        Self.running.withLock { $0.removeAll { $0 == pid } }
    }

    // MARK: - Processes

    private static let atExit: Void = {
        atexit {
            PostgresServer.running.withLock { $0.forEach { Glibc.kill(-$0, SIGKILL) } }
            for folder in PostgresServer.folders.withLock({ $0 }) {
                _ = try? PostgresServer.run(["/bin/rm", "-rf", folder])
            }
        }
    }()

    private static let asPostgres: [String] =
        getuid() == 0
        ? ["/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"] : []

    private static func findBinaries() -> String {
        for version in stride(from: 20, through: 13, by: -1) {
            let folder = "/usr/lib/postgresql/\(version)/bin"
            if unsafe access("\(folder)/initdb", X_OK) == 0 { return folder }
        }
        return "/usr/local/bin"
    }

    private static func makeFolder() throws -> String {
        var template = Array("/tmp/midwatch-pg-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { throw Failure(message: "mkdtemp") }
        let folder = String(decoding: template.dropLast().map { UInt8($0) }, as: UTF8.self)
        Self.folders.withLock { $0.append(folder) }
        if getuid() == 0 { try Self.run(["/bin/chown", "postgres:postgres", folder]) }
        return folder
    }

    private static func freePort() throws -> UInt16 {
        // Below the range of outgoing connections: one of those could take the port while the
        // server is down.
        for _ in 0..<100 {
            let port = UInt16.random(in: 12_000..<30_000)
            if let listener = try? LinkProxy.listen(on: port) {
                close(listener.descriptor)
                return port
            }
        }
        throw Failure(message: "no free port")
    }

    private static func run(_ arguments: [String]) throws {
        let pid = try Self.spawn(arguments)
        var status: Int32 = 0
        unsafe waitpid(pid, &status, 0)
        guard status == 0 else {
            throw Failure(message: "\(arguments.joined(separator: " ")): status \(status)")
        }
    }

    /// Starts a program in a process group of its own, silent.
    private static func spawn(
        _ arguments: [String], log: String = "/dev/null"
    ) throws -> pid_t {
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        unsafe posix_spawnattr_setpgroup(&attributes, 0)
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        for descriptor in 0...2 as ClosedRange<Int32> {
            unsafe posix_spawn_file_actions_addopen(
                &actions, descriptor, descriptor == 2 ? log : "/dev/null",
                O_RDWR | O_CREAT | O_APPEND, 0o644)
        }
        var words: [UnsafeMutablePointer<CChar>?] = unsafe []
        for argument in arguments { unsafe words.append(strdup(argument)) }
        unsafe words.append(nil)
        defer { for index in 0..<arguments.count { unsafe free(words[index]) } }
        var environment: [UnsafeMutablePointer<CChar>?] = unsafe []
        unsafe environment.append(strdup("PATH=/usr/bin:/bin"))
        unsafe environment.append(strdup("LC_ALL=C"))
        unsafe environment.append(nil)
        defer { for index in 0..<2 { unsafe free(environment[index]) } }
        var pid: pid_t = 0
        let code = unsafe posix_spawn(
            &pid, arguments[0], &actions, &attributes, words, environment)
        guard code == 0 else { throw Failure(message: "spawn \(arguments[0]): \(code)") }
        return pid
    }
}

/// Removes a file if it is there.
func removeFile(_ path: String) { _ = unsafe unlink(path) }
