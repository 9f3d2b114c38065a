// SPDX-License-Identifier: Apache-2.0

internal import CLibpq
internal import Glibc

/// One answer of the server.
///
/// Owned; freed with the value.
@safe
package struct PostgresResult: ~Copyable {
    private let handle: OpaquePointer

    fileprivate init(_ handle: OpaquePointer) { unsafe self.handle = handle }

    deinit { unsafe PQclear(self.handle) }

    package var rowCount: Int { unsafe Int(PQntuples(self.handle)) }

    /// Rows that the command touched, 0 if it says nothing.
    package var commandRowCount: Int {
        guard let text = unsafe PQcmdTuples(self.handle) else { return 0 }
        return unsafe Int(String(cString: text)) ?? 0
    }

    /// The command's tag: `COMMIT`, `ROLLBACK`, `COPY 12`.
    package var commandTag: String {
        unsafe PQcmdStatus(self.handle).map { unsafe String(cString: $0) } ?? ""
    }

    /// A value as text; nil for NULL and for places outside the answer.
    package func text(_ row: Int, _ column: Int) -> String? {
        guard row < self.rowCount, unsafe column < Int(PQnfields(self.handle)),
            unsafe PQgetisnull(self.handle, Int32(row), Int32(column)) == 0,
            let text = unsafe PQgetvalue(self.handle, Int32(row), Int32(column))
        else { return nil }
        return unsafe String(cString: text)
    }

    package func int64(_ row: Int, _ column: Int) -> Int64? {
        self.text(row, column).flatMap { Int64($0) }
    }

    package func double(_ row: Int, _ column: Int) -> Double? {
        self.text(row, column).flatMap { Double($0) }
    }

    fileprivate var status: ExecStatusType { unsafe PQresultStatus(self.handle) }

    fileprivate func error(_ action: String) -> ArchiveError {
        let state = unsafe PQresultErrorField(self.handle, 0x43)  // PG_DIAG_SQLSTATE is 'C'
        let message = unsafe PQresultErrorMessage(self.handle)
        return PostgresError.error(
            sqlState: unsafe state.map { unsafe String(cString: $0) },
            message: unsafe message.map { unsafe String(cString: $0) } ?? "", action: action)
    }
}

/// Strings as C wants them: an array of pointers that ends with a null pointer.
@safe
private struct CStringArray: ~Copyable {
    let pointers: UnsafeMutablePointer<UnsafePointer<CChar>?>
    private let count: Int

    /// Copies `strings`; nil becomes a null pointer.
    init(_ strings: [String?]) {
        self.count = strings.count
        unsafe self.pointers = .allocate(capacity: strings.count + 1)
        for (index, string) in strings.enumerated() {
            let copy = unsafe string.flatMap { unsafe strdup($0) }
            unsafe (self.pointers + index).initialize(to: UnsafePointer(copy))
        }
        unsafe (self.pointers + strings.count).initialize(to: nil)
    }

    deinit {
        for index in 0..<self.count {
            unsafe free(UnsafeMutableRawPointer(mutating: self.pointers[index]))
        }
        unsafe self.pointers.deallocate()
    }
}

