// SPDX-License-Identifier: Apache-2.0

/// Who may connect to an MQTT listener, and how much of it one client or address may use.
package struct MQTTSecurityConfiguration: Equatable, Sendable {
    /// nil: no TLS.
    package var tls: TLSConfiguration?
    /// mosquitto's form; nil: no passwords are asked for.
    package var passwordFile: String?
    /// mosquitto's form; nil: who is in may publish any topic.
    package var accessFile: String?
    /// Whether clients without a user name come in.
    package var allowAnonymous: Bool
    /// From accept to CONNECT, TLS handshake included.
    package var connectTimeoutNanoseconds: UInt64
    /// Connections without a whole CONNECT, of all addresses together.
    package var halfOpenMax: Int
    /// Connections a second of one address; 0 for any.
    package var connectRateMax: Int
    /// Connections of one address at once after a pause.
    package var connectBurstMax: Int
    /// Messages a second of one client; 0 for any.
    package var messageRateMax: Int
    /// Undeclared sensors that one client may bring; 0 for any.
    package var newSensorsPerClientMax: Int

    /// Whether every client proves who it is, or that it belongs here.
    package var isAuthenticated: Bool {
        self.tls?.clientCA != nil || (self.passwordFile != nil && !self.allowAnonymous)
    }
}

/// TLS of a listener: PEM files, read again on SIGHUP.
package struct TLSConfiguration: Equatable, Sendable {
    package enum Version: String, Equatable, Sendable, CaseIterable {
        case tls12 = "1.2"
        case tls13 = "1.3"
    }

    /// Our certificate, then those that lead to the root.
    package var certificate: String
    /// Must not be readable by everybody.
    package var key: String
    /// Who signs the certificates of clients; nil: clients need none.
    package var clientCA: String?
    package var minimumVersion: Version
    /// The common name of the client's certificate is the user.
    package var useCommonNameAsUser: Bool
}
