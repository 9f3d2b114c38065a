// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

extension MQTTEndpoint {
    /// Puts another policy in force, for connected clients too: the next publish of each asks anew.
    package func reload(_ policy: MQTTSecurity.Policy) { self.gate.reload(policy) }

    /// Takes new certificates for new connections; those that are open are left alone.
    ///
    /// - Throws: Why the material cannot be used; the old one stays.
    package func reload(_ material: TLSMaterial) throws(TLSMaterial.Problem) {
        do throws(TLSMaterial.Problem) {
            self.gate.reload(try TLSCredentials(material))
        } catch {
            self.gate.noteReloadFailed()
            throw error
        }
    }

    /// A file could not be read or understood: what is in force stays.
    package func noteReloadFailed() { self.gate.noteReloadFailed() }

    /// Seconds until our certificate ends; nil without TLS.
    package var certificateSecondsLeft: Int64? { self.gate.certificateSecondsLeft }

    package subscript(_ counter: MQTTGateCounter) -> UInt64 { self.gate.counters[counter] }
}
