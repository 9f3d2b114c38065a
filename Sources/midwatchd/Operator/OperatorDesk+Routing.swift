// SPDX-License-Identifier: Apache-2.0

import AlertDelivery
import JSONText
import MidwatchModel
import OperatorAPI
import OperatorViews
import Synchronization

extension OperatorDesk: RoutingBackend {
    private func desk() throws(Problem) -> RoutingDesk {
        guard let desk = self.routing.withLock({ $0 }) else {
            throw Problem(.notReady, detail: "starting")
        }
        return desk
    }

    func routes(explaining sensor: String?) async throws(Problem) -> [UInt8] {
        try self.desk().routes(explaining: sensor)
    }

    func silences() async throws(Problem) -> [UInt8] { try self.desk().silencesText() }

    func addSilence(
        _ wanted: JSONValue, author: String, origin: String
    ) async throws(Problem) -> [UInt8] {
        try await self.desk().addSilence(wanted, author: author, origin: origin)
    }

    func removeSilence(
        _ id: String, author: String, origin: String
    ) async throws(Problem) -> [UInt8] {
        try await self.desk().removeSilence(id, author: author, origin: origin)
    }

    func beginTest(
        _ wanted: JSONValue, author: String, origin: String
    ) async throws(Problem) -> [UInt8] {
        try await self.desk().beginTest(wanted, author: author, origin: origin)
    }

    func test(_ id: String) async throws(Problem) -> [UInt8] { try self.desk().testText(id) }

    // MARK: Links

    func link(_ token: String) async -> LinkAnswer { await self.read(token).answer }

    func acknowledge(link token: String, comment: String, address: String) async -> LinkAnswer {
        let (answer, claim) = await self.read(token)
        guard case .open(let alarm) = answer, let claim else { return answer }
        do throws(Problem) {
            _ = try await self.perform(
                AlarmCommand(
                    .acknowledge, alarmID: claim.alarmID, activation: claim.activation,
                    author: CommandAuthor(
                        user: "link", origin: "link:\(address)", comment: comment)))
            return .done(alarm)
        } catch {
            return Self.answer(to: error, alarm)
        }
    }

    /// What the page says when the engine did not acknowledge.
    private static func answer(to problem: Problem, _ alarm: LinkAnswer.Alarm) -> LinkAnswer {
        switch problem.kind {
        case .alreadyAcknowledged: .acknowledged(alarm)
        case .unknownActivation, .notFound, .notActive: .superseded(alarmID: alarm.alarmID)
        case .timedOut: .failed(reason: "The engine did not answer in time")
        default: .failed(reason: problem.detail)
        }
    }

    /// What a link is about, and whether it can still be used.
    private func read(
        _ token: String
    ) async -> (answer: LinkAnswer, claim: AcknowledgeLinks.Claim?) {
        guard let desk = self.routing.withLock({ $0 }), let links = desk.parts.links else {
            return (.forged, nil)
        }
        let claim: AcknowledgeLinks.Claim
        do throws(AcknowledgeLinks.Refusal) {
            claim = try links.claim(token, now: EngineClock.wall())
        } catch {
            switch error {
            case .forged: return (.forged, nil)
            case .expired(let claim): return (.expired(alarmID: claim.alarmID), nil)
            }
        }
        let state = desk.withRouter { $0.state(of: claim) }
        if state == .superseded { return (.superseded(alarmID: claim.alarmID), claim) }
        var query = AlarmQuery(limit: 16)
        query.filter = claim.alarmID
        query.includesNormal = true
        let view = await self.alarms(matching: query).first { $0.alarmID == claim.alarmID }
        let alarm = LinkAnswer.Alarm(
            alarmID: claim.alarmID,
            message: [view?.message, view?.title].compactMap { $0 }.first { !$0.isEmpty }
                ?? claim.alarmID,
            priority: view?.priority.word ?? "", raisedAt: view?.raisedAt?.rfc3339 ?? "")
        return (state == .open ? .open(alarm) : .acknowledged(alarm), claim)
    }
}
