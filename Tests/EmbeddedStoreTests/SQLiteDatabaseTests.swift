// SPDX-License-Identifier: Apache-2.0

import EmbeddedStore
import Testing

@Suite struct SQLiteDatabaseTests {
    @Test func `values of every type survive`() throws {
        let database = try SQLiteDatabase(path: ":memory:", durability: .normal)
        try database.execute("CREATE TABLE t(i, d, s, b, n)")
        let insert = try database.prepare("INSERT INTO t VALUES (?,?,?,?,?)")
        insert.bind(1, Int64.min)
        insert.bind(2, 1.5)
        insert.bind(3, "é\"")
        insert.bind(4, [0, 255])
        insert.bindNull(5)
        try insert.run()
        #expect(database.changedRowCount == 1)
        let select = try database.prepare("SELECT i, d, s, b, n FROM t")
        #expect(try select.step())
        #expect(select.int64(0) == Int64.min)
        #expect(select.double(1) == 1.5)
        #expect(select.text(2) == "é\"")
        #expect(select.blob(3) == [0, 255])
        #expect(select.isNull(4))
        #expect(try !select.step())
    }

    @Test func `a transaction that throws leaves nothing`() throws {
        let database = try SQLiteDatabase(path: ":memory:", durability: .normal)
        try database.execute("CREATE TABLE t(i UNIQUE)")
        #expect(throws: SQLiteError.self) {
            try database.transaction { () throws(SQLiteError) in
                try database.execute("INSERT INTO t VALUES (1)")
                try database.execute("INSERT INTO t VALUES (1)")
            }
        }
        let count = try database.prepare("SELECT count(*) FROM t")
        #expect(try count.step())
        #expect(count.int64(0) == 0)
    }

    @Test func `migrations run once and a newer file is refused`() throws {
        let database = try SQLiteDatabase(path: ":memory:", durability: .normal)
        try database.migrate(["CREATE TABLE a(x)"])
        try database.migrate(["CREATE TABLE a(x)", "CREATE TABLE b(x)"])
        #expect(try database.userVersion() == 2)
        #expect(throws: SQLiteError.self) { try database.migrate(["CREATE TABLE a(x)"]) }
    }
}
