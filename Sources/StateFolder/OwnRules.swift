// SPDX-License-Identifier: Apache-2.0

package import MidwatchConfiguration
package import MidwatchModel

/// The shipped rules for the sensors about Midwatch itself.
///
/// A pure function of the configuration and of `version`, which stands in the kept text of every
/// revision: a later Midwatch with other defaults replays what this one recorded with the rules
/// of then. A site replaces a rule by declaring the same path.
package enum OwnRules {
    /// The version a start puts in force.
    ///
    /// It grows with every change of a shipped rule; older versions stay.
    package static let version = 4

    /// Time without a reading after which such a sensor is stale: it is sent at least every 10 s.
    static let deadlineNanoseconds: UInt64 = 30_000_000_000
    /// The sign of life is sent every 5 s.
    static let uptimeDeadlineNanoseconds: UInt64 = 15_000_000_000
    /// Disk figures come from a thread that works on the disk.
    static let diskDeadlineNanoseconds: UInt64 = 60_000_000_000

    /// The declarations of a version; empty for version 0, nil for one that is not known.
    package static func declarations(
        for configuration: MidwatchConfiguration, version: Int
    ) -> [SensorDeclaration]? {
        switch version {
        case 0: []
        case 1: self.version1(configuration)
        case 2: self.version2(configuration)
        case 3: self.version3(configuration)
        case 4: self.version4(configuration)
        default: nil
        }
    }

    /// What stands for own sensors that are no longer in use: of a listener that was removed, of
    /// the name the node had before.
    ///
    /// Nobody writes them any more, so their silence means nothing.
    static var unused: SensorDeclaration {
        var declaration = self.sensor("not in use", "")
        declaration.pattern = OwnPath.root + "#"
        declaration.supervision = .event
        return declaration
    }

    /// The site's declarations and, behind them, the shipped ones it does not replace.
    ///
    /// The templates of the site do not reach own sensors: `unused` stands before them.
    ///
    /// A replacement stays in Midwatch's own admission class and keeps the words that it does not
    /// give itself.
    static func merged(
        _ site: [SensorDeclaration], with own: [SensorDeclaration]
    ) -> [SensorDeclaration] {
        var left = Dictionary(own.map { ($0.pattern, $0) }, uniquingKeysWith: { first, _ in first })
        let replaced = site.map { declaration in
            guard let shipped = left.removeValue(forKey: declaration.pattern) else {
                return declaration
            }
            var replacement = declaration
            replacement.criticality = .own
            if replacement.unit.isEmpty { replacement.unit = shipped.unit }
            if replacement.title.isEmpty { replacement.title = shipped.title }
            if replacement.rationalization == Rationalization() {
                replacement.rationalization = shipped.rationalization
            }
            return replacement
        }
        guard !own.isEmpty else { return replaced }
        return [self.unused] + replaced + own.filter { left[$0.pattern] != nil }
    }

    private static func version1(_ configuration: MidwatchConfiguration) -> [SensorDeclaration] {
        var declarations: [SensorDeclaration] = []
        for figure in OwnFigure.allCases {
            guard var declaration = self.version1(figure, configuration) else { continue }
            declaration.pattern = figure.path(of: configuration)
            declarations.append(declaration)
        }
        for listener in OwnListener.all(of: configuration) {
            var declaration = self.listener(listener.name)
            declaration.pattern = listener.path
            declarations.append(declaration)
        }
        return declarations
    }

    /// An alarm when much of what arrives is refused, however little that is.
    private static func version2(_ configuration: MidwatchConfiguration) -> [SensorDeclaration] {
        var rejectedShare = self.rejectedShare
        rejectedShare.pattern = OwnFigure.rejectedShare.path(of: configuration)
        return self.version1(configuration) + [rejectedShare]
    }

    /// An alarm of its own priority when an urgent alert was given up, until that is settled.
    private static func version3(_ configuration: MidwatchConfiguration) -> [SensorDeclaration] {
        guard !configuration.alerts.endpoints.isEmpty else { return self.version2(configuration) }
        var urgent = self.deadLettersUrgent
        urgent.pattern = OwnFigure.deadLettersUrgent.path(of: configuration)
        return self.version2(configuration) + [urgent]
    }

    /// An alarm when nothing keeps the host's clock right.
    private static func version4(_ configuration: MidwatchConfiguration) -> [SensorDeclaration] {
        var unsynchronised = self.clockUnsynchronised
        unsynchronised.pattern = OwnFigure.clockUnsynchronised.path(of: configuration)
        return self.version3(configuration) + [unsynchronised]
    }

    private static func version1(
        _ figure: OwnFigure, _ configuration: MidwatchConfiguration
    ) -> SensorDeclaration? {
        switch figure {
        case .rejectedShare, .deadLettersUrgent, .clockUnsynchronised: nil
        case .uptime, .evaluationLateness, .evaluationUnverified, .stageSilence, .ringFill, .shed,
            .shedCritical, .kernelDrops, .rejected, .listenersDown, .ownRefused:
            self.pipeline(figure, configuration)
        case .journalMode, .journalLag, .journalStaging, .journalUnrecorded, .journalAdmission,
            .damage, .timeToFull, .diskFree, .archiveState, .archiveLagRecords, .archiveLag,
            .ledgerFailing, .ledgerWaiting, .ledgerLost, .effectsUnrecorded:
            self.logs(figure)
        case .alertBacklog, .alertAge, .alertUntold, .deadLetters, .endpointsDown,
            .endpointsUnusable, .outbox:
            configuration.alerts.endpoints.isEmpty
                ? nil : self.alerts(figure, endpointCount: configuration.alerts.endpoints.count)
        case .clockStep, .clockOffset, .watchdogSilence, .apiDown, .unsafeSettings,
            .missingRevisions:
            self.surroundings(figure)
        }
    }

    // MARK: - Making of declarations

    /// A declaration without a path yet.
    static func sensor(
        _ title: String, _ unit: String, deadline: UInt64 = Self.deadlineNanoseconds
    ) -> SensorDeclaration {
        var declaration = SensorDeclaration(pattern: "", deadlineNanoseconds: deadline)
        declaration.title = "Midwatch: \(title)"
        declaration.unit = unit
        declaration.criticality = .own
        declaration.stalePriority = .low
        return declaration
    }

    /// A limit with its delays in seconds.
    static func limit(
        _ setpoint: Double, _ priority: AlarmPriority, deadband: Double = 0, on: UInt64 = 0,
        off: UInt64 = 0
    ) -> LimitSetting {
        LimitSetting(
            setpoint: setpoint, deadband: deadband, onDelayNanoseconds: on * 1_000_000_000,
            offDelayNanoseconds: off * 1_000_000_000, priority: priority)
    }
}

extension SensorDeclaration {
    /// The declaration with an upper limit.
    func above(high: LimitSetting? = nil, highHigh: LimitSetting? = nil) -> Self {
        var declaration = self
        declaration.high = high
        declaration.highHigh = highHigh
        return declaration
    }

    /// The declaration with a lower limit.
    func below(low: LimitSetting? = nil, lowLow: LimitSetting? = nil) -> Self {
        var declaration = self
        declaration.low = low
        declaration.lowLow = lowLow
        return declaration
    }

    /// The declaration with the words of its alerts.
    func meaning(
        _ consequence: String, answer: String, within seconds: UInt32, check: [String]
    ) -> Self {
        var declaration = self
        declaration.rationalization.consequence = consequence
        declaration.rationalization.operatorAction = answer
        declaration.rationalization.timeToRespondSeconds = seconds
        declaration.rationalization.firstChecks = check
        return declaration
    }
}
