// SPDX-License-Identifier: Apache-2.0

internal import Logging
internal import MidwatchModel

extension AlertDelivery {
    /// Gives up what is too old at one endpoint, starts what may leave, reads on from the store.
    func advance(_ index: Int) {
        let now = self.clock.monotonic()
        self.bury(self.machines[index].expire(now: now), at: index, reason: .tooOld)
        while !self.isStopped,
            let attempt = self.machines[index].nextAttempt(now: now, wall: self.clock.wall())
        {
            self.launch(attempt, at: index)
        }
        self.refill(index, now: now)
        self.wakes[index] = self.machines[index].wakeAt(now: now)
        self.publish(index)
    }

    private func launch(_ attempt: EndpointQueueMachine.Attempt, at index: Int) {
        self.progress.attempt()
        let endpoint = self.configuration.endpoints[index]
        let key = CallKey(endpoint: index, order: attempt.item.order)
        let known = self.boards[index]?.priority(of: attempt.item.alert.alarmKey)
        self.calls[key] = Task { [weak self, transport, clock] in
            let begin = clock.monotonic()
            let reply = await Self.call(attempt, endpoint, known, transport, clock)
            let latency = clock.monotonic().nanosecondsSince(begin)
            await self?.ended(key, reply: reply, latencyNanoseconds: latency)
        }
    }

    /// Writes, signs and posts one attempt, away from the dispatcher.
    @concurrent
    private static func call(
        _ attempt: EndpointQueueMachine.Attempt, _ endpoint: EndpointConfiguration,
        _ knownPriority: AlarmPriority?, _ transport: any WebhookTransport, _ clock: DeliveryClock
    ) async -> WebhookReply {
        guard let credentials = endpoint.credentials() else {
            return .failure(.secret, detail: "a secret of the endpoint is not there")
        }
        let wall = clock.wall()
        var input = AlertFormat.Input(
            item: attempt.item, number: attempt.number, now: wall, endpoint: endpoint.name,
            address: endpoint.address, credentials: credentials)
        input.knownPriority = knownPriority
        return await transport.post(
            WebhookRequest(
                endpoint: endpoint, id: attempt.item.alert.id,
                content: endpoint.format.request(input), signer: credentials.signer, at: wall,
                timeoutNanoseconds: attempt.timeoutNanoseconds))
    }

    private func ended(_ key: CallKey, reply: WebhookReply, latencyNanoseconds: UInt64) {
        self.calls[key] = nil
        // Cancelled by `stop`: nobody knows whether it arrived, so it stays pending.
        if case .failure(.cancelled, _) = reply, self.isStopped { return }
        let now = self.clock.monotonic()
        let wall = self.clock.wall()
        let settlement = self.machines[key.endpoint].ended(
            order: key.order,
            answer: Self.answer(
                reply, self.configuration.endpoints[key.endpoint].format, now: wall),
            latencyNanoseconds: latencyNanoseconds, now: now)
        guard let settlement else { return self.counters.add(.outcomesOfUnknown) }
        self.settle(
            settlement, reply: reply, latencyNanoseconds: latencyNanoseconds, at: key.endpoint,
            now: now, wall: wall)
        self.advance(key.endpoint)
        self.afterwards()
    }

    private static func answer(
        _ reply: WebhookReply, _ format: AlertFormat, now: WallInstant
    ) -> AttemptAnswer {
        switch reply {
        case .response(let status, let retryAfter, let body):
            .judged(
                format.verdict(status: status, answer: body),
                retryAfterNanoseconds: retryAfter.flatMap { RetryAfter.nanoseconds($0, now: now) })
        case .failure: .failure
        }
    }

