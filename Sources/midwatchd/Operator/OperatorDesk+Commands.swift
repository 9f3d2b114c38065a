// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import OperatorAPI
import OperatorViews
import ReadingRing

/// Commands of operators: through the ring like every input, answered by the engine's decision.
extension OperatorDesk {
    func perform(_ command: AlarmCommand) async throws(Problem) -> AlarmCommandView {
        guard let (path, name) = Self.parts(of: command.alarmID) else {
            throw Problem(.notFound, detail: "no alarm has this id", instance: command.alarmID)
        }
        guard let activation = Self.activation(command.activation) else {
            throw Problem(
                .badRequest, detail: "the activation is not of the form epoch:n.k",
                instance: command.alarmID)
        }
        var order = OperatorCommand(
            verb: Self.verb(of: command.action), path: path,
            alarm: AlarmKind(word: name) ?? .expression, activation: activation,
            user: command.author.user, origin: command.author.origin,
            comment: command.author.comment)
        if AlarmKind(word: name) == nil { order.rule = name }
        order.durationNanoseconds = command.seconds * 1_000_000_000
        order.isOneShot = command.isOneShot
        let answer = try await self.send(order, command.author, about: command.alarmID)
        let decision = answer.decision
        guard decision.kind != .commandRefused else {
            throw Self.problem(decision, about: command.alarmID)
        }
        return AlarmCommandView(
            action: command.action.rawValue, alarmID: command.alarmID,
            activation: decision.activation == .none ? "" : decision.activation.description,
            position: decision.id.position.description, recorded: answer.isRecorded,
            state: decision.stateTo, suppression: decision.suppression,
            shelvedUntil: decision.until.nanoseconds == 0 ? nil : decision.until)
    }

    func setMode(_ command: AreaCommand) async throws(Problem) -> AreaCommandView {
        let order = OperatorCommand(
            area: command.area, mode: command.mode, user: command.author.user,
            origin: command.author.origin, comment: command.author.comment)
        let answer = try await self.send(order, command.author, about: command.area)
        guard answer.decision.kind != .commandRefused else {
            throw Self.problem(answer.decision, about: command.area)
        }
        return AreaCommandView(
            area: command.area, mode: command.mode,
            position: answer.decision.id.position.description, recorded: answer.isRecorded)
    }

    private func send(
        _ order: OperatorCommand, _ author: CommandAuthor, about subject: String
    ) async throws(Problem) -> PendingCommands.Answer {
        let payload = order.payload
        guard payload.count <= SystemLimits.controlPayloadBytesMax else {
            throw Problem(.refused, detail: "names and comment are too long", instance: subject)
        }
        var fingerprint = order
        fingerprint.origin = ""
        let key =
            author.idempotencyKey.isEmpty
            ? nil : PendingCommands.Key(user: author.user, text: author.idempotencyKey)
        let (ring, clock) = (self.parts.ring, self.parts.clock)
        let outcome = await self.pending.send(key: key, fingerprint: fingerprint.payload) {
            let slots = ControlRecord.slots(
                head: Slot(kind: .command, arrival: clock.now()), payload: payload)
            guard case .accepted(let first) = ring.offer(slots.span, criticality: .own) else {
                return nil
            }
            return first
        }
        switch outcome {
        case .answered(let answer): return answer
        case .timedOut:
            throw Problem(
                .timedOut,
                detail: "the command may still take effect: look at it before trying again",
                instance: subject)
        case .busy: throw Problem(.busy, detail: "try again", instance: subject)
        case .ringFull: throw Problem(.busy, detail: "the ring is full", instance: subject)
        case .keyReused:
            throw Problem(
                .idempotencyKeyReused, detail: "give each request a key of its own",
                instance: subject)
        }
    }

    /// Path of the sensor and name of the alarm in an alarm's id.
    static func parts(of alarmID: String) -> (path: String, name: String)? {
        guard let colon = alarmID.lastIndex(of: ":") else { return nil }
        let name = alarmID[alarmID.index(after: colon)...]
        return name.isEmpty ? nil : (String(alarmID[..<colon]), String(name))
    }

    private static func activation(_ text: String) -> DecisionID? {
        // Nothing was seen: an alarm that was never raised.
        text.isEmpty ? DecisionID.none : DecisionID(text)
    }

    private static func verb(of action: AlarmAction) -> OperatorCommand.Verb {
        switch action {
        case .acknowledge: .acknowledge
        case .shelve: .shelve
        case .unshelve: .unshelve
        case .reset: .reset
        case .takeOutOfService: .takeOutOfService
        case .returnToService: .returnToService
        case .comment: .comment
        }
    }

    /// Why the engine refused a command, in the words of the API.
    static func problem(_ decision: Decision, about subject: String) -> Problem {
        func problem(_ kind: Problem.Kind, _ detail: String) -> Problem {
            Problem(kind, detail: detail, instance: subject)
        }
        switch decision.cause {
        case .unknownAlarm: return problem(.notFound, "no alarm has this id")
        case .unknownArea: return problem(.notFound, "no area has this name")
        case .otherActivation:
            let current = decision.activation == .none ? nil : decision.activation.description
            return Problem(
                .unknownActivation,
                detail: current.map { "its activation is now \($0): look at it, then act" }
                    ?? "it has no activation",
                instance: subject, currentActivation: current)
        case .nothingToAcknowledge:
            return decision.stateFrom == .normal
                ? problem(.notActive, "there is nothing to acknowledge")
                : problem(.alreadyAcknowledged, "somebody was faster; nothing is left to do")
        case .mustAcknowledgeFirst: return problem(.mustAcknowledgeFirst, "acknowledge it first")
        case .conditionStillMet:
            return problem(.conditionNotOver, "reset it when its condition is seen to be over")
        case .nothingToReset: return problem(.notLatched, "there is nothing to reset")
        case .shelvingNotAllowed:
            return problem(.shelvingNotAllowed, "its configuration allows no shelving")
        case .shelvingTimeOutOfRange:
            return problem(
                .shelvingTimeOutOfRange, "its configuration allows less; see shelvingMaxSeconds")
        case .reasonMissing: return problem(.reasonMissing, "say why in the comment")
        case .notShelved: return problem(.notShelved, "there is nothing to unshelve")
        case .alreadyOutOfService: return problem(.alreadyOutOfService, "nothing is left to do")
        case .notOutOfService: return problem(.notOutOfService, "nothing is left to do")
        case .unknownMode: return problem(.unknownMode, "GET /v1/areas lists the modes")
        case .alreadyInMode: return problem(.alreadyInMode, "nothing is left to do")
        case .modeFollowsSensor:
            return problem(
                .modeFollowsSensor, "its sensor is fresh and would take the change back")
        default: return problem(.refused, decision.cause.word)
        }
    }
}
