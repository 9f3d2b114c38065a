// SPDX-License-Identifier: Apache-2.0

/// Where keys are pressed: a view, or the sheet of one alarm or sensor.
package enum Place: Sendable, Equatable, CaseIterable {
    case overview, alarms, sensors, events, delivery, ingest
    case oneAlarm, oneSensor

    /// The views with a number, in their order.
    package static let views: [Place] = [.overview, .alarms, .sensors, .events, .delivery, .ingest]

    package var title: String {
        switch self {
        case .overview: "overview"
        case .alarms: "alarms"
        case .sensors: "sensors"
        case .events: "events"
        case .delivery: "delivery"
        case .ingest: "ingest"
        case .oneAlarm: "alarm"
        case .oneSensor: "sensor"
        }
    }
}

/// What a key means.
package enum Command: Sendable, Equatable {
    case quit, help, repaint, mute
    case show(Place)
    case nextView, viewBefore
    case up, down, pageUp, pageDown, first, last
    case open, close, openLevel, closeLevel
    case filter, arrange
    case acknowledge, acknowledgeAll
    case shelve, unshelve, reset, service, comment, mode
    case silence, test, resend, discard, enable
    case longer, shorter
}

/// One line of the key table: what the keys do, where, and what help and key bar say of it.
package struct KeyBinding: Sendable {
    package let keys: [Key]
    /// The keys as people read them.
    package let shown: String
    /// One or two words for the key bar; empty: not shown there.
    package let label: String
    package let help: String
    package let command: Command
    package let places: Set<Place>

    init(
        _ keys: [Key], _ shown: String, _ label: String, _ help: String, _ command: Command,
        in places: Set<Place> = Set(Place.allCases)
    ) {
        self.keys = keys
        self.shown = shown
        self.label = label
        self.help = help
        self.command = command
        self.places = places
    }
}

