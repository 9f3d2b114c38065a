// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import OperatorConsole
import OperatorViews
import Testing

/// The sensors by the assets that the configuration gives them to.
@Suite struct AssetTreeTests {
    private static func draw(
        _ model: DashboardModel, _ keys: String, _ columns: Int = 120, _ rows: Int = 60
    ) -> String {
        let size = ScreenSize(columns: columns, rows: rows)
        let state = Keys.pressed(keys, model: model, size: size)
        return Dashboard.draw(model, state, glyphs: .braille, now: Plant.at, size: size).text
    }

    private static func labels(_ tree: SensorTree) -> [String] {
        tree.rows.map { row in
            switch row {
            case .group(_, let label, let depth, let count, _): "\(depth) \(label) \(count)"
            case .leaf(let index, let depth): "\(depth) \(tree.paths[index])"
            }
        }
    }

    @Test func `levels are site, area and equipment, in the order of the file`() {
        let directory = Plant.assetDirectory
        let tree = SensorTree(directory, key: .init(arrangement: .assets))
        #expect(
            Self.labels(tree).prefix(11) == [
                "0 west tunnel 5", "1 Ventilation 3", "2 tunnel/east/co", "2 tunnel/west/co",
                "2 Fan 3 1", "3 tunnel/west/fan-03/vibration", "1 Drainage 2", "2 Pump 1 1",
                "3 pump/1/level", "2 Pump 2 1", "3 pump/2/level",
            ])
        // Of no asset: by the path.
        #expect(Self.labels(tree)[11] == "0 plant/line 20")
        #expect(tree.paths == directory.entries.map(\.path))
        // A filter finds the names of assets as well.
        let found = SensorTree(directory, key: .init(filter: "drain", arrangement: .assets))
        #expect(found.paths == ["pump/1/level", "pump/2/level"])
        let byPath = SensorTree(directory, key: .init(arrangement: .paths))
        #expect(Self.labels(byPath).contains("0 tunnel 3"))
    }

    @Test func `an area after its equipment in the file, and a site of its own, find their places`()
    {
        func asset(_ site: String, _ area: String, _ equipment: String, _ sensor: String)
            -> AssetDeclaration
        {
            var asset = AssetDeclaration(area: area, equipment: equipment)
            asset.site = site
            asset.sensors = [sensor]
            return asset
        }
        let directory = SensorDirectory(
            sensors: ["a", "b", "c", "d"].map { ($0, "") },
            tree: AssetTree([
                asset("", "hall", "press", "a"), asset("north", "yard", "", "b"),
                asset("", "hall", "", "c"), asset("", "", "crane", "d"),
            ]), site: "works", isCut: false, filter: "", version: 1)
        let tree = SensorTree(directory, key: .init(arrangement: .assets))
        #expect(
            Self.labels(tree) == [
                "0 works 3", "1 hall 2", "2 c", "2 press 1", "3 a", "1 crane 1", "2 d",
                "0 north / yard 1", "1 b",
            ])
        #expect(directory.standing(of: "e") == nil)
        #expect(directory.standing(of: "a") != directory.standing(of: "c"))
    }

    @Test func `each level says what is wrong below it and what is not known`() throws {
        let text = Self.draw(Plant.assetModel, "3")
        func line(_ label: String) throws -> Substring {
            try #require(text.split(separator: "\n").first { $0.contains(label) }, "\(text)")
        }
        #expect(
            try line("▾ west tunnel").contains(
                "5  3 alarms, worst CRITICAL, 1 silent, 1 unverified, 1 never seen"))
        #expect(
            try line("▾ Ventilation").contains(
                "3  2 alarms, worst CRITICAL, 1 silent, 1 never seen"))
        #expect(try line("▾ Fan 3").contains("1  1 alarm, worst HIGH, 1 silent"))
        #expect(try line("▾ Pump 1").contains("1  1 unverified"))
        #expect(try line("▾ plant/line").contains("20  1 alarm, worst low"))
        #expect(text.contains("SENSORS by asset  25:"))
        // Where there is no room for each word there is for the sum.
        #expect(Self.draw(Plant.assetModel, "3", 80, 24).contains("CRITICAL, 3 not known"))
        // Below an asset a sensor has its whole path.
        #expect(text.contains("tunnel/west/co "))
        let paths = Self.draw(Plant.assetModel, "3t")
        #expect(paths.contains("SENSORS  25:") && paths.contains("▾ pump"))
        #expect(Self.draw(Plant.assetModel, "3tt").contains("tunnel/west/fan-03/vibration"))
        #expect(Self.draw(Plant.assetModel, "3ttt").contains("SENSORS by asset"))
        #expect(!Self.draw(Plant.model, "3t").contains("▾"), "without assets: paths, then flat")
    }

    @Test func `more sensors than were asked about are not taken for known ones`() {
        let model = Plant.model { answer in
            answer.directory = Plant.assetDirectory
            answer.unknown = UnknownSensors(
                [.init(path: "pump/1/level", freshness: .stale)], isCut: true)
        }
        let text = Self.draw(model, "3")
        #expect(text.contains("1 or more silent"))
        #expect(text.contains("worst low, others not known"))
    }

    @Test func `a level opens and closes, and a sensor's level is the one above it`() {
        let model = Plant.assetModel
        #expect(!Self.draw(model, "3jh\u{1B}[D").contains("tunnel/east/co"))
        // From the sensor to its area, and that is closed then.
        let state = Keys.pressed("3jj\u{1B}[D", model: model)
        #expect(state.selected[.sensors]?.hasSuffix("Ventilation\u{1}") == true)
    }

    @Test func `the sensors on the screen are asked for by their paths`() {
        let size = ScreenSize(columns: 80, rows: 24)
        func need(_ keys: String) -> DashboardNeed {
            let state = Keys.pressed(keys, model: Plant.assetModel, size: size)
            return Dashboard.need(Plant.assetModel, state, now: Plant.at, size: size)
        }
        #expect(need("3").windows.isEmpty && need("3").wantsUnknown)
        #expect(
            need("3").paths.prefix(3) == [
                "tunnel/east/co", "tunnel/west/co", "tunnel/west/fan-03/vibration",
            ])
        #expect(need("3t").paths.isEmpty && !need("3t").windows.isEmpty)
        #expect(need("2").paths.isEmpty && !need("2").wantsUnknown)
    }

    @Test func `more dead letters are asked for when the cursor comes near the last one`() {
        let letters = (0..<250).map { number in
            DeadLetterView(
                alert: "alert_1_\(number)_0", alarmID: "a:high", endpoint: "desk",
                priority: "high", type: "alarm.raised", occurredAt: WallInstant(nanoseconds: 0),
                deadAt: WallInstant(nanoseconds: 0), reason: "refused", attemptCount: 1,
                lastStatus: 422, lastAnswer: "", message: "")
        }
        func limit(_ count: Int, hasMore: Bool, _ keys: String) -> Int {
            let model = Plant.model { answer in
                var detail = DeliveryDetail()
                detail.deadLetters = Array(letters.prefix(count))
                detail.hasMoreDeadLetters = hasMore
                answer.deliveryDetail = detail
            }
            let size = ScreenSize(columns: 80, rows: 24)
            let state = Keys.pressed("5" + keys, model: model, size: size)
            return Dashboard.need(model, state, now: Plant.at, size: size).deadLetterLimit
        }
        let down = String(repeating: "j", count: 60)
        #expect(limit(0, hasMore: false, "") == 100)
        #expect(limit(100, hasMore: true, "") == 100)
        #expect(limit(100, hasMore: true, "G") == 200)
        #expect(limit(100, hasMore: true, down) == 200)
        #expect(limit(100, hasMore: false, "G") == 100)
        // What was asked for once stays, whatever is settled meanwhile.
        #expect(limit(150, hasMore: false, "") == 200)
        #expect(limit(200, hasMore: true, "G") == 300)
    }
}