/// One connection to a PostgreSQL server, used by one thread.
///
/// libpq runs in non-blocking mode and every wait is a `poll` of at most `waitSlice`, so that the
/// caller's `onWait` runs while a server hangs: the stage's heartbeat does not depend on it.
@safe
package struct PostgresConnection: ~Copyable {
    /// One wait; `onWait` runs between two.
    private static let waitSliceMilliseconds: Int32 = 250
    /// Longer than any `statement_timeout` we set: only a silent server is given up by it.
    package static let answerSecondsMax: UInt64 = 15
    /// Bytes handed to libpq at once: its own buffer never grows beyond this and a little.
    private static let copyChunkBytes = 65_536

    private let handle: OpaquePointer
    private let onWait: () -> Bool

    /// Connects.
    ///
    /// - Parameters:
    ///   - keywords: Connection parameters, in the order libpq is to see them; `dbname` may hold a
    ///     whole connection string or URI and overrides what stands before it.
    ///   - timeoutSeconds: For the whole of it, all hosts together.
    ///   - onWait: Runs at least every 250 ms; false gives up.
    /// - Returns: A connection that takes statements.
    /// - Throws: Disposition `retrySlowly` for refused credentials, else `reconnect`.
    package static func connect(
        keywords: [(name: String, value: String)], timeoutSeconds: UInt64,
        onWait: @escaping () -> Bool
    ) throws(ArchiveError) -> PostgresConnection {
        let names = CStringArray(keywords.map(\.name))
        let values = CStringArray(keywords.map(\.value))
        guard let opened = unsafe PQconnectStartParams(names.pointers, values.pointers, 1) else {
            throw PostgresError.error(sqlState: nil, message: "out of memory", action: "connect")
        }
        let connection = unsafe PostgresConnection(opened, onWait: onWait)
        // Notices go nowhere: libpq's own receiver prints.
        unsafe PQsetNoticeReceiver(opened, { _, _ in }, nil)
        try connection.finishConnecting(timeoutSeconds: timeoutSeconds)
        unsafe PQsetnonblocking(opened, 1)
        return connection
    }

    private init(_ handle: OpaquePointer, onWait: @escaping () -> Bool) {
        unsafe self.handle = handle
        self.onWait = onWait
    }

    deinit { unsafe PQfinish(self.handle) }

    /// Runs statements without parameters and returns the last answer.
    @discardableResult
    package func run(
        _ sql: String, secondsMax: UInt64 = Self.answerSecondsMax
    ) throws(ArchiveError) -> PostgresResult {
        guard unsafe PQsendQuery(self.handle, sql) == 1 else { throw self.linkError(sql) }
        return try self.answer(to: sql, secondsMax: secondsMax)
    }

    /// Runs one statement with text parameters; nil is NULL.
    @discardableResult
    package func run(
        _ sql: String, _ parameters: [String?], secondsMax: UInt64 = Self.answerSecondsMax
    ) throws(ArchiveError) -> PostgresResult {
        let values = CStringArray(parameters)
        let isSent = unsafe PQsendQueryParams(
            self.handle, sql, Int32(parameters.count), nil, values.pointers, nil, nil, 0)
        guard isSent == 1 else { throw self.linkError(sql) }
        return try self.answer(to: sql, secondsMax: secondsMax)
    }

    /// Sends `bytes` by COPY … FROM STDIN.
    ///
    /// - Returns: Rows the server says it took.
    package func copy(_ sql: String, _ bytes: UnsafeRawBufferPointer) throws(ArchiveError) -> Int {
        guard unsafe PQsendQuery(self.handle, sql) == 1 else { throw self.linkError(sql) }
        let deadline = Self.now() + Self.answerSecondsMax * 1_000_000_000
        try self.waitForAnswer(deadline, sql)
        guard let first = unsafe PQgetResult(self.handle) else { throw self.linkError(sql) }
        let opening = unsafe PostgresResult(first)
        guard opening.status == PGRES_COPY_IN else {
            let error = opening.error(sql)
            try self.drain(deadline, sql)
            throw error
        }
        var offset = 0
        while offset < bytes.count {
            let count = min(Self.copyChunkBytes, bytes.count - offset)
            let chunk = unsafe bytes.baseAddress?.advanced(by: offset)
                .assumingMemoryBound(to: CChar.self)
            switch unsafe PQputCopyData(self.handle, chunk, Int32(count)) {
            case 1: offset += count
            case 0: try self.waitWritable(deadline, sql)
            default: throw self.linkError(sql)
            }
            try self.flush(deadline, sql)
        }
        while true {
            let ended = unsafe PQputCopyEnd(self.handle, nil)
            if ended == 1 { break }
            if ended < 0 { throw self.linkError(sql) }
            try self.waitWritable(deadline, sql)
        }
        return try self.answer(to: sql, secondsMax: Self.answerSecondsMax).commandRowCount
    }

    /// Sends a statement and returns at once; `pollAnswer` says when it is done.
    package func start(_ sql: String) throws(ArchiveError) {
        guard unsafe PQsendQuery(self.handle, sql) == 1 else { throw self.linkError(sql) }
        _ = unsafe PQflush(self.handle)
    }

    /// Whether the statement of `start` is done.
    ///
    /// Never waits.
    package func pollAnswer(_ action: String) throws(ArchiveError) -> Bool {
        _ = unsafe PQflush(self.handle)
        guard unsafe PQconsumeInput(self.handle) == 1 else { throw self.linkError(action) }
        guard unsafe PQisBusy(self.handle) == 0 else { return false }
        _ = try self.answer(to: action, secondsMax: Self.answerSecondsMax)
        return true
    }

    /// A parameter the server reported, as `server_version` or `in_hot_standby`.
    package func parameterStatus(_ name: String) -> String? {
        unsafe PQparameterStatus(self.handle, name).map { unsafe String(cString: $0) }
    }

    // MARK: - Waiting

    private func finishConnecting(timeoutSeconds: UInt64) throws(ArchiveError) {
        let deadline = Self.now() + timeoutSeconds * 1_000_000_000
        // The first step of libpq's recipe: behave as if polling had asked for writing.
        var wanted = PGRES_POLLING_WRITING
        while true {
            switch wanted {
            case PGRES_POLLING_OK: return
            case PGRES_POLLING_READING: try self.wait(Int16(POLLIN), deadline, "connect")
            case PGRES_POLLING_WRITING: try self.wait(Int16(POLLOUT), deadline, "connect")
            default: throw self.connectError()
            }
            wanted = unsafe PQconnectPoll(self.handle)
        }
    }

    /// libpq keeps no SQLSTATE of a refused connection: the message has to do (libpq 15).
    private func connectError() -> ArchiveError {
        let message = unsafe PQerrorMessage(self.handle).map { unsafe String(cString: $0) } ?? ""
        let isAccess =
            message.contains("authentication failed") || message.contains("no password supplied")
            || message.contains("pg_hba.conf")
            || (message.contains("FATAL:") && message.contains("does not exist"))
            || message.contains("is not permitted to log in")
        var error = PostgresError.error(sqlState: nil, message: message, action: "connect")
        if isAccess {
            error.disposition = .retrySlowly
            error.code = "access"
        }
        return error
    }

    private func answer(
        to action: String, secondsMax: UInt64
    ) throws(ArchiveError) -> PostgresResult {
        let deadline = Self.now() + secondsMax * 1_000_000_000
        try self.flush(deadline, action)
        var failure: ArchiveError?
        var last: OpaquePointer?
        defer { unsafe PQclear(last) }
        while true {
            try self.waitForAnswer(deadline, action)
            guard let next = unsafe PQgetResult(self.handle) else { break }
            switch unsafe PQresultStatus(next) {
            case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY:
                unsafe PQclear(last)
                unsafe last = next
            case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
                unsafe PQclear(next)
                throw PostgresError.error(
                    sqlState: nil, message: "unexpected COPY", action: action)
            default:
                let refused = unsafe PostgresResult(next)
                if failure == nil { failure = refused.error(action) }
            }
        }
        if let failure { throw failure }
        guard let answer = unsafe last else { throw self.linkError(action) }
        unsafe last = nil
        return unsafe PostgresResult(answer)
    }

    private func drain(_ deadline: UInt64, _ action: String) throws(ArchiveError) {
        while true {
            try self.waitForAnswer(deadline, action)
            guard let next = unsafe PQgetResult(self.handle) else { return }
            unsafe PQclear(next)
        }
    }

    private func waitForAnswer(_ deadline: UInt64, _ action: String) throws(ArchiveError) {
        while unsafe PQisBusy(self.handle) == 1 {
            try self.wait(Int16(POLLIN), deadline, action)
            guard unsafe PQconsumeInput(self.handle) == 1 else { throw self.linkError(action) }
        }
    }

    private func flush(_ deadline: UInt64, _ action: String) throws(ArchiveError) {
        while true {
            switch unsafe PQflush(self.handle) {
            case 0: return
            case 1: try self.waitWritable(deadline, action)
            default: throw self.linkError(action)
            }
        }
    }

    /// Waits until the socket takes bytes; reads what came meanwhile, as libpq asks.
    private func waitWritable(_ deadline: UInt64, _ action: String) throws(ArchiveError) {
        try self.wait(Int16(POLLOUT) | Int16(POLLIN), deadline, action)
        guard unsafe PQconsumeInput(self.handle) == 1 else { throw self.linkError(action) }
    }

    private func wait(
        _ events: Int16, _ deadline: UInt64, _ action: String
    ) throws(ArchiveError) {
        while true {
            var descriptor = pollfd(
                fd: unsafe PQsocket(self.handle), events: events, revents: 0)
            guard descriptor.fd >= 0 else { throw self.linkError(action) }
            if unsafe poll(&descriptor, 1, Self.waitSliceMilliseconds) > 0 { return }
            guard self.onWait() else {
                throw PostgresError.error(sqlState: nil, message: "stopping", action: action)
            }
            guard Self.now() < deadline else {
                throw PostgresError.error(
                    sqlState: nil, message: "no answer in time", action: action)
            }
        }
    }

    private func linkError(_ action: String) -> ArchiveError {
        let message = unsafe PQerrorMessage(self.handle).map { unsafe String(cString: $0) } ?? ""
        return PostgresError.error(sqlState: nil, message: message, action: action)
    }

    private static func now() -> UInt64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}

/// A connection that can be shared within its thread.
package final class PostgresSession {
    package let link: PostgresConnection

    package init(_ link: consuming PostgresConnection) { self.link = link }
}
