// SPDX-License-Identifier: Apache-2.0

import JSONText
import MidwatchModel
import OperatorConsole
import OperatorViews
import Testing

@Suite struct ModelTests {
    @Test func `a series grows by new readings only, keeps gaps and is bounded`() {
        var series = SensorSeries()
        for step in 0..<2_000 {
            series.add(Double(step), readingsCount: UInt64(step / 2), at: UInt64(step + 1))
        }
        #expect(series.points.count == SensorSeries.pointsMax)
        #expect(series.points.last?.value == 1_998)
        series.addGap(at: 3_000)
        series.addGap(at: 3_001)
        #expect(series.values(last: 2) == [1_998, nil])
        series.add(7, readingsCount: 999, at: 3_002)
        #expect(series.values(last: 3) == [1_998, nil, 7])
        #expect(series.values(last: 10_000).count == SensorSeries.pointsMax)
        #expect(SensorSeries.bytesMax < 10_000)
    }

    @Test func `a stale sensor and a blind dashboard leave a gap, not a line`() {
        var model = Plant.model
        #expect(model.series["tunnel/west/fan-03/vibration"] == nil)
        #expect(model.series["tunnel/west/co"]?.points.count == 8)
        model.fail("gone")
        #expect(model.series["tunnel/west/co"]?.values(last: 1) == [nil])
    }

    @Test func `what the model keeps is bounded`() {
        var model = Plant.model
        for index in 0..<3_000 {
            var answer = Plant.answer(at: Plant.at + UInt64(index))
            answer.worst = [Plant.sensor("s/\(index)", .fresh, value: 1, unit: "", age: 0)]
            answer.events = [
                EventView(n: UInt64(1_000 + index), written: .init(nanoseconds: 0), body: .null)
            ]
            model.receive(answer, now: answer.askedAt)
        }
        #expect(model.sensors.count <= DashboardModel.sensorsMax)
        #expect(model.series.count <= DashboardModel.sensorsMax)
        #expect(model.events.count == DashboardModel.eventsMax)
        #expect(model.events.last?.n == 3_999)
    }

    @Test func `of many sensors those asked for last keep their history`() {
        var model = DashboardModel(startedAt: 0)
        let perRound = 50
        for round in 1...20 {
            let at = UInt64(round) * Plant.second
            var answer = DashboardAnswer(askedAt: at, status: Plant.status)
            answer.sensors = (0..<perRound).map { number in
                // The first stands on the screen all the time, the others scroll by.
                let name = number == 0 ? "stays" : "s/\(round)/\(number)"
                var sensor = Plant.sensor(name, .fresh, value: 1, unit: "", age: 0)
                sensor.readingsCount = UInt64(round)
                return sensor
            }
            model.receive(answer, now: at)
            #expect(model.sensors.count <= DashboardModel.sensorsMax + perRound)
        }
        #expect(model.series["stays"]?.points.count == 20)
        #expect(model.series["s/20/1"] != nil && model.series["s/19/1"] != nil)
        #expect(model.sensors["s/1/1"] == nil && model.series["s/1/1"] == nil)
        #expect(model.series.count == model.sensors.count)
    }

    @Test func `an event that comes twice is kept once`() {
        var model = Plant.model
        model.receive(Plant.answer(at: Plant.at + 1), now: Plant.at + 1)
        #expect(model.events.map(\.n) == [811, 812, 813, 814, 815, 816])
    }

    @Test func `figures are read from the page with their labels`() {
        let page = MetricsPicture(page: Array(Plant.page.utf8), at: 10 * Plant.second)
        #expect(page.sum("midwatch_source_readings_total", ["source": "gw \"west\""]) == 120_000)
        #expect(page.sum("midwatch_readings_total", ["outcome": "rejected"]) == 3)
        #expect(page.sum("go_goroutines") == nil, "what no view shows is skipped")
        let later = MetricsPicture(
            page: Array(Plant.page.replacing("4100", with: "4160").utf8), at: 20 * Plant.second)
        let labels = ["source": "press-4", "outcome": "accepted"]
        let name = "midwatch_source_readings_total"
        #expect(later.rate(name, labels, since: page) == 6)
        #expect(page.rate(name, labels, since: later) == nil)
        for bad in ["midwatch_alert_x{", "midwatch_alert_x{a=\"b", "midwatch_alert_x", "{} 3 x"] {
            #expect(MetricsPicture(page: Array(bad.utf8), at: 0).samples.isEmpty, "\(bad)")
        }
    }

    @Test(
        arguments: [
            ("90s", 90), ("15m", 900), ("2h", 7_200), ("1d", 86_400), ("1h30", 5_400),
            ("1h30m", 5_400), ("45", 2_700), ("", nil), ("x", nil), ("h", nil),
            ("99999999999d", nil),
        ] as [(String, UInt64?)])
    func `times are read as people write them`(text: String, seconds: UInt64?) {
        #expect(Prompt.seconds(text) == seconds)
    }

    @Test func `the bell rings for what nobody may miss, and not for what stood there before`() {
        var bell = Bell()
        let now = Plant.at
        var rung: [Bool] = []
        rung.append(bell.rings(Plant.model, now: now))
        #expect(rung == [false], "what stood there before")
        let newer = Plant.model { $0.alarms?[0].activation = "4:90000.0" }
        rung = [bell.rings(newer, now: now), bell.rings(newer, now: now)]
        #expect(rung == [true, false], "a new activation")
        let down = Plant.model { answer in
            answer.status.endpoints = [
                EndpointView(name: "pager", breaker: "open", queue: 1, oldestAgeSeconds: 1)
            ]
            answer.alarms = []
        }
        rung = [bell.rings(down, now: now), bell.rings(down, now: now + Plant.second)]
        #expect(rung == [true, false], "delivery is down")
        var again = down
        var answer = Plant.answer(at: now + 40 * Plant.second)
        answer.status = down.status ?? answer.status
        answer.alarms = []
        again.receive(answer, now: answer.askedAt)
        rung = [bell.rings(again, now: answer.askedAt)]
        #expect(rung == [true], "delivery is down still")
        let narrowed = Plant.model { answer in
            answer.urgent = answer.alarms
            answer.urgent?[0].activation = "4:90001.0"
            answer.alarms = []
        }
        rung = [bell.rings(narrowed, now: now), bell.rings(narrowed, now: now)]
        #expect(rung == [true, false], "a filter narrows the screen, not the ear")
        var blind = Plant.model
        blind.fail("gone")
        rung = [bell.rings(blind, now: now), bell.rings(blind, now: now)]
        #expect(rung == [true, false], "blind")
    }

    @Test(arguments: [
        (Quality.bad, Freshness.fresh, UInt32(0), "F"), (.uncertain, .fresh, 0, "S"),
        (.good, .stale, 0, "S"), (.good, .fresh, 0, "-"), (.good, .neverReceived, 0, "?"),
        (.bad, .fresh, 0x808D_0000, "C"), (.good, .fresh, 0x0096_0000, "C"),
    ])
    func `quality has its letter of NE 107`(
        quality: Quality, freshness: Freshness, code: UInt32, letter: String
    ) {
        var sensor = Plant.sensor("a", freshness, value: 1, unit: "", age: 1)
        sensor.quality = quality
        sensor.statusCode = code
        #expect(String(NamurSignal(sensor, alarms: []).letter) == letter)
        guard letter == "-" else { return }
        let alarm = AlarmView(
            alarmID: "a:drift", activation: "1:1.0", path: "a", kind: "drift",
            state: .acknowledged, priority: .low)
        #expect(NamurSignal(sensor, alarms: [alarm]).letter == "M")
    }
}
