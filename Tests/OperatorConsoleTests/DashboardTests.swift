// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import OperatorConsole
import OperatorViews
import Testing

@Suite struct DashboardTests {
    private func draw(
        _ model: DashboardModel = Plant.model, keys: String = "", after seconds: Double = 0.2,
        _ columns: Int = 80, _ rows: Int = 24, glyphs: GlyphSet = .braille
    ) -> Screen {
        let size = ScreenSize(columns: columns, rows: rows)
        let now = Plant.at + UInt64(seconds * 1e9)
        let state = Keys.pressed(keys, model: model, now: now, size: size)
        return Dashboard.draw(model, state, glyphs: glyphs, now: now, size: size)
    }

    @Test(arguments: ["", "2", "3", "4", "5", "6", "\r", "3j\r"])
    func `a blind dashboard says so on every view and calls nothing fresh`(keys: String) {
        var model = Plant.model
        model.fail("midwatchd is not running")
        let text = self.draw(model, keys: keys, after: 62.2).text
        #expect(text.contains("BLIND for 1m02 since 03:04:05Z"))
        #expect(!text.contains(" fresh  "))
        #expect(!text.contains("fresh:"))
    }

    @Test func `ages go on counting while the dashboard is blind`() {
        var model = Plant.model
        model.fail("gone")
        // 0.4 s old when asked, 62.2 s ago.
        #expect(self.draw(model, after: 62.2).text.contains("1m02/5.0s"))
        #expect(self.draw(model, after: 65.2).text.contains("1m05/5.0s"))
    }

    @Test func `a request that hangs blinds the dashboard after three seconds`() {
        #expect(!self.draw(after: 2.9).text.contains("BLIND"))
        #expect(self.draw(after: 3.1).text.contains("BLIND for 3.1s"))
    }

    @Test func `after a blindness its length stays on the screen for a while`() {
        var model = Plant.model
        model.fail("gone")
        var answer = Plant.answer(at: Plant.at + 40 * Plant.second)
        answer.status.epoch = 5
        model.receive(answer, now: Plant.at + 40 * Plant.second)
        let text = self.draw(model, after: 42, 120, 40).text
        #expect(text.contains("saw nothing for 40s until 2.0s ago; midwatchd was restarted"))
        var later = answer
        later.askedAt += 70 * Plant.second
        model.receive(later, now: later.askedAt)
        #expect(self.draw(model, after: 110, 120, 40).text.contains("saw nothing for 40s") == false)
    }

    @Test func `a stale sensor never looks like a live one`() throws {
        let screen = self.draw(keys: "3", 120, 40)
        let rows = screen.text.split(separator: "\n", omittingEmptySubsequences: false)
        let stale = try #require(rows.firstIndex { $0.contains("vibration") })
        let live = try #require(rows.firstIndex { $0.contains("temp-01") })
        #expect(rows[stale].contains("(4.1)"))
        #expect(rows[stale].contains("STALE"))
        #expect(rows[stale].contains("42s/5.0s"))
        #expect(rows[stale].contains("S uncertain"))
        #expect(screen[20, stale].style.tone == .stale)
        #expect(rows[live].contains("▁"))
        #expect(!rows[stale].contains("▁"))
    }

    @Test func `a sensor that was off the screen is not shown as live until it is asked about`() {
        var model = Plant.model
        var answer = Plant.answer(at: Plant.at + 10 * Plant.second)
        answer.worst = nil
        model.receive(answer, now: Plant.at + 10 * Plant.second)
        let text = self.draw(model, keys: "3", after: 10.2, 120, 40).text
        #expect(text.contains("(20.25)"))
        #expect(!text.contains(" fresh  "))
    }

    @Test func `priority and state are told by glyph and word, whatever the colours`() {
        let text = self.draw(keys: "2").text
        #expect(text.contains("■ CRITICAL UNACK"))
        #expect(text.contains("▲ HIGH     UNACK"))
        #expect(text.contains("○ low      returned"))
        #expect(text.contains("● medium   acked"))
    }

    @Test func `no screen calls the plant quiet while the counts say that alarms stand`() {
        // The list is that of one place for a moment after its sheet was closed.
        let narrow = Plant.model { $0.alarms = [] }
        let overview = self.draw(narrow).text
        #expect(!overview.contains("   none") && overview.contains("and 4 more: press 2"))
        #expect(self.draw(narrow, keys: "2").text.contains("asking for them"))
        let quiet = Plant.model { answer in
            answer.alarms = []
            answer.status.alarms = AlarmCounts()
        }
        #expect(self.draw(quiet).text.contains("   none"))
        #expect(self.draw(quiet, keys: "2").text.contains("no alarm"))
    }

