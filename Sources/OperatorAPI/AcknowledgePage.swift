// SPDX-License-Identifier: Apache-2.0

internal import HTTPTypes
internal import Hummingbird
internal import MidwatchModel
internal import NIOCore
internal import OperatorViews

/// The page behind the link of an alert.
///
/// A GET shows a form and changes nothing, however often a mail scanner or a preview asks for it;
/// only the form's POST acknowledges. The link is the credential: it asks for no token, and it is
/// not written to any log.
extension OperatorResponder {
    /// Bytes of the form that are read.
    private static let formBytesMax = 8_192

    /// The answer to `/ack/TOKEN`; nil for other addresses.
    func acknowledgePage(_ request: Request, _ context: OperatorContext) async -> Response? {
        let path = request.head.path ?? ""
        guard path.hasPrefix("/ack/"), let target = RequestTarget(path),
            target.segments.count == 2, let backend = self.backend as? any RoutingBackend
        else { return nil }
        let token = target.segments[1]
        let source = context.channel.remoteAddress?.ipAddress ?? "unix"
        guard
            self.limits.admits(
                source, isCommand: request.method == .post, now: RequestClock.now())
        else {
            self.metrics.add(.requestsRefused)
            return self.page(
                .failed(reason: "Too many requests came at once"), request, context)
        }
        let answer: LinkAnswer
        switch request.method {
        case .get, .head: answer = await backend.link(token)
        case .post:
            guard let form = await self.form(of: request) else {
                return self.page(
                    .failed(reason: "the form is too long"), request, context)
            }
            let name = form["name"] ?? ""
            let words = form["comment"] ?? ""
            let comment = [name, words].filter { !$0.isEmpty }.joined(separator: ": ")
            answer = await backend.acknowledge(
                link: token, comment: comment, address: Self.place(of: request, context))
            switch answer {
            case .done: self.metrics.count(.acknowledge, isDone: true)
            case .acknowledged, .failed: self.metrics.count(.acknowledge, isDone: false)
            case .open, .superseded, .expired, .forged: break
            }
        default: answer = .failed(reason: "use the form of the page")
        }
        return self.page(answer, request, context)
    }

    /// Where the request came from; behind a proxy also where the proxy says it came from.
    private static func place(of request: Request, _ context: OperatorContext) -> String {
        let address = context.channel.remoteAddress?.ipAddress ?? "unix"
        guard let name = HTTPField.Name("X-Forwarded-For"),
            let claimed = request.headers[name]?.split(separator: ",").first
        else { return address }
        let clean = claimed.filter { $0.isHexDigit || $0 == "." || $0 == ":" }.prefix(45)
        return clean.isEmpty ? address : "\(address), for \(clean)"
    }

    private func form(of request: Request) async -> [String: String]? {
        var bytes: [UInt8] = []
        do {
            for try await chunk in request.body {
                guard bytes.count + chunk.readableBytes <= Self.formBytesMax else { return nil }
                bytes.append(contentsOf: chunk.readableBytesView)
            }
        } catch {
            return nil
        }
        // A form is written like a query (URL standard, 5.1).
        guard let fields = RequestTarget("/?" + String(decoding: bytes, as: UTF8.self)) else {
            return [:]
        }
        let limit = OperatorAPILimits.commentBytesMax / 2
        return fields.query.mapValues { text in
            String(
                decoding: text.utf8.filter { $0 >= 0x20 && $0 != 0x7F }.prefix(limit), as: UTF8.self
            )
        }
    }

    private func page(
        _ answer: LinkAnswer, _ request: Request, _ context: OperatorContext
    ) -> Response {
        let status = answer.status
        self.metrics.countStatus(status.code)
        let kind: AccessEvent.Kind =
            switch answer {
            case .forged: .loginFailed
            case .open: .read
            case .done: .command
            case .acknowledged, .superseded, .expired, .failed: .refused
            }
        self.onAccess(
            AccessEvent(
                kind, listener: self.kind.name, address: Self.place(of: request, context),
                detail: "\(request.method.rawValue) /ack"))
        let policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
        var headers: HTTPFields = [
            .contentType: "text/html; charset=utf-8", .cacheControl: "no-store",
            .xContentTypeOptions: "nosniff",
            .contentSecurityPolicy: policy + "frame-ancestors 'none'; base-uri 'none'",
        ]
        if let name = HTTPField.Name("Referrer-Policy") { headers[name] = "no-referrer" }
        let text = request.method == .head ? "" : answer.html
        return Response(
            status: status, headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}

extension LinkAnswer {
    var status: HTTPResponse.Status {
        switch self {
        case .open, .done: .ok
        case .acknowledged: .conflict
        case .superseded, .expired: .gone
        case .forged: .forbidden
        case .failed: .serviceUnavailable
        }
    }

    /// The whole page, readable on a small screen without anything from elsewhere.
    var html: String {
        let title: String
        var body: String
        switch self {
        case .open(let alarm):
            title = "Acknowledge?"
            body =
                Self.paragraphs(alarm)
                    + """
                    <form method="post">
                    <label>Your name <input name="name" maxlength="80" autocomplete="name"></label>
                    <label>What you find or do <input name="comment" maxlength="400"></label>
                    <button type="submit">Acknowledge this alarm</button>
                    </form>
                    <p class="small">Nothing is acknowledged before you press the button.</p>

                    """
        case .done(let alarm):
            title = "Acknowledged"
            body = Self.paragraphs(alarm) + "<p>Your acknowledgement is in the ledger.</p>\n"
        case .acknowledged(let alarm):
            title = "Already acknowledged"
            body =
                Self.paragraphs(alarm)
                + "<p>This link was used, or somebody acknowledged the alarm by other means. "
                + "Nothing is left to do here.</p>\n"
        case .superseded(let alarmID):
            title = "This link is over"
            body =
                "<p><b>\(Self.escape(alarmID))</b> has returned and was acknowledged, or was "
                + "raised anew since. If it was raised anew, use the link of the newer alert.</p>\n"
        case .expired(let alarmID):
            title = "This link has expired"
            body =
                "<p><b>\(Self.escape(alarmID))</b> may still wait for an acknowledgement: use a "
                + "newer alert, or <code>midwatch alarms ack</code>.</p>\n"
        case .forged:
            title = "Not a link of this monitor"
            body = "<p>The address is damaged or was not made here. Nothing was changed.</p>\n"
        case .failed(let reason):
            title = "Not acknowledged"
            body =
                "<p>\(Self.escape(reason)). Try again, or use <code>midwatch alarms ack</code>."
                + "</p>\n"
        }
        body = "<h1>\(title)</h1>\n" + body
        return """
            <!doctype html>
            <html lang="en"><head><meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="robots" content="noindex">
            <title>Midwatch: \(title)</title>
            <style>body{font:18px sans-serif;max-width:32em;margin:2em auto;padding:0 1em}
            label{display:block;margin:1em 0}input{font:inherit;width:100%;box-sizing:border-box}
            button{font:inherit;padding:.6em 1em}.small{font-size:80%}</style></head>
            <body>
            \(body)</body></html>

            """
    }

    private static func paragraphs(_ alarm: Alarm) -> String {
        """
        <p><b>\(self.escape(alarm.message))</b></p>
        <p>\(self.escape(alarm.alarmID)), priority \(self.escape(alarm.priority)), raised \
        \(self.escape(alarm.raisedAt))</p>

        """
    }

    private static func escape(_ text: String) -> String {
        text.reduce(into: "") { escaped, character in
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            default: escaped.append(character)
            }
        }
    }
}
