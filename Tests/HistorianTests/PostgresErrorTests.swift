// SPDX-License-Identifier: Apache-2.0

import Historian
import MidwatchModel
import Testing

@Suite struct PostgresErrorTests {
    @Test(arguments: [
        ("08006" as String?, ArchiveError.Disposition.reconnect), ("08000", .reconnect),
        ("57P01", .reconnect),
        ("57P02", .reconnect), ("57P03", .reconnect), ("53300", .reconnect), ("25006", .reconnect),
        (nil, .reconnect), ("", .reconnect), ("25P03", .reconnect), ("XX000", .reconnect),
        ("40001", .retry), ("40P01", .retry), ("55P03", .retry), ("57014", .retrySmaller),
        ("53100", .backOffLong), ("53200", .backOffLong), ("53000", .backOffLong),
        ("23514", .createPartition), ("08P01", .quarantine), ("22P03", .quarantine),
        ("22P04", .quarantine), ("22021", .quarantine), ("22008", .quarantine),
        ("23502", .quarantine), ("23503", .quarantine), ("23505", .quarantine),
        ("28P01", .retrySlowly), ("28000", .retrySlowly), ("3D000", .retrySlowly),
        ("42501", .retrySlowly),
    ])
    func `each SQLSTATE class has its answer`(
        state: String?, expected: ArchiveError.Disposition
    ) {
        #expect(PostgresError.disposition(sqlState: state) == expected)
    }

    @Test(arguments: ["42P01", "42703", "0A000", "3F000"])
    func `a schema that does not fit stops the archive`(state: String) {
        #expect(
            PostgresError.disposition(sqlState: state, message: "m")
                == .stop(.schemaMismatch(detail: "\(state) m")))
    }

    @Test(arguments: ["XX001", "XX002", "58030", "58P01"])
    func `damage stops the archive`(state: String) {
        #expect(
            PostgresError.disposition(sqlState: state, message: "m")
                == .stop(.storeDamaged(detail: "\(state) m")))
    }

    @Test func `a machine backs off to ten seconds and opens its breaker`() {
        var machine = HistorianMachine()
        var now = MonotonicInstant(nanoseconds: 1_000)
        var delays: [UInt64] = []
        #expect(machine.next(now: now) == .connect)
        for failure in 1...8 {
            machine.failed(.reconnect, now: now, random: UInt64.max)
            guard case .wait(let until) = machine.next(now: now) else {
                Issue.record("not waiting")
                return
            }
            #expect((machine.state.word == "breakerOpen") == (failure >= 5))
            delays.append(until.nanosecondsSince(now))
            now = until
            #expect(machine.next(now: now) == .connect)
        }
        #expect(delays[0] >= 125_000_000 && delays[0] <= 250_000_000)
        #expect(delays[7] >= 5_000_000_000 && delays[7] <= 10_000_000_000)
        machine.opened()
        #expect(machine.next(now: now) == .work)
        machine.stored()
        #expect(machine.failureCount == 0)
    }

    @Test func `what is retried keeps its connection and what is lost does not`() {
        var machine = HistorianMachine()
        machine.opened()
        machine.failed(.retry, now: .zero, random: 0)
        #expect(machine.next(now: .distantFuture) == .work)
        machine.failed(.reconnect, now: .zero, random: 0)
        #expect(machine.next(now: .distantFuture) == .connect)
    }

    @Test func `a stopped machine stays stopped`() {
        var machine = HistorianMachine()
        machine.failed(.stop(.cursorMissing), now: .zero, random: 0)
        machine.failed(.reconnect, now: .zero, random: 0)
        machine.opened()
        #expect(machine.state == .stopped(.cursorMissing))
        #expect(machine.next(now: .distantFuture) == .standStill)
    }
}
