// SPDX-License-Identifier: Apache-2.0

internal import HTTPTypes
internal import Hummingbird
internal import JSONText
internal import NIOCore
internal import OperatorViews

extension OperatorResponder {
    /// `POST /v1/alarms/{id}/acknowledge` with `{"activation": "1:2.0", "comment": "…"}`.
    func acknowledge(
        _ alarmID: String, _ request: Request, _ context: OperatorContext
    ) async throws -> Response {
        let actor = try await self.actor(of: request, context)
        let body = try await self.body(of: request, context)
        guard let activation = body["activation"]?.string, !activation.isEmpty,
            activation.utf8.count <= OperatorAPILimits.activationBytesMax
        else {
            throw Problem(
                .badRequest,
                detail: "\"activation\" must name the activation that is acknowledged")
        }
        let comment = body["comment"] ?? .string("")
        guard let comment = comment.string,
            comment.utf8.count <= OperatorAPILimits.commentBytesMax
        else {
            throw Problem(
                .badRequest,
                detail: "\"comment\" must be a string of at most "
                    + "\(OperatorAPILimits.commentBytesMax) bytes")
        }
        let outcome = await self.backend.acknowledge(
            AckRequest(
                alarmID: alarmID, activation: activation, comment: comment, user: actor.user,
                origin: actor.origin))
        if case .acknowledged(let position, let recorded) = outcome {
            self.metrics.add(.acknowledged)
            return Self.json(
                AcknowledgementView(
                    alarmID: alarmID, activation: activation, position: "\(position)",
                    recorded: recorded))
        }
        self.metrics.add(.acknowledgeRefused)
        throw Self.problem(outcome, alarmID: alarmID)
    }

    private static func problem(_ outcome: AckOutcome, alarmID: String) -> Problem {
        switch outcome {
        case .acknowledged: Problem(.internalError, detail: "acknowledged")
        case .unknownActivation(let current):
            Problem(
                .unknownActivation,
                detail: current.map { "its activation is now \($0): look at it, then acknowledge" }
                    ?? "it has no activation",
                instance: alarmID, currentActivation: current)
        case .unknownAlarm: Problem(.notFound, detail: "no alarm has this id", instance: alarmID)
        case .alreadyAcknowledged:
            Problem(
                .alreadyAcknowledged, detail: "somebody was faster; nothing is left to do",
                instance: alarmID)
        case .notActive:
            Problem(.notActive, detail: "there is nothing to acknowledge", instance: alarmID)
        case .timedOut:
            Problem(
                .timedOut,
                detail: "the command may still take effect: look at the alarm before trying again",
                instance: alarmID)
        case .refused(let reason): Problem(.refused, detail: reason, instance: alarmID)
        }
    }

    // MARK: Who

    /// Who sends a command, and from where; throws for those who may not.
    func actor(
        of request: Request, _ context: OperatorContext
    ) async throws -> (user: String, origin: String) {
        switch self.kind {
        case .unixSocket:
            guard let peer = await PeerCredentials.read(from: context.channel) else {
                throw Problem(
                    .forbidden, detail: "the kernel does not say who is at the other end")
            }
            return (await self.backend.accountName(uid: peer.uid), peer.origin)
        case .loopback(let token):
            guard let token else {
                throw Problem(
                    .forbidden, detail: "commands are taken by the unix socket only: use midwatch")
            }
            try Self.authorize(request, token: token)
            let address = context.channel.remoteAddress
            let place = "\(address?.ipAddress ?? "unknown"):\(address?.port ?? 0)"
            return ("token", "tcp:\(place)")
        }
    }

    /// With a token configured, the loopback listener shows sensors and alarms only to its bearer;
    /// health and metrics stay open to local collectors.
    func authorizeReading(_ request: Request) throws {
        guard case .loopback(let token?) = self.kind else { return }
        try Self.authorize(request, token: token)
    }

    private static func authorize(_ request: Request, token: String) throws {
        let given = request.headers[.authorization] ?? ""
        guard Self.isEqual(given, "Bearer " + token) else {
            throw Problem(.unauthorized, detail: "send the header Authorization: Bearer TOKEN")
        }
    }

    /// Compares in a time that depends on the length of `given` alone.
    private static func isEqual(_ given: String, _ wanted: String) -> Bool {
        let wanted = Array(wanted.utf8)
        var difference = given.utf8.count ^ wanted.count
        for (index, byte) in given.utf8.enumerated() {
            difference |= Int(byte ^ wanted[index % wanted.count])
        }
        return difference == 0
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

/// Reads the items of a query and says which one is wrong.
struct QueryReader {
    private let items: [String: String]

    init(_ items: [String: String]) { self.items = items }

    subscript(_ name: String) -> String? {
        guard let value = self.items[name], !value.isEmpty else { return nil }
        return value
    }

    /// Refuses items that do nothing here: a misspelt filter must not show everything.
    func allow(_ names: Set<String>) throws {
        for name in self.items.keys.sorted() where !names.contains(name) {
            throw Problem(
                .badRequest,
                detail: "unknown item \"\(name)\"; known: "
                    + names.sorted().joined(separator: ", "))
        }
    }

    func filter() throws -> String {
        let filter = self["filter"] ?? ""
        guard filter.utf8.count <= OperatorAPILimits.filterBytesMax else {
            throw Problem(.badRequest, detail: "\"filter\" is too long")
        }
        return filter
    }

    func limit() throws -> Int {
        guard let text = self["limit"] else { return OperatorAPILimits.pageItemsDefault }
        guard let limit = Int(text), limit > 0, limit <= OperatorAPILimits.pageItemsMax else {
            throw Problem(
                .badRequest, detail: "\"limit\" must be 1 to \(OperatorAPILimits.pageItemsMax)")
        }
        return limit
    }

    func number(_ name: String) throws -> UInt64? {
        guard let text = self[name] else { return nil }
        guard let number = UInt64(text) else {
            throw Problem(.badRequest, detail: "\"\(name)\" must be a whole number")
        }
        return number
    }

    func flag(_ name: String) throws -> Bool {
        switch self[name] {
        case nil, "false": return false
        case "true": return true
        default: throw Problem(.badRequest, detail: "\"\(name)\" must be true or false")
        }
    }

    func word<Word>(_ name: String, _ words: [Word], _ text: (Word) -> String) throws -> Word? {
        guard let given = self[name] else { return nil }
        guard let word = words.first(where: { text($0) == given }) else {
            throw Problem(
                .badRequest,
                detail: "\"\(name)\" must be one of " + words.map(text).joined(separator: ", "))
        }
        return word
    }
}
