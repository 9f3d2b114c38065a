// SPDX-License-Identifier: Apache-2.0

internal import HTTPTypes
internal import Hummingbird
internal import JSONText
internal import NIOCore
internal import OperatorViews

extension OperatorResponder {
    /// Answers what is below `/v1/alerts` about routes, silences and tests; nil for other addresses.
    func routing(
        _ segments: [String], _ query: [String: String], _ request: Request,
        _ context: OperatorContext
    ) async throws -> Response? {
        guard segments.count >= 3, segments[0] == "v1", segments[1] == "alerts",
            let backend = self.backend as? any RoutingBackend
        else { return nil }
        let rest = Array(segments[2...])
        if request.method == .get {
            try self.authorizeReading(request)
            let reader = QueryReader(query)
            switch (rest[0], rest.count) {
            case ("routes", 1):
                try reader.allow(["explain"])
                return Self.raw(try await backend.routes(explaining: reader["explain"]))
            case ("silences", 1):
                try reader.allow([])
                return Self.raw(await backend.silences())
            case ("test", 2): return Self.raw(try await backend.test(rest[1]))
            default: return nil
            }
        }
        guard request.method == .post else { return nil }
        switch (rest[0], rest.count) {
        case ("silences", 1):
            let actor = try await self.actor(of: request, context)
            let body = try await self.body(of: request, context)
            return Self.raw(
                try await backend.addSilence(body, author: actor.user, origin: actor.origin))
        case ("silences", 3) where rest[2] == "remove":
            let actor = try await self.actor(of: request, context)
            return Self.raw(
                try await backend.removeSilence(rest[1], author: actor.user, origin: actor.origin))
        case ("test", 1):
            let actor = try await self.actor(of: request, context)
            let body = try await self.body(of: request, context)
            return Self.raw(
                try await backend.beginTest(body, author: actor.user, origin: actor.origin))
        default: return nil
        }
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