    @Test func `alarms stand in sections, what is out of view last`() throws {
        let model = Plant.model { answer in
            answer.alarms?[0].suppression = [.shelved]
            answer.alarms?[1].suppression = [.outOfService]
        }
        let text = self.draw(model, keys: "2").text
        let titles = ["RETURNED", "ACKNOWLEDGED  1", "SHELVED  1", "OUT OF SERVICE  1"]
        let rows = text.split(separator: "\n")
        let places = try titles.map { title in
            try #require(rows.firstIndex { $0.contains(title) })
        }
        #expect(places == places.sorted())
        #expect(!text.contains("UNACKNOWLEDGED  "))
    }

    @Test(arguments: ["", "2", "3", "4", "5", "6"])
    func `what must be known stands on every view`(keys: String) {
        let model = Plant.model { answer in
            answer.status.modes = ["mqtt/open listens without authentication"]
            answer.status.endpoints = [
                EndpointView(name: "pager", breaker: "open", queue: 12, oldestAgeSeconds: 200)
            ]
        }
        let text = self.draw(model, keys: keys, 120, 40).text
        #expect(text.contains("DELIVERY DOWN: nobody is told"))
        #expect(text.contains("pager (breaker open, 12 waiting for 3m20)"))
        #expect(text.contains("mqtt/open listens without authentication"))
        #expect(text.contains("DEGRADED"))
    }

    @Test(arguments: ["paused", "disabled", "unusable"])
    func `an endpoint that takes nothing is never shown as in order`(condition: String) {
        func model(_ others: [EndpointView]) -> DashboardModel {
            Plant.model { answer in
                var pager = EndpointView(
                    name: "pager", breaker: "closed", queue: 0, oldestAgeSeconds: 0)
                pager.condition = condition
                answer.status.endpoints = [pager] + others
            }
        }
        let word = condition == "unusable" ? "NOT USABLE" : condition.uppercased()
        for keys in ["", "2", "3", "4", "5", "6"] {
            let text = self.draw(model([]), keys: keys, 120, 40).text
            #expect(text.contains("DELIVERY DOWN: nobody is told"), "\(keys)")
            #expect(text.contains("pager (\(word)"), "\(keys)")
        }
        let overview = self.draw(model([]), 120, 40).text
        #expect(overview.contains("NOT ALERT") && !overview.contains("pager in order"))
        let delivery = self.draw(model([]), keys: "5", 120, 40).text
        #expect(delivery.contains("✖ pager") && delivery.contains("do            "))
        #expect(delivery.contains("e enable"))
        var bell = Bell()
        let rings = bell.rings(model([]), now: Plant.at)
        #expect(rings)
        let desk = EndpointView(name: "desk", breaker: "closed", queue: 0, oldestAgeSeconds: 0)
        let impaired = self.draw(model([desk]), 120, 40).text
        #expect(impaired.contains("DELIVERY IMPAIRED: pager (\(word)"))
        let lines = StatusText.lines(model([desk]).status ?? Plant.status)
        #expect(lines.contains { $0.hasPrefix("endpoint") && $0.contains("pager: \(word)") })
        #expect(lines.contains { $0.hasPrefix("endpoint") && $0.contains("desk: in order") })
    }

    @Test func `a stage that does not turn and a silent watchdog are named`() {
        let model = Plant.model { answer in
            answer.status.stages[2].beatAgeNanoseconds = 9 * Plant.second
            answer.status.watchdog.alive = false
            answer.status.watchdog.ageNanoseconds = 30 * Plant.second
        }
        let text = self.draw(model).text
        #expect(text.contains("journal NOT TURNING for 9.0s"))
        #expect(text.contains("watchdog SILENT for 30s"))
        #expect(text.contains("NOT BE WATCHED"))
    }

