// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// What came back from one attempt, as far as the queue cares.
package enum AttemptAnswer: Sendable, Equatable {
    /// - Parameter retryAfterNanoseconds: From a `Retry-After` field, bounded.
    case status(UInt16, retryAfterNanoseconds: UInt64?)
    /// An answer that the endpoint's format has judged.
    case judged(AttemptVerdict, retryAfterNanoseconds: UInt64?)
    /// No answer: network, time-out, TLS.
    case failure
}

extension EndpointQueueMachine {
    /// One call to make.
    package struct Attempt: Sendable, Equatable {
        package var item: QueuedAlert
        /// Counts from 1 over all runs.
        package var number: UInt32
        package var timeoutNanoseconds: UInt64
    }

    /// What an ended attempt led to.
    package struct Settlement: Sendable, Equatable {
        package enum Outcome: Sendable, Equatable {
            case delivered
            case retry(at: MonotonicInstant)
            case dead(DeadLetterReason)
        }

        package var item: QueuedAlert
        package var outcome: Outcome
        /// The breaker's state, if this attempt changed which one it is.
        package var breaker: CircuitBreaker.State?
        /// The endpoint's condition, if this attempt changed it.
        package var condition: EndpointCondition?
        /// Alerts given up because the endpoint is gone.
        package var drained: [QueuedAlert] = []
    }

    /// Takes the next alert that may leave at `now`; nil if none may.
    ///
    /// Call until nil. Every attempt returned must be answered with `ended`.
    package mutating func nextAttempt(
        now: MonotonicInstant, wall: WallInstant
    ) -> Attempt? {
        self.wakeLanes(now: now)
        guard let entry = self.nextReady(), self.underWayCount < self.concurrency else {
            return nil
        }
        var probe = Probe.none
        switch self.condition {
        case .disabled: return nil
        case .paused(_, let probeAt):
            guard now >= probeAt, !self.isPausedProbeUnderWay else { return nil }
            self.isPausedProbeUnderWay = true
            probe = .paused
        case .usable:
            guard now >= self.throttledUntil, now >= self.pace.nextAt(now: now) else { return nil }
            switch self.breaker.permit(now: now, isUrgent: self.urgentCount > 0) {
            case .call: break
            case .probe:
                self.breaker.probeLeft()
                probe = .breaker
            case .wait, .waitForProbe: return nil
            }
        }
        self.ready.pop()
        guard var head = self.lanes[entry.key]?.items.first else {
            preconditionFailure("ready lane without an alert")
        }
        head.attemptCount += 1
        head.firstAttemptAt = head.firstAttemptAt ?? wall
        self.lanes[entry.key]?.replaceHead(head)
        self.lanes[entry.key]?.isUnderWay = true
        self.lanes[entry.key]?.probe = probe
        self.underWayCount += 1
        self.pace.callLeft(now: now)
        if head.attemptCount == 1 { self.budget.callLeft() }
        // A slow receiver is given its chance.
        let timeout =
            head.attemptCount == 1
            ? self.timeoutNanoseconds
            : min(
                2 * self.timeoutNanoseconds,
                max(self.timeoutNanoseconds, DeliveryLimits.laterAttemptNanosecondsMax))
        return Attempt(item: head, number: head.attemptCount, timeoutNanoseconds: timeout)
    }

    /// The attempt of `order` ended; nil if that alert is not under way here.
    ///
    /// The latency is that of the whole call; a slow one counts against the endpoint even if the
    /// alert was taken.
    package mutating func ended(
        order: UInt64, answer: AttemptAnswer, latencyNanoseconds: UInt64, now: MonotonicInstant
    ) -> Settlement? {
        guard let key = self.live[order], let lane = self.lanes[key], lane.isUnderWay,
            let item = lane.items.first, item.order == order
        else { return nil }
        self.underWayCount -= 1
        if lane.probe == .paused { self.isPausedProbeUnderWay = false }
        self.lanes[key]?.isUnderWay = false
        self.lanes[key]?.probe = .none

        let (verdict, retryAfter) = Self.judge(answer)
        let wordBefore = self.breaker.state.word
        let isSlow = latencyNanoseconds > DeliveryLimits.firstAttemptNanosecondsMax
        self.breaker.callEnded(
            isFailure: isSlow || verdict.countsAgainstEndpoint, isProbe: lane.probe == .breaker,
            now: now)
        let conditionBefore = self.condition.word
        var settlement = self.settle(
            item, key: key, verdict: verdict, retryAfter: retryAfter, now: now)
        if self.breaker.state.word != wordBefore { settlement.breaker = self.breaker.state }
        if self.condition.word != conditionBefore { settlement.condition = self.condition }
        return settlement
    }

    /// Takes out what is too old; never an alert that is under way.
    package mutating func expire(now: MonotonicInstant) -> [QueuedAlert] {
        var expired: [QueuedAlert] = []
        while let due = self.expiring.smallest, due.at <= now {
            self.expiring.pop()
            guard let key = self.live[due.subject], let lane = self.lanes[key],
                let item = lane.items.first(where: { $0.order == due.subject })
            else { continue }
            // Under way: judged when the attempt ends, which `settle` does by `expiresAt`.
            if lane.isUnderWay, lane.items.first?.order == item.order { continue }
            self.remove(order: item.order, from: key, now: now)
            expired.append(item)
        }
        return expired
    }

