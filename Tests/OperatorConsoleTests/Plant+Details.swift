// SPDX-License-Identifier: Apache-2.0

import JSONText
import MidwatchModel
import OperatorConsole
import OperatorViews

/// What the sheets show of the plant beyond the lists.
extension Plant {
    private static func json(_ text: String) -> JSONValue {
        (try? JSONValue(parsing: text)) ?? .null
    }

    static var explanation: Explanation {
        var input = ExplainedInput(name: "tunnel/west/co")
        input.value = 88.4
        input.unit = "ppm"
        input.freshness = .fresh
        input.ageNanoseconds = 400_000_000
        input.isLive = true
        var explanation = Explanation(
            path: "tunnel/west/co", time: WallInstant(nanoseconds: self.wall), sensor: input)
        var alarm = ExplainedAlarm(
            alarmID: "tunnel/west/co:high", kind: "high", priority: .critical)
        alarm.state = .unacknowledged
        alarm.result = .met
        alarm.rule = "value >= 50 ppm for 1 s; off below 45 ppm"
        alarm.answer = "Raised: the value is 38.4 ppm above the setpoint, and nobody knows."
        explanation.alarms = [alarm]
        return explanation
    }

    static var alarmDetail: AlarmDetail {
        var detail = AlarmDetail(alarmID: "tunnel/west/co:high")
        detail.alarm = self.alarms.first
        detail.explanation = self.explanation
        detail.way = AlertWay(
            json: self.json(
                """
                {"unrouted": false, "routes": [{"route": "tunnel", "stages": [
                  {"endpoints": ["pager"], "undeliveredSeconds": 120},
                  {"endpoints": ["desk"], "undeliveredSeconds": 300, "unacknowledgedSeconds": 300}
                ]}]}
                """))
        detail.events = self.events.filter { EventLine($0).alarmID == detail.alarmID }
        detail.recordCount = 816
        return detail
    }

    /// Two hours of the first sensor of the tree, and a gap of ten minutes in them.
    static var sensorDetail: SensorDetail {
        var detail = SensorDetail(path: "plant/line/temp-01")
        let minutes = (1...120).filter { !(40..<50).contains($0) }.map { ago in
            HistoryView.Minute(
                at: WallInstant(nanoseconds: self.wall - Int64(ago) * 60_000_000_000),
                lowest: 18 + Double(ago % 17) / 4, mean: 20,
                highest: 19 + Double(ago % 23) / 4, readings: 60)
        }
        detail.history = HistoryView(
            path: detail.path, unit: "°C",
            from: WallInstant(nanoseconds: self.wall - 7_200_000_000_000),
            to: WallInstant(nanoseconds: self.wall), minutes: minutes.reversed())
        return detail
    }

    /// The plant as a configuration with assets describes it; its line stands in none.
    static var assetDirectory: SensorDirectory {
        func asset(_ area: String, _ equipment: String, _ sensor: String) -> AssetDeclaration {
            var asset = AssetDeclaration(area: area, equipment: equipment)
            asset.sensors = [sensor]
            return asset
        }
        return SensorDirectory(
            sensors: self.sensors.map { ($0.path, "") }.sorted { $0.0 < $1.0 },
            tree: AssetTree([
                asset("Ventilation", "", "tunnel/+/co"),
                asset("Ventilation", "Fan 3", "tunnel/west/fan-03/#"),
                asset("Drainage", "Pump 1", "pump/1/#"), asset("Drainage", "Pump 2", "pump/2/+"),
            ]), site: "west tunnel", isCut: false, filter: "", version: 2)
    }

    static var assetModel: DashboardModel {
        self.model { $0.directory = self.assetDirectory }
    }

    static var deliveryDetail: DeliveryDetail {
        var detail = DeliveryDetail()
        detail.deadLetters = [
            DeadLetterView(
                alert: "alert_4_816_0", alarmID: "plant/line/temp-07:low", endpoint: "desk",
                priority: "low", type: "alarm.raised",
                occurredAt: WallInstant(nanoseconds: self.wall - 60_000_000_000),
                deadAt: WallInstant(nanoseconds: self.wall - 9_000_000_000), reason: "gone",
                attemptCount: 9, lastStatus: 410, lastAnswer: "this hook was removed",
                message: "plant/line/temp-07 was below 5 °C for 31 s")
        ]
        detail.routes = [
            RouteLine(
                json: self.json(
                    """
                    {"route": "tunnel", "repeatSeconds": 900, "stages": [
                      {"endpoints": ["pager"], "undeliveredSeconds": 120},
                      {"endpoints": ["desk"], "undeliveredSeconds": 300,
                       "unacknowledgedSeconds": 300}]}
                    """))
        ]
        detail.silences = [
            SilenceLine(
                json: self.json(
                    """
                    {"id": "silence-4-1", "holds": true, "silence": {
                      "until": "2026-11-21T04:00:00Z", "author": "maria", "reason": "fan works",
                      "includesCritical": false, "match": {"sensors": ["tunnel/west/#"]}}}
                    """))
        ]
        detail.test = AlertTestLine(
            json: self.json(
                """
                {"id": "drill_4_2", "open": ["desk"], "attempts": [
                  {"endpoint": "pager", "attempt": 1, "status": 200, "failure": "",
                   "milliseconds": 12, "answer": "", "delivered": true}]}
                """))
        return detail
    }
}