    @Test func `times are those of the clock on the wall, with its offset`() {
        // Of a place two hours ahead; the plant's clock says 03:04:05Z.
        let times = TimeText(
            { instant in
                let there = WallInstant(nanoseconds: instant.nanoseconds + 7_200_000_000_000)
                return Words.dateAndTime(there).replacing("Z", with: "+02:00")
            }, rewrite: { $0.replacing("UTC", with: "here") })
        func text(_ keys: String, _ columns: Int = 120, _ model: DashboardModel) -> String {
            let size = ScreenSize(columns: columns, rows: 40)
            let state = Keys.pressed(keys, model: model, now: Plant.at, size: size)
            return Dashboard.draw(
                model, state, glyphs: .braille, times: times, now: Plant.at, size: size
            ).text
        }
        #expect(text("", 120, Plant.model).contains("2026-11-21 05:04:05+02:00"))
        #expect(text("", 40, Plant.model).contains(" 05:04:05+02:00"))
        #expect(text("2", 120, Plant.model).contains("05:03:53 12s"))
        #expect(text("2", 160, Plant.model).contains("not verified since 05:03:05+02:00"))
        #expect(text("4", 120, Plant.model).contains(" 05:03:53 814"))
        #expect(text("6", 120, Plant.model).contains(" 05:04:00 press-4"))
        let sheet = text("2\r", 120, Plant.model)
        #expect(sheet.contains("raised 12s ago, 2026-11-21 05:03:53+02:00"))
        var blind = Plant.model
        blind.fail("gone")
        #expect(text("", 120, blind).contains("since 05:04:05+02:00: nothing below is live"))
        for keys in ["", "2", "3", "4", "5", "6", "2\r", "3j\r"] {
            #expect(!text(keys, 120, Plant.model).contains("03:04:0"), "\(keys)")
        }
    }

    @Test(arguments: [
        ("high", "88.4 ppm, limit 50"), ("rateOfChange", "changes too fast, now 88.4 ppm"),
        ("flatLine", "does not change any more, now 88.4 ppm"),
        ("vote", "redundant sensors agree: beyond the limit, now 88.4 ppm"),
        ("stale", "silent past its deadline, last 88.4 ppm"),
        ("unverifiable", "cannot be verified, last 88.4 ppm"), ("expression", "88.4 ppm"),
    ])
    func `a row of an alarm says what happened, not only a value`(kind: String, text: String) {
        var alarm = AlarmView(
            alarmID: "a:x", activation: "1:1.0", path: "a", kind: kind, state: .unacknowledged,
            priority: .high)
        alarm.currentValue = 88.4
        alarm.unit = "ppm"
        if kind == "high" { alarm.setpoint = 50 }
        #expect(AlarmSummary.text(alarm, times: .utc) == text)
    }

    @Test func `a level of the tree does not look quiet for alarms that were not asked about`() {
        func text(_ alarmCount: Int) -> String {
            let model = Plant.model { answer in
                answer.alarms = (0..<alarmCount).map { index in
                    AlarmView(
                        alarmID: "tunnel/west/co:r\(index)", activation: "1:\(index).0",
                        path: "tunnel/west/co", kind: "high", state: .unacknowledged,
                        priority: .high)
                }
            }
            return self.draw(model, keys: "3", 200, 60).text
        }
        let whole = text(249)
        #expect(whole.contains("249 alarms") && !whole.contains("not known"))
        let cut = text(250)
        #expect(cut.contains("250 or more alarms"))
        #expect(cut.contains("none of the most urgent alarms, others not known"))
        #expect(cut.contains("levels know the 250 most urgent alarms"))
    }

