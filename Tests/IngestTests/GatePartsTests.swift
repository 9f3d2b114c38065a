// SPDX-License-Identifier: Apache-2.0

import AccessControl
import MidwatchModel
import Synchronization
import Testing

@testable import Ingest

/// The pure parts of the gate, in virtual time.
struct GatePartsTests {
    private func at(_ milliseconds: UInt64) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: 5_000_000_000 + milliseconds * 1_000_000)
    }

    // MARK: - Token bucket

    @Test func `a bucket gives its burst at once, then its rate, and never more`() {
        var bucket = TokenBucket(rate: 10, burst: 3)
        func taken(_ time: MonotonicInstant) -> Bool { bucket.take(now: time) }
        #expect((0..<4).map { _ in taken(self.at(0)) } == [true, true, true, false])
        #expect(bucket.wait(now: self.at(0)) == 100_000_000)
        #expect(
            [taken(self.at(99)), taken(self.at(100)), taken(self.at(100))]
                == [false, true, false])
        // A long pause gives one burst, not the rate of the whole pause.
        #expect(bucket.isFull(now: self.at(60_000)))
        #expect((0..<4).map { _ in taken(self.at(60_000)) } == [true, true, true, false])
    }

    @Test(arguments: [1, 7, 1_000, 1_000_000])
    func `over a second a bucket gives its rate`(rate: Int) {
        var bucket = TokenBucket(rate: rate, burst: 1)
        var count = 0
        var now = self.at(0).nanoseconds
        let end = now + 1_000_000_000
        while now < end {
            let instant = MonotonicInstant(nanoseconds: now)
            if bucket.take(now: instant) { count += 1 }
            now += max(1, bucket.wait(now: instant))
        }
        #expect(abs(count - rate) <= 1 + rate / 1_000)
    }

    // MARK: - Addresses

    @Test func `an address is a host, in whatever form it comes`() {
        #expect(AddressKey("10.0.0.1") == AddressKey("::ffff:10.0.0.1"))
        #expect(AddressKey("10.0.0.1") != AddressKey("10.0.0.2"))
        #expect(AddressKey("2001:db8:0:1::5") == AddressKey("2001:db8:0:1:ffff::1"))
        #expect(AddressKey("2001:db8:0:1::5") != AddressKey("2001:db8:0:2::5"))
        #expect(AddressKey("fe80::1%eth0") == AddressKey("fe80::2"))
        #expect(AddressKey("::1") != AddressKey("::"))
        #expect(AddressKey("") == AddressKey("no address"))
    }

    @Test func `failures slow an address down, and no other`() {
        var table = AddressTable(connectRate: 0, connectBurst: 1)
        let (bad, good) = (AddressKey("10.0.0.1"), AddressKey("10.0.0.2"))
        func attempt(_ address: AddressKey, _ time: UInt64) -> AddressTable.Attempt {
            table.attempt(address, now: self.at(time))
        }
        #expect(attempt(bad, 0) == .now)
        var failures: [Int] = []
        failures.append(table.failed(bad, now: self.at(0)))
        // One at a time: those that come at once queue behind each other.
        #expect(attempt(bad, 0) == .after(nanoseconds: 250_000_000))
        #expect(attempt(bad, 0) == .after(nanoseconds: 500_000_000))
        #expect(attempt(good, 0) == .now)
        failures.append(table.failed(bad, now: self.at(250)))
        failures.append(table.failed(bad, now: self.at(750)))
        #expect(failures == [1, 2, 3])
        #expect(attempt(bad, 750) == .after(nanoseconds: 1_000_000_000))
        for _ in 0..<3 { _ = table.failed(bad, now: self.at(2_000)) }
        #expect(attempt(bad, 2_000) == .after(nanoseconds: 8_000_000_000))
        #expect(attempt(bad, 2_000) == .refused)
        #expect(attempt(good, 2_000) == .now)
    }

    @Test func `failures are forgotten by halves`() {
        var table = AddressTable(connectRate: 0, connectBurst: 1)
        let address = AddressKey("10.0.0.1")
        for _ in 0..<4 { _ = table.failed(address, now: self.at(0)) }
        func attempt(_ time: UInt64) -> AddressTable.Attempt {
            table.attempt(address, now: self.at(time))
        }
        #expect(attempt(59_999) == .now)
        let again = table.failed(address, now: self.at(60_000))
        #expect(again == 3, "four, halved, and one more")
        #expect(attempt(400_000) == .now)
        let late = table.failed(address, now: self.at(400_000))
        #expect(late == 1)
    }

    @Test func `pauses double and end at a bound`() {
        let pauses = (1...20).map(AddressTable.pause)
        #expect(pauses.prefix(4) == [250_000_000, 500_000_000, 1_000_000_000, 2_000_000_000])
        #expect(zip(pauses, pauses.dropFirst()).allSatisfy { $0 <= $1 })
        #expect(pauses.last == AddressTable.pauseNanosecondsMax)
    }

    @Test func `connections of one address have a rate`() {
        var table = AddressTable(connectRate: 2, connectBurst: 3)
        let address = AddressKey("10.0.0.1")
        func connects(_ key: AddressKey, _ time: UInt64) -> Bool {
            table.mayConnect(key, now: self.at(time))
        }
        #expect((0..<4).map { _ in connects(address, 0) } == [true, true, true, false])
        let others = [connects(AddressKey("10.0.0.2"), 0), connects(address, 499)]
        #expect(others == [true, false])
        #expect(connects(address, 500))
    }

    @Test func `the table keeps its bound and prefers to keep those that failed`() {
        var table = AddressTable(connectRate: 10, connectBurst: 10, countMax: 8)
        let bad = AddressKey("192.0.2.1")
        _ = table.failed(bad, now: self.at(0))
        for number in 0..<500 {
            let key = AddressKey("10.0.\(number / 250).\(number % 250)")
            let isTaken = table.mayConnect(key, now: self.at(UInt64(number) * 1_000))
            #expect(isTaken)
            #expect(table.count <= 8)
        }
        let known = table.failed(bad, now: self.at(1_000))
        #expect(known == 2)
    }

    // MARK: - Half-open connections

    @Test func `who opens most gives up its oldest; its own kind has to wait`() {
        var table = HalfOpenTable<Int>(countMax: 4)
        let (flood, good) = (AddressKey("10.0.0.1"), AddressKey("10.0.0.2"))
        func open(
            _ number: Int, _ address: AddressKey, _ time: UInt64
        ) -> HalfOpenTable<Int>.Admission {
            table.open(number, address, now: self.at(time))
        }
        #expect((1...4).map { open($0, flood, 0) } == Array(repeating: .admitted, count: 4))
        #expect(open(5, flood, 249) == .refused)
        #expect(open(6, good, 1) == .evicting(1), "at once: it has fewer")
        // Two of four each: nobody takes from the other what it has not more of.
        #expect(open(7, good, 2) == .evicting(2))
        #expect(open(8, good, 3) == .refused)
        #expect(open(9, flood, 250) == .evicting(3))
        #expect(table.count == 4)
        let closed = [table.close(6), table.close(6), table.close(3)]
        #expect(closed == [true, false, false])
        #expect(open(10, good, 250) == .admitted)
    }

    @Test func `many addresses with one connection each keep the young`() {
        var table = HalfOpenTable<Int>(countMax: 3)
        func open(_ number: Int, _ time: UInt64) -> HalfOpenTable<Int>.Admission {
            table.open(number, AddressKey("10.0.0.\(number)"), now: self.at(time))
        }
        #expect((1...3).map { open($0, UInt64($0)) } == [.admitted, .admitted, .admitted])
        #expect(open(4, 250) == .refused)
        #expect(open(5, 251) == .evicting(1))
    }

    // MARK: - Passwords

    @Test func `a memo knows who was right, and only with the same password`() {
        var memo = CredentialMemo(countMax: 2)
        memo.remember("a", [1, 2])
        #expect(memo.holds("a", [1, 2]))
        #expect(!memo.holds("a", [1, 3]))
        #expect(!memo.holds("b", [1, 2]))
        memo.remember("a", [4])
        #expect(memo.holds("a", [4]) && !memo.holds("a", [1, 2]))
        memo.remember("b", [])
        memo.remember("c", [5])
        #expect(memo.count == 2)
        #expect(memo.holds("c", [5]))
    }

    @Test func `the password thread answers in order, bounds its queue and stops`() throws {
        let thread = PasswordThread()
        let hash = PasswordHash(password: [7], iterations: 20_000)
        let answers = Mutex<[Int: Bool]>([:])
        #expect(!thread.submit(.init(password: [7], hash: hash) { _ in }), "not started")
        #expect(thread.start())
        var accepted = 0
        for number in 0..<(PasswordThread.queueCountMax + 50) {
            let password: [UInt8] = number % 2 == 0 ? [7] : [8]
            let isTaken = thread.submit(
                .init(password: password, hash: hash) { isRight in
                    answers.withLock { $0[number] = isRight }
                })
            accepted += isTaken ? 1 : 0
        }
        #expect(accepted < PasswordThread.queueCountMax + 50)
        #expect(accepted >= PasswordThread.queueCountMax)
        #expect(eventually { answers.withLock { $0.count } >= 3 })
        thread.stop()
        let seen = answers.withLock { $0 }
        #expect(seen[0] == true && seen[1] == false && seen[2] == true)
        #expect(!thread.submit(.init(password: [7], hash: hash) { _ in }), "stopped")
    }

    // MARK: - Certificates

    /// SEQUENCE { SEQUENCE { [0], 4 x any, subject { SET { SEQUENCE { OID, text } } … } } }.
    private func certificate(_ names: [(oid: [UInt8], tag: UInt8, text: String)]) -> [UInt8] {
        func element(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
            content.count < 0x80
                ? [tag, UInt8(content.count)] + content
                : [tag, 0x82, UInt8(content.count >> 8), UInt8(content.count & 0xFF)] + content
        }
        let subject = names.flatMap { name in
            element(
                0x31,
                element(0x30, element(0x06, name.oid) + element(name.tag, Array(name.text.utf8))))
        }
        let before =
            element(0xA0, element(0x02, [2])) + element(0x02, [1])
            + element(0x30, [0x06, 1, 1]) + element(0x30, []) + element(0x30, [])
        return element(0x30, element(0x30, before + element(0x30, subject) + element(0x30, [])))
    }

    @Test func `the common name of a certificate is found where it is one`() {
        let commonName: [UInt8] = [0x55, 0x04, 0x03]
        let unit: [UInt8] = [0x55, 0x04, 0x0B]
        func name(_ names: [(oid: [UInt8], tag: UInt8, text: String)]) -> String? {
            CertificateName.commonName(ofDER: self.certificate(names))
        }
        #expect(name([(unit, 0x0C, "plant"), (commonName, 0x0C, "press-4")]) == "press-4")
        #expect(name([(commonName, 0x13, "press-4")]) == "press-4")
        #expect(name([(unit, 0x0C, "plant")]) == nil)
        #expect(name([]) == nil)
        #expect(name([(commonName, 0x0C, "a"), (commonName, 0x0C, "b")]) == nil, "which one?")
        #expect(name([(commonName, 0x1E, "press")]) == nil, "no plain text")
        #expect(name([(commonName, 0x0C, "a\u{0}b")]) == nil)
        #expect(name([(commonName, 0x0C, "")]) == nil)
        #expect(name([(commonName, 0x0C, String(repeating: "a", count: 257))]) == nil)
    }

    @Test func `a cut or altered certificate never traps`() {
        let whole = self.certificate([([0x55, 0x04, 0x03], 0x0C, "press-4")])
        for count in 0..<whole.count {
            #expect(CertificateName.commonName(ofDER: Array(whole.prefix(count))) == nil)
        }
        var random = SystemRandomNumberGenerator()
        for _ in 0..<5_000 {
            var bytes = whole
            bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(
                in: 0...255, using: &random)
            _ = CertificateName.commonName(ofDER: bytes)
        }
    }
}
