// SPDX-License-Identifier: Apache-2.0

import EmbeddedStore
import Glibc
import MidwatchModel
import Testing

@testable import AlertDelivery

/// An outbox that is damaged while it is in use.
@Suite struct DamageTests {
    /// Writes over a file as a rotten disk would, without changing its length.
    private static func spoil(_ path: String) throws {
        let fd = unsafe open(path, O_WRONLY)
        try #require(fd >= 0)
        defer { close(fd) }
        let bytes = [UInt8](repeating: 0x55, count: Int(lseek(fd, 0, SEEK_END)))
        let count = unsafe bytes.withUnsafeBytes { unsafe pwrite(fd, $0.baseAddress, $0.count, 0) }
        try #require(count == bytes.count)
    }

    private static func setAside(_ log: OutcomeLog) -> [String] {
        log.all.compactMap { outcome in
            guard case .outbox(.setAside(let path, _, _)) = outcome else { return nil }
            return path
        }
    }

    /// An alert too large for many of its kind to stay in the store's own memory.
    private static func large(_ key: UInt64, n: UInt64) -> Alert {
        var alert = makeAlert(key, n: n)
        alert.body = Array(
            #"{"sensor":"plant/sensor-\#(key)","text":"\#(String(repeating: "x", count: 30_000))"}"#
                .utf8)
        return alert
    }

    @Test func `what a damaged outbox held comes from the ledger, and nothing twice`() async throws
    {
        let folder = try TemporaryFolder()
        let path = folder.file("outbox.sqlite")
        let sink = try await WebhookSink()
        let endpoints = [
            try makeEndpoint("one", sink.url("one")), try makeEndpoint("two", sink.url("two")),
        ]
        let bench = try Bench(endpoints, outbox: path) { $0.queueCountMax = 8 }
        _ = await bench.delivery.start()
        // Delivered before anything happens: it must not leave again.
        _ = bench.delivery.offer(Self.large(1, n: 1))
        #expect(await eventually { bench.log.all.count { $0.isDelivery } == 2 })
        sink.set("one", .hold)
        let alerts = (UInt64(2)...200).map { Self.large($0, n: $0) }
        for alert in alerts { #expect(bench.delivery.offer(alert) == .accepted) }
        #expect(await eventually { bench.log.deliveredIDs("two").count == 200 })
        #expect(await eventually { bench.delivery.status().storeBacklog == 0 })
        #expect(bench.delivery.status().endpoints[0].isParked)
        for suffix in ["", "-wal"] { try Self.spoil(path + suffix) }
        #expect(!bench.delivery.takeWantsLedger())
        // The next look at what is parked finds the damage.
        sink.release("one")
        #expect(await eventually { bench.delivery.takeWantsLedger() })
        #expect(await eventually { bench.delivery.status().outbox.word == "setAside" })
        let aside = Self.setAside(bench.log)
        #expect(aside.count == 1)
        let fault = bench.delivery.status().outbox.fault ?? ""
        #expect(fault.contains("set aside at 20") && fault.contains("is being made"))
        // Alarms that only the file held alerts of: more than memory has room for, and not the
        // first, which was delivered.
        let lost = bench.delivery.takeLostAlarms()
        #expect(lost.count > 150 && lost.isSubset(of: Set(alerts.map(\.alarmKey))))
        #expect(bench.delivery.takeLostAlarms().isEmpty)
        #expect(unsafe access(aside.first ?? "", R_OK) == 0, "it is kept")
        // A crash now must have the ledger read again: the cursor waits for the program.
        _ = bench.delivery.ledgerRead(through: 500)
        for alert in [Self.large(1, n: 0)] + alerts {
            #expect(bench.delivery.offer(alert) == .accepted)
        }
        #expect(await eventually { bench.log.deliveredIDs("one").count >= 200 })
        let database = try SQLiteDatabase(path: path, durability: .normal, isReadOnly: true)
        func cursor() throws -> Int64 {
            let row = try database.prepare("SELECT n FROM ledger_cursor")
            return try row.step() ? row.int64(0) : -1
        }
        #expect(try cursor() == 0)
        #expect(bench.delivery.rebuilt(through: 500) == .accepted)
        #expect(await eventually { (try? cursor()) == 500 })
        #expect(
            await eventually {
                bench.delivery.status().outbox.fault?.contains("a new one was made") == true
            })
        await bench.delivery.stop(withinNanoseconds: 2_000_000_000)
        for name in ["one", "two"] {
            let ids = bench.log.deliveredIDs(name)
            #expect(Set(ids).count == 200 && ids.count == 200, "\(name): \(ids.count)")
        }
        #expect(sink.requests("two").count == 200)
        // A start on the new file has nothing left to do.
        let next = try Bench(endpoints, outbox: path)
        #expect(await next.delivery.start() == 500)
        #expect(next.delivery.status().endpoints.allSatisfy { $0.queuedCount == 0 })
        await next.delivery.stop(withinNanoseconds: 1_000_000_000)
        await sink.stop()
    }

