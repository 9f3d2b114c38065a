// SPDX-License-Identifier: Apache-2.0

import AlertDelivery
import CLinux
import EmbeddedStore
import Glibc
import JSONText
import MidwatchModel
import Testing

/// What survives, what is sent again, and what a bad disk may do.
@Suite struct OutboxTests {
    private func superseded(_ request: WebhookSink.Request) throws -> [String] {
        let json = try JSONValue(parsing: String(decoding: request.body, as: UTF8.self))
        return (json.value(atPath: "data.delivery.superseded")?.array ?? []).compactMap(\.string)
    }

    @Test func `a crash between sending and marking sends the same id again and nothing else`()
        async throws
    {
        let folder = try TemporaryFolder()
        let sink = try await WebhookSink()
        let endpoints = [try makeEndpoint("one", sink.url("one"))]
        let first = try Bench(endpoints, outbox: folder.file("outbox.sqlite"))
        #expect(await first.delivery.start() == 0)
        _ = first.delivery.offer(makeAlert(1, n: 11))
        #expect(await eventually { first.log.deliveredIDs("one").count == 1 })
        sink.set("one", .hold)
        _ = first.delivery.offer(makeAlert(2, n: 12))
        #expect(
            await eventually {
                sink.requests().count == 2 && first.delivery.status().storeBacklog == 0
            })
        // The file as a crash at this moment leaves it: sent, and not marked.
        let copied = unsafe system(
            "mkdir '\(folder.file("after"))' && cp '\(folder.file("outbox.sqlite"))' "
                + "'\(folder.file("outbox.sqlite-wal"))' '\(folder.file("after"))'")
        #expect(copied == 0)
        sink.release("one")
        await first.delivery.stop(withinNanoseconds: 2_000_000_000)

