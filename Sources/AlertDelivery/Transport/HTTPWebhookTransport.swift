// SPDX-License-Identifier: Apache-2.0

internal import AsyncHTTPClient
internal import CLinux
internal import NIOCore
internal import NIOHTTP1
internal import NIOSSL

/// Posts webhooks over HTTP/1.1, to each endpoint over connections of its own.
///
/// An endpoint's name is looked up and its addresses checked here; the client connects to the address
/// that was found good, and shows and demands the name (TLS, `Host`). HTTP/2 is off: one connection
/// would carry the calls of several alarms, and one slow answer hold up the others.
package struct HTTPWebhookTransport: WebhookTransport {
    private let lines: [String: EndpointLine]

    /// Makes a line for each endpoint; connects to nobody yet.
    package init(
        endpoints: [EndpointConfiguration], resolver: any AddressResolver = SystemResolver()
    ) {
        self.lines = Dictionary(
            endpoints.map { ($0.name, EndpointLine($0, resolver: resolver)) },
            uniquingKeysWith: { first, _ in first })
    }

    package func shutdown() async {
        for line in self.lines.values { await line.shutdown() }
    }

    package func post(_ request: WebhookRequest) async -> WebhookReply {
        guard let line = self.lines[request.endpoint.name] else {
            return .failure(.network, detail: "the endpoint is not known to the transport")
        }
        let begin = clinux_boottime_ns()
        let address: NetworkAddress
        switch await line.pins.address(withinNanoseconds: DeliveryLimits.connectNanosecondsMax) {
        case .success(let found): address = found
        case .failure(.unresolved(let words)):
            return .failure(.name, detail: "\(request.endpoint.address.host): \(words)")
        case .failure(.refused(let address, let refusal)):
            return .failure(
                .address,
                detail: "\(request.endpoint.address.host) is \(address): \(refusal.rawValue); "
                    + "list it under allow if it is meant")
        }
        do {
            return try await self.post(request, on: line, to: address, since: begin)
        } catch {
            let reply = Self.failure(error)
            switch reply {
            case .failure(.network, _), .failure(.connectTimeout, _): line.pins.failed(address)
            // A renewed certificate lies in the same file: it is read again.
            case .failure(.tls, _): line.renew()
            case .failure, .response: break
            }
            return reply
        }
    }

    private func post(
        _ request: WebhookRequest, on line: EndpointLine, to address: NetworkAddress,
        since begin: UInt64
    ) async throws -> WebhookReply {
        func left() -> UInt64 {
            let passed = clinux_boottime_ns() - begin
            return max(request.timeoutNanoseconds - min(passed, request.timeoutNanoseconds), 1)
        }
        if let interface = request.endpoint.interface {
            let client = try Self.certified { try line.client(through: interface) }
            let (authority, target) = Self.parts(of: request.content.url)
            return try await client.post(
                OutgoingRequest(
                    method: request.content.method, target: target,
                    fields: [(name: "host", value: authority)] + Self.fields(of: request),
                    body: request.content.body),
                to: address, port: request.endpoint.address.port, nanoseconds: left())
        }
        let client = try Self.certified { try line.client(for: address) }
        // The client's deadline ends with the head of the answer, and the head is the answer.
        let response = try await client.execute(
            Self.outgoing(request), timeout: .nanoseconds(Int64(clamping: left())))
        return .response(
            status: UInt16(clamping: response.status.code),
            retryAfter: response.headers.first(name: "retry-after"),
            body: await Self.beginning(of: response.body))
    }

    /// Certificates that cannot be read are trouble of TLS.
    private struct Uncertified: Error, CustomStringConvertible { var description: String }

    private static func certified<Client>(_ make: () throws -> Client) throws -> Client {
        do {
            return try make()
        } catch let error as CancellationError {
            throw error
        } catch {
            throw Uncertified(description: "\(error)")
        }
    }

    private static func outgoing(_ request: WebhookRequest) -> HTTPClientRequest {
        var outgoing = HTTPClientRequest(url: request.content.url)
        outgoing.method = HTTPMethod(rawValue: request.content.method)
        for field in self.fields(of: request) {
            outgoing.headers.add(name: field.name, value: field.value)
        }
        outgoing.body = .bytes(ByteBuffer(bytes: request.content.body))
        return outgoing
    }

    private static func fields(of request: WebhookRequest) -> [(name: String, value: String)] {
        var fields = [
            (name: "content-type", value: request.content.contentType),
            (name: "user-agent", value: "midwatch"), (name: "webhook-id", value: request.id),
            (name: "webhook-timestamp", value: String(request.timestamp)),
        ]
        if !request.signature.isEmpty {
            fields.append((name: "webhook-signature", value: request.signature))
        }
        return fields + request.content.headers
    }

    /// What stands in the field `Host` and in the first line of a request to `url`.
    private static func parts(of url: String) -> (authority: String, target: String) {
        let rest = url.firstRange(of: "://").map { url[$0.upperBound...] } ?? url[...]
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        let target = rest.dropFirst(authority.count)
        return (String(authority), target.hasPrefix("/") ? String(target) : "/" + target)
    }

    /// The first bytes of an answer's body, for people.
    ///
    /// A receiver that drips its body holds the call no longer than
    /// `DeliveryLimits.responseBodyNanosecondsMax`; the call then ends and its connection closes.
    private static func beginning(of body: HTTPClientResponse.Body) async -> [UInt8] {
        await withTaskGroup(of: [UInt8].self) { group in
            group.addTask {
                var kept: [UInt8] = []
                var readBytes = 0
                do {
                    for try await part in body {
                        readBytes += part.readableBytes
                        let room = DeliveryLimits.responseKeptBytesMax - kept.count
                        kept.append(contentsOf: part.readableBytesView.prefix(max(0, room)))
                        if readBytes > DeliveryLimits.responseBytesMax { break }
                    }
                } catch {
                    // Cut short: what has come is kept, the status stands.
                }
                return kept
            }
            group.addTask {
                try? await Task.sleep(
                    for: .nanoseconds(DeliveryLimits.responseBodyNanosecondsMax))
                return []
            }
            let first = await group.next() ?? []
            group.cancelAll()
            return await group.reduce(first) { $0.count >= $1.count ? $0 : $1 }
        }
    }

    private static func failure(_ error: any Error) -> WebhookReply {
        let detail = String(String(describing: error).prefix(200))
        switch error {
        case let error as HTTPClientError:
            switch error {
            case .connectTimeout: return .failure(.connectTimeout, detail: detail)
            case .deadlineExceeded, .readTimeout, .writeTimeout, .getConnectionFromPoolTimeout:
                return .failure(.timeout, detail: detail)
            case .tlsHandshakeTimeout: return .failure(.tls, detail: detail)
            default: return .failure(.network, detail: detail)
            }
        case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError, is Uncertified:
            return .failure(.tls, detail: detail)
        case InterfaceClient.Failure.timeout: return .failure(.timeout, detail: detail)
        case ChannelError.connectTimeout: return .failure(.connectTimeout, detail: detail)
        case is CancellationError: return .failure(.cancelled, detail: detail)
        default: return .failure(.network, detail: detail)
        }
    }
}
