// SPDX-License-Identifier: Apache-2.0

import AlertDelivery
import CLinux
import Glibc
import JSONText
import MidwatchModel
import NIOSSL
import Testing

/// Endpoints that misbehave, over real HTTP.
@Suite struct DeliveryFaultTests {
    @Test func `endpoints that fail in every way delay no other`() async throws {
        let folder = try TemporaryFolder()
        let sink = try await WebhookSink()
        sink.set("hang", .hang)
        sink.set("failing", .answer(500))
        sink.set("reset", .reset)
        sink.set("redirect", .answer(301, headers: [("location", sink.url("trap"))]))
        sink.set("drip", .drip)
        let bad = ["hang", "failing", "reset", "redirect", "drip"]
        var endpoints = try (bad + ["good", "fine"]).map { try makeEndpoint($0, sink.url($0)) }
        endpoints.insert(try makeEndpoint("refused", "http://127.0.0.1:1/"), at: 0)
        endpoints.insert(try makeEndpoint("nameless", "http://no-such-host.invalid/"), at: 0)
        let bench = try Bench(endpoints, outbox: folder.file("outbox.sqlite"))
        #expect(await bench.delivery.start() == 0)

        let begin = clinux_boottime_ns()
        for key in UInt64(1)...100 { #expect(bench.delivery.offer(makeAlert(key)) == .accepted) }
        let arrived = await eventually {
            bench.log.deliveredIDs("good").count == 100
                && bench.log.deliveredIDs("fine").count == 100
        }
        let took = Double(clinux_boottime_ns() - begin) / 1e9
        #expect(arrived)
        // A first attempt at a hanging endpoint lasts ten seconds: nobody has waited for one.
        #expect(took < 5, "took \(took) s")
        let wanted = Set((1...100).map { "alert_1_\($0)_1" })
        for name in ["good", "fine"] {
            #expect(Set(sink.requests(name).map(\.id)) == wanted)
            #expect(sink.requests(name).count == 100)
        }
        #expect(sink.requests("trap").isEmpty, "a redirect was followed")
        #expect(sink.requests("hang").count == 4, "calls at once to one endpoint")
        #expect(sink.requests("drip").count == 4)
        let status = bench.delivery.status()
        for endpoint in status.endpoints {
            let isGood = ["good", "fine"].contains(endpoint.endpoint)
            #expect(endpoint.deliveredCount == (isGood ? 100 : 0))
            #expect(endpoint.queuedCount == (isGood ? 0 : 100))
        }
        let failures = Set(
            bench.log.all.compactMap { outcome -> String? in
                guard case .attemptFailed(let report, _) = outcome else { return nil }
                return "\(report.endpoint) \(report.status) \(report.failure?.rawValue ?? "-")"
            })
        #expect(
            failures.isSuperset(of: [
                "failing 500 -", "reset 0 network", "redirect 301 -", "refused 0 network",
            ]), "\(failures)")
        let stopBegin = clinux_boottime_ns()
        await bench.delivery.stop(withinNanoseconds: 500_000_000)
        #expect(Double(clinux_boottime_ns() - stopBegin) / 1e9 < 5)
        await sink.stop()
    }

    @Test func `an answer whose body drips or never ends counts by its head`() async throws {
        let folder = try TemporaryFolder()
        let sink = try await WebhookSink()
        sink.set("one", .dripBody)
        let bench = try Bench(
            [try makeEndpoint("one", sink.url("one"))], outbox: folder.file("outbox.sqlite"))
        _ = await bench.delivery.start()
        _ = bench.delivery.offer(makeAlert(1))
        #expect(await eventually(within: 8) { bench.log.deliveredIDs("one") == ["alert_1_1_1"] })
        await bench.delivery.stop(withinNanoseconds: 500_000_000)
        #expect(sink.requests().count == 1)
        await sink.stop()
    }

