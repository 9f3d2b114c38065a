// SPDX-License-Identifier: Apache-2.0

internal import AccessControl
internal import Logging
internal import MidwatchModel
internal import NIOCore
internal import NIOSSL
internal import Synchronization
internal import TelemetryWire

/// What a CONNECT asks with.
struct MQTTLogin: Sendable {
    var clientIdentifier: String
    var userName: String?
    var password: [UInt8]?
    var address: String
    /// Common name of the certificate the client showed.
    var certificateName: String?
}

/// The answer to a CONNECT.
enum MQTTVerdict: Sendable {
    /// `user` is verified, nil for a client without; `permissions` nil: every topic.
    case accepted(user: String?, permissions: TopicPermissions?)
    case refused(MQTTReasonCode)
}

/// What the gate of an endpoint counts.
package enum MQTTGateCounter: Int, Sendable, CaseIterable {
    /// Closed at once: the address connects too fast.
    case connectionsRateLimited = 0
    /// Closed at once: too many connections without CONNECT, all of them young.
    case halfOpenRefused = 1
    /// Closed to make room: a connection of the address with the most that said nothing.
    case halfOpenEvicted = 2
    case tlsFailures = 3
    case loginsFailed = 4
    /// Refused without a try: too many failures of the address.
    case loginsThrottled = 5
    /// Refused without a try: too many passwords wait.
    case passwordQueueFull = 6
    case publishesDenied = 7
    /// Times a client was not read because it sent too fast.
    case messageRatePauses = 8
    case reloads = 9
    case reloadsFailed = 10
    /// Refusals that were counted, but not reported one by one: too many at once.
    case reportsSuppressed = 11

    /// What the metric says, for whoever reads `/metrics`.
    var help: String {
        switch self {
        case .connectionsRateLimited: "Closed at once: the address connects too fast."
        case .halfOpenRefused: "Closed at once: too many young connections without CONNECT."
        case .halfOpenEvicted: "Closed to make room: connections that said nothing."
        case .tlsFailures: "TLS handshakes that failed."
        case .loginsFailed: "Logins refused."
        case .loginsThrottled: "Logins refused untried: too many failures of the address."
        case .passwordQueueFull: "Logins refused untried: too many passwords wait."
        case .publishesDenied: "Messages the access rules forbid."
        case .messageRatePauses: "Times a client was not read: it sent too fast."
        case .reloads: "Reloads of passwords, access rules, certificates."
        case .reloadsFailed: "Reloads that failed; the old ones stay."
        case .reportsSuppressed: "Refusals counted, not reported one by one."
        }
    }
}

/// The door of an MQTT endpoint: who may connect, who logs in, who may publish what.
///
/// Shared by the event loops of the endpoint; each call holds one lock for microseconds. Passwords
/// are compared on a thread of their own.
final class MQTTGate: Sendable {
    /// Logins of one address that are compared before the outcome of the first is known.
    private static let undecidedPerAddressMax = 4
    /// Pause before an attempt that was put off asks again, and how often it may.
    private static let retryPause = TimeAmount.milliseconds(5)
    static let triesMax = 2_000

    private struct State {
        var addresses: AddressTable
        /// Logins under comparison; as many as the password queue holds at most.
        var undecided: [AddressKey: Int] = [:]
        var halfOpen: HalfOpenTable<ObjectIdentifier>
        var channels: [ObjectIdentifier: any Channel] = [:]
        var memo = CredentialMemo()
        var policy: MQTTSecurity.Policy
        /// What an unknown user is compared with, so that it costs what a known one costs.
        var nobody: PasswordHash
        var tls: TLSCredentials?
        var logBucket = TokenBucket(rate: MQTTGate.logRate, burst: MQTTGate.logBurst)
        var reportBucket = TokenBucket(rate: MQTTGate.reportRate, burst: MQTTGate.reportBurst)
        var unloggedCount = 0
    }

