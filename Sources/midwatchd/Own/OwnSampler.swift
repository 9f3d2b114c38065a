// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import StateFolder

/// What the parts of the daemon say about themselves at one moment.
struct OwnReadout: Sendable, Equatable {
    var at: MonotonicInstant
    /// Figures as they stand; one that cannot be had at the moment is left out.
    var levels: [OwnFigure: Double] = [:]
    /// Totals since the start, of which the sensors show the growth.
    var totals: [OwnFigure: UInt64] = [:]
    /// Whether each listener is down, in the order of `OwnListener.all`.
    var listenersDown: [Bool] = []

    init(at: MonotonicInstant) { self.at = at }
}

/// Turns what the daemon says about itself into readings of its own sensors.
///
/// A reading leaves when the figure moved by its step, when it leaves or reaches 0, and at least
/// every `refreshNanoseconds`: an idle site gets a handful of readings a second, not one for each
/// figure. The refreshes are spread over the seconds.
///
/// A figure that cannot be had sends nothing: its sensor turns stale, which is the truth.
struct OwnSampler: Sendable {
    /// One reading that is due: the place of its sensor, and the value.
    struct Reading: Equatable, Sendable {
        var sensor: Int
        var value: Double
    }

    /// Longest time between two readings of a sensor, well within its deadline.
    static let refreshNanoseconds: UInt64 = 10_000_000_000
    static let uptimeRefreshNanoseconds: UInt64 = 5_000_000_000
    private static let secondNanoseconds: UInt64 = 1_000_000_000
    /// A smaller change of a large figure waits for the refresh.
    private static let relativeStep = 0.1
    /// Refreshes are spread over so many seconds.
    private static let spread = 10

    private struct Sent {
        var value: Double
        var refreshAt: MonotonicInstant
    }

    /// The figures that have a sensor, in the order of the sensors; the listeners' follow.
    let figures: [OwnFigure]
    private var sent: [Sent?]
    private var last: OwnReadout?

    init(figures: [OwnFigure], listenerCount: Int) {
        self.figures = figures
        self.sent = Array(repeating: nil, count: figures.count + listenerCount)
    }

    /// The readings that are due.
    mutating func take(_ readout: OwnReadout) -> [Reading] {
        var readings: [Reading] = []
        for (sensor, figure) in self.figures.enumerated() {
            guard let value = self.value(of: figure, readout), value.isFinite else { continue }
            self.offer(value, figure, sensor, readout.at, &readings)
        }
        for (index, isDown) in readout.listenersDown.enumerated()
        where self.figures.count + index < self.sent.count {
            self.offer(isDown ? 1 : 0, nil, self.figures.count + index, readout.at, &readings)
        }
        self.last = readout
        return readings
    }

    /// The readings found no place: they are due again with the next readout.
    mutating func refused(_ readings: [Reading]) {
        for reading in readings { self.sent[reading.sensor] = nil }
    }

    /// A level as it stands; a total as its growth per second, or as its growth if it counts events.
    private func value(of figure: OwnFigure, _ readout: OwnReadout) -> Double? {
        if let level = readout.levels[figure] { return level }
        guard let total = readout.totals[figure] else { return nil }
        guard let last = self.last, let before = last.totals[figure] else { return 0 }
        let growth = Double(total > before ? total - before : 0)
        guard figure != .evaluationUnverified else { return growth }
        let nanoseconds = max(readout.at.nanosecondsSince(last.at), 1)
        return growth / (Double(nanoseconds) / 1e9)
    }

    private mutating func offer(
        _ value: Double, _ figure: OwnFigure?, _ sensor: Int, _ at: MonotonicInstant,
        _ readings: inout [Reading]
    ) {
        let step = figure.map(Self.step) ?? 0.5
        if let sent = self.sent[sensor] {
            // What only grows need not be told every second for days.
            let isMoved =
                abs(value - sent.value) >= max(step, Self.relativeStep * abs(sent.value))
                || ((value == 0) != (sent.value == 0) && step.isFinite)
            guard isMoved || at >= sent.refreshAt else { return }
        }
        readings.append(Reading(sensor: sensor, value: value))
        var refresh =
            figure == .uptime ? Self.uptimeRefreshNanoseconds : Self.refreshNanoseconds
        if self.sent[sensor] == nil, figure != .uptime {
            refresh -= UInt64(sensor % Self.spread) * Self.secondNanoseconds
        }
        self.sent[sensor] = Sent(value: value, refreshAt: at.advanced(byNanoseconds: refresh))
    }

    /// The smallest change that is worth a reading: well below any distance to a setpoint.
    private static func step(_ figure: OwnFigure) -> Double {
        switch figure {
        case .uptime, .archiveLagRecords: .infinity
        case .evaluationLateness, .journalLag, .shed, .shedCritical, .kernelDrops, .rejected,
            .ownRefused, .journalUnrecorded, .ledgerLost, .effectsUnrecorded, .deadLetters,
            .clockStep, .clockOffset:
            0.1
        case .ringFill, .journalStaging, .rejectedShare: 0.02
        case .diskFree: 0.002
        case .ledgerWaiting, .alertBacklog: 20
        case .evaluationUnverified, .stageSilence, .listenersDown, .journalMode,
            .journalAdmission, .damage, .timeToFull, .archiveState, .archiveLag, .ledgerFailing,
            .alertAge, .alertUntold, .deadLettersUrgent, .endpointsDown, .endpointsUnusable,
            .outbox,
            .clockUnsynchronised, .watchdogSilence, .apiDown, .unsafeSettings, .missingRevisions:
            1
        }
    }
}
