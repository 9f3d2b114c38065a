// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

extension AlertRouter {
    // MARK: Silences

    package enum SilenceAnswer: Sendable, Equatable {
        case added
        case full
        /// A silence with this id exists.
        case known
    }

    /// Mutes alerts from now on; alarms that are told already escalate no further while it lasts.
    package mutating func add(_ silence: AlertSilence) -> SilenceAnswer {
        guard !self.silences.contains(where: { $0.id == silence.id }) else { return .known }
        guard self.silences.count < RoutingLimits.silenceCountMax else { return .full }
        self.silences.append(silence)
        self.isRescanDue = true
        return .added
    }

    /// Ends a silence; nil if there is none.
    package mutating func removeSilence(id: String) -> AlertSilence? {
        guard let index = self.silences.firstIndex(where: { $0.id == id }) else { return nil }
        self.isRescanDue = true
        return self.silences.remove(at: index)
    }

    /// Silences and maintenance that hold now.
    package func holding(at wall: WallInstant) -> [AlertSilence] {
        (self.policy.maintenance + self.silences).filter { $0.period.contains(wall) }
    }

    mutating func endSilences(at wall: WallInstant, into actions: inout [RoutingAction]) {
        for silence in self.silences {
            guard let end = silence.period.end, end <= wall else { continue }
            self.silences.removeAll { $0.id == silence.id }
            actions.append(.silenceEnded(silence))
        }
    }

    // MARK: What keeps an alert back

    func reasonToWithhold(_ subject: AlertSubject, at wall: WallInstant) -> WithholdReason? {
        for silence in self.policy.maintenance where silence.mutes(subject, at: wall) {
            return .silence(id: silence.id)
        }
        for silence in self.silences where silence.mutes(subject, at: wall) {
            return .silence(id: silence.id)
        }
        for inhibition in self.policy.inhibitions where inhibition.target.matches(subject) {
            for alarmID in self.inhibitors.sorted() where alarmID != subject.alarmID {
                guard let source = self.cases[alarmID]?.subject,
                    inhibition.source.matches(source),
                    inhibition.equal.allSatisfy({ source.label($0) == subject.label($0) })
                else { continue }
                return .inhibition(name: inhibition.name, by: alarmID)
            }
        }
        return nil
    }

    mutating func withhold(
        _ alarmID: String, _ reason: WithholdReason, into actions: inout [RoutingAction]
    ) {
        guard let item = self.cases[alarmID], item.withheld != reason else { return }
        self.cases[alarmID]?.withheld = reason
        self.counters.withheld += 1
        actions.append(.withhold(alarmID: alarmID, alertID: item.base, reason))
    }

    /// Whether what an alarm rests on is known: an alarm that is not verified keeps no other back.
    package mutating func verified(_ alarmID: String, _ isVerified: Bool) {
        guard self.cases[alarmID] != nil, self.cases[alarmID]?.isVerified != isVerified else {
            return
        }
        self.cases[alarmID]?.isVerified = isVerified
        self.noteInhibitor(alarmID)
    }

    /// Alarms that would inhibit others: whoever drives the router says whether they are verified.
    package var sources: [String] {
        guard !self.policy.inhibitions.isEmpty else { return [] }
        return self.cases.values.filter { item in
            item.isActive && self.policy.inhibitions.contains { $0.source.matches(item.subject) }
        }.map(\.subject.alarmID).sorted()
    }

    mutating func noteInhibitor(_ alarmID: String) {
        guard !self.policy.inhibitions.isEmpty else { return }
        let isSource =
            self.cases[alarmID].map { item in
                item.mayInhibit
                    && self.policy.inhibitions.contains { $0.source.matches(item.subject) }
            } ?? false
        if !isSource {
            if self.inhibitors.remove(alarmID) != nil { self.isRescanDue = true }
        } else if self.inhibitors.count >= RoutingLimits.inhibitorCountMax {
            self.counters.inhibitorsFull += 1
        } else if self.inhibitors.insert(alarmID).inserted {
            self.isRescanDue = true
        }
    }

    /// Looks at every alarm again when what keeps alerts back has changed.
    mutating func rescan(
        now: MonotonicInstant, wall: WallInstant, into actions: inout [RoutingAction]
    ) {
        let holding = self.holding(at: wall).map(\.id)
        guard self.isRescanDue || holding != self.holding else { return }
        self.isRescanDue = false
        self.holding = holding
        for alarmID in self.cases.keys.sorted() {
            guard let item = self.cases[alarmID], item.withheld != .nobody else { continue }
            if let reason = self.reasonToWithhold(item.subject, at: wall) {
                self.withhold(alarmID, reason, into: &actions)
            } else if item.withheld != nil {
                self.release(alarmID, item, now: now, into: &actions)
            } else {
                continue
            }
            self.noteInhibitor(alarmID)
            self.reschedule(alarmID)
        }
    }

    /// Nothing keeps the alarm back any more: who was not told of it is told now.
    private mutating func release(
        _ alarmID: String, _ item: AlertCase, now: MonotonicInstant,
        into actions: inout [RoutingAction]
    ) {
        self.cases[alarmID]?.withheld = nil
        guard item.progress.isEmpty else { return }
        if item.isOpen, !item.isSuppressed {
            self.start(alarmID, .released, now: now, into: &actions)
        } else {
            // Answered meanwhile: only the reminder of a standing alarm is left to do.
            self.cases[alarmID]?.progress = self.table.resolve(item.subject).routes
                .filter { !self.table.routes[$0].tellsNobody }
                .map { AlertCase.Progress(route: $0, sentAt: now) }
        }
    }
}