    /// Failed logins written to the log per second, and at once; the rest is counted.
    private static let logRate = 1
    private static let logBurst = 20
    /// Refusals reported per second, and at once: a flood must not push all else out of the log.
    private static let reportRate = 20
    private static let reportBurst = 200
    /// Characters of a client's name in reports and logs.
    private static let shownCharacterCount = 128

    let counters = CounterBlock<MQTTGateCounter>()
    let limits: MQTTSecurity.Limits
    private let name: String
    private let clock: IngestClock
    private let logger: Logger
    private let report: @Sendable (MQTTAccessReport) -> Void
    private let passwords = PasswordThread()
    private let state: Mutex<State>
    /// Grows when the policy changes: connections ask again what they may do.
    private let revisionCell = Atomic<UInt64>(0)

    init(
        _ security: MQTTSecurity, name: String, clock: IngestClock, logger: Logger
    ) throws(TLSMaterial.Problem) {
        self.name = name
        self.clock = clock
        self.logger = logger
        self.limits = security.limits
        self.report = security.report
        var tls: TLSCredentials?
        if let material = security.tls { tls = try TLSCredentials(material) }
        self.state = Mutex(
            State(
                addresses: AddressTable(
                    connectRate: security.limits.connectRate,
                    connectBurst: max(1, security.limits.connectBurst)),
                halfOpen: HalfOpenTable(countMax: security.limits.halfOpenCountMax),
                policy: security.policy, nobody: Self.nobody(security.policy), tls: tls))
    }

    private static func nobody(_ policy: MQTTSecurity.Policy) -> PasswordHash {
        PasswordHash.unmatched(iterations: policy.passwords?.iterationsMax ?? 1)
    }

    /// Starts the password thread if the policy needs one; false if the system has none to give.
    func start() -> Bool {
        let isNeeded = self.state.withLock { $0.policy.passwords != nil }
        return !isNeeded || self.passwords.start()
    }

    /// Joins the password thread.
    func stop() { self.passwords.stop() }

    // MARK: - Connections

    /// Takes a connection that was accepted, TLS handler included, or throws and it is closed.
    func accept(_ channel: any Channel) throws {
        let address = AddressKey(channel.remoteAddress?.ipAddress ?? "")
        let identifier = ObjectIdentifier(channel)
        let now = self.clock.now()
        enum Outcome { case tooFast, full, admitted(evicted: (any Channel)?, TLSCredentials?) }
        let outcome = self.state.withLock { state -> Outcome in
            guard state.addresses.mayConnect(address, now: now) else { return .tooFast }
            var evicted: (any Channel)?
            switch state.halfOpen.open(identifier, address, now: now) {
            case .refused: return .full
            case .evicting(let victim): evicted = state.channels.removeValue(forKey: victim)
            case .admitted: break
            }
            state.channels[identifier] = channel
            return .admitted(evicted: evicted, state.tls)
        }
        switch outcome {
        case .tooFast:
            self.counters.add(.connectionsRateLimited)
            throw ChannelError.connectionRefusedByGate
        case .full:
            self.counters.add(.halfOpenRefused)
            throw ChannelError.connectionRefusedByGate
        case .admitted(let evicted, let tls):
            channel.closeFuture.whenComplete { _ in self.isNoLongerHalfOpen(identifier) }
            if let evicted {
                self.counters.add(.halfOpenEvicted)
                evicted.close(promise: nil)
            }
            if let tls {
                let pipeline = channel.pipeline.syncOperations
                try pipeline.addHandler(TransportByteCounter())
                try pipeline.addHandler(NIOSSLServerHandler(context: tls.context))
                try pipeline.addHandler(TransportFaultCounter(gate: self))
            }
        }
    }

    private func isNoLongerHalfOpen(_ identifier: ObjectIdentifier) {
        self.state.withLock { state in
            if state.halfOpen.close(identifier) { state.channels[identifier] = nil }
        }
    }

