// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel
internal import Synchronization

extension AlertDelivery {
    // MARK: Untold critical alerts

    func note(untold order: UInt64, takenAt: MonotonicInstant) {
        guard self.untold.count < DeliveryLimits.notedAlarmCountMax else { return }
        self.untold[order] = takenAt
        self.untoldByAge.push(.init(at: takenAt, subject: order))
    }

    func note(told order: UInt64) {
        guard self.untold.removeValue(forKey: order) != nil else { return }
        let untold = self.untold
        self.untoldByAge.compact(liveCount: untold.count) { untold[$0.subject] != nil }
    }

    // MARK: Figures

    /// Publishes the figures of one endpoint.
    func publish(_ index: Int) {
        self.figures[index].queuedCount = self.machines[index].count
        self.figures[index].underWayCount = self.machines[index].underWayCount
        self.figures[index].isParked = self.machines[index].parkedFrom != nil
        self.figures[index].oldestTakenAt = self.machines[index].oldestTakenAt()
        self.figures[index].oldestCriticalTakenAt = self.machines[index].oldestCriticalTakenAt()
        self.figures[index].breaker = self.machines[index].breaker.state
        self.figures[index].condition = self.machines[index].condition
        let figures = self.figures[index]
        self.published.withLock { $0.endpoints[index] = figures }
    }

    /// Publishes what is not of one endpoint.
    func publish() {
        let oldest = self.untoldByAge.smallest { self.untold[$0.subject] == $0.at }?.at
        let deleted = self.store.counters[.deadLettersDeleted]
        let deadLetterCount = self.deadLetterCount - min(deleted, self.deadLetterCount)
        var condition = self.outboxCondition
        if condition == .writing, let aside = self.aside {
            condition = .setAside(
                path: aside.path, at: aside.at, isMadeAgain: self.rebuilding == nil)
        }
        let (shown, untoldCount) = (condition, self.untold.count)
        let (deadLetterPriority, lostCount) = (self.deadLetters.highest, self.lostCount)
        self.published.withLock { status in
            status.outbox = shown
            status.oldestUntoldCriticalTakenAt = oldest
            status.untoldCriticalCount = untoldCount
            status.deadLetterCount = deadLetterCount
            status.deadLetterPriority = deadLetterPriority
            status.lostCount = lostCount
        }
    }

    /// Figures of delivery; from any thread, never waits for the dispatcher.
    package nonisolated func status() -> DeliveryStatus {
        var status = self.published.withLock { $0 }
        status.inboxCount = self.inboxCount.load(ordering: .relaxed)
        status.storeBacklog = self.store.backlog
        return status
    }

    /// Lines for the metrics page; from any thread.
    package nonisolated func metrics() -> [MetricSample] {
        let status = self.status()
        let now = self.clock.monotonic()
        var samples = self.ownMetrics(status, now: now)
        for endpoint in status.endpoints {
            samples.append(contentsOf: Self.metrics(of: endpoint, now: now))
        }
        return samples
    }

    private nonisolated func ownMetrics(
        _ status: DeliveryStatus, now: MonotonicInstant
    ) -> [MetricSample] {
        let age = status.oldestUntoldCriticalTakenAt.map { now.nanosecondsSince($0) } ?? 0
        func counter(_ name: String, _ help: String, _ value: UInt64) -> MetricSample {
            MetricSample(
                "midwatch_alert_\(name)_total", help: help, kind: .counter, value: Double(value))
        }
        func gauge(_ name: String, _ help: String, _ value: Double) -> MetricSample {
            MetricSample("midwatch_alert_\(name)", help: help, kind: .gauge, value: value)
        }
        return [
            counter("offered", "Alerts handed to delivery.", self.counters[.offered]),
            counter("inbox_full", "Offers refused by a full inbox.", self.counters[.inboxFull]),
            counter("malformed", "Offers that cannot be sent.", self.counters[.malformed]),
            counter("duplicates", "Offers of known alerts.", self.counters[.duplicate]),
            counter("unrouted", "Alerts that no endpoint takes.", self.counters[.unrouted]),
            counter(
                "outbox_refused", "Writes that found the outbox queue full.",
                self.store.counters[.refused]),
            counter(
                "outbox_rejected", "Writes the outbox could not take.",
                self.store.counters[.rejected]),
            counter(
                "outbox_failures", "Failures of the outbox file.", self.store.counters[.failures]),
            gauge(
                "outbox_backlog", "Writes that wait for the outbox.", Double(status.storeBacklog)),
            gauge("inbox", "Alerts not yet taken by the dispatcher.", Double(status.inboxCount)),
            gauge("dead_letters", "Alerts given up.", Double(status.deadLetterCount)),
            gauge(
                "untold_critical", "Critical alerts no endpoint has delivered.",
                Double(status.untoldCriticalCount)),
            gauge(
                "untold_critical_age_seconds", "Age of the oldest of them.", Double(age) / 1e9),
        ]
    }

