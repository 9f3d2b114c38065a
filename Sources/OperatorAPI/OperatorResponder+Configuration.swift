// SPDX-License-Identifier: Apache-2.0

internal import Hummingbird
internal import JSONText
internal import OperatorViews

extension OperatorResponder {
    /// `POST /v1/reload` with `{"dryRun": true}`; the key may be left out.
    func reload(
        _ asked: Asked, _ request: Request, _ context: OperatorContext
    ) async throws -> Response {
        let author = try await self.author(of: request, asked, comment: "")
        let body = try await self.body(of: request, context)
        guard let isDryRun = (body["dryRun"] ?? .bool(false)).bool else {
            throw Problem(.badRequest, detail: "\"dryRun\" must be true or false")
        }
        return Self.json(
            try await self.backend.reload(
                ReloadRequest(isDryRun: isDryRun, user: author.user, origin: author.origin)))
    }

    /// `GET /v1/configuration`.
    func configuration(_ reader: QueryReader) async throws -> Response {
        try reader.allow(["after", "limit"])
        let after = Int(clamping: try reader.number("after") ?? 0)
        return Self.json(
            try await self.backend.configuration(after: after, limit: try reader.limit()))
    }
}
