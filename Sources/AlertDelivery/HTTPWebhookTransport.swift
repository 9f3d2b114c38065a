// SPDX-License-Identifier: Apache-2.0

internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1
internal import NIOSSL
internal import Synchronization

/// Posts webhooks over HTTP/1.1 with one client for all endpoints.
///
/// The client's pool allows each host the sum of all endpoints' calls, so that two endpoints on
/// one host do not wait for each other. HTTP/2 is off for the same reason: one connection would
/// carry the calls of several.
package struct HTTPWebhookTransport: WebhookTransport {
    private let client: HTTPClient
    /// Roots by authority file, read at the first call that needs them.
    private let roots = Roots()

    /// Makes the client; trusts the system's roots unless an endpoint names its own.
    package init(endpoints: [EndpointConfiguration]) {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow,
            timeout: .init(
                connect: .nanoseconds(Int64(DeliveryLimits.connectNanosecondsMax))))
        configuration.httpVersion = .http1Only
        configuration.decompression = .disabled
        let callCount = endpoints.reduce(0) { $0 + $1.concurrency }
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = max(callCount, 8)
        // Retrying is the ladder's business; the pool's own back-off would hide a refusal.
        configuration.connectionPool.retryConnectionEstablishment = false
        self.client = HTTPClient(configuration: configuration)
    }

    /// What an authority file holds; one that cannot be read is tried again at the next call.
    private final class Roots: Sendable {
        private let known = Mutex<[String: TLSConfiguration]>([:])

        func configuration(from path: String) throws -> TLSConfiguration {
            if let tls = self.known.withLock({ $0[path] }) { return tls }
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(path))
            let read = tls
            self.known.withLock { $0[path] = read }
            return read
        }
    }

    package func shutdown() async { try? await self.client.shutdown() }

    package func post(_ request: WebhookRequest) async -> WebhookReply {
        var outgoing = HTTPClientRequest(url: request.endpoint.address.url)
        outgoing.method = .POST
        outgoing.headers.add(name: "content-type", value: "application/json")
        outgoing.headers.add(name: "user-agent", value: "midwatch")
        outgoing.headers.add(name: "webhook-id", value: request.id)
        outgoing.headers.add(name: "webhook-timestamp", value: String(request.timestamp))
        if !request.signature.isEmpty {
            outgoing.headers.add(name: "webhook-signature", value: request.signature)
        }
        outgoing.body = .bytes(ByteBuffer(bytes: request.body))
        if let path = request.endpoint.authorityFile {
            do {
                outgoing.tlsConfiguration = try self.roots.configuration(from: path)
            } catch {
                return .failure(.tls, detail: "caFile \(path): \(error)")
            }
        }
        do {
            // The client's deadline ends with the head of the answer, and the head is the answer.
            let response = try await self.client.execute(
                outgoing, timeout: .nanoseconds(Int64(clamping: request.timeoutNanoseconds)))
            return .response(
                status: UInt16(clamping: response.status.code),
                retryAfter: response.headers.first(name: "retry-after"),
                body: await Self.beginning(of: response.body))
        } catch {
            return Self.failure(error)
        }
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
        case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError:
            return .failure(.tls, detail: detail)
        case is CancellationError: return .failure(.cancelled, detail: detail)
        default: return .failure(.network, detail: detail)
        }
    }
}