    private static nonisolated func metrics(
        of endpoint: EndpointStatus, now: MonotonicInstant
    ) -> [MetricSample] {
        let labels = [(name: "endpoint", value: endpoint.endpoint)]
        func sample(
            _ name: String, _ help: String, _ kind: MetricSample.Kind, _ value: Double
        ) -> MetricSample {
            MetricSample(
                "midwatch_delivery_\(name)", help: help, kind: kind, labels: labels, value: value)
        }
        let age = endpoint.oldestTakenAt.map { now.nanosecondsSince($0) } ?? 0
        return [
            sample(
                "delivered_total", "Alerts delivered.", .counter, Double(endpoint.deliveredCount)),
            sample(
                "failed_attempts_total", "Attempts that failed.", .counter,
                Double(endpoint.failedAttemptCount)),
            sample(
                "dead_letters_total", "Alerts given up.", .counter,
                Double(endpoint.deadLetterCount)),
            sample(
                "superseded_total", "Alerts a newer one went for.", .counter,
                Double(endpoint.supersededCount)),
            sample(
                "refused_total", "Alerts without room anywhere.", .counter,
                Double(endpoint.refusedCount)),
            sample("queued", "Alerts in memory.", .gauge, Double(endpoint.queuedCount)),
            sample("under_way", "Calls under way.", .gauge, Double(endpoint.underWayCount)),
            sample("oldest_age_seconds", "Age of the oldest alert.", .gauge, Double(age) / 1e9),
            sample(
                "breaker_open", "1 while nothing leaves, 0.5 while a probe decides.", .gauge,
                endpoint.breaker.word == "open" ? 1 : endpoint.breaker == .closed ? 0 : 0.5),
            sample(
                "usable", "0 while the endpoint is paused or disabled.", .gauge,
                endpoint.condition == .usable ? 1 : 0),
        ]
    }

    // MARK: Stopping

    /// Waits until nothing is under way and nothing comes due before `deadline`.
    func flushQueues(before deadline: MonotonicInstant) async {
        self.flush = (deadline, nil)
        await withCheckedContinuation { waiter in
            self.flush?.waiter = waiter
            self.timerFired()
            let pause = deadline.nanosecondsSince(self.clock.monotonic())
            Task { [weak self, clock] in
                await clock.pause(pause)
                await self?.endFlush()
            }
        }
    }

    func endFlushIfDone(now: MonotonicInstant) {
        guard let flush = self.flush, flush.waiter != nil, self.calls.isEmpty,
            !self.machines.contains(where: \.isReading)
        else { return }
        let nextWake = self.wakes.compactMap { $0 }.min()
        if let nextWake, nextWake < flush.deadline { return }
        self.endFlush()
    }

    private func endFlush() {
        let waiter = self.flush?.waiter
        self.flush?.waiter = nil
        waiter?.resume()
    }

    /// Waits for `work`, at most `nanoseconds`; what is not done by then goes on by itself.
    static func bounded(
        _ nanoseconds: UInt64, _ work: @escaping @Sendable () async -> Void
    ) async {
        await withCheckedContinuation { waiter in
            let timer = Task {
                try? await Task.sleep(for: .nanoseconds(nanoseconds))
                waiter.resume()
            }
            Task {
                await work()
                timer.cancel()
            }
        }
    }
}
