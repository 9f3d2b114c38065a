// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Synchronization
import Testing

@Suite struct ProgressTests {
    private enum Name: Int, CaseIterable { case first, second }

    @Test func `counters add and gauges are set, each on its own`() {
        let counters = CounterBlock<Name>()
        counters.add(.first)
        counters.add(.first, 4)
        counters.set(.second, 9)
        #expect(counters[.first] == 5)
        #expect(counters[.second] == 9)
    }

    @Test func `a stage shows its beats, backlog and attempts`() {
        let progress = StageProgress.standalone()
        progress.beat()
        progress.beat()
        progress.setBacklog(7)
        progress.setBacklog(3)
        progress.attempt()
        #expect(progress.beatCount == 2)
        #expect(progress.backlog == 3)
        #expect(progress.attemptCount == 1)
    }

    @Test func `a waiter is woken once for each request and never without one`() {
        let watermark = DurableWatermark(through: 10)
        let woken = Atomic<Int>(0)
        let waiter = watermark.addWaiter { woken.wrappingAdd(1, ordering: .relaxed) }
        watermark.advance(to: 11)
        #expect(woken.load(ordering: .relaxed) == 0)
        #expect(waiter.request() == 11)
        watermark.advance(to: 15)
        watermark.advance(to: 16)
        #expect(woken.load(ordering: .relaxed) == 1)
        #expect(watermark.through == 16)
        #expect(waiter.request() == 16)
        watermark.advance(to: 16)
        #expect(woken.load(ordering: .relaxed) == 2)
        _ = waiter.request()
        waiter.end()
        watermark.advance(to: 17)
        #expect(woken.load(ordering: .relaxed) == 2, "it ended")
    }

    @Test func `each of two waiters is woken for its own request`() {
        let watermark = DurableWatermark(through: 0)
        let woken = Mutex<[String]>([])
        let first = watermark.addWaiter { woken.withLock { $0.append("first") } }
        let second = watermark.addWaiter { woken.withLock { $0.append("second") } }
        _ = second.request()
        watermark.advance(to: 1)
        _ = first.request()
        _ = second.request()
        watermark.advance(to: 2)
        #expect(woken.withLock { $0 } == ["second", "first", "second"])
        first.end()
        _ = second.request()
        watermark.advance(to: 3)
        #expect(woken.withLock { $0 } == ["second", "first", "second", "second"])
        second.end()
    }
}