    @Test func `what memory holds is in the new file`() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("outbox.sqlite")
        let sink = try await WebhookSink()
        sink.set("one", .hang)
        let endpoints = [try makeEndpoint("one", sink.url("one"))]
        let bench = try Bench(endpoints, outbox: path)
        _ = await bench.delivery.start()
        for key in UInt64(1)...100 { _ = bench.delivery.offer(Self.large(key, n: key)) }
        #expect(await eventually { bench.delivery.status().endpoints[0].queuedCount == 100 })
        #expect(await eventually { bench.delivery.status().storeBacklog == 0 })
        for suffix in ["", "-wal"] { try Self.spoil(path + suffix) }
        // Any question finds it.
        #expect(
            await eventually {
                _ = await bench.delivery.deadLetters(limit: 1)
                return bench.delivery.takeWantsLedger()
            })
        #expect(await eventually { bench.delivery.status().storeBacklog == 0 })
        await bench.delivery.stop(withinNanoseconds: 0)
        sink.set("one", .answer(200))
        let next = try Bench(endpoints, outbox: path)
        #expect(await next.delivery.start() == 0, "the ledger is read from its beginning")
        #expect(await eventually { next.log.deliveredIDs("one").count == 100 })
        await next.delivery.stop(withinNanoseconds: 1_000_000_000)
        await sink.stop()
    }

    @Test func `an older alert that comes back does not follow a newer one of its alarm`()
        async throws
    {
        let folder = try TemporaryFolder()
        let path = folder.file("outbox.sqlite")
        let sink = try await WebhookSink()
        sink.set("one", .hold)
        let bench = try Bench([try makeEndpoint("one", sink.url("one"))], outbox: path) {
            $0.queueCountMax = 8
        }
        _ = await bench.delivery.start()
        for key in UInt64(1)...100 { _ = bench.delivery.offer(Self.large(key, n: key)) }
        #expect(await eventually { bench.delivery.status().storeBacklog == 0 })
        #expect(await eventually { bench.delivery.status().endpoints[0].isParked })
        for suffix in ["", "-wal"] { try Self.spoil(path + suffix) }
        sink.release("one")
        #expect(await eventually { bench.delivery.takeWantsLedger() })
        // The alarm returns before its raise is offered again.
        _ = bench.delivery.offer(makeAlert(100, 2))
        #expect(await eventually { bench.log.deliveredIDs("one").contains("alert_1_100_2") })
        for key in UInt64(1)...100 { _ = bench.delivery.offer(Self.large(key, n: 0)) }
        _ = bench.delivery.rebuilt(through: 100)
        #expect(await eventually { Set(bench.log.deliveredIDs("one")).count == 100 })
        await bench.delivery.stop(withinNanoseconds: 1_000_000_000)
        let ids = bench.log.deliveredIDs("one")
        #expect(!ids.contains("alert_1_100_1"))
        #expect(Set(ids).count == ids.count)
        await sink.stop()
    }

    @Test func `a file is given up for damage at once, for failing only after a while`() {
        var damage = OutboxDamage()
        /// Whether it is to be opened anew, and whether it is to be set aside.
        func note(_ code: Int32) -> [Bool] {
            let speaksOfFile = damage.note(SQLiteError(code: code, message: "", action: ""))
            return [speaksOfFile, damage.isDue]
        }
        func wasInUse() -> Bool { damage.wasSetAside() }
        let io: Int32 = 10 | 3 << 8
        for _ in 1..<OutboxDamage.ioFailureCountMax { #expect(note(io) == [true, false]) }
        damage.wrote()
        for _ in 1..<OutboxDamage.ioFailureCountMax { #expect(note(io) == [true, false]) }
        #expect(note(io) == [true, true])
        #expect(!wasInUse(), "no file was")
        for code in [Int32(11), 26] {
            #expect(note(code) == [true, true])
            #expect(wasInUse())
        }
        // A full disk or a lock says nothing against the file.
        for code in [Int32(13), 5] { #expect(note(code) == [false, false]) }
        for _ in 3..<OutboxDamage.asideCountMax { _ = wasInUse() }
        #expect(note(11) == [true, false], "a disk that spoils every file is not filled with them")
    }
}

extension DeliveryOutcome {
    fileprivate var isDelivery: Bool {
        if case .delivered = self { return true }
        return false
    }
}
