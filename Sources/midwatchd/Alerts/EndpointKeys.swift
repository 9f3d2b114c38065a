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
        var name: String
        var references: [SecretReference]
        var signer: WebhookSigner?
        var reason = ""
        var pace = RetryPace()
    }

    private let entries: Mutex<[Entry]>
    private let clock: EngineClock
    private let logger: Logger

    /// Tries each secret once.
    init(_ endpoints: [AlertEndpointConfiguration], clock: EngineClock, logger: Logger) {
        self.entries = Mutex(
            endpoints.map { Entry(name: $0.name, references: $0.secrets) })
        self.clock = clock
        self.logger = logger
        self.everySecond()
    }

    /// The signer of an endpoint; nil while a secret is missing.
    func signer(of name: String) -> WebhookSigner? {
        self.entries.withLock { entries in entries.first { $0.name == name }?.signer }
    }

    var unusable: [Unusable] {
        self.entries.withLock { entries in
            entries.filter { $0.signer == nil }.map { Unusable(name: $0.name, reason: $0.reason) }
        }
    }

    /// Tries what is missing and due; reads files.
    ///
    /// Thread of the disk.
    func everySecond() {
        let now = self.clock.now()
        let due = self.entries.withLock { entries in
            entries.indices.filter { entries[$0].signer == nil && entries[$0].pace.isDue(now) }
                .map { ($0, entries[$0].references) }
        }
        for (index, references) in due { self.look(at: index, references, now) }
    }

    private func look(
        at index: Int, _ references: [SecretReference], _ now: MonotonicInstant
    ) {
        let found = Self.signer(references)
        let before = self.entries.withLock { entries in
            let before = entries[index]
            switch found {
            case .success(let signer): entries[index].signer = signer
            case .failure(let problem):
                entries[index].reason = problem.description
                entries[index].pace.failed(at: now)
            }
            return before
        }
        switch found {
        case .success where before.pace.failureCount > 0:
            self.logger.notice(
                "endpoint can be used", metadata: ["endpoint.name": "\(before.name)"])
        case .failure(let problem) where before.pace.failureCount == 0:
            self.logger.critical(
                "endpoint cannot be used",
                metadata: [
                    "endpoint.name": "\(before.name)", "endpoint.reason": "\(problem)",
                ])
        case .success, .failure: break
        }
    }

    private struct Problem: Error, CustomStringConvertible {
        var description: String
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