    /// The TLS handler refused what a peer sent.
    func transportFailed(_ error: any Error) {
        // Many clients hang up without TLS's goodbye: MQTT has said what matters.
        if let error = error as? NIOSSLError, error == .uncleanShutdown { return }
        // What it was is the peer's affair; a flood of it must not fill the log.
        self.counters.add(.tlsFailures)
        self.logger.debug("TLS failed", metadata: ["error": "\(error)"])
    }

    // MARK: - Logins

    /// Judges a CONNECT; nil if the verdict comes later, on `eventLoop`.
    ///
    /// `triesLeft`: how often it may still be put off because others of its address are undecided.
    func judge(
        _ login: MQTTLogin, of channel: (any Channel)?, on eventLoop: any EventLoop,
        triesLeft: Int = MQTTGate.triesMax,
        then completion: @escaping @Sendable (MQTTVerdict) -> Void
    ) -> MQTTVerdict? {
        if let channel { self.isNoLongerHalfOpen(ObjectIdentifier(channel)) }
        let now = self.clock.now()
        switch self.state.withLock({ Self.decide(login, &$0, now: now) }) {
        case .verdict(let verdict): return verdict
        case .refused(let cause, let code):
            self.tell(login, cause)
            return .refused(code)
        case .undecidedBefore:
            guard triesLeft > 0 else {
                self.tell(login, .passwordQueueFull)
                return .refused(.serverBusy)
            }
            eventLoop.scheduleTask(in: Self.retryPause) {
                let verdict = self.judge(
                    login, of: nil, on: eventLoop, triesLeft: triesLeft - 1, then: completion)
                if let verdict { completion(verdict) }
            }
            return nil
        case .compare(let comparison, let wait):
            guard wait > 0 else { return self.submit(comparison, login, eventLoop, completion) }
            eventLoop.scheduleTask(in: .nanoseconds(Int64(clamping: wait))) {
                if let verdict = self.submit(comparison, login, eventLoop, completion) {
                    completion(verdict)
                }
            }
            return nil
        }
    }

    private struct Comparison: Sendable {
        var user: String
        var password: [UInt8]
        var hash: PasswordHash
        var isKnown: Bool
        /// Counts among the undecided ones of its address.
        var isCounted = false
    }

    private enum Decision {
        case verdict(MQTTVerdict)
        case refused(MQTTAccessReport.Cause, MQTTReasonCode)
        case compare(Comparison, wait: UInt64)
        /// Enough attempts of this address are being judged: their outcome comes first.
        case undecidedBefore
    }

    private static func decide(
        _ login: MQTTLogin, _ state: inout State, now: MonotonicInstant
    ) -> Decision {
        let policy = state.policy
        if policy.usesCertificateName {
            guard let name = login.certificateName else {
                return .refused(.certificateWithoutName, .notAuthorized)
            }
            return .verdict(Self.accept(name, login, policy))
        }
        // A name that nobody verifies gives no rights.
        guard let user = login.userName, let passwords = policy.passwords else {
            return policy.allowsAnonymous
                ? .verdict(Self.accept(nil, login, policy)) : .refused(.anonymous, .notAuthorized)
        }
        let password = login.password ?? []
        if state.memo.holds(user, password) { return .verdict(Self.accept(user, login, policy)) }
        let known = password.count <= AccessLimits.passwordBytesMax ? passwords[user] : nil
        let address = AddressKey(login.address)
        // Many at once must not be tried before the first failure is known.
        guard state.undecided[address, default: 0] < Self.undecidedPerAddressMax else {
            return .undecidedBefore
        }
        var comparison = Comparison(
            user: user, password: Array(password.prefix(AccessLimits.passwordBytesMax)),
            hash: known ?? state.nobody, isKnown: known != nil)
        switch state.addresses.attempt(address, now: now) {
        case .now:
            comparison.isCounted = true
            state.undecided[address, default: 0] += 1
            return .compare(comparison, wait: 0)
        case .after(let nanoseconds): return .compare(comparison, wait: nanoseconds)
        case .refused: return .refused(.throttled, .connectionRateExceeded)
        }
    }

