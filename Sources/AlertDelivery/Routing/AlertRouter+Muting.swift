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

    /// What keeps back the alerts of an alarm; of several inhibitors `before` stays the one.
    package func reasonToWithhold(
        _ subject: AlertSubject, at wall: WallInstant, before: WithholdReason? = nil
    ) -> WithholdReason? {
        for silence in self.policy.maintenance where silence.mutes(subject, at: wall) {
            return .silence(id: silence.id)
        }
        for silence in self.silences where silence.mutes(subject, at: wall) {
            return .silence(id: silence.id)
        }
        return self.inhibition.reason(for: subject, before: before)
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
    package var sources: Set<String> { self.inhibitorCandidates }

    mutating func noteInhibitor(_ alarmID: String) {
        guard !self.inhibition.isEmpty else { return }
        let item = self.cases[alarmID]
        guard let item, item.isActive, self.inhibition.isSource(item.subject) else {
            self.inhibitorCandidates.remove(alarmID)
            return self.inhibition.remove(inhibitor: alarmID)
        }
        // What nobody asks about any more is not known to be verified, and must keep nothing back.
        guard
            self.inhibitorCandidates.contains(alarmID)
                || self.inhibitorCandidates.count < RoutingLimits.inhibitorCandidateMax
        else {
            self.counters.inhibitorsFull += 1
            return
        }
        self.inhibitorCandidates.insert(alarmID)
        if !item.mayInhibit {
            self.inhibition.remove(inhibitor: alarmID)
        } else if self.inhibition.isInhibitor(alarmID) {
            return
        } else if self.inhibition.inhibitorCount >= RoutingLimits.inhibitorCountMax {
            self.counters.inhibitorsFull += 1
        } else {
            self.inhibition.insert(inhibitor: item.subject)
        }
    }

    // MARK: When that changes

    /// Looks again at the alarms for which something may have changed that keeps alerts back.
    ///
    /// At most `lookMax` of them in one call, and none beyond `actionMax` actions, the most urgent
    /// first: the rest follows at the next.
    mutating func rescan(
        now: MonotonicInstant, wall: WallInstant, lookMax: Int, actionMax: Int,
        into actions: inout [RoutingAction]
    ) {
        let holding = self.holding(at: wall).map(\.id)
        if self.isRescanDue || holding != self.holding {
            self.isRescanDue = false
            self.holding = holding
            self.looks.add(self.cases.lazy.map { ($0.key, $0.value.subject.priority) })
        }
        self.looks.add(
            self.inhibition.takeChanged().compactMap { alarmID in
                self.cases[alarmID].map { (alarmID, $0.subject.priority) }
            })
        for _ in 0..<max(0, lookMax) {
            guard actions.count < actionMax, let alarmID = self.looks.next() else { return }
            self.look(at: alarmID, now: now, wall: wall, into: &actions)
        }
    }

    private mutating func look(
        at alarmID: String, now: MonotonicInstant, wall: WallInstant,
        into actions: inout [RoutingAction]
    ) {
        guard let item = self.cases[alarmID], item.withheld != .nobody else { return }
        let reason = self.reasonToWithhold(item.subject, at: wall, before: item.withheld)
        if let reason {
            self.withhold(alarmID, reason, into: &actions)
        } else if item.withheld != nil {
            self.release(alarmID, item, now: now, into: &actions)
        } else {
            return
        }
        self.noteInhibitor(alarmID)
        self.reschedule(alarmID)
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
