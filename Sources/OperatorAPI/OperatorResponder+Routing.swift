// SPDX-License-Identifier: Apache-2.0

internal import Hummingbird
internal import JSONText
internal import NIOCore
internal import OperatorViews

extension OperatorResponder {
    /// Answers what is asked about routes, silences and tests.
    func answer(
        _ question: AlertQuestion, _ asked: Asked, _ request: Request, _ context: OperatorContext
    ) async throws -> Response {
        guard let backend = self.backend as? any RoutingBackend else {
            throw Problem(.notFound, detail: "this daemon tells nobody of alarms")
        }
        let reader = QueryReader(asked.target.query)
        switch question {
        case .routes:
            try reader.allow(["explain"])
            return Self.raw(try await backend.routes(explaining: reader["explain"]))
        case .silences:
            try reader.allow([])
            return Self.raw(try await backend.silences())
        case .test: return Self.raw(try await backend.test(asked.subject))
        case .addSilence:
            let (body, author) = try await self.order(asked, request, context)
            return Self.raw(
                try await backend.addSilence(body, author: author.user, origin: author.origin))
        case .removeSilence:
            let (_, author) = try await self.order(asked, request, context)
            return Self.raw(
                try await backend.removeSilence(
                    asked.subject, author: author.user, origin: author.origin))
        case .beginTest:
            let (body, author) = try await self.order(asked, request, context)
            return Self.raw(
                try await backend.beginTest(body, author: author.user, origin: author.origin))
        }
    }

    /// What is ordered, and by whom.
    private func order(
        _ asked: Asked, _ request: Request, _ context: OperatorContext
    ) async throws -> (JSONValue, CommandAuthor) {
        let body = try await self.body(of: request, context)
        let author = try await self.author(of: request, asked, comment: "")
        // Whoever sends one relies on it; a second silence or test would come as a surprise.
        guard author.idempotencyKey.isEmpty else {
            throw Problem(
                .badRequest, detail: "Idempotency-Key is taken by commands on alarms only")
        }
        return (body, author)
    }

    private static func raw(_ json: [UInt8]) -> Response {
        Response(
            status: .ok,
            headers: [
                .contentType: "application/json", .cacheControl: "no-store",
                .xContentTypeOptions: "nosniff",
            ],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: json + [UInt8(ascii: "\n")])))
    }
}