    private static func accept(
        _ user: String?, _ login: MQTTLogin, _ policy: MQTTSecurity.Policy
    ) -> MQTTVerdict {
        .accepted(
            user: user,
            permissions: policy.rules?.permissions(
                user: user, clientIdentifier: login.clientIdentifier))
    }

    private func submit(
        _ comparison: Comparison, _ login: MQTTLogin, _ eventLoop: any EventLoop,
        _ completion: @escaping @Sendable (MQTTVerdict) -> Void
    ) -> MQTTVerdict? {
        let job = PasswordThread.Job(password: comparison.password, hash: comparison.hash) {
            let verdict = self.finish(comparison, login, isRight: $0 && comparison.isKnown)
            eventLoop.execute { completion(verdict) }
        }
        guard self.passwords.submit(job) else {
            self.state.withLock { Self.decided(comparison, login, &$0) }
            self.tell(login, .passwordQueueFull)
            return .refused(.serverBusy)
        }
        return nil
    }

    private static func decided(
        _ comparison: Comparison, _ login: MQTTLogin, _ state: inout State
    ) {
        guard comparison.isCounted else { return }
        let address = AddressKey(login.address)
        let left = state.undecided[address, default: 1] - 1
        state.undecided[address] = left > 0 ? left : nil
    }

    private func finish(_ comparison: Comparison, _ login: MQTTLogin, isRight: Bool) -> MQTTVerdict
    {
        let now = self.clock.now()
        let address = AddressKey(login.address)
        let (verdict, failureCount) = self.state.withLock { state -> (MQTTVerdict?, Int) in
            Self.decided(comparison, login, &state)
            // A reload meanwhile may have given the user another password.
            guard isRight, state.policy.passwords?[comparison.user] == comparison.hash else {
                return (nil, state.addresses.failed(address, now: now))
            }
            state.memo.remember(comparison.user, comparison.password)
            return (Self.accept(comparison.user, login, state.policy), 0)
        }
        if let verdict { return verdict }
        self.tell(login, .badUserNameOrPassword, failureCount)
        return .refused(.badUserNameOrPassword)
    }

    // MARK: - Publishing

    /// Grows by one when the policy changed.
    var revision: UInt64 { self.revisionCell.load(ordering: .acquiring) }

    /// What a connected client may do by the policy of now; of a user that is gone: nothing.
    func permissions(user: String?, clientIdentifier: String) -> TopicPermissions? {
        self.state.withLock { state in
            let policy = state.policy
            if let user, !policy.usesCertificateName, policy.passwords?[user] == nil {
                return TopicPermissions.none
            }
            return policy.rules?.permissions(user: user, clientIdentifier: clientIdentifier)
        }
    }

    /// A publish was denied; `isFirst` on its connection.
    func denied(_ login: MQTTLogin, isFirst: Bool) {
        self.counters.add(.publishesDenied)
        if isFirst { self.tell(login, .topicDenied) }
    }

    // MARK: - Reload

    /// Puts a new policy in force, for clients that are connected too.
    func reload(_ policy: MQTTSecurity.Policy) {
        let nobody = Self.nobody(policy)
        self.state.withLock { state in
            state.policy = policy
            state.nobody = nobody
            state.memo = CredentialMemo()
        }
        // Pairs with the acquiring load in `revision`.
        self.revisionCell.wrappingAdd(1, ordering: .releasing)
        self.counters.add(.reloads)
    }

    /// New connections use this from now on; those that are open are left alone.
    func reload(_ tls: TLSCredentials) {
        self.state.withLock { $0.tls = tls }
        self.counters.add(.reloads)
    }

