// SPDX-License-Identifier: Apache-2.0

internal import JSONText
internal import Logging
internal import MidwatchModel

extension AlertDelivery {
    /// What a delivered alert changes in what its endpoint is reminded of.
    func standingChange(by item: QueuedAlert, at index: Int) -> StandingChange? {
        guard self.boards[index] != nil else { return nil }
        switch self.phase(of: item) {
        case .notice: return nil
        case .raised, .acknowledged: return self.boards[index]?.delivered(item.alert, isEnd: false)
        case .returned: return self.boards[index]?.delivered(item.alert, isEnd: true)
        }
    }

    /// An end that could not be told: at least nothing is repeated that is no longer so.
    func ended(unheard item: QueuedAlert, at index: Int) {
        guard self.boards[index] != nil, self.phase(of: item) == .returned,
            self.boards[index]?.end(item.alert.alarmKey) == true
        else { return }
        self.write(
            .ended(
                DeliveryMark(
                    item: item, endpoint: self.figures[index].endpoint, at: self.clock.wall())))
    }

    /// Takes the ordering keys of all alarms that stand; from any thread.
    ///
    /// What an Alertmanager holds for standing and is not, twice running, is ended there. Expected
    /// once a minute or so.
    package nonisolated func compare(standing: Set<UInt64>) {
        guard self.hasBoards else { return }
        Task { [weak self] in await self?.take(standing: standing) }
    }

    private func take(standing: Set<UInt64>) {
        for index in self.boards.indices { self.boards[index]?.compare(standing: standing) }
    }

    /// Posts the next portion of what stands at one endpoint, if it is due.
    func remind(_ index: Int) {
        let machine = self.machines[index]
        guard let board = self.boards[index], board.count > 0, !self.isStopped,
            machine.condition == .usable, machine.breaker.state == .closed
        else { return }
        let now = self.clock.monotonic()
        let due = self.boards[index]?.portion(now: now) { machine.holds(alarmKey: $0) } ?? []
        guard !due.isEmpty else { return }
        let endpoint = self.configuration.endpoints[index]
        Task { [weak self, transport, clock] in
            let reply = await Self.post(due, board.options, to: endpoint, transport, clock)
            await self?.reminded(index, reply)
        }
    }

    @concurrent
    private static func post(
        _ alarms: [StandingBoard.Alarm], _ options: AlertmanagerOptions,
        to endpoint: EndpointConfiguration, _ transport: any WebhookTransport,
        _ clock: DeliveryClock
    ) async -> WebhookReply {
        guard let credentials = endpoint.credentials() else {
            return .failure(.secret, detail: "a secret of the endpoint is not there")
        }
        let now = clock.wall()
        let facts = alarms.map { alarm in
            let item = QueuedAlert(order: 0, alert: alarm.alert, takenAt: .zero)
            var input = AlertFormat.Input(
                item: item, number: 1, now: now, endpoint: endpoint.name,
                address: endpoint.address, credentials: credentials)
            input.knownPriority = alarm.labelled
            return NativeAlert(
                input, native: AlertEnvelope.body(of: item, number: 1, now: now))
        }
        let content = endpoint.format.posting(
            facts, options, now: now, address: endpoint.address, credentials: credentials)
        return await transport.post(
            WebhookRequest(
                endpoint: endpoint, id: "reminder_\(now.nanoseconds)", content: content,
                signer: credentials.signer, at: now,
                timeoutNanoseconds: endpoint.timeoutNanoseconds))
    }

    private func reminded(_ index: Int, _ reply: WebhookReply) {
        var isTaken = false
        if case .response(let status, _, _) = reply { isTaken = (200..<300).contains(status) }
        for alert in self.boards[index]?.posted(isTaken: isTaken) ?? [] {
            self.write(
                .ended(
                    DeliveryMark(
                        item: QueuedAlert(order: 0, alert: alert, takenAt: .zero),
                        endpoint: self.figures[index].endpoint, at: self.clock.wall())))
        }
        if !isTaken {
            self.logger.warning(
                "endpoint not reminded of standing alarms",
                metadata: [
                    "delivery.endpoint": "\(self.figures[index].endpoint)",
                    "delivery.answer": "\(reply)",
                ])
        }
        if let board = self.boards[index] {
            self.figures[index].standingCount = board.count
            self.figures[index].reminderCount = board.sentCount
            self.figures[index].failedReminderCount = board.failureCount
        }
        self.remind(index)
        self.publish(index)
    }

    private func phase(of item: QueuedAlert) -> NativeAlert.Phase {
        let body = try? JSONValue(parsing: item.alert.body.span)
        return NativeAlert.phase(of: item.alert.type, state: body?["to"]?.string)
    }
}
