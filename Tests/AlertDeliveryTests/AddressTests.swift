// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Synchronization
import Testing

@testable import AlertDelivery

/// Where alerts may be sent.
@Suite struct AddressTests {
    @Test func `an address in other clothes is the same address`() throws {
        let plain = try #require(NetworkAddress("127.0.0.1"))
        for text in ["::ffff:127.0.0.1", "::ffff:7f00:1", "0:0:0:0:0:FFFF:7F00:0001"] {
            #expect(NetworkAddress(text) == plain, "\(text)")
        }
        for text in ["", "127.1", "0x7f.0.0.1", "127.0.0.1 ", "[::1]", "fe80::1%eth0", "1.2.3.4/8"]
        {
            #expect(NetworkAddress(text) == nil, "\(text)")
        }
        #expect("\(plain)" == "127.0.0.1")
        #expect("\(try #require(NetworkAddress("2001:db8::1")))" == "2001:db8::1")
    }

    @Test(arguments: [
        ("0.0.0.0", AddressPolicy.Refusal.unspecified), ("10.255.255.255", .privateNetwork),
        ("100.64.0.1", .sharedNetwork), ("127.0.0.1", .loopback), ("127.255.1.1", .loopback),
        ("169.254.169.254", .linkLocal), ("172.16.0.1", .privateNetwork),
        ("172.31.255.255", .privateNetwork), ("192.168.1.1", .privateNetwork),
        ("198.18.0.1", .reserved), ("224.0.0.1", .multicast), ("255.255.255.255", .reserved),
        ("::", .unspecified), ("::1", .loopback), ("fe80::1", .linkLocal),
        ("fd12:3456::1", .privateNetwork), ("ff02::1", .multicast),
        ("::ffff:10.0.0.1", .privateNetwork), ("::ffff:169.254.169.254", .linkLocal),
        ("64:ff9b::7f00:1", .loopback), ("64:ff9b::a9fe:a9fe", .linkLocal),
        ("2002:0a00:0001::1", .privateNetwork), ("::127.0.0.1", .reserved),
    ])
    func `no address that is not public is taken for one`(
        text: String, refusal: AddressPolicy.Refusal
    ) throws {
        let address = try #require(NetworkAddress(text))
        #expect(AddressPolicy.refusal(of: address) == refusal)
        #expect(AddressPolicy(host: "hook.example").refusal(of: address) == refusal)
    }

    @Test(arguments: [
        "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
        "128.0.0.0", "172.15.255.255", "172.32.0.0", "192.167.255.255", "223.255.255.255",
        "2600::1", "64:ff9b::808:808",
    ])
    func `what lies beside a special block is public`(text: String) throws {
        let address = try #require(NetworkAddress(text))
        #expect(AddressPolicy(host: "hook.example").refusal(of: address) == nil)
    }

