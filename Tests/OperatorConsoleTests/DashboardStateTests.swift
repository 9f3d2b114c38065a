// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import OperatorConsole
import OperatorViews
import Testing

@Suite struct DashboardStateTests {
    private let now = Plant.at
    private let size = ScreenSize(columns: 80, rows: 24)

    private func press(
        _ text: String, _ state: inout DashboardState, _ model: DashboardModel = Plant.model
    ) -> [DashboardState.Intent] {
        Keys.of(text).compactMap { key in
            state.sync(model)
            return state.handle(key, model: model, now: self.now, size: self.size)
        }
    }

    private func acknowledgement(_ id: String, _ comment: String) throws -> DashboardState.Intent {
        let alarm = try #require(Plant.model.alarm(id))
        return .send(.acknowledge([AlarmTarget(alarm)], comment: comment))
    }

    @Test func `an acknowledgement names the activation that was on the screen`() throws {
        var state = DashboardState()
        let sent = try self.acknowledgement("tunnel/west/fan-03/vibration:stale", "fans oN")
        #expect(self.press("2jafans on\u{7F}N\r", &state) == [sent])
        #expect(state.mode == .browse)
    }

    @Test func `the selection stays with its alarm when the list moves`() throws {
        var state = DashboardState()
        _ = self.press("2j", &state)
        let model = Plant.model { answer in
            var newer = answer.alarms?[0]
            newer?.alarmID = "a/new:high"
            if let newer { answer.alarms?.insert(newer, at: 0) }
        }
        let sent = try self.acknowledgement("tunnel/west/fan-03/vibration:stale", "")
        #expect(self.press("a\r", &state, model) == [sent])
    }

