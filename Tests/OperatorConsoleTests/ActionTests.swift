// SPDX-License-Identifier: Apache-2.0

import JSONText
import MidwatchModel
import OperatorConsole
import OperatorViews
import Testing

@Suite struct ActionTests {
    private static let description = """
        {"paths": {
          "/v1/alarms": {"get": {}},
          "/v1/alarms/{alarmID}/shelve": {"post": {}},
          "/v1/alarms/{alarmID}/unshelve": {"post": {}},
          "/v1/alarms/{alarmID}/reset": {"post": {}},
          "/v1/alarms/{alarmID}/comment": {"post": {}},
          "/v1/alarms/{alarmID}/out-of-service": {"post": {}},
          "/v1/alarms/{alarmID}/return-to-service": {"post": {}},
          "/v1/alerts/silences": {"get": {}, "post": {}},
          "/v1/alerts/silences/{silenceID}/remove": {"post": {}},
          "/v1/alerts/test": {"post": {}},
          "/v1/alerts/dead-letters/{alert}/{endpoint}/resend": {"post": {}},
          "/v1/alerts/dead-letters/{alert}/{endpoint}/drop": {"post": {}},
          "/v1/alerts/endpoints/{endpoint}/enable": {"post": {}}
        }}
        """

    /// The plant with a daemon that takes every command; its first alarm is changed.
    private static func model(
        _ change: (inout AlarmView) -> Void = { _ in }
    ) throws -> DashboardModel {
        let json = try JSONValue(parsing: Self.description)
        return Plant.model { answer in
            answer.commands = CommandSet(description: json)
            if var alarm = answer.alarms?[0] {
                alarm.shelvingMaxSeconds = 7_200
                change(&alarm)
                answer.alarms?[0] = alarm
            }
        }
    }

    private static func press(
        _ text: String, _ model: DashboardModel
    ) -> (intents: [DashboardState.Intent], state: DashboardState) {
        var state = DashboardState()
        let intents = Keys.of(text).compactMap { key in
            state.handle(
                key, model: model, now: Plant.at, size: ScreenSize(columns: 80, rows: 24))
        }
        return (intents, state)
    }

    private static func target(_ model: DashboardModel) -> AlarmTarget {
        AlarmTarget(model.alarms[0])
    }

