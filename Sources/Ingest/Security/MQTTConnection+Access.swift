// SPDX-License-Identifier: Apache-2.0

internal import AccessControl
internal import MidwatchModel
internal import NIOCore
internal import NIOSSL

/// What a connection knows of its own rights.
struct MQTTConnectionAccess {
    /// Who asked, without the password.
    fileprivate(set) var login: MQTTLogin?
    fileprivate(set) var verdict: MQTTVerdict?
    fileprivate var user: String?
    fileprivate var permissions: TopicPermissions?
    fileprivate var revision: UInt64 = 0
    fileprivate var bucket: TokenBucket?
    fileprivate var deniedCount: UInt64 = 0

    init(_ gate: MQTTGate) {
        let rate = gate.limits.messageRate
        // A second's worth at once: clients send in bursts.
        self.bucket = rate > 0 ? TokenBucket(rate: rate, burst: rate) : nil
    }
}

extension MQTTConnection {
    private var gate: MQTTGate { self.loop.endpoint.gate }

    // MARK: - CONNECT

    /// The verdict on a CONNECT; nil while it is not there yet: `verdictArrived` follows.
    func judged(
        _ clientIdentifier: String, _ userName: String?, _ password: [UInt8]?
    ) -> MQTTVerdict? {
        guard self.access.login == nil else { return self.access.verdict }
        var login = MQTTLogin(
            clientIdentifier: clientIdentifier, userName: userName, password: password,
            address: self.address, certificateName: self.certificateName)
        let loop = self.loop
        let identifier = self.identifier
        let revision = self.gate.revision
        let verdict = self.gate.judge(
            login, of: self.context?.channel, on: loop.eventLoop
        ) { loop.judged($0, identifier, revision: revision) }
        login.password = nil
        self.access.login = login
        if let verdict { self.keep(verdict, revision: revision) }
        return verdict
    }

    /// The verdict that `judged` announced.
    func verdictArrived(_ verdict: MQTTVerdict, revision: UInt64) {
        guard !self.isEnded else { return }
        self.keep(verdict, revision: revision)
        self.unpause(.verdict)
    }

    private func keep(_ verdict: MQTTVerdict, revision: UInt64) {
        self.access.verdict = verdict
        // The policy may have changed meanwhile: then the first publish asks again.
        self.access.revision = revision
        if case .accepted(let user, let permissions) = verdict {
            self.access.user = user
            self.access.permissions = permissions
            // Reports name who was let in, by whatever proof.
            if let user { self.access.login?.userName = user }
        }
    }

    private var certificateName: String? {
        guard let pipeline = self.context?.pipeline.syncOperations,
            let certificate = try? pipeline.nioSSL_peerCertificate(),
            let bytes = try? certificate.toDERBytes()
        else { return nil }
        return CertificateName.commonName(ofDER: bytes)
    }

    // MARK: - PUBLISH

    /// Whether this client may publish to `topic`; a denial is counted.
    func mayPublish(_ topic: borrowing Span<UInt8>) -> Bool {
        let revision = self.gate.revision
        if revision != self.access.revision {
            self.access.revision = revision
            self.access.permissions = self.gate.permissions(
                user: self.access.user,
                clientIdentifier: self.access.login?.clientIdentifier ?? "")
        }
        guard let permissions = self.access.permissions, !permissions.allowsPublish(topic) else {
            return true
        }
        if let login = self.access.login {
            self.gate.denied(login, isFirst: self.access.deniedCount == 0)
        }
        self.access.deniedCount += 1
        return false
    }

    /// Whether this client may send one more message now; if not, it is not read until it may.
    func mayPublishNow() -> Bool {
        guard let wait = self.access.bucket?.wait(now: self.now), wait > 0 else { return true }
        self.gate.counters.add(.messageRatePauses)
        self.pause(for: .rate)
        let loop = self.loop
        let identifier = self.identifier
        loop.eventLoop.scheduleTask(in: .nanoseconds(Int64(clamping: wait))) {
            loop.rateMayBe(identifier)
        }
        return false
    }

    /// A message was taken or refused.
    func notePublished() { _ = self.access.bucket?.take(now: self.now) }

    // MARK: - Backlog

    /// Bytes of the stream that had arrived when the kernel had received `transportBytes`.
    ///
    /// With TLS the bytes that wait are counted as they are on the wire, which is somewhat more
    /// than they hold: what follows them may be dated to the begin of the pause, never too late.
    func streamBytes(ofTransport transportBytes: UInt64) -> UInt64 {
        guard
            let counter = try? self.context?.pipeline.syncOperations.handler(
                type: TransportByteCounter.self)
        else { return transportBytes }
        return self.receivedBytes &+ (transportBytes - min(transportBytes, counter.receivedBytes))
    }
}