    /// When `nextAttempt` or `expire` may have something to do; nil if only an event brings that.
    package mutating func wakeAt(now: MonotonicInstant) -> MonotonicInstant? {
        var wake = self.expiring.smallest { self.live[$0.subject] != nil }?.at
        if self.underWayCount < self.concurrency, let lane = self.laneWake(now: now) {
            let gate: MonotonicInstant? =
                switch self.condition {
                case .disabled: nil
                case .paused(_, let probeAt): self.isPausedProbeUnderWay ? nil : probeAt
                case .usable: self.gateWake(now: now)
                }
            if let gate {
                let at = max(lane, gate)
                wake = min(wake ?? at, at)
            }
        }
        return wake
    }

    /// An operator or a new configuration declares the endpoint usable again.
    package mutating func enable() {
        self.condition = .usable
        self.throttledUntil = .zero
        self.breaker.reset()
    }

    // MARK: Helpers

    private static func judge(_ answer: AttemptAnswer) -> (AttemptVerdict, UInt64?) {
        switch answer {
        case .status(let status, let retryAfter):
            (RetryLadder.verdict(status: status), retryAfter)
        case .judged(let verdict, let retryAfter): (verdict, retryAfter)
        case .failure: (.retry(throttles: false), nil)
        }
    }

    private mutating func settle(
        _ item: QueuedAlert, key: UInt64, verdict: AttemptVerdict, retryAfter: UInt64?,
        now: MonotonicInstant
    ) -> Settlement {
        switch verdict {
        case .delivered, .permanent:
            if case .paused = self.condition { self.condition = .usable }
            self.remove(order: item.order, from: key, now: now)
            return Settlement(
                item: item, outcome: verdict == .delivered ? .delivered : .dead(.refused))
        case .disable:
            self.condition = .disabled
            self.remove(order: item.order, from: key, now: now)
            return Settlement(
                item: item, outcome: .dead(.endpointDisabled), drained: self.drain(now: now))
        case .pause(let status):
            let probeAt = self.pause(status: status, now: now)
            return self.retry(item, key: key, at: probeAt, now: now)
        case .retry(let throttles):
            let place = self.budget.take(
                now: now, waitMax: RetryBudget.waitMax(of: item.alert.priority))
            let delay =
                retryAfter
                ?? max(
                    place,
                    self.ladder.delay(
                        afterFailed: item.attemptCount, priority: item.alert.priority))
            let at = now.advanced(byNanoseconds: delay)
            if throttles, retryAfter != nil { self.throttledUntil = max(self.throttledUntil, at) }
            if case .paused(let status, _) = self.condition {
                self.pause(status: status, now: now)
            }
            return self.retry(item, key: key, at: at, now: now)
        }
    }

    @discardableResult
    private mutating func pause(status: UInt16, now: MonotonicInstant) -> MonotonicInstant {
        let probeAt = now.advanced(byNanoseconds: DeliveryLimits.pausedProbeNanoseconds)
        if self.condition != .disabled {
            self.condition = .paused(status: status, probeAt: probeAt)
        }
        return probeAt
    }

    private mutating func retry(
        _ item: QueuedAlert, key: UInt64, at: MonotonicInstant, now: MonotonicInstant
    ) -> Settlement {
        guard now < item.expiresAt, self.condition != .disabled else {
            self.remove(order: item.order, from: key, now: now)
            let reason: DeadLetterReason =
                self.condition == .disabled ? .endpointDisabled : .tooOld
            return Settlement(item: item, outcome: .dead(reason))
        }
        self.lanes[key]?.notBefore = at
        self.makeReady(key, now: now)
        return Settlement(item: item, outcome: .retry(at: at))
    }

    /// Takes out everything that is not under way.
    package mutating func drain(now: MonotonicInstant) -> [QueuedAlert] {
        var drained: [QueuedAlert] = []
        for (key, lane) in self.lanes {
            for item in lane.isUnderWay ? lane.items.dropFirst() : lane.items {
                self.remove(order: item.order, from: key, now: now)
                drained.append(item)
            }
        }
        return drained.sorted { $0.order < $1.order }
    }

    private mutating func wakeLanes(now: MonotonicInstant) {
        while let due = self.waiting.smallest, due.at <= now {
            self.waiting.pop()
            if self.lanes[due.subject]?.token == due.token {
                self.makeReady(due.subject, now: now)
            }
        }
    }

    private mutating func nextReady() -> Ready? {
        self.ready.smallest { entry in
            guard let lane = self.lanes[entry.key] else { return false }
            return lane.token == entry.token && !lane.isUnderWay
        }
    }

    /// When a lane is ready: now, at an instant, or never without an event.
    private mutating func laneWake(now: MonotonicInstant) -> MonotonicInstant? {
        if self.nextReady() != nil { return now }
        return self.waiting.smallest { self.lanes[$0.subject]?.token == $0.token }?.at
    }

    private func gateWake(now: MonotonicInstant) -> MonotonicInstant? {
        let gate: MonotonicInstant? =
            switch self.breaker.permit(now: now, isUrgent: self.urgentCount > 0) {
            case .call, .probe: now
            case .wait(let until): until
            case .waitForProbe: nil
            }
        return gate.map { max($0, self.throttledUntil, self.pace.nextAt(now: now)) }
    }
}

extension AttemptVerdict {
    /// Whether the breaker counts it; an answer about the alert itself is none of its business.
    var countsAgainstEndpoint: Bool {
        switch self {
        case .retry: true
        case .delivered, .permanent, .disable, .pause: false
        }
    }
}