    @Test func `shelving asks for time and reason, and then whether that is meant`() throws {
        let model = try Self.model()
        let began = Self.press("s\u{15}90m\rfan repair\r", model)
        #expect(began.intents == [])
        guard case .prompt(let prompt) = began.state.mode, prompt.isConfirming else {
            Issue.record("nobody asked")
            return
        }
        #expect(
            Self.press("s\u{15}90m\rfan repair\ry", model).intents == [
                .send(
                    .alarm(.shelve, Self.target(model), comment: "fan repair", seconds: 5_400))
            ])
        #expect(Self.press("s\u{15}90m\rfan repair\rn", model).intents == [])
    }

    @Test(arguments: [
        ("s\u{15}3h\r", "at most 2h00, says the configuration"),
        ("L", "no area with modes is configured: there is one limit set"),
        ("s\u{15}soon\r", "a time is written 90s, 15m, 2h or 1h30"),
        ("s\r \r", "a reason is needed; it is kept in the ledger"),
        ("o\r", "a reason is needed; it is kept in the ledger"),
        ("u", "tunnel/west/co:high is not shelved"),
        ("r", "tunnel/west/co:high is not latched: it needs no reset"),
        ("s\u{1B}", "nothing was done"),
    ])
    func `what is missing is said`(keys: String, notice: String) throws {
        let (intents, state) = Self.press(keys, try Self.model())
        #expect(intents == [])
        #expect(state.notice?.text == notice)
    }

    @Test func `the keys do what the state of the alarm allows`() throws {
        let shelved = try Self.model { $0.suppression = [.shelved] }
        #expect(
            Self.press("2Guy", shelved).intents == [
                .send(.alarm(.unshelve, Self.target(shelved), comment: "", seconds: 0))
            ])
        #expect(
            Self.press("2Gs", shelved).state.notice?.text
                == "tunnel/west/co:high is shelved; u unshelves it")
        let latched = try Self.model { $0.state = .latchedAcknowledged }
        #expect(
            Self.press("ry", latched).intents == [
                .send(.alarm(.reset, Self.target(latched), comment: "", seconds: 0))
            ])
        let early = try Self.model { $0.state = .latchedUnacknowledged }
        #expect(
            Self.press("r", early).state.notice?.text
                == "tunnel/west/co:high must be acknowledged before it is reset")
        let out = try Self.model { $0.suppression = [.outOfService] }
        #expect(
            Self.press("2Goy", out).intents == [
                .send(.alarm(.returnToService, Self.target(out), comment: "", seconds: 0))
            ])
        let model = try Self.model()
        #expect(
            Self.press("ovalve 3 removed\ry", model).intents == [
                .send(
                    .alarm(
                        .takeOutOfService, Self.target(model), comment: "valve 3 removed",
                        seconds: 0))
            ])
        #expect(
            Self.press("csmells\r", model).intents == [
                .send(.alarm(.comment, Self.target(model), comment: "smells", seconds: 0))
            ])
    }

    @Test func `what was done says until when, by the clock on the wall`() {
        let done = OperatorAction.Done(
            "a:high shelved", until: WallInstant(nanoseconds: Plant.wall), note: ", not recorded")
        #expect(done.text() == "a:high shelved until 2026-11-21 03:04:05Z, not recorded")
        let times = TimeText { _ in "2026-11-21 05:04:05+02:00" }
        #expect(done.text(times).contains("until 2026-11-21 05:04:05+02:00"))
        #expect(OperatorAction.Done("x").text() == "x")
    }

    @Test func `the limit set of an area is switched by names or their beginnings`() throws {
        let model = Plant.model { answer in
            answer.areas = [
                AreaView(name: "west", mode: "day", modes: ["day", "night"], sensors: []),
                AreaView(name: "east", mode: "day", modes: ["day", "works"], sensors: []),
            ]
        }
        #expect(
            Self.press("Lw\rn\rtunnel closed\ry", model).intents == [
                .send(.setMode(area: "west", mode: "night", comment: "tunnel closed"))
            ])
        #expect(Self.press("Lx\r", model).state.notice?.text == "one of west, east")
    }

    @Test func `alerts of an alarm, of its sensor or of a whole place are kept back`() throws {
        let model = try Self.model()
        #expect(
            Self.press("S\r\rfan repair\ry", model).intents == [
                .send(
                    .silence(what: "tunnel/west/co:high", seconds: 3_600, reason: "fan repair"))
            ])
        #expect(
            Self.press("S\u{15}tunnel/#\r\u{15}2h\rrepair\ry", model).intents == [
                .send(.silence(what: "tunnel/#", seconds: 7_200, reason: "repair"))
            ])
        #expect(
            Self.press("3jj\rS\r\rdust\ry", model).intents == [
                .send(
                    .silence(what: "plant/line/temp-02", seconds: 3_600, reason: "dust"))
            ])
        #expect(Self.press("S\r\rfan repair\rn", model).intents == [])
        #expect(
            Self.press("S\u{15}\r", model).state.notice?.text
                == "say what: a path, path:alarm, or a template such as tunnel/#")
    }

    @Test func `a dead letter that is dealt with leaves the cursor on the next one`() throws {
        var detail = DeliveryDetail()
        detail.deadLetters = (0..<3).map { number in
            var letter = Plant.deliveryDetail.deadLetters[0]
            letter.alert = "alert_\(number)"
            return letter
        }
        var answer = Plant.answer(at: Plant.at)
        answer.deliveryDetail = detail
        var model = try Self.model()
        model.receive(answer, now: Plant.at)
        func selected(_ keys: String) -> String? {
            Self.press("5jj" + keys, model).state.selected[.delivery]
        }
        #expect(selected("xy") == "dalert_1 desk")
        #expect(selected("ry") == "dalert_1 desk")
        #expect(selected("xn") == "dalert_0 desk")
        #expect(selected("jjxy") == "dalert_1 desk", "the last one has one before it")
    }

    @Test func `what stands on the way of alerts is acted on after a yes`() throws {
        let model = try Self.model()
        let letter = Plant.deliveryDetail.deadLetters[0]
        func order(_ verb: DeliveryVerb) -> DashboardState.Intent {
            .send(.delivery(verb, alert: letter.alert, endpoint: letter.endpoint))
        }
        #expect(Self.press("5Ty", model).intents == [.send(.test(.endpoint("pager")))])
        #expect(
            Self.press("5jey", model).intents == [
                .send(.delivery(.enable, alert: "", endpoint: "desk"))
            ])
        #expect(Self.press("5jjry", model).intents == [order(.resend)])
        #expect(Self.press("5jjrn", model).intents == [])
        #expect(Self.press("5jjxy", model).intents == [order(.drop)])
        #expect(Self.press("5jjjTy", model).intents == [.send(.test(.route("tunnel")))])
        #expect(Self.press("5Gxy", model).intents == [.send(.endSilence(id: "silence-4-1"))])
        #expect(Self.press("5r", model).state.notice?.text == "choose a dead letter first")
        #expect(
            Self.press("5GT", model).state.notice?.text
                == "choose an endpoint or a route to test")
        let none = try Self.model()
        var answer = Plant.answer(at: Plant.at)
        answer.deliveryDetail = DeliveryDetail()
        var empty = none
        empty.receive(answer, now: Plant.at)
        #expect(Self.press("5x", empty).state.notice?.text == "there is no dead letter")
    }

    @Test func `a test that was begun is asked about while the delivery is shown`() throws {
        var state = DashboardState(view: .delivery)
        state.follow(test: "drill_4_2")
        let model = try Self.model()
        let size = ScreenSize(columns: 80, rows: 24)
        #expect(
            Dashboard.need(model, state, now: Plant.at, size: size).testID == "drill_4_2")
    }

    @Test func `the key bar names what can be done with what is selected`() throws {
        func bar(_ keys: String, _ model: DashboardModel) -> String {
            let (_, state) = Self.press(keys, model)
            let size = ScreenSize(columns: 200, rows: 24)
            let text = Dashboard.draw(
                model, state, glyphs: .ascii, now: Plant.at + Plant.second, size: size
            ).text
            return text.split(separator: "\n").last.map(String.init) ?? ""
        }
        var model = try Self.model()
        var answer = Plant.answer(at: Plant.at + Plant.second)
        answer.alarms?[0].suppression = [.shelved]
        #expect(bar("2", model).contains("s shelve") && !bar("2", model).contains("u unshelve"))
        #expect(bar("2", model).contains("a ack") && !bar("2", model).contains("r reset"))
        #expect(!bar("2G", model).contains("a ack"), "it is acknowledged")
        model.receive(answer, now: answer.askedAt)
        #expect(bar("2G", model).contains("u unshelve") && !bar("2G", model).contains("s shelve"))
        model.fail("gone")
        #expect(!bar("2", model).contains("comment"), "nothing can be done")
    }

    @Test func `a command that the daemon does not know is not sent`() throws {
        let old = Plant.model { answer in answer.commands = CommandSet(addresses: []) }
        #expect(
            Self.press("s", old).state.notice?.text
                == "this midwatchd does not take the command shelve: update it")
        #expect(
            Self.press("s", Plant.model).state.notice?.text
                == "not known yet which commands this midwatchd takes")
    }
}