    @Test func `a flat list of ten thousand sensors makes the rows of the screen alone`() {
        let entries = (0..<10_000).map { index in
            SensorDirectory.Entry(path: "p/\(100_000 + index)", title: "")
        }
        let directory = SensorDirectory(entries: entries, version: 9)
        let model = Plant.model { $0.directory = directory }
        let tree = SensorTree(directory, key: .init(version: 9, arrangement: .flat))
        let rows = ItemList(tree)
        #expect(rows.count == 10_000)
        #expect(rows[9_999] == .leaf(path: "p/109999", depth: 0))
        #expect(rows.index(ofKey: "sp/104321") == 4_321)
        #expect(rows.index(ofKey: "gp/104321") == nil && rows.index(ofKey: "") == nil)
        #expect(
            Array(rows[7..<9]) == [
                .leaf(path: "p/100007", depth: 0), .leaf(path: "p/100008", depth: 0),
            ])
        let text = self.draw(model, keys: "3tG", 120, 24).text
        #expect(text.contains("p/109999") && !text.contains("p/100000"))
        #expect(text.contains("of 10000"))
    }

    @Test func `the rows of the ledger are the newest first, found by their number`() {
        let rows = ItemList(newestFirst: Plant.events)
        #expect(rows.first?.key == "e816" && rows.last?.key == "e811")
        #expect(rows.index(ofKey: "e813") == 3)
        var made = ItemList([.heading("a")])
        made.append(.heading("b"))
        made += [.heading("c")]
        #expect(Array(made) == [.heading("a"), .heading("b"), .heading("c")])
    }

    @Test func `the first seconds say what is awaited`() {
        let model = DashboardModel(startedAt: Plant.at)
        #expect(self.draw(model).text.contains("waiting for the first answer"))
        var failed = model
        failed.fail("midwatchd is not running")
        let text = self.draw(failed, after: 5).text
        #expect(text.contains("BLIND for 5.0s"))
        #expect(text.contains("nothing was received yet"))
    }

    @Test(arguments: [(20, 5), (37, 9), (60, 16), (80, 24), (200, 60), (500, 200)])
    func `any size can be drawn in any place and mode`(columns: Int, rows: Int) {
        for keys in [
            "", "2", "3", "4", "5", "6", "\r", "3j\r", "?", "?日本", "3/日本", "2a", "2A\r", "3G",
        ] {
            for model in [Plant.model, DashboardModel(startedAt: 0)] {
                for glyphs in GlyphSet.allCases {
                    let screen = self.draw(
                        model, keys: keys, after: 1, columns, rows, glyphs: glyphs)
                    #expect(screen.size == ScreenSize(columns: columns, rows: rows))
                    #expect(screen.text.contains("midwatch"))
                }
            }
        }
    }

    @Test func `the key bar always offers help and quit`() {
        for place in ["", "2", "3", "4", "5", "6", "\r", "3j\r"] {
            let rows = self.draw(keys: place, 60, 20).text.split(separator: "\n")
            #expect(rows.last?.hasSuffix("? help  q quit") == true, "\(place)")
        }
    }

    @Test func `a bell that is off says so on every view`() {
        for keys in ["m", "m2", "m3", "m3j\r"] {
            let title = self.draw(keys: keys).text.prefix { $0 != "\n" }
            #expect(title.contains("BELL OFF"), "\(keys)")
        }
        #expect(!self.draw(keys: "mm").text.contains("BELL OFF"))
    }

    @Test func `help is searched by what is typed`() {
        let text = self.draw(keys: "?ackn", 120, 40).text
        #expect(text.contains("acknowledge every alarm on the screen"))
        #expect(!text.contains("leave the dashboard"))
    }

    @Test func `the tree folds levels and a filter opens them`() {
        let plant = SensorDirectory(
            entries: (0..<1_000).map { index in
                .init(path: "site/area-\(index / 100)/pump-\(index % 100)/flow", title: "")
            }.sorted { $0.path < $1.path }, version: 3)
        let closed = SensorTree(plant, key: .init(version: 3))
        #expect(closed.rows.count == 11, "the site and its areas")
        let one = SensorTree(plant, key: .init(version: 3, toggled: ["site/area-4/"]))
        #expect(one.rows.count == 111)
        let found = SensorTree(plant, key: .init(version: 3, filter: "area-4/pump-7"))
        #expect(found.paths.count == 11)
        #expect(found.rows.contains(.leaf(index: 10, depth: 2)), "a filter opens the levels")
        let flat = SensorTree(plant, key: .init(version: 3, arrangement: .flat))
        #expect(flat.rows.count == 1_000)
    }

    @Test func `only what the screen shows is asked for`() {
        let size = ScreenSize(columns: 80, rows: 24)
        func need(_ keys: String) -> DashboardNeed {
            let state = Keys.pressed(keys)
            return Dashboard.need(Plant.model, state, now: Plant.at, size: size)
        }
        #expect(need("").worstLimit == 24)
        #expect(need("").windows.isEmpty && !need("").wantsDirectory && !need("").wantsMetrics)
        #expect(need("2").worstLimit == 0 && need("2").alarmLimit == 250)
        #expect(need("3").wantsDirectory)
        let sensors = need("3").windows.reduce(0) { $0 + $1.limit }
        #expect(sensors > 0 && sensors < 24)
        #expect(need("4").wantsEvents && !need("4").wantsMetrics)
        #expect(need("6").wantsMetrics && need("6").wantsRejects)
        #expect(need("2/co").alarmFilter == "co")
        // A sheet needs the alarms of its place, not those that fit a filter below it.
        #expect(need("2/high\r\r").alarmFilter == "tunnel/west/")
        #expect(need("2/high\r\r\r").alarmFilter == "tunnel/west/co")
        #expect(need("3/temp-0").windows.first?.filter == "temp-0")
    }
}

extension DashboardTests {
    @Test func `a part that is refused is said and blinds nothing`() {
        let model = Plant.model { $0.trouble = "The disk does not answer" }
        let size = ScreenSize(columns: 80, rows: 24)
        let state = Keys.pressed("4", model: model)
        let text = Dashboard.draw(
            model, state, glyphs: .braille, now: Plant.at, size: size
        ).text
        #expect(text.contains("this view is not complete: The disk does not answer"))
        #expect(!text.contains("BLIND"))
    }
}
