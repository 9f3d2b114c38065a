// SPDX-License-Identifier: Apache-2.0

internal import HTTPTypes
internal import Hummingbird
internal import JSONText
internal import NIOCore
internal import OperatorViews

extension OperatorResponder {
    /// `POST /v1/alarms/{id}/ack` with `{"activation": "1:2.0", "comment": "…"}`, and the like.
    func act(
        _ action: AlarmAction, _ asked: Asked, _ request: Request, _ context: OperatorContext
    ) async throws -> Response {
        let body = try await self.body(of: request, context)
        let author = try await self.author(of: request, asked, comment: Self.comment(in: body))
        var command = AlarmCommand(
            action, alarmID: asked.subject, activation: "", author: author)
        if action.namesActivation {
            command.activation = try Self.activation(in: body, isNeeded: action != .comment)
        }
        if action == .shelve { try Self.readShelving(body, into: &command) }
        if action.needsReason, author.comment.isEmpty {
            throw Problem(
                .reasonMissing, detail: "\"comment\" must say why", instance: command.alarmID)
        }
        return Self.json(try await self.perform(command))
    }

    /// `POST /v1/alarms/ack` with `{"alarms": [{"alarmID": …, "activation": …}], "comment": "…"}`.
    func acknowledgeSeveral(
        _ asked: Asked, _ request: Request, _ context: OperatorContext
    ) async throws -> Response {
        let body = try await self.body(of: request, context)
        let author = try await self.author(of: request, asked, comment: Self.comment(in: body))
        guard let items = body["alarms"]?.array, !items.isEmpty,
            items.count <= OperatorAPILimits.alarmsAtOnceMax
        else {
            throw Problem(
                .badRequest,
                detail: "\"alarms\" must list 1 to \(OperatorAPILimits.alarmsAtOnceMax) alarms")
        }
        var commands: [AlarmCommand] = []
        for (number, item) in items.enumerated() {
            guard let alarmID = item["alarmID"]?.string else {
                throw Problem(.badRequest, detail: "\"alarms\"[\(number)] has no \"alarmID\"")
            }
            var author = author
            if !author.idempotencyKey.isEmpty { author.idempotencyKey += "/\(number)" }
            commands.append(
                AlarmCommand(
                    .acknowledge, alarmID: alarmID,
                    activation: try Self.activation(in: item, isNeeded: true), author: author))
        }
        // All at once: their answers wait for the same disk.
        let results = await withTaskGroup(of: (Int, AlarmCommandResult).self) { group in
            for (number, command) in commands.enumerated() {
                group.addTask { (number, await self.result(of: command)) }
            }
            var results = commands.map { AlarmCommandResult(alarmID: $0.alarmID) }
            for await (number, result) in group { results[number] = result }
            return results
        }
        return Self.json(PageView(items: results))
    }

    private func result(of command: AlarmCommand) async -> AlarmCommandResult {
        do throws(Problem) {
            return AlarmCommandResult(
                alarmID: command.alarmID, done: try await self.perform(command))
        } catch {
            return AlarmCommandResult(alarmID: command.alarmID, problem: error)
        }
    }

    private func perform(_ command: AlarmCommand) async throws(Problem) -> AlarmCommandView {
        do throws(Problem) {
            let view = try await self.backend.perform(command)
            self.metrics.count(command.action, isDone: true)
            return view
        } catch {
            self.metrics.count(command.action, isDone: false)
            throw error
        }
    }

    /// `POST /v1/areas/{area}/mode` with `{"mode": "night", "comment": "…"}`.
    func setMode(
        _ asked: Asked, _ request: Request, _ context: OperatorContext
    ) async throws -> Response {
        let body = try await self.body(of: request, context)
        let author = try await self.author(of: request, asked, comment: Self.comment(in: body))
        guard let mode = body["mode"]?.string, !mode.isEmpty else {
            throw Problem(.badRequest, detail: "\"mode\" must name a mode of the area")
        }
        let command = AreaCommand(area: asked.subject, mode: mode, author: author)
        do throws(Problem) {
            let view = try await self.backend.setMode(command)
            self.metrics.countModeChange(isDone: true)
            return Self.json(view)
        } catch {
            self.metrics.countModeChange(isDone: false)
            throw error
        }
    }

