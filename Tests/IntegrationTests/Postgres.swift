// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A PostgreSQL server of one test: temporary folder, unix socket in it, no network.
///
/// PostgreSQL refuses to run as root, so a test that runs as root starts it as user `postgres`.
final class Postgres {
    static let database = "midwatch"
    private static let superuser = "midwatch"
    private let folder: TemporaryFolder
    private let binaries: String
    private var process: ChildProcess?

    /// Makes a cluster, starts it and makes an empty database.
    init() async throws {
        self.folder = try TemporaryFolder()
        self.binaries = try Self.findBinaries()
        if getuid() == 0 {
            try ChildProcess.run(["/bin/chown", "postgres:postgres", self.folder.path])
        }
        try ChildProcess.run(
            Self.asPostgres + [
                "\(self.binaries)/initdb", "-D", "\(self.folder.path)/data", "-U", Self.superuser,
                "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync",
            ])
        try await self.start()
        try self.query("CREATE DATABASE \(Self.database)", database: "postgres")
    }

    deinit { self.kill() }

    var processID: Int32? { self.process?.processID }

    /// Connection string for the daemon.
    var connection: String {
        "host=\(self.folder.path) user=\(Self.superuser) dbname=\(Self.database)"
    }

    /// Starts the server and waits until it answers.
    func start() async throws {
        let process = try ChildProcess(
            Self.asPostgres + [
                "\(self.binaries)/postgres", "-D", "\(self.folder.path)/data", "-k",
                self.folder.path, "-c", "listen_addresses=", "-c", "max_connections=20", "-c",
                "shared_buffers=256MB", "-c", "max_wal_size=4GB", "-c", "log_min_messages=fatal",
            ], log: "\(self.folder.path).log")
        self.process = process
        let isReady = try await waits(30) {
            (try? self.query("SELECT 1", database: "postgres")) != nil
                || process.exitStatus() != nil
        }
        guard isReady, process.exitStatus() == nil else {
            throw Trouble("PostgreSQL does not start: \(process.logText)")
        }
    }

    /// Stops it in order but at once: open transactions are rolled back.
    func stop() async throws {
        self.process?.send(SIGINT)
        guard try await self.process?.ends(30) != nil else {
            throw Trouble("PostgreSQL does not stop")
        }
        self.process = nil
    }

    /// Kills it as a crash does.
    func kill() {
        guard let process = self.process else { return }
        Glibc.kill(-process.processID, SIGKILL)
        for _ in 0..<500 where process.exitStatus() == nil { usleep(10_000) }
        self.process = nil
        unsafe unlink("\(self.folder.path).log")
    }

    /// What psql prints: rows on lines, columns separated by `|`.
    @discardableResult
    func query(_ sql: String, database: String = Postgres.database) throws -> String {
        try ChildProcess.run(
            self.psql(database) + ["-c", sql], within: 120
        ).trimmed
    }

    /// What psql prints for a file of statements.
    func run(file: String) throws -> String {
        try ChildProcess.run(self.psql(Self.database) + ["-f", file], within: 120).trimmed
    }

    private func psql(_ database: String) -> [String] {
        [
            "\(self.binaries)/psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-h",
            self.folder.path, "-U", Self.superuser, "-d", database,
        ]
    }

    private static let asPostgres: [String] =
        getuid() == 0
        ? ["/usr/bin/setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"] : []

    private static func findBinaries() throws -> String {
        for version in stride(from: 20, through: 13, by: -1) {
            let folder = "/usr/lib/postgresql/\(version)/bin"
            if unsafe access("\(folder)/initdb", X_OK) == 0 { return folder }
        }
        throw Trouble("PostgreSQL is not installed: `make deps-test` installs it")
    }
}

extension String {
    /// Without white space at the ends.
    var trimmed: String {
        var rest = self[...]
        while rest.last?.isWhitespace == true { rest.removeLast() }
        while rest.first?.isWhitespace == true { rest.removeFirst() }
        return String(rest)
    }
}