    @Test func `a raise that fails is repeated before its clear leaves`() async throws {
        let folder = try TemporaryFolder()
        let sink = try await WebhookSink()
        sink.set("one", .answer(500), .reset, .answer(302), .answer(204))
        let time = VirtualClock()
        let bench = try Bench(
            [try makeEndpoint("one", sink.url("one"))], outbox: folder.file("outbox.sqlite"),
            clock: time.clock)
        _ = await bench.delivery.start()
        _ = bench.delivery.offer(makeAlert(1, 1))
        _ = bench.delivery.offer(makeAlert(1, 2))
        #expect(
            await eventually {
                bench.pass(0.1, of: time)
                return bench.log.deliveredIDs("one").count == 2
            })
        await bench.delivery.stop(withinNanoseconds: 1_000_000_000)
        let ids = sink.requests("one").map(\.id)
        #expect(ids == [1, 1, 1, 1, 2].map { "alert_1_1_\($0)" })
        let attempts = try sink.requests("one").map { request in
            try JSONValue(parsing: String(decoding: request.body, as: UTF8.self))
                .value(atPath: "data.delivery.attempt")?.integer
        }
        #expect(attempts == [1, 2, 3, 4, 1])
        await sink.stop()
    }

    @Test func `Retry-After is kept to over the wire`() async throws {
        let folder = try TemporaryFolder()
        let sink = try await WebhookSink()
        sink.set("one", .answer(429, headers: [("Retry-After", "30")]), .answer(200))
        let time = VirtualClock()
        let bench = try Bench(
            [try makeEndpoint("one", sink.url("one"))], outbox: folder.file("outbox.sqlite"),
            clock: time.clock)
        _ = await bench.delivery.start()
        _ = bench.delivery.offer(makeAlert(1))
        #expect(await eventually { !bench.log.all.isEmpty })
        guard case .attemptFailed(let report, let retryAt?)? = bench.log.all.first else {
            Issue.record("\(bench.log.all)")
            return
        }
        #expect(report.status == 429 && report.answer == Array("ok".utf8))
        #expect(retryAt.nanoseconds - report.at.nanoseconds == 30_000_000_000)
        time.advance(bySeconds: 29.9)
        _ = bench.delivery.offer(makeAlert(2))
        #expect(await eventually { bench.delivery.status().endpoints[0].queuedCount == 2 })
        #expect(sink.requests().count == 1)
        #expect(
            await eventually {
                bench.pass(0.1, of: time)
                return bench.log.deliveredIDs("one").count == 2
            })
        await bench.delivery.stop(withinNanoseconds: 1_000_000_000)
        await sink.stop()
    }

    @Test func `410 disables one endpoint, and its dead letters can be sent again`() async throws {
        let folder = try TemporaryFolder()
        let sink = try await WebhookSink()
        sink.set("gone", .answer(410))
        let bench = try Bench(
            ["gone", "good"].map { try makeEndpoint($0, sink.url($0)) },
            outbox: folder.file("outbox.sqlite"))
        _ = await bench.delivery.start()
        _ = bench.delivery.offer(makeAlert(1))
        #expect(
            await eventually {
                bench.log.all.contains(.endpoint(endpoint: "gone", .disabled))
                    && bench.log.deliveredIDs("good").count == 1
            })
        _ = bench.delivery.offer(makeAlert(2))
        #expect(await eventually { bench.log.deliveredIDs("good").count == 2 })
        #expect(sink.requests("gone").count == 1)
        let letters = try #require(await bench.delivery.deadLetters(limit: 10))
        #expect(Set(letters.map(\.alert.id)) == ["alert_1_1_1", "alert_1_2_1"])
        #expect(letters.allSatisfy { $0.endpoint == "gone" && $0.reason == .endpointDisabled })
        #expect(letters.contains { $0.lastStatus == 410 && $0.attemptCount == 1 })
        #expect(letters.allSatisfy { $0.alert.body == makeAlert($0.alert.alarmKey).body })
        let refused = await bench.delivery.resend(alertID: "alert_1_1_1", endpoint: "gone")
        #expect(refused == .endpointUnusable)

        sink.set("gone", .answer(200))
        #expect(await bench.delivery.enable(endpoint: "gone"))
        #expect(await bench.delivery.resend(alertID: "alert_1_1_1", endpoint: "gone") == .queued)
        #expect(await bench.delivery.resend(alertID: "alert_1_9_1", endpoint: "gone") == .unknown)
        #expect(await eventually { bench.log.deliveredIDs("gone") == ["alert_1_1_1"] })
        #expect(await bench.delivery.dismiss(alertID: "alert_1_2_1", endpoint: "gone"))
        #expect(await bench.delivery.deadLetters(limit: 10) == [])
        #expect(bench.delivery.status().deadLetterCount == 0)
        await bench.delivery.stop(withinNanoseconds: 1_000_000_000)
        await sink.stop()
    }

    @Test func `pages of dead letters follow each other, whatever is settled in between`()
        async throws
    {
        let folder = try TemporaryFolder()
        let sink = try await WebhookSink()
        for name in ["one", "two"] { sink.set(name, .answer(410)) }
        let bench = try Bench(
            try ["one", "two"].map { try makeEndpoint($0, sink.url($0)) },
            outbox: folder.file("outbox.sqlite"))
        _ = await bench.delivery.start()
        for number in 1...6 { _ = bench.delivery.offer(makeAlert(UInt64(number))) }
        #expect(await eventually { await bench.delivery.deadLetters(limit: 50)?.count == 12 })
        let all = try #require(await bench.delivery.deadLetters(limit: 50))
        func page(_ after: DeadLetterPlace?) async throws -> [DeadLetter] {
            // A place comes back as the text that a client was given.
            let place = try after.map { try #require(DeadLetterPlace($0.text)) }
            return try #require(await bench.delivery.deadLetters(limit: 5, after: place))
        }
        var paged: [DeadLetter] = []
        while true {
            let more = try await page(paged.last?.place)
            paged += more
            if more.count < 5 { break }
        }
        #expect(paged == all)
        // The letter that a page ended with is settled: the next page begins where it did.
        let last = all[4]
        #expect(await bench.delivery.dismiss(alertID: last.alert.id, endpoint: last.endpoint))
        #expect(try await page(last.place) == Array(all[5..<10]))
        let ofOne = await bench.delivery.deadLetters(
            limit: 50, endpoint: "one", after: all[4].place)
        #expect(ofOne == all[5...].filter { $0.endpoint == "one" })
        #expect(DeadLetterPlace("1.2") == nil && DeadLetterPlace("a.2.b") == nil)
        await bench.delivery.stop(withinNanoseconds: 1_000_000_000)
        await sink.stop()
    }

    @Test func `dead letters are known by their priority until each is settled`() async throws {
        let folder = try TemporaryFolder()
        let sink = try await WebhookSink()
        sink.set("one", .answer(400))
        let endpoints = [try makeEndpoint("one", sink.url("one"))]
        let bench = try Bench(endpoints, outbox: folder.file("outbox.sqlite"))
        _ = await bench.delivery.start()
        for (key, priority) in [(UInt64(1), AlarmPriority.low), (2, .critical), (3, .high)] {
            _ = bench.delivery.offer(makeAlert(key, priority: priority))
        }
        // An alarm about delivery itself that is given up raises no further one.
        var own = makeAlert(4, priority: .critical)
        own.alarmID = "midwatch/node-1/alerts/deadLettersUrgent:highHigh"
        _ = bench.delivery.offer(own)
        // So is a test, and what tells of an end is not urgent.
        var drill = makeAlert(5, priority: .critical)
        drill.id = "drill_1_1"
        _ = bench.delivery.offer(drill)
        var end = makeAlert(6, priority: .critical)
        end.type = "alarm.returned"
        _ = bench.delivery.offer(end)
        #expect(await eventually { bench.delivery.status().deadLetterCount == 6 })
        #expect(bench.delivery.status().deadLetterPriority == .critical)
        #expect(bench.delivery.status().lostCount == 4)
        #expect(await bench.delivery.dismiss(alertID: "alert_1_2_1", endpoint: "one"))
        #expect(bench.delivery.status().deadLetterPriority == .high)
        await bench.delivery.stop(withinNanoseconds: 1_000_000_000)

        let next = try Bench(endpoints, outbox: folder.file("outbox.sqlite"))
        _ = await next.delivery.start()
        #expect(next.delivery.status().deadLetterPriority == .high)
        #expect(next.delivery.status().lostCount == 0)
        sink.set("one", .answer(200))
        #expect(await next.delivery.resend(alertID: "alert_1_3_1", endpoint: "one") == .queued)
        #expect(next.delivery.status().deadLetterPriority == .low)
        await next.delivery.stop(withinNanoseconds: 1_000_000_000)
        await sink.stop()
    }

    @Test func `an alert that fails for its whole life becomes a dead letter`() async throws {
        let folder = try TemporaryFolder()
        let sink = try await WebhookSink()
        sink.set("one", .answer(500))
        let time = VirtualClock()
        let bench = try Bench(
            [try makeEndpoint("one", sink.url("one"))], outbox: folder.file("outbox.sqlite"),
            clock: time.clock)
        _ = await bench.delivery.start()
        let begin = time.clock.monotonic()
        _ = bench.delivery.offer(makeAlert(1, priority: .low))
        _ = bench.delivery.offer(makeAlert(2, priority: .critical))
        var deadAfterHours: [UInt64: Double] = [:]
        let bothDied = await eventually {
            for case .deadLettered(let letter) in bench.log.all
            where deadAfterHours[letter.alert.alarmKey] == nil {
                let passed = time.clock.monotonic().nanosecondsSince(begin)
                deadAfterHours[letter.alert.alarmKey] = Double(passed) / 3_600e9
                #expect(letter.reason == .tooOld && letter.attemptCount > 1)
            }
            bench.pass(300, of: time)
            return deadAfterHours.count == 2
        }
        #expect(bothDied)
        let (low, critical) = (deadAfterHours[1] ?? 0, deadAfterHours[2] ?? 0)
        #expect((4...6).contains(low), "\(low) h")
        #expect((24...26).contains(critical), "\(critical) h")
        // Nobody was told of the critical one: the dead-man heartbeat must know.
        #expect(bench.delivery.status().oldestUntoldCriticalTakenAt == begin)
        #expect(await bench.delivery.dismiss(alertID: "alert_1_2_1", endpoint: "one"))
        #expect(bench.delivery.status().oldestUntoldCriticalTakenAt == nil)
        await bench.delivery.stop(withinNanoseconds: 0)
        await sink.stop()
    }

    @Test func `refused credentials pause an endpoint and a probe takes it back`() async throws {
        let folder = try TemporaryFolder()
        let sink = try await WebhookSink()
        sink.set("one", .answer(401), .answer(200))
        let time = VirtualClock()
        let bench = try Bench(
            [try makeEndpoint("one", sink.url("one"))], outbox: folder.file("outbox.sqlite"),
            clock: time.clock)
        _ = await bench.delivery.start()
        _ = bench.delivery.offer(makeAlert(1))
        #expect(await eventually { bench.delivery.status().endpoints[0].condition != .usable })
        _ = bench.delivery.offer(makeAlert(2))
        #expect(await eventually { bench.delivery.status().endpoints[0].queuedCount == 2 })
        #expect(sink.requests().count == 1)
        #expect(
            await eventually {
                bench.pass(5, of: time)
                return bench.log.deliveredIDs("one").count == 2
            })
        let conditions = bench.log.all.compactMap { outcome -> String? in
            guard case .endpoint(_, let condition) = outcome else { return nil }
            return condition.word
        }
        #expect(conditions == ["paused", "usable"])
        await bench.delivery.stop(withinNanoseconds: 1_000_000_000)
        await sink.stop()
    }

    @Test func `a thousand alarms while the endpoint is down arrive in order, none twice`()
        async throws
    {
        let folder = try TemporaryFolder()
        let sink = try await WebhookSink()
        sink.set("one", .reset)
        let time = VirtualClock()
        let bench = try Bench(
            [try makeEndpoint("one", sink.url("one"))], outbox: folder.file("outbox.sqlite"),
            clock: time.clock)
        _ = await bench.delivery.start()
        for sequence in UInt64(1)...2 {
            for key in UInt64(1)...1_000 {
                let alert = makeAlert(
                    key, sequence, priority: AlarmPriority.allCases[Int(key % 4)],
                    n: (sequence - 1) * 1_000 + key)
                #expect(bench.delivery.offer(alert) == .accepted)
            }
        }
        var passed = 0.0
        #expect(
            await eventually {
                if bench.pass(5, of: time) { passed += 5 }
                return passed >= 600 && bench.delivery.status().inboxCount == 0
            })
        #expect(bench.log.deliveredIDs("one").isEmpty)
        let attempts = sink.requests().count
        #expect(attempts < 200, "\(attempts) attempts at an endpoint that is down for 10 minutes")
        sink.set("one", .answer(200))
        #expect(
            await eventually(within: 60) {
                bench.pass(0.5, of: time)
                return bench.log.deliveredIDs("one").count == 2_000
            })
        let taken = sink.requests("one").filter(\.isTaken).map(\.id)
        #expect(taken.count == 2_000 && Set(taken).count == 2_000)
        var last: [Substring: String] = [:]
        for id in taken {
            let alarm = id.dropLast(2)
            #expect((last[alarm] ?? "") < id)
            last[alarm] = id
        }
        await bench.delivery.stop(withinNanoseconds: 2_000_000_000)
        await sink.stop()
    }

    @Test func `an endpoint with a private authority is trusted by its file alone`() async throws {
        let folder = try TemporaryFolder()
        let (key, certificate) = (folder.file("key.pem"), folder.file("cert.pem"))
        let code = unsafe system(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
                + "-subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 "
                + "-keyout '\(key)' -out '\(certificate)' 2> '\(folder.file("out"))'")
        try #require(code == 0, "the command openssl must be there")
        let tls = try NIOSSLContext(
            configuration: .makeServerConfiguration(
                certificateChain: NIOSSLCertificate.fromPEMFile(certificate).map {
                    .certificate($0)
                },
                privateKey: .privateKey(try NIOSSLPrivateKey(file: key, format: .pem))))
        let sink = try await WebhookSink(tls: tls)
        let url = "https://127.0.0.1:\(sink.port)/"
        var trusting = try makeEndpoint("trusting", url + "trusting")
        trusting.authorityFile = certificate
        let bench = try Bench(
            [trusting, try makeEndpoint("wary", url + "wary")],
            outbox: folder.file("outbox.sqlite"))
        _ = await bench.delivery.start()
        _ = bench.delivery.offer(makeAlert(1))
        #expect(
            await eventually {
                bench.log.deliveredIDs("trusting").count == 1
                    && bench.log.all.contains {
                        guard case .attemptFailed(let report, _) = $0 else { return false }
                        return report.endpoint == "wary" && report.failure == .tls
                    }
            }, "\(bench.log.all)")
        #expect(sink.requests("wary").isEmpty)
        await bench.delivery.stop(withinNanoseconds: 100_000_000)
        await sink.stop()
    }
}