    // MARK: Members of a body

    private static func activation(in body: JSONValue, isNeeded: Bool) throws -> String {
        let activation = body["activation"] ?? .string("")
        guard let activation = activation.string, !(isNeeded && activation.isEmpty),
            activation.utf8.count <= OperatorAPILimits.activationBytesMax
        else {
            throw Problem(
                .badRequest, detail: "\"activation\" must name the activation that was seen")
        }
        return activation
    }

    private static func comment(in body: JSONValue) throws -> String {
        let comment = body["comment"] ?? .string("")
        guard let comment = comment.string,
            comment.utf8.count <= OperatorAPILimits.commentBytesMax
        else {
            throw Problem(
                .badRequest,
                detail: "\"comment\" must be a string of at most "
                    + "\(OperatorAPILimits.commentBytesMax) bytes")
        }
        return comment
    }

    private static func readShelving(
        _ body: JSONValue, into command: inout AlarmCommand
    ) throws {
        guard case .integer(let seconds)? = body["seconds"], seconds > 0,
            seconds <= OperatorAPILimits.shelvingSecondsMax
        else {
            throw Problem(
                .shelvingTimeOutOfRange,
                detail: "\"seconds\" must be a whole number, at least 1 and at most what the alarm "
                    + "allows", instance: command.alarmID)
        }
        command.seconds = UInt64(seconds)
        guard let isOneShot = (body["oneShot"] ?? .bool(false)).bool else {
            throw Problem(.badRequest, detail: "\"oneShot\" must be true or false")
        }
        command.isOneShot = isOneShot
    }

    // MARK: Who

    /// Who sends a command, with what words.
    func author(
        of request: Request, _ asked: Asked, comment: String
    ) async throws -> CommandAuthor {
        var user = asked.caller.user
        if let peer = asked.caller.peer {
            user = await self.backend.accountName(uid: peer.uid)
        }
        var author = CommandAuthor(user: user, origin: asked.caller.origin, comment: comment)
        if let name = HTTPField.Name("Idempotency-Key"), let key = request.headers[name] {
            guard !key.isEmpty, key.utf8.count <= OperatorAPILimits.idempotencyKeyBytesMax else {
                throw Problem(
                    .badRequest,
                    detail: "Idempotency-Key must have 1 to "
                        + "\(OperatorAPILimits.idempotencyKeyBytesMax) bytes")
            }
            author.idempotencyKey = key
        }
        return author
    }

    // MARK: Body

    private func body(of request: Request, _ context: OperatorContext) async throws -> JSONValue {
        let type = request.headers[.contentType] ?? ""
        guard type.lowercased().hasPrefix("application/json") else {
            throw Problem(.unsupportedMediaType, detail: "send Content-Type: application/json")
        }
        let bytesMax = OperatorAPILimits.requestBodyBytesMax
        var bytes: [UInt8] = []
        for try await chunk in request.body {
            guard bytes.count + chunk.readableBytes <= bytesMax else {
                // Whoever goes on sending is cut off once the answer had time to leave.
                context.channel.eventLoop.scheduleTask(in: .seconds(1)) {
                    [channel = context.channel] in
                    channel.close(promise: nil)
                }
                throw Problem(.bodyTooLarge, detail: "at most \(bytesMax) bytes")
            }
            bytes.append(contentsOf: chunk.readableBytesView)
        }
        do {
            return try JSONValue(parsing: bytes.span)
        } catch {
            throw Problem(.badRequest, detail: "the body is not JSON: \(error)")
        }
    }
}
