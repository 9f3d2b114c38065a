// SPDX-License-Identifier: Apache-2.0

internal import CSQLite

/// What SQLite refused, with its own words.
package struct SQLiteError: Error, Sendable, CustomStringConvertible {
    /// Extended result code, `SQLITE_…`.
    package var code: Int32
    package var message: String
    /// The statement or the call that failed.
    package var action: String

    package init(code: Int32, message: String, action: String) {
        self.code = code
        self.message = message
        self.action = action
    }

    /// Another process or connection holds the lock; the same call may succeed later.
    package var isBusy: Bool {
        self.code & 0xFF == SQLITE_BUSY || self.code & 0xFF == SQLITE_LOCKED
    }
    /// The disk is full or failing: writing must pause, nothing is wrong with the statement.
    package var isStorage: Bool {
        [SQLITE_FULL, SQLITE_IOERR, SQLITE_READONLY, SQLITE_CANTOPEN].contains(self.code & 0xFF)
    }

    package var description: String { "SQLite \(self.code) in \(self.action): \(self.message)" }
}

/// One connection to one SQLite file.
///
/// Owned by one thread at a time; closes in `deinit`. Journal mode WAL; foreign keys on; a busy
/// lock is waited for `busyMilliseconds`.
@safe
package final class SQLiteDatabase {
    package enum Durability: String, Sendable {
        /// Every commit reaches stable storage.
        case full = "FULL"
        /// A power cut may take the last commits, never the file.
        case normal = "NORMAL"
    }

    private let handle: OpaquePointer

    /// Opens or creates `path`.
    ///
    /// `path` may be `:memory:`; `durability` is `PRAGMA synchronous`; with `isReadOnly` the file
    /// must exist.
    package init(
        path: String, durability: Durability, isReadOnly: Bool = false,
        busyMilliseconds: Int32 = 5_000
    ) throws(SQLiteError) {
        var raw: OpaquePointer?
        let flags =
            (isReadOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE)
            | SQLITE_OPEN_NOMUTEX
        let code = unsafe sqlite3_open_v2(path, &raw, flags, nil)
        guard code == SQLITE_OK, let opened = unsafe raw else {
            let message = unsafe String(cString: sqlite3_errstr(code))
            unsafe sqlite3_close_v2(raw)
            throw SQLiteError(code: code, message: message, action: "open \(path)")
        }
        unsafe self.handle = opened
        unsafe sqlite3_extended_result_codes(opened, 1)
        unsafe sqlite3_busy_timeout(opened, busyMilliseconds)
        if !isReadOnly {
            try self.execute("PRAGMA journal_mode=WAL")
            try self.execute("PRAGMA synchronous=\(durability.rawValue)")
        }
        try self.execute("PRAGMA foreign_keys=ON")
    }

    deinit { unsafe sqlite3_close_v2(self.handle) }

    /// Runs statements that need no values and give no rows.
    package func execute(_ sql: String) throws(SQLiteError) {
        let code = unsafe sqlite3_exec(self.handle, sql, nil, nil, nil)
        guard code == SQLITE_OK else { throw self.error(code, sql) }
    }

    /// Prepares one statement for repeated use.
    package func prepare(_ sql: String) throws(SQLiteError) -> SQLiteStatement {
        var raw: OpaquePointer?
        let code = unsafe sqlite3_prepare_v3(
            self.handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &raw, nil)
        guard code == SQLITE_OK, let statement = unsafe raw else { throw self.error(code, sql) }
        return unsafe SQLiteStatement(database: self, handle: statement, sql: sql)
    }

    /// Runs `body` in one immediate transaction; rolls back if it throws.
    package func transaction<Result>(
        _ body: () throws(SQLiteError) -> Result
    ) throws(SQLiteError) -> Result {
        try self.execute("BEGIN IMMEDIATE")
        do {
            let result = try body()
            try self.execute("COMMIT")
            return result
        } catch {
            unsafe sqlite3_exec(self.handle, "ROLLBACK", nil, nil, nil)
            throw error
        }
    }

    /// Rows that the last INSERT, UPDATE or DELETE changed.
    package var changedRowCount: Int { unsafe Int(sqlite3_changes64(self.handle)) }

    /// The schema version that `PRAGMA user_version` holds.
    package func userVersion() throws(SQLiteError) -> Int64 {
        let statement = try self.prepare("PRAGMA user_version")
        guard try statement.step() else { return 0 }
        return statement.int64(0)
    }

    /// Applies the migrations after the file's `user_version`, each in its own transaction.
    ///
    /// - Throws: Also if the file is newer than this program (`code` 0).
    package func migrate(_ migrations: [String]) throws(SQLiteError) {
        let version = Int(try self.userVersion())
        guard version <= migrations.count else {
            throw SQLiteError(
                code: 0,
                message: "the file has schema \(version), this program knows "
                    + "\(migrations.count): use a newer program", action: "migrate")
        }
        for (index, migration) in migrations.enumerated() where index >= version {
            try self.transaction { () throws(SQLiteError) in
                try self.execute(migration)
                try self.execute("PRAGMA user_version=\(index + 1)")
            }
        }
    }

    fileprivate func error(_ code: Int32, _ action: String) -> SQLiteError {
        unsafe SQLiteError(
            code: sqlite3_extended_errcode(self.handle),
            message: String(cString: sqlite3_errmsg(self.handle)),
            action: action)
    }
}

