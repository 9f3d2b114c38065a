// SPDX-License-Identifier: Apache-2.0

import AlertDelivery
import Logging
import MidwatchConfiguration
import MidwatchModel
import Synchronization

/// The secrets that alerts are signed with: looked for until they are there.
///
/// An endpoint whose secret cannot be had does not keep the monitor from starting. Its alerts wait
/// in its queue, it is shown as not usable, and the secret is tried again with a bounded pause. A
/// secret that was found once stays.
final class EndpointKeys: Sendable {
    /// An endpoint that nothing can be sent to, and why.
    struct Unusable: Equatable, Sendable {
        var name: String
        var reason: String
    }

    private struct Entry {
        var endpoint: AlertEndpointConfiguration
        var credentials: EndpointCredentials?
        var reason = ""
        var pace = RetryPace()
        /// When secrets that are there are looked at again.
        var rereadAt = MonotonicInstant.zero
    }

    /// A secret that was replaced in its file is in use after this time at the latest.
    private static let rereadNanoseconds: UInt64 = 60_000_000_000

    private let entries: Mutex<[Entry]>
    private let clock: EngineClock
    private let logger: Logger

    /// Tries each secret once.
    init(_ endpoints: [AlertEndpointConfiguration], clock: EngineClock, logger: Logger) {
        self.entries = Mutex(endpoints.map { Entry(endpoint: $0) })
        self.clock = clock
        self.logger = logger
        self.everySecond()
    }

    /// The secrets of an endpoint; nil while one is missing.
    func credentials(of name: String) -> EndpointCredentials? {
        self.entries.withLock { entries in
            entries.first { $0.endpoint.name == name }?.credentials
        }
    }

    var unusable: [Unusable] {
        self.entries.withLock { entries in
            entries.filter { $0.credentials == nil }
                .map { Unusable(name: $0.endpoint.name, reason: $0.reason) }
        }
    }

    /// Tries what is missing and due, and reads again what may have been replaced.
    ///
    /// Thread of the disk: it reads files.
    func everySecond() {
        let now = self.clock.now()
        let due = self.entries.withLock { entries in
            entries.indices.filter { index in
                entries[index].credentials == nil
                    ? entries[index].pace.isDue(now) : now >= entries[index].rereadAt
            }.map { ($0, entries[$0].endpoint) }
        }
        for (index, endpoint) in due { self.look(at: index, endpoint, now) }
    }

    private func look(
        at index: Int, _ endpoint: AlertEndpointConfiguration, _ now: MonotonicInstant
    ) {
        let found = Self.credentials(endpoint)
        let before = self.entries.withLock { entries in
            let before = entries[index]
            entries[index].rereadAt = now.advanced(byNanoseconds: Self.rereadNanoseconds)
            switch found {
            case .success(let credentials): entries[index].credentials = credentials
            case .failure(let problem):
                // What was found once stays: a file that is being replaced silences nobody.
                guard before.credentials == nil else { break }
                entries[index].reason = problem.description
                entries[index].pace.failed(at: now)
            }
            return before
        }
        switch found {
        case .success where before.pace.failureCount > 0 && before.credentials == nil:
            self.logger.notice(
                "endpoint can be used", metadata: ["endpoint.name": "\(endpoint.name)"])
        case .failure(let problem) where before.credentials != nil:
            self.logger.error(
                "secret not read again, the one in use stays",
                metadata: [
                    "endpoint.name": "\(endpoint.name)", "endpoint.reason": "\(problem)",
                ])
        case .failure(let problem) where before.pace.failureCount == 0:
            self.logger.critical(
                "endpoint cannot be used",
                metadata: [
                    "endpoint.name": "\(endpoint.name)", "endpoint.reason": "\(problem)",
                ])
        case .success, .failure: break
        }
    }

    private struct Problem: Error, CustomStringConvertible {
        var description: String
    }

    private static func credentials(
        _ endpoint: AlertEndpointConfiguration
    ) -> Result<EndpointCredentials, Problem> {
        switch self.signer(endpoint.secrets) {
        case .failure(let problem): return .failure(problem)
        case .success(let signer):
            var credentials = EndpointCredentials(signer: signer)
            do throws(Problem) {
                credentials.authorization = try self.text(
                    endpoint.authorization, "the value of a header field",
                    EndpointCredentials.isFieldValue)
                credentials.routingKey = try self.text(
                    endpoint.routingKey, "a key", EndpointCredentials.isFieldValue)
                credentials.urlPath = try self.text(
                    endpoint.urlPath, "what follows the host in a URL",
                    EndpointCredentials.isURLPath)
            } catch {
                return .failure(error)
            }
            return .success(credentials)
        }
    }

    private static func text(
        _ reference: SecretReference?, _ what: String, _ isRight: (String) -> Bool
    ) throws(Problem) -> String? {
        guard let reference else { return nil }
        do throws(SecretError) {
            let text = try reference.resolve()
            if isRight(text) { return text }
        } catch {
            throw Problem(description: "\(error)")
        }
        throw Problem(description: "\(reference) does not hold \(what)")
    }

    private static func signer(
        _ references: [SecretReference]
    ) -> Result<WebhookSigner, Problem> {
        var secrets: [WebhookSecret] = []
        for reference in references.prefix(WebhookSigner.secretCountMax) {
            do throws(SecretError) {
                guard let secret = WebhookSecret(try reference.resolve()) else {
                    return .failure(
                        Problem(
                            description:
                                "\(reference) holds no whsec_ secret of 24 to 64 bytes in base64"))
                }
                secrets.append(secret)
            } catch {
                return .failure(Problem(description: "\(error)"))
            }
        }
        return .success(WebhookSigner(secrets: secrets))
    }
}
