// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import OperatorConsole
import OperatorViews
import Testing

@Suite struct DashboardStateTests {
    private let now = 100 * Plant.second

    private func press(
        _ text: String, _ state: inout DashboardState, _ model: DashboardModel = Plant.model
    ) -> [DashboardState.Intent] {
        var parser = KeyParser()
        var keys = parser.feed(Array(text.utf8))
        if let key = parser.timeOut() { keys.append(key) }
        return keys.compactMap { state.handle($0, model: model, now: self.now) }
    }

    @Test func `an acknowledgement names the activation that was on the screen`() {
        var state = DashboardState()
        #expect(
            self.press("jafans on\u{7F}N\r", &state) == [
                .acknowledge(
                    alarmID: "tunnel/west/fan-03/vibration:stale", activation: "4:81220.0",
                    comment: "fans oN")
            ])
        #expect(state.mode == .browse)
    }

    @Test func `the selection stays with its alarm when the list moves`() {
        var state = DashboardState()
        var model = Plant.model
        _ = self.press("j", &state)
        #expect(state.selectedAlarmID == "tunnel/west/fan-03/vibration:stale")
        var snapshot = Plant.snapshot
        var newer = snapshot.alarms[0]
        newer.alarmID = "a/new:high"
        snapshot.alarms.insert(newer, at: 0)
        model.receive(snapshot, askedAt: self.now)
        #expect(state.alarmRow(snapshot.alarms) == 2)
        #expect(
            self.press("a\r", &state, model) == [
                .acknowledge(
                    alarmID: "tunnel/west/fan-03/vibration:stale", activation: "4:81220.0",
                    comment: "")
            ])
    }

    @Test func `the first alarm is taken by name too, before the list moves`() {
        var state = DashboardState()
        _ = self.press("a", &state)
        #expect(state.selectedAlarmID == "tunnel/west/co:high")
        #expect(
            state.mode
                == .comment(alarmID: "tunnel/west/co:high", activation: "4:81220.0", text: ""))
    }

    @Test func `a key that cannot act says why`() {
        var state = DashboardState()
        #expect(self.press("Ga", &state) == [])
        #expect(state.notice?.text == "pump/2/level:unverifiable is already acknowledged by maria")
        var blind = Plant.model
        blind.fail("gone")
        #expect(self.press("ga", &state, blind) == [])
        #expect(state.notice?.text == "cannot acknowledge: the daemon does not answer")
        #expect(self.press("\ta", &state) == [])
        #expect(state.notice?.text == "press Tab to choose an alarm first")
        var empty = Plant.snapshot
        empty.alarms = []
        var model = Plant.model
        model.receive(empty, askedAt: self.now)
        #expect(self.press("a", &state, model) == [])
        #expect(state.notice?.text == "there is no alarm to acknowledge")
        #expect(state.mode == .browse)
    }

    @Test func `a filter is typed, applied and dropped`() {
        var state = DashboardState()
        #expect(self.press("/qa\u{15}temp-0", &state) == [])
        #expect(state.filter == "")
        #expect(self.press("\r", &state) == [.refresh])
        #expect(state.filter == "temp-0")
        #expect(state.pane == .sensors)
        #expect(state.shownSensors(Plant.snapshot).count == 9)
        #expect(self.press("jj", &state) == [])
        #expect(state.selectedPath == "plant/line/temp-03")
        #expect(self.press("\u{1B}", &state) == [.refresh])
        #expect(state.filter == "")
        #expect(self.press("/x\u{1B}", &state) == [])
        #expect(state.filter == "")
    }

    @Test func `help closes by any key and q leaves from the lists only`() {
        var state = DashboardState()
        #expect(self.press("?q", &state) == [])
        #expect(state.mode == .browse)
        #expect(self.press("/q\u{1B}", &state) == [])
        #expect(self.press("q", &state) == [.quit])
        #expect(self.press("/\u{3}", &state) == [.quit])
    }

    @Test func `typed text is bounded`() {
        var state = DashboardState()
        _ = self.press("a" + String(repeating: "x", count: 500), &state)
        guard case .comment(_, _, let text) = state.mode else {
            Issue.record("not in the comment")
            return
        }
        #expect(text.count == DashboardState.commentCharactersMax)
    }

    @Test func `movement stops at both ends and in empty lists`() {
        var state = DashboardState()
        _ = self.press("kkk", &state)
        #expect(state.alarmRow(Plant.snapshot.alarms) == 0)
        _ = self.press("jjjjjjjj", &state)
        #expect(state.alarmRow(Plant.snapshot.alarms) == 3)
        var fresh = DashboardState()
        #expect(self.press("jkG\tjkG", &fresh, DashboardModel(startedAt: 0)) == [])
    }
}
