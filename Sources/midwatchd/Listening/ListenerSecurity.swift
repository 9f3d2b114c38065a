// SPDX-License-Identifier: Apache-2.0

import AccessControl
import Glibc
import Ingest
import MidwatchConfiguration
import StateFolder

/// The files that secure one MQTT listener: read at start and on SIGHUP.
///
/// The paths are those of the start; what is in them may change.
struct ListenerSecurity: Sendable {
    /// One reason why what the files hold is not put in force.
    struct Problem: Error, CustomStringConvertible {
        var description: String
    }

    let listener: MQTTListenerConfiguration

    private var settings: MQTTSecurityConfiguration { self.listener.security }

    /// Everything an endpoint starts with.
    func security(
        report: @escaping @Sendable (MQTTAccessReport) -> Void
    ) throws(Problem) -> MQTTSecurity {
        var security = MQTTSecurity(
            limits: MQTTSecurity.Limits(
                halfOpenCountMax: self.settings.halfOpenMax,
                connectRate: self.settings.connectRateMax,
                connectBurst: self.settings.connectBurstMax,
                messageRate: self.settings.messageRateMax,
                newSensorCountMax: self.settings.newSensorsPerClientMax))
        security.policy = try self.policy()
        security.tls = try self.material()
        security.report = report
        return security
    }

    /// Who may do what, by the files of now.
    func policy() throws(Problem) -> MQTTSecurity.Policy {
        var policy = MQTTSecurity.Policy(
            allowsAnonymous: self.settings.allowAnonymous,
            usesCertificateName: self.settings.tls?.useCommonNameAsUser ?? false)
        if let path = self.settings.passwordFile {
            policy.passwords = try Self.parsed(path, PasswordFile.parse)
        }
        if let path = self.settings.accessFile {
            policy.rules = try Self.parsed(path) { bytes, file in
                let (rules, issues) = AccessRules.parse(bytes, file: file)
                return (rules, issues)
            }
        }
        return policy
    }

    /// Certificate and key by the files of now; nil without TLS.
    func material() throws(Problem) -> TLSMaterial? {
        guard let tls = self.settings.tls else { return nil }
        var status = stat()
        guard unsafe stat(tls.key, &status) == 0 else {
            throw Problem(description: "\(tls.key): cannot be read")
        }
        guard status.st_mode & 0o007 == 0 else {
            throw Problem(description: "\(tls.key): can be read by every user (chmod o= it)")
        }
        var clientCA: [UInt8]?
        if let path = tls.clientCA { clientCA = try Self.bytes(path) }
        return TLSMaterial(
            certificateChain: try Self.bytes(tls.certificate), privateKey: try Self.bytes(tls.key),
            clientCA: clientCA, minimumVersion: tls.minimumVersion == .tls13 ? .tls13 : .tls12)
    }

    private static func parsed<Value>(
        _ path: String, _ parse: ([UInt8], String) -> (Value?, [AccessFileIssue])
    ) throws(Problem) -> Value {
        let (value, issues) = parse(try self.bytes(path), path)
        guard let value else {
            throw Problem(
                description: issues.first { $0.isError }?.description ?? "\(path): unusable")
        }
        return value
    }

    private static func bytes(_ path: String) throws(Problem) -> [UInt8] {
        guard let bytes = FileBytes.read(path) else {
            throw Problem(description: "\(path): cannot be read")
        }
        return bytes
    }
}

// MARK: - What SIGHUP does

extension ListenerSecurity {
    /// Puts what the files hold now in force, each kind for itself, or says why not.
    ///
    /// - Returns: What was not taken; what was in force before stays in force for those.
    func reload(_ endpoint: MQTTEndpoint) -> [String] {
        var problems: [String] = []
        func note(_ problem: String) {
            problems.append("\(endpoint.configuration.name): \(problem)")
        }
        if self.settings.passwordFile != nil || self.settings.accessFile != nil {
            do throws(Problem) {
                endpoint.reload(try self.policy())
            } catch {
                endpoint.noteReloadFailed()
                note("\(error)")
            }
        }
        do throws(Problem) {
            if let material = try self.material() {
                do throws(TLSMaterial.Problem) {
                    try endpoint.reload(material)
                } catch {
                    note("\(self.settings.tls?.certificate ?? ""): \(error)")
                }
            }
        } catch {
            endpoint.noteReloadFailed()
            note("\(error)")
        }
        return problems
    }

    /// Seconds before the end of a certificate from which on every screen says so.
    static let expiryWarningSeconds: Int64 = 14 * 86_400

    /// What a screen says of a certificate; nil if it lasts.
    static func warning(of endpoint: MQTTEndpoint) -> String? {
        guard let seconds = endpoint.certificateSecondsLeft, seconds < Self.expiryWarningSeconds
        else { return nil }
        let name = endpoint.configuration.name
        guard seconds > 0 else {
            return "\(name): certificate expired, clients that check it stay out"
        }
        return "\(name): certificate expires in \(seconds / 86_400) days"
    }
}
