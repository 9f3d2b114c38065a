// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@testable import midwatchd

@Suite struct ListenerStageTests {
    private static func open(_ names: [String]) -> (ListenerStage, StageProgress, [StageProgress]) {
        let page = StageProgress.standalone()
        let stage = ListenerStage(page: page)
        let listeners = names.map { name in
            let progress = stage.counters(of: name)[0]
            stage.join(name)
            return progress
        }
        stage.gather()
        return (stage, page, listeners)
    }

    @Test func `one listener that stands still is not hidden by another`() {
        let (stage, page, listeners) = Self.open(["a", "b"])
        let before = page.beatCount
        for _ in 0..<100 {
            listeners[0].beat()
            stage.gather()
        }
        #expect(page.beatCount == before)
        listeners[1].beat()
        stage.gather()
        #expect(page.beatCount == before + 1)
        stage.gather()
        #expect(page.beatCount == before + 1, "each must turn again")
    }

    @Test func `listeners that turn one after the other make a beat`() {
        let (stage, page, listeners) = Self.open(["a", "b", "c"])
        let before = page.beatCount
        for turn in 0..<30 {
            listeners[turn % 3].beat()
            stage.gather()
        }
        #expect(page.beatCount == before + 10)
    }

    @Test func `one that has work and does not try is not hidden by another`() {
        let (stage, page, listeners) = Self.open(["a", "b"])
        listeners[1].setBacklog(7)
        for _ in 0..<100 {
            listeners[0].setBacklog(1)
            listeners[0].attempt()
            stage.gather()
        }
        let attempts = page.attemptCount
        for _ in 0..<100 {
            listeners[0].attempt()
            stage.gather()
        }
        #expect(page.attemptCount == attempts)
        #expect(page.backlog == 8)
        listeners[1].attempt()
        stage.gather()
        #expect(page.attemptCount == attempts + 1)
        listeners[1].setBacklog(0)
        for _ in 0..<10 {
            listeners[0].attempt()
            stage.gather()
        }
        #expect(page.attemptCount >= attempts + 10, "one without work holds nobody up")
    }

    @Test func `a stage without an open listener beats by itself`() {
        let page = StageProgress.standalone()
        let stage = ListenerStage(page: page)
        _ = stage.counters(of: "down")
        for _ in 0..<5 { stage.gather() }
        #expect(page.beatCount == 5)
        stage.join("down")
        stage.gather()
        let joined = page.beatCount
        stage.gather()
        #expect(page.beatCount == joined)
    }

    @Test func `every loop of a listener counts, and a new try has the same counters`() {
        let page = StageProgress.standalone()
        let stage = ListenerStage(page: page)
        _ = stage.counters(of: "mqtt", count: 2)
        let loops = stage.counters(of: "mqtt", count: 2)
        stage.join("mqtt")
        stage.gather()
        let before = page.beatCount
        loops[0].beat()
        stage.gather()
        #expect(page.beatCount == before)
        loops[1].beat()
        stage.gather()
        #expect(page.beatCount == before + 1)
    }
}
