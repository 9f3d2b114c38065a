// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@testable import AlertDelivery

/// Links that acknowledge.
@Suite struct LinkTests {
    private let now = WallInstant(nanoseconds: 1_700_000_000_000_000_000)

    private func links(_ byte: UInt8 = 7) -> AcknowledgeLinks {
        AcknowledgeLinks(
            secret: [UInt8](repeating: byte, count: AcknowledgeLinks.secretBytes),
            baseURL: "https://midwatch.example/", validNanoseconds: 3_600_000_000_000)
    }

    private func token(_ links: AcknowledgeLinks) -> String {
        let link = links.link(
            alarmID: "tunnel west/co:high", activation: "1:2.0", annunciation: "alert_1_2_0",
            now: self.now)
        let prefix = "https://midwatch.example/ack/"
        #expect(link.hasPrefix(prefix))
        return String(link.dropFirst(prefix.count))
    }

    @Test func `a link says what it acknowledges until it expires`() throws {
        let links = self.links()
        let token = self.token(links)
        let claim = try links.claim(token, now: self.now)
        #expect(claim.alarmID == "tunnel west/co:high")
        #expect(claim.activation == "1:2.0")
        #expect(claim.annunciation == "alert_1_2_0")
        let last = WallInstant(nanoseconds: claim.expiresAt.nanoseconds - 1)
        #expect(try links.claim(token, now: last) == claim)
        #expect(throws: AcknowledgeLinks.Refusal.expired(claim)) {
            try links.claim(token, now: claim.expiresAt)
        }
    }

    @Test func `a link that was changed anywhere is forged`() {
        let links = self.links()
        let token = self.token(links)
        for index in token.indices {
            var bytes = Array(token)
            let place = token.distance(from: token.startIndex, to: index)
            bytes[place] = bytes[place] == "A" ? "B" : "A"
            #expect(throws: AcknowledgeLinks.Refusal.forged) {
                try links.claim(String(bytes), now: self.now)
            }
        }
        for wrong in ["", ".", "a.b.c", token + "A", String(token.dropLast()), "é." + token] {
            #expect(throws: AcknowledgeLinks.Refusal.forged) {
                try links.claim(wrong, now: self.now)
            }
        }
        #expect(throws: AcknowledgeLinks.Refusal.forged) {
            try self.links(8).claim(token, now: self.now)
        }
    }

    @Test func `a link works once, for the annunciation it was sent with`() throws {
        var world = RoutingWorld(RoutingWorld.policy(["a"]), endpoints: ["a"])
        let alarm = "a/b:high"
        func claim(_ alert: String, _ activation: String) -> AcknowledgeLinks.Claim {
            AcknowledgeLinks.Claim(
                alarmID: alarm, activation: activation, annunciation: alert, expiresAt: self.now)
        }
        let first = world.raise(alarm)
        #expect(world.router.state(of: claim(first, "1:1.0")) == .open)
        #expect(world.router.state(of: claim(first, "1:9.0")) == .superseded)
        world.acknowledge(alarm)
        #expect(world.router.state(of: claim(first, "1:1.0")) == .acknowledged)
        let second = world.raise(alarm)
        #expect(world.router.state(of: claim(first, "1:1.0")) == .superseded)
        #expect(world.router.state(of: claim(second, "1:3.0")) == .open)
        world.restart()
        #expect(world.router.state(of: claim(second, "1:3.0")) == .open)
    }
}