/// One prepared statement.
///
/// Parameters count from 1, columns from 0, as in SQLite.
@safe
package final class SQLiteStatement {
    private let database: SQLiteDatabase
    private let handle: OpaquePointer
    private let sql: String

    fileprivate init(database: SQLiteDatabase, handle: OpaquePointer, sql: String) {
        self.database = database
        unsafe self.handle = handle
        self.sql = sql
    }

    deinit { unsafe sqlite3_finalize(self.handle) }

    package func bind(_ index: Int32, _ value: Int64) {
        unsafe sqlite3_bind_int64(self.handle, index, value)
    }

    package func bind(_ index: Int32, _ value: Double) {
        unsafe sqlite3_bind_double(self.handle, index, value)
    }

    package func bind(_ index: Int32, _ value: String) {
        // SQLITE_TRANSIENT: SQLite copies the text before the call returns.
        let transient = unsafe unsafeBitCast(-1, to: sqlite3_destructor_type.self)
        unsafe sqlite3_bind_text(self.handle, index, value, Int32(value.utf8.count), transient)
    }

    package func bind(_ index: Int32, _ bytes: [UInt8]) {
        let transient = unsafe unsafeBitCast(-1, to: sqlite3_destructor_type.self)
        unsafe bytes.withUnsafeBytes { raw in
            _ = unsafe sqlite3_bind_blob(
                self.handle, index, raw.baseAddress, Int32(raw.count), transient)
        }
        if bytes.isEmpty { unsafe sqlite3_bind_zeroblob(self.handle, index, 0) }
    }

    package func bindNull(_ index: Int32) { unsafe sqlite3_bind_null(self.handle, index) }

    /// Advances to the next row; false when there is none.
    ///
    /// Then the statement must be `reset`.
    @discardableResult
    package func step() throws(SQLiteError) -> Bool {
        switch unsafe sqlite3_step(self.handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        case let code:
            let error = self.database.error(code, self.sql)
            unsafe sqlite3_reset(self.handle)
            throw error
        }
    }

    /// Runs a statement that gives no rows, and makes it ready for the next values.
    package func run() throws(SQLiteError) {
        while try self.step() {}
        self.reset()
    }

    /// Makes the statement ready to run again; bound values stay until bound anew.
    package func reset() { unsafe sqlite3_reset(self.handle) }

    package func isNull(_ column: Int32) -> Bool {
        unsafe sqlite3_column_type(self.handle, column) == SQLITE_NULL
    }

    package func int64(_ column: Int32) -> Int64 {
        unsafe sqlite3_column_int64(self.handle, column)
    }

    package func double(_ column: Int32) -> Double {
        unsafe sqlite3_column_double(self.handle, column)
    }

    package func text(_ column: Int32) -> String {
        guard let bytes = unsafe sqlite3_column_text(self.handle, column) else { return "" }
        let count = unsafe Int(sqlite3_column_bytes(self.handle, column))
        return unsafe String(
            decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
    }

    package func blob(_ column: Int32) -> [UInt8] {
        guard let bytes = unsafe sqlite3_column_blob(self.handle, column) else { return [] }
        let count = unsafe Int(sqlite3_column_bytes(self.handle, column))
        return unsafe [UInt8](UnsafeRawBufferPointer(start: bytes, count: count))
    }
}