    func noteReloadFailed() { self.counters.add(.reloadsFailed) }

    // MARK: - What is told

    private func tell(_ login: MQTTLogin, _ cause: MQTTAccessReport.Cause, _ failureCount: Int = 0)
    {
        switch cause {
        case .badUserNameOrPassword, .anonymous, .certificateWithoutName:
            self.counters.add(.loginsFailed)
        case .throttled: self.counters.add(.loginsThrottled)
        case .passwordQueueFull: self.counters.add(.passwordQueueFull)
        case .topicDenied: break
        }
        let report = MQTTAccessReport(
            at: self.clock.now(), listener: self.name, address: login.address,
            clientIdentifier: Self.shown(login.clientIdentifier),
            userName: Self.shown(login.userName ?? ""), cause: cause, failureCount: failureCount)
        let (isReported, unlogged) = self.state.withLock { state -> (Bool, Int?) in
            let isReported = state.reportBucket.take(now: report.at)
            guard state.logBucket.take(now: report.at) else {
                state.unloggedCount += 1
                return (isReported, nil)
            }
            defer { state.unloggedCount = 0 }
            return (isReported, state.unloggedCount)
        }
        if isReported { self.report(report) } else { self.counters.add(.reportsSuppressed) }
        guard let unlogged else { return }
        self.logger.warning(
            cause == .topicDenied ? "publish denied" : "login refused",
            metadata: [
                "listener.name": "\(self.name)", "client.address": "\(report.address)",
                "client.id": "\(report.clientIdentifier)", "client.user": "\(report.userName)",
                "login.cause": "\(cause.rawValue)", "login.failures": "\(failureCount)",
                "login.unlogged": "\(unlogged)",
            ])
    }

    /// A name as logs take it: short, without characters that could rewrite a terminal's line.
    private static func shown(_ name: String) -> String {
        var text = ""
        for scalar in name.unicodeScalars.prefix(Self.shownCharacterCount) {
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator: text += "\u{FFFD}"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }

    /// Seconds until our certificate ends; nil without TLS.
    var certificateSecondsLeft: Int64? {
        self.state.withLock { $0.tls?.expiresAt }.map {
            $0 - self.clock.wall().nanoseconds / 1_000_000_000
        }
    }

    /// Counters and gauges.
    func metrics() -> [MetricSample] {
        let label = (name: "listener", value: self.name)
        func gauge(_ name: String, _ help: String, _ value: Double) -> MetricSample {
            MetricSample(name, help: help, kind: .gauge, labels: [label], value: value)
        }
        let (halfOpen, addresses, remembered) = self.state.withLock {
            ($0.halfOpen.count, $0.addresses.count, $0.memo.count)
        }
        var samples = MQTTGateCounter.allCases.map { counter in
            MetricSample(
                "midwatch_mqtt_\(MQTTStatistics.snake(String(describing: counter)))_total",
                help: counter.help, kind: .counter, labels: [label],
                value: Double(self.counters[counter]))
        }
        samples += [
            gauge(
                "midwatch_mqtt_half_open", "Connections without a CONNECT yet.", Double(halfOpen)),
            gauge("midwatch_mqtt_addresses", "Addresses remembered.", Double(addresses)),
            gauge(
                "midwatch_mqtt_credentials_remembered", "Users who come back at once.",
                Double(remembered)),
            gauge(
                "midwatch_mqtt_passwords_waiting", "Passwords that wait to be compared.",
                Double(self.passwords.waitingCount)),
        ]
        if let seconds = self.certificateSecondsLeft {
            samples.append(
                gauge(
                    "midwatch_mqtt_certificate_expiry_seconds",
                    "Seconds until the listener's certificate ends.", Double(seconds)))
        }
        return samples
    }
}

extension ChannelError {
    /// What closes a channel that the gate does not take.
    static var connectionRefusedByGate: Self { .ioOnClosedChannel }
}
