// SPDX-License-Identifier: Apache-2.0

internal import JSONText
internal import MidwatchModel

/// An alert as formats ask for it: read from its native JSON.
///
/// A member that is missing is an empty text: a format leaves it out then, and says the rest.
struct NativeAlert: Sendable {
    /// Where the alarm stands, as receivers see it.
    enum Phase: String, Sendable {
        case raised, acknowledged, returned
        /// About no single alarm: nothing to resolve later.
        case notice
    }

    let item: QueuedAlert
    let endpoint: String
    /// The whole message: `type`, `timestamp`, `data`.
    let envelope: JSONValue
    let native: [UInt8]
    let knownPriority: AlarmPriority?
    let phase: Phase

    init(_ input: AlertFormat.Input, native: [UInt8]) {
        self.item = input.item
        self.endpoint = input.endpoint
        self.native = native
        self.envelope = (try? JSONValue(parsing: native.span)) ?? .object([])
        self.knownPriority = input.knownPriority
        let data = self.envelope["data"]
        self.phase = Self.phase(of: input.item.alert.type, state: data?["to"]?.string)
    }

    /// An acknowledgement that ends an alarm, or comes after its end, tells of the end.
    static func phase(of type: String, state: String?) -> Phase {
        switch type {
        case "alarm.returned", "alarm.cleared": return .returned
        case "alarm.acknowledged":
            return state == nil || state == "acknowledged" ? .acknowledged : .returned
        default:
            let isOfOne =
                type.hasPrefix("alarm.") && !type.hasPrefix("alarm.digest")
                && !type.hasPrefix("alarm.test") && !type.hasPrefix("alarm.drill")
            return isOfOne ? .raised : .notice
        }
    }

    var alert: Alert { self.item.alert }

    /// The text at a path in `data`; numbers as they are written in JSON.
    func text(_ path: String) -> String {
        guard let value = self.envelope.value(atPath: "data." + path) else { return "" }
        return Self.text(of: value)
    }

    static func text(of value: JSONValue) -> String {
        if let text = value.string { return text }
        if case .null = value { return "" }
        var json = JSONWriter()
        json.value(value)
        return json.text
    }

    func texts(_ path: String) -> [String] {
        (self.envelope.value(atPath: "data." + path)?.array ?? []).map(Self.text)
    }

    var sensor: String {
        let sensor = self.text("sensor")
        guard sensor.isEmpty else { return sensor }
        guard let colon = self.alert.alarmID.lastIndex(of: ":") else {
            // A digest is about no sensor, and its own name is none.
            return self.phase == .notice ? "" : self.alert.alarmID
        }
        return String(self.alert.alarmID[..<colon])
    }

    /// The name of the rule, or the kind of the alarm.
    var rule: String {
        let rule = self.text("alarm")
        guard rule.isEmpty else { return rule }
        guard let colon = self.alert.alarmID.lastIndex(of: ":") else { return self.alert.type }
        return String(self.alert.alarmID[self.alert.alarmID.index(after: colon)...])
    }

    /// Levels of the sensor's path in front of the last.
    var area: String {
        self.sensor.split(separator: "/").dropLast().joined(separator: "/")
    }

    /// A digest says who says so at its top.
    var site: String { self.first("monitor.site", "site") }
    var node: String { self.first("monitor.node", "node") }

    private func first(_ paths: String...) -> String {
        paths.lazy.map(self.text).first { !$0.isEmpty } ?? ""
    }

    /// Priority as labels know it: a change of the configuration does not make another alarm of it.
    var priority: AlarmPriority { self.knownPriority ?? self.alert.priority }

    /// Address of the runbook; empty if it has none.
    var runbook: String {
        let runbook = self.text("runbook")
        return Self.isLink(runbook) ? runbook : self.link("runbook")
    }

    /// Places to go that an address leads to, in the order of the alert.
    var links: [(rel: String, href: String, text: String)] {
        let links = (self.envelope.value(atPath: "data.links")?.array ?? []).compactMap { link in
            link["href"]?.string.map {
                (rel: link["rel"]?.string ?? "", href: $0, text: link["text"]?.string ?? "")
            }
        }.filter { Self.isLink($0.href) }
        let runbook = self.text("runbook")
        guard Self.isLink(runbook), !links.contains(where: { $0.href == runbook }) else {
            return links
        }
        return links + [(rel: "runbook", href: runbook, text: "Runbook")]
    }

    /// The first address of a kind; empty if there is none.
    func link(_ rel: String) -> String {
        self.links.first { $0.rel == rel }?.href ?? ""
    }

    static func isLink(_ text: String) -> Bool {
        (text.hasPrefix("https://") || text.hasPrefix("http://")) && text.utf8.count <= 2_048
            && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x22 }
    }

    /// The same for every message about one alarm, over activations and restarts.
    func deduplicationKey(charactersMax: Int) -> String {
        guard self.phase != .notice else { return self.alert.id }
        let key = self.site.isEmpty ? self.alert.alarmID : "\(self.site):\(self.alert.alarmID)"
        guard key.utf16.count > charactersMax else { return key }
        // Still one key for one alarm: its hash takes the place of what is cut.
        let hash = HexDigits.text(of: NameHash.of(key))
        return TextLimit.prefix(key, charactersMax - hash.utf8.count - 1) + "~" + hash
    }
}

/// Cuts texts to the length a receiver takes, and says so.
package enum TextLimit {
    /// What stands at the end of a text that was cut.
    package static let mark = "… (cut)"

    /// `text`, at most `charactersMax` UTF-16 units of it, the mark included.
    ///
    /// UTF-16 is what most receivers count; where one counts code points it is the stricter.
    package static func cut(_ text: String, _ charactersMax: Int) -> String {
        guard text.utf16.count > charactersMax else { return text }
        let room = charactersMax - self.mark.utf16.count
        guard room > 0 else { return self.prefix(text, charactersMax) }
        return self.prefix(text, room) + self.mark
    }

    /// Whole characters from the beginning of `text`, at most `charactersMax` UTF-16 units.
    package static func prefix(_ text: String, _ charactersMax: Int) -> String {
        var count = 0
        var end = text.startIndex
        while end < text.endIndex {
            let next = text.index(after: end)
            count += text[end..<next].utf16.count
            guard count <= charactersMax else { break }
            end = next
        }
        return String(text[..<end])
    }
}
