// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import OperatorConsole
import OperatorViews
import Testing

/// How many bytes frames have, and how often they come over a slow line.
@Suite struct PaceTests {
    /// A serial line: ten bits for each byte, virtual time.
    private struct Line {
        let bytesPerSecond: Double
        private var freeAt: UInt64 = 0

        init(baud: Double) { self.bytesPerSecond = baud / 10 }

        func isDrained(_ now: UInt64) -> Bool { now >= self.freeAt }

        mutating func send(_ count: Int, _ now: UInt64) {
            self.freeAt = max(now, self.freeAt) + UInt64(Double(count) / self.bytesPerSecond * 1e9)
        }
    }

    /// A plant in which every value changes with every answer.
    private static func answer(_ step: Int, at: UInt64) -> DashboardAnswer {
        var answer = Plant.answer(at: at)
        answer.status.time = WallInstant(
            nanoseconds: Plant.wall + Int64(at) - Int64(Plant.at))
        answer.status.rates.received += Double(step % 7) * 31
        answer.worst = answer.worst?.enumerated().map { index, sensor in
            var sensor = sensor
            sensor.value = sensor.value.map { $0 + Double((step * 7 + index * 3) % 11) / 8 }
            sensor.readingsCount = UInt64(step + 1)
            sensor.ageNanoseconds = UInt64((step + index) % 3) * 700_000_000
            return sensor
        }
        return answer
    }

    /// What a frame may cost, as the README says.
    private static let typicalBytesMax = 960

    @Test(arguments: ["", "2", "3", "4", "5", "6"])
    func `a typical frame fits into a second of a line of 9,600 baud`(keys: String) {
        let size = ScreenSize(columns: 80, rows: 24)
        for colors in [ColorLevel.none, .sixteen, .palette, .truecolor] {
            var model = Plant.model
            var renderer = ScreenRenderer(colors: colors)
            var worst = 0
            var state = Keys.pressed(keys, model: model)
            for step in 0..<20 {
                let now = Plant.at + UInt64(step + 1) * Plant.second
                model.receive(Self.answer(step, at: now), now: now)
                state.sync(model)
                let screen = Dashboard.draw(
                    model, state, glyphs: .braille, now: now, size: size)
                let count = renderer.render(screen).count
                // The first paints everything; then values go on.
                if step > 0 { worst = max(worst, count) }
            }
            #expect(worst <= Self.typicalBytesMax, "\(keys) \(colors)")
        }
    }

    @Test(arguments: [(9_600.0, 1.0), (115_200, 10)])
    func `frames keep up with the line and never queue`(baud: Double, framesPerSecond: Double) {
        let size = ScreenSize(columns: 80, rows: 24)
        var model = Plant.model
        var renderer = ScreenRenderer(colors: .palette)
        var pacer = FramePacer()
        var line = Line(baud: baud)
        var frames = 0
        var firstDrained: UInt64?
        let begin = Plant.at
        let end = begin + 30 * Plant.second
        var step = 0
        var now = begin
        var nextAnswer = begin
        while now < end {
            if now >= nextAnswer {
                nextAnswer += Plant.second
                step += 1
                model.receive(Self.answer(step, at: now), now: now)
            }
            // Somebody holds a key down, too.
            pacer.wantFrame()
            if pacer.isDue(now: now, isDrained: line.isDrained(now)) {
                #expect(line.isDrained(now), "a frame waits behind another")
                let state = Keys.pressed(
                    String(repeating: "j", count: frames % 12), model: model, now: now)
                let screen = Dashboard.draw(
                    model, state, glyphs: .braille, now: now, size: size)
                let count = renderer.render(screen).count
                line.send(count, now)
                pacer.drawn(bytes: count, now: now)
                frames += 1
                // The first frame paints everything; what comes behind it is counted.
                if frames == 2 { firstDrained = now }
            }
            now += 10_000_000
        }
        let seconds = Double(end - (firstDrained ?? end)) / 1e9
        #expect(seconds > 20)
        #expect(Double(frames - 1) >= framesPerSecond * seconds * 0.97, "\(frames) in \(seconds) s")
    }

    @Test func `a frame in which nothing changed is the clock alone`() {
        let size = ScreenSize(columns: 80, rows: 24)
        // Nothing whose age counts: no alarm, no sensor, no watchdog.
        let model = Plant.model { answer in
            answer.alarms = []
            answer.worst = []
            answer.status.watchdog.ageNanoseconds = nil
            answer.status.endpoints = []
            answer.status.time = WallInstant(nanoseconds: Plant.wall)
        }
        var renderer = ScreenRenderer(colors: .palette)
        func draw(_ milliseconds: UInt64) -> [UInt8] {
            let now = Plant.at + milliseconds * 1_000_000
            let screen = Dashboard.draw(
                model, DashboardState(), glyphs: .braille, now: now, size: size)
            return renderer.render(screen)
        }
        _ = draw(0)
        #expect(draw(100).isEmpty, "an unchanged frame is 0 bytes")
        let clock = draw(1_000)
        #expect(!clock.isEmpty && clock.count < 80, "\(String(decoding: clock, as: UTF8.self))")
    }

    @Test func `without a key or an answer a frame comes once a second`() {
        var pacer = FramePacer()
        var due = pacer.isDue(now: 0, isDrained: true)
        #expect(due)
        pacer.drawn(bytes: 100, now: 0)
        due = pacer.isDue(now: 500_000_000, isDrained: true)
        #expect(!due)
        due = pacer.isDue(now: Plant.second, isDrained: true)
        #expect(due)
        pacer.drawn(bytes: 100, now: Plant.second)
        pacer.wantFrame()
        due = pacer.isDue(now: 2 * Plant.second, isDrained: false)
        #expect(!due, "it is not through yet")
        #expect(pacer.wait(now: 2 * Plant.second) == FramePacer.drainPollNanoseconds)
        due = pacer.isDue(now: 3 * Plant.second, isDrained: true)
        #expect(due)
    }
}
