// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import StateFolder
import Testing

@testable import midwatchd

/// What the daemon says about itself becomes readings.
@Suite struct OwnSamplerTests {
    private func readout(
        _ seconds: Double, levels: [OwnFigure: Double] = [:], totals: [OwnFigure: UInt64] = [:],
        down: [Bool] = []
    ) -> OwnReadout {
        var readout = OwnReadout(at: MonotonicInstant(nanoseconds: UInt64(seconds * 1e9)))
        readout.levels = levels
        readout.totals = totals
        readout.listenersDown = down
        return readout
    }

    @Test func `a figure is sent when it moves by its step and not for noise`() {
        var sampler = OwnSampler(figures: [.ringFill], listenerCount: 0)
        func take(_ seconds: Double, _ fill: Double) -> [Double] {
            sampler.take(self.readout(seconds, levels: [.ringFill: fill])).map(\.value)
        }
        #expect(take(1, 0.10) == [0.10])
        #expect(take(2, 0.11) == [])
        #expect(take(3, 0.125) == [0.125])
        #expect(take(4, 0.001) == [0.001])
        #expect(take(5, 0) == [0], "reaching 0 is always told")
        #expect(take(6, 0.001) == [0.001], "and leaving it")
    }

    @Test func `a level that is asked for between two readouts leaves rates their second`() {
        var sampler = OwnSampler(figures: [.shed, .drillHigh], listenerCount: 0)
        _ = sampler.take(self.readout(1, levels: [.drillHigh: 0], totals: [.shed: 0]))
        let now = MonotonicInstant(nanoseconds: 1_010_000_000)
        let between = sampler.take(between: [.drillHigh: 1], at: now)
        #expect(between == [OwnSampler.Reading(sensor: 1, value: 1)])
        #expect(sampler.take(between: [.drillHigh: 1], at: now) == [])
        let next = sampler.take(self.readout(2, levels: [.drillHigh: 1], totals: [.shed: 5]))
        #expect(next == [OwnSampler.Reading(sensor: 0, value: 5)])
    }

    @Test func `a figure that grows for hours is not told every second`() {
        var sampler = OwnSampler(figures: [.watchdogSilence], listenerCount: 0)
        var told: [Double] = []
        for second in 0...600 {
            let readings = sampler.take(
                self.readout(Double(second + 1), levels: [.watchdogSilence: Double(second)]))
            told += readings.map(\.value)
        }
        #expect(told.prefix(11) == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
        #expect(told.count < 85)
    }

    @Test func `a figure that does not move is sent at least every ten seconds`() {
        var sampler = OwnSampler(figures: OwnFigure.allCases, listenerCount: 3)
        let levels = Dictionary(uniqueKeysWithValues: OwnFigure.allCases.map { ($0, 1.0) })
        var last: [Int: Int] = [:]
        var most = 0
        for second in 1...60 {
            let readings = sampler.take(
                self.readout(Double(second), levels: levels, down: [false, true, false]))
            if second > 10 { most = max(most, readings.count) }
            for reading in readings {
                #expect(second - (last[reading.sensor] ?? second) <= 10)
                last[reading.sensor] = second
            }
        }
        #expect(last.count == OwnFigure.allCases.count + 3, "every sensor speaks")
        #expect(last.values.allSatisfy { $0 >= 50 })
        #expect(most <= 8, "the refreshes are spread: \(most) at once")
    }

    @Test func `a total becomes a rate over the time that passed`() {
        var sampler = OwnSampler(figures: [.shed], listenerCount: 0)
        func take(_ seconds: Double, _ shed: UInt64) -> Double? {
            sampler.take(self.readout(seconds, totals: [.shed: shed])).first?.value
        }
        #expect(take(1, 500) == 0, "what was before the first look is not growth")
        #expect(take(3, 700) == 100)
        #expect(take(4, 700) == 0)
        #expect(take(5, 600) == nil, "a total never shrinks; still 0")
    }

    @Test func `sensors that turned unverified are counted, not averaged`() {
        var sampler = OwnSampler(figures: [.evaluationUnverified], listenerCount: 0)
        _ = sampler.take(self.readout(1, totals: [.evaluationUnverified: 0]))
        let readings = sampler.take(self.readout(6, totals: [.evaluationUnverified: 3]))
        #expect(readings.map(\.value) == [3])
    }

    @Test func `what cannot be had is not sent, so that its sensor turns stale`() {
        var sampler = OwnSampler(figures: [.diskFree, .ringFill], listenerCount: 0)
        #expect(sampler.take(self.readout(1, levels: [.ringFill: 0])).map(\.sensor) == [1])
        #expect(
            sampler.take(self.readout(2, levels: [.diskFree: .nan, .ringFill: 0])).isEmpty)
    }

    @Test func `listeners follow the figures, 1 while they are down`() {
        var sampler = OwnSampler(figures: [.uptime], listenerCount: 2)
        let first = sampler.take(self.readout(1, levels: [.uptime: 1], down: [false, true]))
        #expect(
            first == [
                .init(sensor: 0, value: 1), .init(sensor: 1, value: 0),
                .init(sensor: 2, value: 1),
            ])
        let next = sampler.take(self.readout(2, levels: [.uptime: 2], down: [false, false]))
        #expect(next == [.init(sensor: 2, value: 0)])
        let more = sampler.take(self.readout(3, down: [true, true, true, true]))
        #expect(more.map(\.sensor) == [1, 2], "no more than there are sensors")
    }

    @Test func `readings that found no place are sent again`() {
        var sampler = OwnSampler(figures: [.journalMode], listenerCount: 0)
        let refused = sampler.take(self.readout(1, levels: [.journalMode: 2]))
        sampler.refused(refused)
        #expect(sampler.take(self.readout(2, levels: [.journalMode: 2])) == refused)
        #expect(sampler.take(self.readout(3, levels: [.journalMode: 2])).isEmpty)
    }

    @Test func `the journal fills only while the archive does not follow`() {
        let follows = StatusReporter.hoursToFull(
            budgetBytes: 1, lagRecords: 1_000_000, lagSeconds: 59, recordsPerSecond: 1e6)
        #expect(follows == 720)
        let away = StatusReporter.hoursToFull(
            budgetBytes: 64 * 3_600 * 1_000 + 64 * 500, lagRecords: 500, lagSeconds: 60,
            recordsPerSecond: 1_000)
        #expect(away == 1)
        let full = StatusReporter.hoursToFull(
            budgetBytes: 64, lagRecords: 500, lagSeconds: 60, recordsPerSecond: 1_000)
        #expect(full == 0)
    }
}