        let second = try Bench(endpoints, outbox: folder.file("after/outbox.sqlite"))
        #expect(await second.delivery.start() == 12)
        // The program reads the ledger again, and offers more than it must.
        for key in UInt64(1)...2 { _ = second.delivery.offer(makeAlert(key, n: 10 + key)) }
        #expect(await eventually { second.log.deliveredIDs("one") == ["alert_1_2_1"] })
        #expect(
            await eventually {
                let status = second.delivery.status()
                return status.inboxCount == 0 && status.endpoints[0].queuedCount == 0
            })
        await second.delivery.stop(withinNanoseconds: 2_000_000_000)
        #expect(sink.requests().map(\.id) == ["alert_1_1_1", "alert_1_2_1", "alert_1_2_1"])

        let third = try Bench(endpoints, outbox: folder.file("after/outbox.sqlite"))
        #expect(await third.delivery.start() == 12)
        #expect(third.delivery.status().endpoints[0].queuedCount == 0)
        await third.delivery.stop(withinNanoseconds: 1_000_000_000)
        #expect(sink.requests().count == 3)
        await sink.stop()
    }

    @Test func `what was not delivered before a stop is delivered after the next start`()
        async throws
    {
        let folder = try TemporaryFolder()
        let sink = try await WebhookSink()
        sink.set("one", .hang)
        let endpoints = [try makeEndpoint("one", sink.url("one"))]
        let first = try Bench(endpoints, outbox: folder.file("outbox.sqlite"))
        _ = await first.delivery.start()
        for key in UInt64(1)...20 {
            for sequence in UInt64(1)...3 {
                _ = first.delivery.offer(makeAlert(key, sequence, n: key * 3 + sequence))
            }
        }
        #expect(first.delivery.ledgerRead(through: 100) == .accepted)
        #expect(await eventually { sink.requests().count == 4 })
        let begin = clinux_boottime_ns()
        await first.delivery.stop(withinNanoseconds: 300_000_000)
        #expect(Double(clinux_boottime_ns() - begin) / 1e9 < 4)
        #expect(first.delivery.offer(makeAlert(1, 4)) == .stopped)
        #expect(first.log.deliveredIDs("one").isEmpty)

        sink.set("one", .answer(200))
        let second = try Bench(endpoints, outbox: folder.file("outbox.sqlite"))
        #expect(await second.delivery.start() == 100)
        #expect(await eventually { second.log.deliveredIDs("one").count == 60 })
        await second.delivery.stop(withinNanoseconds: 1_000_000_000)
        let taken = sink.requests().filter(\.isTaken).map(\.id)
        #expect(taken.count == 60)
        for key in 1...20 {
            let own = taken.filter { $0.hasPrefix("alert_1_\(key)_") }
            #expect(own == (1...3).map { "alert_1_\(key)_\($0)" })
        }
        await sink.stop()
    }

    @Test func `a frozen outbox delays no alert, and catches up`() async throws {
        let folder = try TemporaryFolder()
        let sink = try await WebhookSink()
        let endpoints = [try makeEndpoint("one", sink.url("one"))]
        let bench = try Bench(endpoints, outbox: folder.file("outbox.sqlite"))
        #expect(await bench.delivery.start() == 0)
        // Another connection holds the write lock: every write of the store's thread waits.
        let blocker = try SQLiteDatabase(path: folder.file("outbox.sqlite"), durability: .normal)
        try blocker.execute("BEGIN IMMEDIATE")
        let begin = clinux_boottime_ns()
        for key in UInt64(1)...50 { _ = bench.delivery.offer(makeAlert(key, n: key)) }
        #expect(await eventually { bench.log.deliveredIDs("one").count == 50 })
        #expect(Double(clinux_boottime_ns() - begin) / 1e9 < 3)
        // 50 alerts taken in and 50 marks, all of them still waiting.
        #expect(bench.delivery.status().storeBacklog == 100)
        let beats = bench.progress.beatCount
        #expect(await eventually(within: 5) { bench.progress.beatCount > beats + 1 })
        try blocker.execute("ROLLBACK")
        #expect(await eventually { bench.delivery.status().storeBacklog == 0 })
        await bench.delivery.stop(withinNanoseconds: 1_000_000_000)

        let next = try Bench(endpoints, outbox: folder.file("outbox.sqlite"))
        #expect(await next.delivery.start() == 50)
        await next.delivery.stop(withinNanoseconds: 1_000_000_000)
        #expect(sink.requests().count == 50)
        await sink.stop()
    }

    @Test func `an outbox that is frozen at the start is learned from when it answers`()
        async throws
    {
        let folder = try TemporaryFolder()
        let sink = try await WebhookSink()
        sink.set("one", .hang)
        let endpoints = [try makeEndpoint("one", sink.url("one"))]
        let first = try Bench(endpoints, outbox: folder.file("outbox.sqlite"))
        _ = await first.delivery.start()
        for key in UInt64(1)...3 { _ = first.delivery.offer(makeAlert(key, 1, n: key)) }
        #expect(await eventually { sink.requests().count == 3 })
        await first.delivery.stop(withinNanoseconds: 0)
        sink.set("one", .hold)

        let blocker = try SQLiteDatabase(path: folder.file("outbox.sqlite"), durability: .normal)
        try blocker.execute("BEGIN IMMEDIATE")
        let second = try Bench(endpoints, outbox: folder.file("outbox.sqlite"))
        let begin = clinux_boottime_ns()
        #expect(await second.delivery.start() == nil)
        #expect(Double(clinux_boottime_ns() - begin) / 1e9 < 8)
        // The program offers what stands: alarm 1 has gone on, alarm 2 has not.
        _ = second.delivery.offer(makeAlert(1, 2, n: 4))
        _ = second.delivery.offer(makeAlert(2, 1, n: 2))
        #expect(await eventually(within: 3) { sink.requests().count == 5 })
        try blocker.execute("ROLLBACK")
        // Both are under way when the store tells of them: only alarm 3 is news.
        #expect(await eventually { sink.requests().count == 6 })
        sink.release("one")
        #expect(await eventually { second.log.deliveredIDs("one").count == 3 })
        #expect(await eventually { second.delivery.status().endpoints[0].queuedCount == 0 })
        #expect(
            await eventually {
                second.log.all.contains(
                    .superseded(
                        alertID: "alert_1_1_1", alarmID: "plant/sensor-1/high", endpoint: "one"))
            })
        await second.delivery.stop(withinNanoseconds: 1_000_000_000)
        let later = sink.requests().dropFirst(3).map(\.id)
        #expect(later.sorted() == ["alert_1_1_2", "alert_1_2_1", "alert_1_3_1"])
        let third = try Bench(endpoints, outbox: folder.file("outbox.sqlite"))
        #expect(await third.delivery.start() == 4)
        #expect(third.delivery.status().endpoints[0].queuedCount == 0)
        await third.delivery.stop(withinNanoseconds: 1_000_000_000)
        #expect(sink.requests().count == 6)
        await sink.stop()
    }

    @Test func `what memory cannot hold waits in the store and comes back in order`() async throws {
        let folder = try TemporaryFolder()
        let sink = try await WebhookSink()
        sink.set("one", .hold)
        let bench = try Bench(
            [try makeEndpoint("one", sink.url("one"))], outbox: folder.file("outbox.sqlite")
        ) { $0.queueCountMax = 8 }
        _ = await bench.delivery.start()
        for sequence in UInt64(1)...10 {
            for key in UInt64(1)...20 {
                let priority: AlarmPriority = key % 5 == 0 ? .critical : .low
                #expect(
                    bench.delivery.offer(makeAlert(key, sequence, priority: priority)) == .accepted)
            }
        }
        #expect(await eventually { bench.delivery.status().inboxCount == 0 })
        let held = bench.delivery.status().endpoints[0]
        #expect(held.queuedCount <= 8 && held.isParked)
        sink.release("one")
        #expect(await eventually { bench.log.deliveredIDs("one").count == 200 })
        let ids = bench.log.deliveredIDs("one")
        #expect(Set(ids).count == 200)
        for key in 1...20 {
            let own = ids.filter { $0.hasPrefix("alert_1_\(key)_") }
            #expect(own == (1...10).map { "alert_1_\(key)_\($0)" })
        }
        #expect(
            await eventually {
                let status = bench.delivery.status().endpoints[0]
                return status.queuedCount == 0 && !status.isParked
            })
        await bench.delivery.stop(withinNanoseconds: 1_000_000_000)
        await sink.stop()
    }

    @Test func `what is parked while the store is read is not overlooked`() async throws {
        let folder = try TemporaryFolder()
        let sink = try await WebhookSink()
        sink.set("one", .hold)
        let bench = try Bench(
            [try makeEndpoint("one", sink.url("one"))], outbox: folder.file("outbox.sqlite")
        ) { $0.queueCountMax = 8 }
        _ = await bench.delivery.start()
        let blocker = try SQLiteDatabase(path: folder.file("outbox.sqlite"), durability: .normal)
        try blocker.execute("BEGIN IMMEDIATE")
        // Four fill the share of low priority; the fifth is parked and asked for at once, and the
        // sixth comes behind that question.
        for key in UInt64(1)...5 { _ = bench.delivery.offer(makeAlert(key, priority: .low)) }
        #expect(await eventually { bench.delivery.status().storeBacklog == 5 + 1 })
        _ = bench.delivery.offer(makeAlert(6, priority: .low))
        #expect(await eventually { bench.delivery.status().storeBacklog == 6 + 1 })
        try blocker.execute("ROLLBACK")
        #expect(await eventually { bench.delivery.status().endpoints[0].queuedCount > 4 })
        sink.release("one")
        #expect(await eventually(within: 5) { bench.log.deliveredIDs("one").count == 6 })
        await bench.delivery.stop(withinNanoseconds: 1_000_000_000)
        #expect(Set(sink.requests().map(\.id)).count == 6 && sink.requests().count == 6)
        await sink.stop()
    }

    @Test func `what is delivered while the store is read is not sent again`() async throws {
        let folder = try TemporaryFolder()
        let sink = try await WebhookSink()
        sink.set("one", .hold)
        let bench = try Bench(
            [try makeEndpoint("one", sink.url("one"))], outbox: folder.file("outbox.sqlite")
        ) { $0.queueCountMax = 8 }
        _ = await bench.delivery.start()
        let blocker = try SQLiteDatabase(path: folder.file("outbox.sqlite"), durability: .normal)
        try blocker.execute("BEGIN IMMEDIATE")
        // Alert 6 is parked beside five in memory; alert 7 finds room and stands behind it.
        for key in UInt64(1)...7 {
            _ = bench.delivery.offer(makeAlert(key, priority: key == 6 ? .low : .critical))
        }
        #expect(await eventually { bench.delivery.status().storeBacklog == 7 })
        let held = bench.delivery.status().endpoints[0]
        #expect(held.queuedCount == 6 && held.isParked)
        // The question for alert 6 comes before the marks of 5 and 7: their rows still say that they
        // are pending when it is answered.
        sink.release("one")
        #expect(await eventually { bench.log.deliveredIDs("one").count == 6 })
        try blocker.execute("ROLLBACK")
        #expect(await eventually { bench.log.deliveredIDs("one").count == 7 })
        #expect(
            await eventually {
                let status = bench.delivery.status().endpoints[0]
                return status.queuedCount == 0 && !status.isParked
            })
        await bench.delivery.stop(withinNanoseconds: 1_000_000_000)
        #expect(sink.requests().map(\.id).sorted() == (1...7).map { "alert_1_\($0)_1" })
        await sink.stop()
    }

    @Test func `with memory and store full the newest state of each alarm is sent`() async throws {
        let folder = try TemporaryFolder()
        let sink = try await WebhookSink()
        sink.set("one", .hold)
        let bench = try Bench(
            [try makeEndpoint("one", sink.url("one"))], outbox: folder.file("outbox.sqlite")
        ) {
            $0.queueCountMax = 4
            $0.storeQueueCountMax = 1
        }
        _ = await bench.delivery.start()
        let blocker = try SQLiteDatabase(path: folder.file("outbox.sqlite"), durability: .normal)
        try blocker.execute("BEGIN IMMEDIATE")
        for sequence in UInt64(1)...10 {
            for key in UInt64(1)...6 {
                _ = bench.delivery.offer(
                    makeAlert(key, sequence, priority: .critical, n: sequence * 6 + key))
            }
        }
        #expect(await eventually { bench.delivery.status().inboxCount == 0 })
        let full = bench.delivery.status().endpoints[0]
        #expect(full.queuedCount <= 4 + 6 + 4)
        #expect(full.refusedCount == 0)
        #expect(full.supersededCount > 0)
        sink.release("one")
        #expect(await eventually { bench.delivery.status().endpoints[0].queuedCount == 0 })
        var last: [String: String] = [:]
        var told: Set<String> = []
        for request in sink.requests() {
            let alarm = String(request.id.prefix(9))
            #expect(
                (last[alarm] ?? "").count < request.id.count || (last[alarm] ?? "") < request.id)
            last[alarm] = request.id
            told.formUnion([request.id] + (try self.superseded(request)))
        }
        // Each alarm ends with its newest state, and each earlier state is sent or named.
        #expect(last.values.sorted() == (1...6).map { "alert_1_\($0)_10" })
        #expect(told.count == 60, "\(told.count)")
        try blocker.execute("ROLLBACK")
        #expect(await eventually { bench.delivery.status().storeBacklog == 0 })
        #expect(bench.delivery.ledgerRead(through: 1_000) == .accepted)
        #expect(await eventually { bench.delivery.status().inboxCount == 0 })
        await bench.delivery.stop(withinNanoseconds: 1_000_000_000)
        // Only the first found room in the store: the cursor must not have passed the others.
        let next = try Bench(
            [try makeEndpoint("one", sink.url("one"))], outbox: folder.file("outbox.sqlite"))
        #expect(await next.delivery.start() == 7)
        await next.delivery.stop(withinNanoseconds: 0)
        await sink.stop()
    }

    @Test func `a file that is no database is kept aside and a new one begun`() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("outbox.sqlite")
        try write([UInt8](repeating: 0x55, count: 8_192), to: path)
        let sink = try await WebhookSink()
        let bench = try Bench([try makeEndpoint("one", sink.url("one"))], outbox: path)
        #expect(await bench.delivery.start() == 0)
        _ = bench.delivery.offer(makeAlert(1, n: 1))
        #expect(await eventually { bench.log.deliveredIDs("one").count == 1 })
        let aside = bench.log.all.compactMap { outcome -> String? in
            guard case .outbox(.setAside(let path, _, _)) = outcome else { return nil }
            return path
        }
        #expect(aside.count == 1)
        #expect(try read(aside.first ?? "").count == 8_192)
        await bench.delivery.stop(withinNanoseconds: 1_000_000_000)
        let next = try Bench([try makeEndpoint("one", sink.url("one"))], outbox: path)
        #expect(await next.delivery.start() == 1)
        await next.delivery.stop(withinNanoseconds: 1_000_000_000)
        await sink.stop()
    }

    @Test func `without a place for the file alerts leave and the condition is told`() async throws
    {
        let folder = try TemporaryFolder()
        let sink = try await WebhookSink()
        let bench = try Bench(
            [try makeEndpoint("one", sink.url("one"))],
            outbox: folder.file("missing/outbox.sqlite"))
        #expect(await bench.delivery.start() == nil)
        _ = bench.delivery.offer(makeAlert(1, n: 1))
        #expect(await eventually { bench.log.deliveredIDs("one").count == 1 })
        #expect(await eventually { bench.delivery.status().outbox.word == "failing" })
        // The place appears: the store begins to write, and what is owed is written.
        #expect(unsafe mkdir(folder.file("missing"), 0o700) == 0)
        #expect(await eventually { bench.delivery.status().outbox == .writing })
        #expect(await eventually { bench.delivery.status().storeBacklog == 0 })
        await bench.delivery.stop(withinNanoseconds: 1_000_000_000)
        let next = try Bench(
            [try makeEndpoint("one", sink.url("one"))],
            outbox: folder.file("missing/outbox.sqlite"))
        #expect(await next.delivery.start() == 1)
        _ = next.delivery.offer(makeAlert(1, n: 1))
        _ = next.delivery.offer(makeAlert(2, n: 2))
        #expect(await eventually { next.log.deliveredIDs("one") == ["alert_1_2_1"] })
        await next.delivery.stop(withinNanoseconds: 1_000_000_000)
        #expect(sink.requests().map(\.id) == ["alert_1_1_1", "alert_1_2_1"])
        await sink.stop()
    }

    @Test func `deliveries to an endpoint that is gone become dead letters`() async throws {
        let folder = try TemporaryFolder()
        let sink = try await WebhookSink()
        sink.set("old", .hang)
        let first = try Bench(
            [try makeEndpoint("old", sink.url("old"))], outbox: folder.file("outbox.sqlite"))
        _ = await first.delivery.start()
        _ = first.delivery.offer(makeAlert(1, priority: .critical))
        // Nobody is in danger who does not hear of a test: it calls no last resort.
        var drill = makeAlert(2, priority: .critical)
        drill.id = "drill_1_2"
        _ = first.delivery.offer(drill)
        #expect(await eventually { sink.requests().count == 2 })
        #expect(first.delivery.status().untoldCriticalCount == 1)
        await first.delivery.stop(withinNanoseconds: 0)
        let second = try Bench(
            [try makeEndpoint("new", sink.url("new"))], outbox: folder.file("outbox.sqlite"))
        _ = await second.delivery.start()
        let letters = try #require(await second.delivery.deadLetters(limit: 5))
        #expect(letters.map(\.reason) == [.endpointRemoved, .endpointRemoved])
        #expect(letters.first.map { second.log.all.contains(.deadLettered($0)) } == true)
        #expect(second.delivery.status().untoldCriticalCount == 1)
        await second.delivery.stop(withinNanoseconds: 1_000_000_000)
        await sink.stop()
    }

    @Test func `threads that offer at once leave no backlog behind`() async throws {
        let folder = try TemporaryFolder()
        let bench = try Bench([], outbox: folder.file("outbox.sqlite"))
        _ = await bench.delivery.start()
        // An old figure would say "work that nobody does", and the watchdog would call people.
        for round in 0..<50 {
            await withTaskGroup { group in
                for offerer in 0..<4 {
                    group.addTask {
                        for number in 0..<20 {
                            let id = UInt64(round * 80 + offerer * 20 + number)
                            _ = bench.delivery.offer(makeAlert(id, priority: .high))
                        }
                    }
                }
            }
        }
        #expect(await eventually { bench.delivery.status().inboxCount == 0 })
        #expect(await eventually { bench.progress.backlog == 0 })
        await bench.delivery.stop(withinNanoseconds: 1_000_000_000)
    }

    @Test func `offers are counted by what became of them`() async throws {
        let folder = try TemporaryFolder()
        let sink = try await WebhookSink()
        var urgent = try makeEndpoint("urgent", sink.url("urgent"))
        urgent.priorityMin = .critical
        let bench = try Bench([urgent], outbox: folder.file("outbox.sqlite"))
        _ = await bench.delivery.start()
        var broken = makeAlert(1)
        broken.id = "a.b"
        #expect(bench.delivery.offer(broken) == .malformed)
        _ = bench.delivery.offer(makeAlert(2, priority: .high, n: 5))
        for _ in 0..<3 { _ = bench.delivery.offer(makeAlert(3, priority: .critical, n: 6)) }
        #expect(await eventually { bench.log.deliveredIDs("urgent") == ["alert_1_3_1"] })
        #expect(await eventually { bench.delivery.status().inboxCount == 0 })
        #expect(
            bench.log.all.contains(
                .unrouted(alertID: "alert_1_2_1", alarmID: "plant/sensor-2/high")))
        func metric(_ name: String) -> Double? {
            bench.delivery.metrics().first { $0.name == "midwatch_\(name)" }?.value
        }
        #expect(metric("alert_offered_total") == 4)
        #expect(metric("alert_malformed_total") == 1)
        #expect(metric("alert_duplicates_total") == 2)
        #expect(metric("alert_unrouted_total") == 1)
        #expect(metric("delivery_delivered_total") == 1)
        #expect(metric("delivery_breaker_open") == 0)
        #expect(bench.progress.attemptCount >= 5 && bench.progress.backlog == 0)
        await bench.delivery.stop(withinNanoseconds: 1_000_000_000)
        let next = try Bench([urgent], outbox: folder.file("outbox.sqlite"))
        #expect(await next.delivery.start() == 6)
        await next.delivery.stop(withinNanoseconds: 1_000_000_000)
        await sink.stop()
    }
}