/// The one table that keys, help and key bar are made of.
package enum KeyTable {
    private static let withAlarm: Set<Place> = [.overview, .alarms, .oneAlarm, .oneSensor]

    /// In the order of the key bar: what does not fit is left out from its end; help and quit never.
    package static let bindings: [KeyBinding] =
        KeyTable.actions + KeyTable.movements + KeyTable.views + KeyTable.always

    private static let actions: [KeyBinding] = [
        KeyBinding(
            [.enter], "Enter", "open", "look at the alarm or sensor; open or close a level", .open,
            in: [.overview, .alarms, .sensors]),
        KeyBinding(
            [.enter], "Enter", "sensor", "look at the alarm's sensor", .open, in: [.oneAlarm]),
        KeyBinding(
            [.enter], "Enter", "alarm", "look at the sensor's most urgent alarm", .open,
            in: [.oneSensor]),
        KeyBinding(
            [.escape, .character("h")], "Esc", "back", "leave the sheet; drop the filter", .close),
        KeyBinding(
            [.character("a")], "a", "ack", "acknowledge the alarm, with a comment", .acknowledge,
            in: KeyTable.withAlarm),
        KeyBinding(
            [.character("A")], "A", "ack all", "acknowledge every alarm on the screen",
            .acknowledgeAll, in: [.overview, .alarms]),
        KeyBinding(
            [.character("s")], "s", "shelve", "take the alarm out of view for a time", .shelve,
            in: KeyTable.withAlarm),
        KeyBinding(
            [.character("u")], "u", "unshelve", "bring a shelved alarm back", .unshelve,
            in: KeyTable.withAlarm),
        KeyBinding(
            [.character("S")], "S", "silence",
            "keep the alerts of an alarm or sensor back for a time; the alarm goes on", .silence,
            in: [.overview, .alarms, .oneAlarm, .oneSensor, .delivery]),
        KeyBinding(
            [.character("c")], "c", "comment", "say something about the alarm; the ledger keeps it",
            .comment, in: KeyTable.withAlarm),
        KeyBinding(
            [.character("r")], "r", "reset", "end a latched alarm that was acknowledged", .reset,
            in: KeyTable.withAlarm),
        KeyBinding(
            [.character("o")], "o", "service",
            "take the alarm out of service, or return it", .service, in: KeyTable.withAlarm),
        KeyBinding(
            [.character("T")], "T", "test alert",
            "send a labelled test alarm to the endpoint or route", .test, in: [.delivery]),
        KeyBinding(
            [.character("r")], "r", "resend", "send the dead letter again", .resend,
            in: [.delivery]),
        KeyBinding(
            [.character("x")], "x", "discard",
            "put the dead letter away unsent, or end the silence", .discard, in: [.delivery]),
        KeyBinding(
            [.character("e")], "e", "enable", "use the endpoint again", .enable, in: [.delivery]),
        KeyBinding(
            [.character("-")], "-", "longer", "look further back", .longer, in: [.oneSensor]),
        KeyBinding(
            [.character("+"), .character("=")], "+", "shorter", "look less far back", .shorter,
            in: [.oneSensor]),
        KeyBinding(
            [.character("L")], "L", "limits", "switch the limit set of an area", .mode,
            in: [.overview, .sensors]),
        KeyBinding(
            [.character("/")], "/", "filter", "show what has the text, or fits the template",
            .filter, in: [.alarms, .sensors, .events]),
        KeyBinding(
            [.character("t")], "t", "tree",
            "sensors by assets, by the levels of their paths, or one after the other", .arrange,
            in: [.sensors]),
    ]

    private static let movements: [KeyBinding] = [
        KeyBinding([.up, .character("k")], "Up k", "", "one row up", .up),
        KeyBinding([.down, .character("j")], "Down j", "", "one row down", .down),
        KeyBinding([.pageUp, .control("b")], "PgUp", "", "one screen up", .pageUp),
        KeyBinding(
            [.pageDown, .control("f"), .character(" ")], "PgDn", "", "one screen down", .pageDown),
        KeyBinding([.home, .character("g")], "Home g", "", "the first row", .first),
        KeyBinding([.end, .character("G")], "End G", "", "the last row", .last),
        KeyBinding(
            [.right, .character("+")], "Right +", "", "open a level", .openLevel, in: [.sensors]),
        KeyBinding(
            [.left, .character("-")], "Left -", "", "close the level", .closeLevel, in: [.sensors]),
    ]

    private static let views: [KeyBinding] =
        Place.views.enumerated().map { index, place in
            KeyBinding(
                [.character(Character("\(index + 1)"))], "\(index + 1)", "", "the \(place.title)",
                .show(place))
        } + [
            KeyBinding([.tab], "Tab", "", "the next view", .nextView),
            KeyBinding([.backTab], "Shift-Tab", "", "the view before", .viewBefore),
        ]

    private static let always: [KeyBinding] = [
        KeyBinding([.character("m")], "m", "", "bell off, bell on", .mute),
        KeyBinding([.control("l")], "Ctrl-L", "", "paint the screen anew", .repaint),
        KeyBinding([.character("?")], "?", "help", "this help; type to search it", .help),
        KeyBinding([.character("q"), .control("c")], "q", "quit", "leave the dashboard", .quit),
    ]

    /// What a key means in a place; nil: nothing.
    package static func binding(_ key: Key, in place: Place) -> KeyBinding? {
        self.bindings.first { $0.places.contains(place) && $0.keys.contains(key) }
    }

    /// Why a key does nothing in a place; nil: it means nothing anywhere.
    package static func reason(_ key: Key, in place: Place) -> String? {
        guard let elsewhere = self.bindings.first(where: { $0.keys.contains(key) }) else {
            return nil
        }
        let places = Place.allCases.filter { elsewhere.places.contains($0) }.map(\.title)
        let shown = elsewhere.shown.split(separator: " ").last ?? ""
        return "\(shown) (\(elsewhere.help)) is a key of: " + places.joined(separator: ", ")
    }
}
