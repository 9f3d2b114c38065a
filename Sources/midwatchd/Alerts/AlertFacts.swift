// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import JSONText
import MidwatchModel
import OperatorViews

/// Everything one alert is made of, looked up once: the record, the configuration, the moment.
struct AlertFacts: Sendable {
    /// Assets that an alert is asked for before its size decides how many it names.
    private static let dependentsMax = 64

    let record: AlertRecord
    let declaration: SensorDeclaration
    let texts: Rationalization
    let rule: RuleText
    /// Handling class of the alarm as the site names it: `safety`; empty without one.
    let handlingClass: String
    let place: AssetPlace
    let dependents: [(asset: AssetDeclaration, through: String)]
    let dependentsCount: Int
    let context: AlertContext
    let trace: TraceContext
    /// Calendar time as people of the site read it.
    let clock: @Sendable (WallInstant) -> String

    init(
        _ record: AlertRecord, rules: RuleBook, context: AlertContext, node: String, site: String,
        clock: @escaping @Sendable (WallInstant) -> String
    ) {
        self.record = record
        self.declaration = rules.declaration(for: record.path)
        self.texts = rules.rationalization(of: record.alarm, self.declaration)
        self.rule = RuleText(record, self.declaration, rules)
        self.handlingClass = rules.handlingClass(of: record.alarm, self.declaration)
        self.place = Self.place(of: record, rules: rules, node: node, site: site)
        (self.dependents, self.dependentsCount) = rules.assets.dependents(
            of: self.place.asset, limit: Self.dependentsMax)
        self.context = context
        self.trace = TraceContext(node: node, activation: record.activation, decision: record.id)
        self.clock = clock
    }

    /// Where the alarm is: what the configuration says, else what its path says.
    private static func place(
        of record: AlertRecord, rules: RuleBook, node: String, site: String
    ) -> AssetPlace {
        self.place(
            of: record.path, isOwn: record.isOwn, isSource: record.isSource, rules: rules,
            node: node, site: site)
    }

    /// The paths of Midwatch's own sensors and of sources name no place of the plant.
    static func place(
        of path: String, isOwn: Bool, isSource: Bool, rules: RuleBook, node: String, site: String
    ) -> AssetPlace {
        var place = rules.assets.place(of: path, site: site)
        guard place.asset.isEmpty, isOwn || isSource else { return place }
        place.area = ""
        if isOwn { place.equipment = "Midwatch on \(node)" }
        return place
    }

    /// What activity groups an alarm with others by: equipment, area, source.
    ///
    /// The areas of two sites are two groups.
    static func groups(
        _ record: AlertRecord, rules: RuleBook, node: String, site: String
    ) -> [String] {
        let place = self.place(of: record, rules: rules, node: node, site: site)
        let source =
            record.isSource
            ? String(record.path.dropFirst(RuleBook.sourcePathPrefix.count)) : record.source
        return [
            place.equipment.isEmpty ? "" : "equipment \(place.equipment)",
            place.area.isEmpty ? "" : "area \(place.site)/\(place.area)",
            // Own sensors have no source but Midwatch itself.
            source.isEmpty || record.isOwn ? "" : "source \(source)",
        ]
    }

    // MARK: Names

    /// What people call the sensor.
    var name: String {
        if !self.declaration.title.isEmpty { return self.declaration.title }
        guard self.record.isSource else { return self.record.path }
        return "source \(self.record.path.dropFirst(RuleBook.sourcePathPrefix.count))"
    }

    /// Equipment, area and site, as far as they are known, nearest first.
    var whereabouts: String {
        var parts = [self.place.equipment, self.place.area, self.place.site].filter { !$0.isEmpty }
        // A title says more than a name.
        if !self.place.title.isEmpty, !parts.isEmpty { parts[0] = self.place.title }
        return parts.joined(separator: ", ")
    }

    // MARK: Numbers

    var value: Double? { self.record.json["value"]?.double }
    var setpoint: Double? { self.record.json["setpoint"]?.double }

    /// How far the value is beyond the limit; nil without a limit, negative when it is back.
    var beyondBy: Double? {
        guard let value = self.value, let setpoint = self.setpoint else { return nil }
        switch self.record.condition {
        case .high, .highHigh: return value - setpoint
        case .low, .lowLow: return setpoint - value
        default: return nil
        }
    }

    /// When what the alarm is about began, as far as that is known.
    ///
    /// Before the decision by the on-delay that it waited for, or by the silence.
    var began: WallInstant {
        let at = self.record.at
        switch self.record.json["cause"]?.string {
        case Decision.Cause.onDelayElapsed.word:
            return WallInstant(
                nanoseconds: at.nanoseconds &- Int64(clamping: self.rule.onDelayNanoseconds))
        case Decision.Cause.deadlinePassed.word:
            return self.lastArrival ?? at
        default:
            return self.record.isNewActivation ? at : self.context.picture.activeSince ?? at
        }
    }

    var lastArrival: WallInstant? {
        self.record.json["lastArrival"]?.string.flatMap { WallInstant(rfc3339: $0) }
    }

    var sourceTime: WallInstant? {
        self.record.json["sourceTime"]?.string.flatMap { WallInstant(rfc3339: $0) }
    }

    /// How long the activation has lasted.
    var activeNanoseconds: UInt64? {
        guard let since = self.context.picture.activeSince else { return nil }
        return UInt64(clamping: self.record.at.nanoseconds &- since.nanoseconds)
    }

    /// What the alarm is about.
    var alarmClass: String {
        Self.alarmClass(isOwn: self.record.isOwn, self.record.condition)
    }

    /// system: Midwatch itself; instrument: the sensor or its way; process: the plant.
    static func alarmClass(isOwn: Bool, _ condition: AlarmKind?) -> String {
        if isOwn { return "system" }
        switch condition {
        case .stale, .unverifiable, .badQuality, .flatLine, .discrepancy, .clockSkew, .clockDrift,
            .sequence:
            return "instrument"
        case .lowLow, .low, .high, .highHigh, .rateOfChange, .deviation, .vote, .offNormal,
            .window, .drift, .expression, nil:
            return "process"
        }
    }

    /// What the times in the alert are worth.
    var clockTrust: String {
        switch self.record.json["sourceTimeStatus"]?.string {
        case SourceTimeStatus.accepted.word: "sender"
        case SourceTimeStatus.absent.word, nil: "arrivalOnly"
        default: "senderNotTrusted"
        }
    }

    /// Whether the redundant sensor finds the same; nil if its value does not say.
    func agrees(_ other: RedundantReading) -> Bool? {
        guard let setpoint = self.setpoint, let value = other.value, other.freshness == .fresh,
            other.quality == .good, other.unit == self.declaration.unit
        else { return nil }
        switch self.record.condition {
        case .high, .highHigh: return value >= setpoint
        case .low, .lowLow: return value <= setpoint
        default: return nil
        }
    }
}
