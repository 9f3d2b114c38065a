// SPDX-License-Identifier: Apache-2.0

package import AccessControl
package import MidwatchModel

/// What an MQTT endpoint asks of its clients, and how much of it they may have.
package struct MQTTSecurity: Sendable {
    /// Who may come in and what for; replaced as a whole by a reload.
    package struct Policy: Sendable {
        /// nil: no passwords are asked for, and user names mean nothing.
        package var passwords: PasswordFile?
        /// nil: who is in may publish any topic.
        package var rules: AccessRules?
        /// Whether clients without a user name come in.
        package var allowsAnonymous: Bool
        /// The common name of the client's certificate is the user; no password is asked for.
        package var usesCertificateName: Bool

        package init(
            passwords: PasswordFile? = nil, rules: AccessRules? = nil,
            allowsAnonymous: Bool = true, usesCertificateName: Bool = false
        ) {
            self.passwords = passwords
            self.rules = rules
            self.allowsAnonymous = allowsAnonymous
            self.usesCertificateName = usesCertificateName
        }
    }

    /// Bounds of one address and one client; 0 means none.
    package struct Limits: Sendable {
        /// Connections without a whole CONNECT, of everybody together.
        package var halfOpenCountMax: Int
        /// Connections a second of one address, and at once after a pause.
        package var connectRate: Int
        package var connectBurst: Int
        /// Messages a second of one client; beyond it the client is not read.
        package var messageRate: Int
        /// Sensors that nobody declared and one client may bring.
        package var newSensorCountMax: Int

        package init(
            halfOpenCountMax: Int, connectRate: Int, connectBurst: Int, messageRate: Int,
            newSensorCountMax: Int
        ) {
            self.halfOpenCountMax = halfOpenCountMax
            self.connectRate = connectRate
            self.connectBurst = connectBurst
            self.messageRate = messageRate
            self.newSensorCountMax = newSensorCountMax
        }

        /// For tests: half-open connections alone are bounded.
        package static let open = Self(
            halfOpenCountMax: 100_000, connectRate: 0, connectBurst: 0, messageRate: 0,
            newSensorCountMax: 0)
    }

    package var policy = Policy()
    package var limits: Limits
    /// nil: no TLS.
    package var tls: TLSMaterial?
    /// Told of each login that fails; called on any thread, must return at once.
    package var report: @Sendable (MQTTAccessReport) -> Void = { _ in }

    package init(limits: Limits) { self.limits = limits }
}

/// A login that failed or a publish that was denied: who, from where, why.
package struct MQTTAccessReport: Equatable, Sendable {
    package enum Cause: String, Equatable, Sendable, CaseIterable {
        /// No such user, or another password: nobody is told which.
        case badUserNameOrPassword
        case anonymous
        /// The certificate has no common name that can be a user.
        case certificateWithoutName
        /// Too many failures of this address: not even tried.
        case throttled
        /// The password thread has too much to do: not even tried.
        case passwordQueueFull
        /// The access file does not allow the topic; reported once per connection.
        case topicDenied
    }

    package var at: MonotonicInstant
    /// Source name of the listener.
    package var listener: String
    package var address: String
    package var clientIdentifier: String
    /// As the client gave it; empty if it gave none.
    package var userName: String
    package var cause: Cause
    /// Failures of the address that are not yet forgotten.
    package var failureCount: Int
}
