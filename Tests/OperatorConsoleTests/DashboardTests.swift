// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import OperatorConsole
import OperatorViews
import Testing

@Suite struct DashboardTests {
    private let at = 100 * Plant.second

    private func draw(
        _ model: DashboardModel = Plant.model, _ state: DashboardState = DashboardState(),
        glyphs: GlyphSet = .braille, after seconds: Double = 0.2, _ columns: Int = 80,
        _ rows: Int = 24
    ) -> Screen {
        Dashboard.draw(
            model, state, glyphs: glyphs, now: self.at + UInt64(seconds * 1e9),
            size: ScreenSize(columns: columns, rows: rows))
    }

    @Test func `the overview at 80 by 24 is the golden frame`() {
        #expect(self.draw().text == GoldenFrames.overview80)
    }

    @Test func `the overview at 120 by 40 is the golden frame`() {
        #expect(self.draw(after: 0.2, 120, 40).text == GoldenFrames.overview120)
    }

    @Test func `the overview in ASCII has nothing but ASCII of its own`() {
        let text = self.draw(glyphs: .ascii).text
        #expect(text == GoldenFrames.ascii80)
        #expect(text.replacing("°", with: "").utf8.allSatisfy { $0 < 0x80 })
    }

    @Test func `a blind dashboard says so, counts on, and shows nothing as live`() {
        var model = Plant.model
        model.fail("midwatchd is not running")
        let screen = self.draw(model, after: 62.2)
        #expect(screen.text == GoldenFrames.blind80)
        #expect(!screen.text.contains(" fresh "))
        // 0.4 s old when asked, 62.2 s ago.
        #expect(screen.text.contains("1m02/5.0s"))
    }

    @Test func `a request that hangs blinds the dashboard after three seconds`() {
        #expect(!self.draw(after: 2.9).text.contains("BLIND"))
        #expect(self.draw(after: 3.1).text.contains("BLIND for 3.1s"))
    }

    @Test func `a stale sensor never looks like a live one`() throws {
        let screen = self.draw(after: 0.2, 120, 40)
        let rows = screen.text.split(separator: "\n", omittingEmptySubsequences: false)
        let stale = try #require(rows.firstIndex { $0.contains("fan-03/vibration   ") })
        let live = try #require(rows.firstIndex { $0.contains("temp-01") })
        #expect(rows[stale].contains("(4.1)"))
        #expect(rows[stale].contains("STALE"))
        #expect(rows[stale].contains("42s/5.0s"))
        #expect(screen[5, stale].style.tone == .stale)
        #expect(screen[5, live].style.tone == .plain)
        #expect(rows[live].contains("▁"))
        #expect(!rows[stale].contains("▁"))
    }

    @Test func `priority and state are told by glyph and word, whatever the colours`() {
        let text = self.draw().text
        #expect(text.contains("■ CRITICAL UNACK"))
        #expect(text.contains("▲ HIGH     UNACK"))
        #expect(text.contains("○ low      returned"))
        #expect(text.contains("● medium   acked"))
    }

    @Test func `a stage that does not turn is named`() {
        var snapshot = Plant.snapshot
        snapshot.status.stages[2].beatAgeNanoseconds = 9 * Plant.second
        snapshot.status.watchdog.alive = false
        snapshot.status.watchdog.ageNanoseconds = 30 * Plant.second
        var model = Plant.model
        model.receive(snapshot, askedAt: self.at)
        let text = self.draw(model).text
        #expect(text.contains("journal NOT TURNING for 9.2s"))
        #expect(text.contains("watchdog SILENT for 30s"))
    }

    @Test func `the first seconds say what is awaited`() {
        let model = DashboardModel(startedAt: self.at)
        #expect(self.draw(model).text.contains("waiting for the first answer"))
        var failed = model
        failed.fail("midwatchd is not running")
        let text = self.draw(failed, after: 5).text
        #expect(text.contains("BLIND for 5.0s"))
        #expect(text.contains("nothing was received yet"))
    }

    @Test(arguments: [(20, 5), (37, 9), (80, 24), (200, 60), (500, 200)])
    func `any size can be drawn in any mode`(columns: Int, rows: Int) {
        var states = [DashboardState()]
        for keys in ["?", "/x日本", "a\u{1B}", "a"] {
            var parser = KeyParser()
            var state = DashboardState()
            for key in parser.feed(Array(keys.utf8)) {
                _ = state.handle(key, model: Plant.model, now: self.at)
            }
            states.append(state)
        }
        for state in states {
            for model in [Plant.model, DashboardModel(startedAt: 0)] {
                let screen = self.draw(model, state, after: 1, columns, rows)
                #expect(screen.size == ScreenSize(columns: columns, rows: rows))
                let text = screen.text.split(separator: "\n", omittingEmptySubsequences: false)
                #expect(text.first?.contains("midwatch") == true)
            }
        }
    }

    @Test func `history grows by new readings of fresh sensors only and is bounded`() {
        var model = DashboardModel(startedAt: 0)
        var snapshot = Plant.snapshot
        for step in 0..<100 {
            for index in snapshot.sensors.indices {
                snapshot.sensors[index].readingsCount = UInt64(step / 2)
            }
            model.receive(snapshot, askedAt: UInt64(step))
        }
        #expect(model.history["tunnel/west/co"]?.count == DashboardModel.historyMax)
        #expect(model.history["tunnel/west/fan-03/vibration"] == nil)
        for index in 0..<3_000 {
            snapshot.sensors = [
                Plant.sensor("s/\(index)", .fresh, value: 1, unit: "", age: 0)
            ]
            model.receive(snapshot, askedAt: 200)
        }
        #expect(model.history.count <= DashboardModel.historySensorsMax)
    }
}
