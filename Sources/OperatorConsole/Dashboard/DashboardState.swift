// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
package import OperatorViews

/// What the operator does with the dashboard: which view, which row, what is being typed.
///
/// Keys come in, intents go out; nothing here reads a clock or talks to anyone. The selection
/// follows the alarm or sensor, not the row: a list that moves under the finger must not change
/// what is acknowledged.
package struct DashboardState: Sendable, Equatable {
    /// One alarm or sensor that was opened over a view.
    package enum Sheet: Sendable, Equatable {
        case alarm(id: String)
        case sensor(path: String)
    }

    /// What the keys mean now.
    package enum Mode: Sendable, Equatable {
        case browse
        /// `text` searches the help, `first` is its first row shown.
        case help(text: String, first: Int)
        /// `before` comes back with Escape.
        case filter(before: String)
        case prompt(Prompt)
    }

    /// What the shell is to do.
    package enum Intent: Sendable, Equatable {
        case quit, repaint
        case send(OperatorAction)
    }

    /// One line at the bottom: an answer, or why a key did nothing.
    package struct Notice: Sendable, Equatable {
        package var text: String
        package var isFailure: Bool
        package var until: UInt64
    }

    package static let noticeNanoseconds: UInt64 = 6_000_000_000
    package static let filterCharactersMax = 100
    package static let filterBytesMax = 255
    /// Sheets over each other.
    package static let sheetsMax = 8

    package internal(set) var view = Place.overview
    package internal(set) var sheets: [Sheet] = []
    package internal(set) var mode = Mode.browse
    package internal(set) var filters: [Place: String] = [:]
    /// Key of the selected item of each place.
    package internal(set) var selected: [Place: String] = [:]
    /// First row shown where nothing can be selected.
    package internal(set) var offsets: [Place: Int] = [:]
    package internal(set) var toggled: Set<String> = []
    /// How the sensors stand; nil: as suits the plant.
    var chosenArrangement: SensorTree.Arrangement?
    package internal(set) var isMuted = false
    /// How far back the sheet of a sensor looks, as a place in `spans`.
    package internal(set) var span = 1
    /// The test alert that was begun last.
    package private(set) var testID: String?
    package private(set) var notice: Notice?
    /// The tree made last; it is made anew when its key changes.
    private var tree = SensorTree()

    package init() {}

    /// Begins with a view.
    package init(view: Place) { self.view = view }

    /// Where keys are pressed.
    package var place: Place {
        switch self.sheets.last {
        case .alarm: .oneAlarm
        case .sensor: .oneSensor
        case nil: self.view
        }
    }

    package var filter: String { self.filters[self.place] ?? "" }

    /// Shows a line at the bottom for a while.
    package mutating func show(_ text: String, isFailure: Bool, now: UInt64) {
        self.notice = Notice(
            text: text, isFailure: isFailure, until: now &+ Self.noticeNanoseconds)
    }

    /// Shows what becomes of a test alert.
    package mutating func follow(test: String) { self.testID = test }

    /// Spans of the chart of a sensor, in seconds.
    package static let spans: [UInt64] = [
        120, 600, 3_600, 6 * 3_600, 86_400, 7 * 86_400,
    ]

    package var historySeconds: UInt64 { Self.spans[self.span] }

    // MARK: Tree

    /// Brings what is made of the model up to date; the shell calls it after keys and answers.
    package mutating func sync(_ model: DashboardModel) {
        let key = self.treeKey(model)
        if self.tree.key != key { self.tree = SensorTree(model.directory, key: key) }
    }

    /// The tree of the sensors; made for this call alone if `sync` was not called.
    package func sensorTree(_ model: DashboardModel) -> SensorTree {
        let key = self.treeKey(model)
        return self.tree.key == key ? self.tree : SensorTree(model.directory, key: key)
    }

    private func treeKey(_ model: DashboardModel) -> SensorTree.Key {
        SensorTree.Key(
            version: model.directory.version, filter: self.filters[.sensors] ?? "",
            toggled: self.toggled, arrangement: self.arrangement(model))
    }

    /// How the sensors stand: by assets where the configuration has any.
    package func arrangement(_ model: DashboardModel) -> SensorTree.Arrangement {
        guard let chosen = self.chosenArrangement, chosen != .assets || model.directory.hasAssets
        else { return model.directory.hasAssets ? .assets : .paths }
        return chosen
    }

    /// Goes on to the next way in which the sensors can stand.
    mutating func arrangeNext(_ model: DashboardModel) {
        let ways = SensorTree.Arrangement.allCases.filter {
            $0 != .assets || model.directory.hasAssets
        }
        let place = ways.firstIndex(of: self.arrangement(model)) ?? 0
        self.chosenArrangement = ways[(place + 1) % ways.count]
    }

    // MARK: Selection

    /// Place of the selected item among `items`; the first that can be selected if it is gone.
    package func selectedIndex(_ items: ItemList) -> Int? {
        if let key = self.selected[self.place], let index = items.index(ofKey: key) {
            return index
        }
        return items.firstIndex { $0.key != nil }
    }
}

/// One row of a list, before it is text.
package enum Item: Sendable, Equatable {
    case heading(String)
    case alarm(AlarmView)
    case sensor(SensorView)
    case group(prefix: String, label: String, depth: Int, count: Int, isOpen: Bool)
    case leaf(path: String, depth: Int)
    case event(EventView)
    case endpoint(EndpointView)
    case route(RouteLine)
    case silence(SilenceLine)
    case deadLetter(DeadLetterView)
    case text(StyledText)

    /// What the selection is kept by; nil: cannot be selected.
    package var key: String? {
        switch self {
        case .heading, .text: nil
        case .alarm(let alarm): "a" + alarm.alarmID
        case .sensor(let sensor): "s" + sensor.path
        case .leaf(let path, _): "s" + path
        case .group(let prefix, _, _, _, _): "g" + prefix
        case .event(let event): "e\(event.n)"
        case .endpoint(let endpoint): "p" + endpoint.name
        case .route(let route): "r" + route.name
        case .silence(let silence): "m" + silence.id
        case .deadLetter(let letter): "d\(letter.alert) \(letter.endpoint)"
        }
    }
}