    private func settle(
        _ settlement: EndpointQueueMachine.Settlement, reply: WebhookReply,
        latencyNanoseconds: UInt64, at index: Int, now: MonotonicInstant, wall: WallInstant
    ) {
        let item = settlement.item
        let report = self.attemptReport(
            item, reply: reply, latencyNanoseconds: latencyNanoseconds, at: index, wall: wall)
        let mark = DeliveryMark(
            item: item, endpoint: report.endpoint, at: wall, status: report.status,
            answer: report.answer)
        switch settlement.outcome {
        case .delivered:
            self.note(settled: item.alert.id, at: index)
            self.write(.delivered(mark, self.standingChange(by: item, at: index)))
            self.figures[index].deliveredCount += 1
            self.note(told: item.order)
            self.report(.delivered(report, supersededIDs: item.supersededIDs))
        case .retry(let at):
            let wait = Int64(clamping: at.nanosecondsSince(now))
            let retryAt = WallInstant(nanoseconds: wall.nanoseconds &+ wait)
            self.write(.failed(mark, nextAt: retryAt))
            self.figures[index].failedAttemptCount += 1
            self.report(.attemptFailed(report, retryAt: retryAt))
        case .dead(let reason):
            self.figures[index].failedAttemptCount += 1
            self.report(.attemptFailed(report, retryAt: nil))
            self.bury(mark, at: index, reason: reason)
        }
        if let breaker = settlement.breaker {
            self.logger.notice(
                "circuit breaker changed",
                metadata: [
                    "delivery.endpoint": "\(report.endpoint)",
                    "delivery.breaker": "\(breaker.word)",
                ])
            self.report(.breaker(endpoint: report.endpoint, breaker))
        }
        if let condition = settlement.condition {
            self.announce(condition, of: index, status: report.status)
        }
        self.bury(settlement.drained, at: index, reason: .endpointDisabled)
    }

    func announce(_ condition: EndpointCondition, of index: Int, status: UInt16) {
        let endpoint = self.figures[index].endpoint
        self.logger.warning(
            "endpoint condition changed",
            metadata: [
                "delivery.endpoint": "\(endpoint)", "delivery.condition": "\(condition.word)",
                "delivery.status": "\(status)",
            ])
        self.report(.endpoint(endpoint: endpoint, condition))
    }

    private func attemptReport(
        _ item: QueuedAlert, reply: WebhookReply, latencyNanoseconds: UInt64, at index: Int,
        wall: WallInstant
    ) -> AttemptReport {
        var report = AttemptReport(
            alertID: item.alert.id, alarmID: item.alert.alarmID,
            endpoint: self.figures[index].endpoint, attempt: item.attemptCount, status: 0,
            failure: nil, answer: [], latencyNanoseconds: latencyNanoseconds, at: wall)
        switch reply {
        case .response(let status, _, let body):
            report.status = status
            report.answer = body
        case .failure(let failure, let detail):
            report.failure = failure
            report.answer = Array(detail.utf8.prefix(DeliveryLimits.responseKeptBytesMax))
        }
        return report
    }

    // MARK: Ends without delivery

    func bury(_ items: [QueuedAlert], at index: Int, reason: DeadLetterReason) {
        for item in items {
            self.bury(
                DeliveryMark(
                    item: item, endpoint: self.figures[index].endpoint, at: self.clock.wall()),
                at: index, reason: reason)
        }
    }

    private func bury(_ mark: DeliveryMark, at index: Int, reason: DeadLetterReason) {
        self.note(settled: mark.item.alert.id, at: index)
        self.write(.dead(mark, reason))
        self.ended(unheard: mark.item, at: index)
        self.figures[index].deadLetterCount += 1
        self.deadLetterCount += 1
        if DeadLetterBook.follows(mark.item.alert) { self.lostCount += 1 }
        let letter = DeadLetter(
            alert: mark.item.alert, endpoint: mark.endpoint, reason: reason,
            attemptCount: mark.item.attemptCount, lastStatus: mark.status,
            lastAnswer: mark.answer, deadAt: mark.at, order: mark.item.order)
        self.deadLetters.add(letter)
        self.report(.deadLettered(letter))
    }

    func supersede(_ item: QueuedAlert, at index: Int) {
        let endpoint = self.figures[index].endpoint
        self.note(settled: item.alert.id, at: index)
        self.write(
            .superseded(DeliveryMark(item: item, endpoint: endpoint, at: self.clock.wall())))
        self.figures[index].supersededCount += 1
        // Its successor is in memory and carries the age on.
        self.note(told: item.order)
        self.report(
            .superseded(
                alertID: item.alert.id, alarmID: item.alert.alarmID, endpoint: endpoint))
    }
}