    @Test func `the operator's own words allow what a name may not`() throws {
        func refusal(
            _ host: String, _ address: String, _ allowed: String...
        ) throws -> AddressPolicy.Refusal? {
            AddressPolicy(host: host, allowed: try allowed.map { try #require(AddressBlock($0)) })
                .refusal(of: try #require(NetworkAddress(address)))
        }
        #expect(try refusal("127.0.0.1", "127.0.0.1") == nil)
        #expect(try refusal("10.1.2.3", "10.1.2.3") == nil)
        #expect(try refusal("10.1.2.3", "10.1.2.4") == .privateNetwork)
        #expect(try refusal("localhost", "::1") == nil)
        #expect(try refusal("localhost", "10.0.0.1") == .privateNetwork)
        #expect(try refusal("localhost.evil.example", "127.0.0.1") == .loopback)
        #expect(try refusal("169.254.169.254", "169.254.169.254") == .linkLocal)
        #expect(try refusal("169.254.169.254", "169.254.169.254", "169.254.0.0/16") == nil)
        #expect(try refusal("pager.site.lan", "10.0.4.7", "10.0.4.0/22") == nil)
        #expect(try refusal("pager.site.lan", "10.0.8.1", "10.0.4.0/22") == .privateNetwork)
        #expect(try refusal("pager.site.lan", "fd00::1", "fd00::/8") == nil)
        #expect(try refusal("pager.site.lan", "10.0.4.7", "::/0") == .privateNetwork)
    }

    @Test func `blocks are read strictly`() {
        for text in ["10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0/8", "/8", "a/8", "1/2/3"] {
            #expect(AddressBlock(text) == nil, "\(text)")
        }
        #expect(AddressBlock("10.0.0.0/8")?.description == "10.0.0.0/8")
        #expect(AddressBlock("::1")?.description == "::1/128")
    }

    // MARK: Names

    @Test func `a name that turns to an address inside is not followed there`() async throws {
        let resolver = ScriptedResolver([["198.51.99.7"], ["127.0.0.1"], ["198.51.99.8"]])
        let time = Mutex<UInt64>(1_000_000_000_000)
        let pins = AddressPins(
            host: "hook.example", policy: AddressPolicy(host: "hook.example"), resolver: resolver,
            clock: { time.withLock { $0 } })
        let first = try #require(NetworkAddress("198.51.99.7"))
        #expect(await pins.address(withinNanoseconds: 1_000_000_000) == .success(first))
        // Within its time the answer is not asked for again: nothing can change in between.
        #expect(await pins.address(withinNanoseconds: 1_000_000_000) == .success(first))
        #expect(resolver.askedCount == 1)
        time.withLock { $0 += AddressPins.freshNanoseconds }
        let inside = try #require(NetworkAddress("127.0.0.1"))
        #expect(
            await pins.address(withinNanoseconds: 1_000_000_000)
                == .failure(.refused(inside, .loopback)))
        let last = try #require(NetworkAddress("198.51.99.8"))
        #expect(await pins.address(withinNanoseconds: 1_000_000_000) == .success(last))
    }

    @Test func `of an answer only what is allowed is used, and each in turn`() async throws {
        let resolver = ScriptedResolver([["10.0.0.1", "9.9.9.1", "::1", "9.9.9.2"]])
        let pins = AddressPins(
            host: "hook.example", policy: AddressPolicy(host: "hook.example"), resolver: resolver)
        let (one, two) = (
            try #require(NetworkAddress("9.9.9.1")), try #require(NetworkAddress("9.9.9.2"))
        )
        #expect(await pins.address(withinNanoseconds: 1_000_000_000) == .success(one))
        pins.failed(one)
        #expect(await pins.address(withinNanoseconds: 1_000_000_000) == .success(two))
        // Late news of the first does not count against the second.
        pins.failed(one)
        #expect(await pins.address(withinNanoseconds: 1_000_000_000) == .success(two))
        pins.failed(two)
        #expect(await pins.address(withinNanoseconds: 1_000_000_000) == .success(one))
    }

    @Test func `a name server that fails or hangs takes no address away`() async throws {
        let resolver = ScriptedResolver([["9.9.9.1"], nil, []])
        let time = Mutex<UInt64>(1_000_000_000_000)
        let pins = AddressPins(
            host: "hook.example", policy: AddressPolicy(host: "hook.example"), resolver: resolver,
            clock: { time.withLock { $0 } })
        let one = try #require(NetworkAddress("9.9.9.1"))
        #expect(await pins.address(withinNanoseconds: 1_000_000_000) == .success(one))
        time.withLock { $0 += AddressPins.freshNanoseconds }
        #expect(await pins.address(withinNanoseconds: 1_000_000_000) == .success(one))
        resolver.hang()
        #expect(await pins.address(withinNanoseconds: 1_000_000_000) == .success(one))
    }

    @Test func `a name nobody knows is told in words and asked for again`() async throws {
        let resolver = ScriptedResolver([nil, ["9.9.9.1"]])
        let pins = AddressPins(
            host: "hook.example", policy: AddressPolicy(host: "hook.example"), resolver: resolver)
        #expect(
            await pins.address(withinNanoseconds: 1_000_000_000)
                == .failure(.unresolved("scripted failure")))
        let one = try #require(NetworkAddress("9.9.9.1"))
        #expect(await pins.address(withinNanoseconds: 1_000_000_000) == .success(one))
    }

    @Test func `the system's resolver finds this machine`() async {
        let resolver = SystemResolver()
        let found = await withCheckedContinuation { waiter in
            resolver.resolve("localhost") { waiter.resume(returning: $0) }
        }
        guard case .success(let addresses) = found else {
            Issue.record("\(found)")
            return
        }
        #expect(!addresses.isEmpty)
        #expect(addresses.allSatisfy { AddressPolicy.refusal(of: $0) == .loopback })
    }
}

/// Answers from a list, one question each; nil is a failure.
final class ScriptedResolver: AddressResolver {
    private struct State {
        var answers: [[String]?]
        var askedCount = 0
        var isHanging = false
    }

    private let state: Mutex<State>

    init(_ answers: [[String]?]) { self.state = Mutex(State(answers: answers)) }

    var askedCount: Int { self.state.withLock { $0.askedCount } }

    func hang() { self.state.withLock { $0.isHanging = true } }

    func resolve(
        _ host: String,
        done: @escaping @Sendable (Result<[NetworkAddress], ResolutionFailure>) -> Void
    ) {
        let (answer, isHanging) = self.state.withLock { state -> ([String]?, Bool) in
            state.askedCount += 1
            let answer = state.answers.count > 1 ? state.answers.removeFirst() : state.answers[0]
            return (answer, state.isHanging)
        }
        if isHanging { return }
        if let answer {
            done(.success(answer.compactMap { NetworkAddress($0) }))
        } else {
            done(.failure(.failed("scripted failure")))
        }
    }
}