    @Test func `the first alarm is taken by name too, before the list moves`() throws {
        var state = DashboardState()
        _ = self.press("a", &state)
        let model = Plant.model { answer in
            var newer = answer.alarms?[0]
            newer?.alarmID = "a/new:high"
            if let newer { answer.alarms?.insert(newer, at: 0) }
        }
        #expect(
            self.press("\r", &state, model) == [try self.acknowledgement("tunnel/west/co:high", "")]
        )
        #expect(state.selected[.overview] == "atunnel/west/co:high")
    }

    @Test func `all alarms on the screen are acknowledged after a yes, and no others`() throws {
        var state = DashboardState()
        #expect(self.press("2Aseen\r", &state) == [])
        guard case .prompt(let prompt) = state.mode, prompt.isConfirming else {
            Issue.record("nobody asked")
            return
        }
        var other = state
        #expect(self.press("n", &other) == [])
        #expect(other.notice?.text == "nothing was done")
        let targets = Plant.model.alarms.filter(\.state.needsAcknowledgement).map(AlarmTarget.init)
        #expect(targets.count == 3)
        #expect(self.press("y", &state) == [.send(.acknowledge(targets, comment: "seen"))])
    }

    @Test func `what is below the edge of the screen is not acknowledged with the rest`() throws {
        let model = Plant.model { answer in
            answer.alarms = (0..<50).map { index in
                var alarm = AlarmView(
                    alarmID: "s/\(index):high", activation: "1:\(index).0", path: "s/\(index)",
                    kind: "high", state: .unacknowledged, priority: .high)
                alarm.raisedAt = WallInstant(nanoseconds: Plant.wall - Int64(index))
                return alarm
            }
        }
        var state = DashboardState()
        let intents = self.press("2A\ry", &state, model)
        guard case .send(.acknowledge(let targets, _)) = intents.first else {
            Issue.record("nothing was sent")
            return
        }
        let screen = Dashboard.draw(
            model, Keys.pressed("2", model: model), glyphs: .ascii, now: self.now, size: self.size)
        let shown = screen.text.split(separator: "\n").filter { $0.contains("UNACK ") }
        #expect(targets.count == shown.count)
        #expect(targets.count < 20 && targets.count > 10)
        #expect(
            targets.allSatisfy { target in
                shown.contains { $0.contains(" \(target.alarmID) ") }
            })
    }

    @Test func `a key that cannot act says why`() {
        var state = DashboardState()
        #expect(self.press("2Ga", &state) == [])
        #expect(state.notice?.text == "pump/2/level:unverifiable is already acknowledged by maria")
        var blind = Plant.model
        blind.fail("gone")
        #expect(self.press("ga", &state, blind) == [])
        #expect(state.notice?.text == "cannot act: the daemon does not answer")
        #expect(self.press("3a", &state) == [])
        #expect(state.notice?.text.hasPrefix("a (acknowledge the alarm, with a comment)") == true)
        #expect(self.press("\u{1B}[C", &state) == [], "a sensor cannot be opened like a level")
        #expect(self.press("t+", &state) == [])
        #expect(state.notice?.text == "a sensor has no level below it; Enter looks at it")
        #expect(self.press("-t", &state) == [])
        #expect(state.notice?.text == "no level is above this sensor here")
        let quiet = Plant.model { $0.alarms = [] }
        #expect(self.press("2a", &state, quiet) == [])
        #expect(state.notice?.text == "there is no alarm")
        #expect(state.mode == .browse)
    }

    @Test func `what was begun is not sent when the daemon falls silent meanwhile`() {
        var state = DashboardState()
        #expect(self.press("2ax", &state) == [])
        var blind = Plant.model
        blind.fail("gone")
        #expect(self.press("\r", &state, blind) == [])
        #expect(state.notice?.text == "nothing was done: the daemon does not answer")
    }

    @Test func `a filter has no more bytes than the daemon takes`() {
        var state = DashboardState()
        _ = self.press("2/" + String(repeating: "日", count: 100), &state)
        #expect(state.filter == String(repeating: "日", count: 85))
        #expect(state.filter.utf8.count <= DashboardState.filterBytesMax)
    }

    @Test func `a filter acts while it is typed, is kept by Enter and dropped by Escape`() {
        var state = DashboardState()
        _ = self.press("3/temp-0", &state)
        #expect(state.filter == "temp-0")
        #expect(state.sensorTree(Plant.model).paths.count == 9)
        _ = self.press("\r", &state)
        #expect(state.mode == .browse)
        _ = self.press("/x\u{1B}", &state)
        #expect(state.filter == "temp-0")
        _ = self.press("\u{1B}", &state)
        #expect(state.filter == "")
        #expect(state.sensorTree(Plant.model).paths.count == 25)
    }

    @Test func `q leaves from the lists only and Control-C cancels what is typed`() {
        var state = DashboardState()
        #expect(self.press("?q\u{1B}", &state) == [])
        #expect(self.press("3/q\u{1B}", &state) == [])
        #expect(self.press("/\u{3}", &state) == [])
        #expect(self.press("q", &state) == [.quit])
        #expect(self.press("\u{3}", &state) == [.quit])
    }

    @Test func `typed text is bounded`() {
        var state = DashboardState()
        _ = self.press("2a" + String(repeating: "x", count: 500), &state)
        guard case .prompt(let prompt) = state.mode else {
            Issue.record("not in the comment")
            return
        }
        #expect(prompt.text(0).count == Prompt.textCharactersMax)
    }

    @Test func `movement steps over headings and stops at both ends`() {
        var state = DashboardState()
        _ = self.press("2kkk", &state)
        #expect(state.selected[.alarms] == "atunnel/west/co:high")
        _ = self.press("jjjjjjjjjj", &state)
        #expect(state.selected[.alarms] == "apump/2/level:unverifiable")
        _ = self.press("k", &state)
        #expect(state.selected[.alarms] == "aplant/line/temp-07:low")
        var empty = DashboardState()
        #expect(self.press("2jkG3jkG4G", &empty, DashboardModel(startedAt: 0)) == [])
    }

    @Test func `sheets open over each other and Escape goes back`() {
        var state = DashboardState()
        _ = self.press("\r", &state)
        #expect(state.sheets == [.alarm(id: "tunnel/west/co:high")])
        _ = self.press("\u{1B}", &state)
        #expect(state.place == .overview)
        _ = self.press("3/fan\r\r", &state)
        #expect(state.place == .sensors, "a level is opened and closed, not a sheet")
        _ = self.press("\u{1B}", &state)
        _ = self.press("1", &state)
        #expect(state.place == .overview)
    }

    @Test func `Enter goes from an alarm to its sensor and back`() {
        var state = DashboardState()
        _ = self.press("\r\r", &state)
        #expect(
            state.sheets == [.alarm(id: "tunnel/west/co:high"), .sensor(path: "tunnel/west/co")])
        _ = self.press("\r", &state)
        #expect(state.sheets == [.alarm(id: "tunnel/west/co:high")])
        _ = self.press("\u{1B}", &state)
        _ = self.press("3jj\r\r", &state)
        #expect(state.notice?.text == "no alarm of plant/line/temp-02 is raised or out of view")
    }

    @Test func `the chart looks further back and less far, within bounds`() {
        var state = DashboardState()
        _ = self.press("3j\r", &state)
        #expect(state.historySeconds == 600)
        _ = self.press("----------", &state)
        #expect(state.historySeconds == 7 * 86_400)
        #expect(state.notice?.text == "this is the longest time the chart shows")
        _ = self.press("++++++++++", &state)
        #expect(state.historySeconds == 120)
    }

    @Test func `tab goes through all views and back`() {
        var state = DashboardState()
        var seen: [Place] = []
        for _ in Place.views {
            seen.append(state.view)
            _ = self.press("\t", &state)
        }
        #expect(seen == Place.views)
        #expect(state.view == .overview)
        _ = self.press("\u{1B}[Z", &state)
        #expect(state.view == .ingest)
    }
}
