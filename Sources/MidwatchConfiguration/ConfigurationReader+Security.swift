// SPDX-License-Identifier: Apache-2.0

extension ConfigurationReader {
    func mqttSecurity(_ section: ConfigurationSection) -> MQTTSecurityConfiguration {
        let tls = self.tls(section.section("tls"), isPresent: section.has("tls"))
        let passwordFile = section.filePath("passwordFile")
        let usesCommonName = tls?.useCommonNameAsUser ?? false
        let security = MQTTSecurityConfiguration(
            tls: tls, passwordFile: passwordFile, accessFile: section.filePath("accessFile"),
            allowAnonymous: section.boolean(
                "allowAnonymous", default: passwordFile == nil && !usesCommonName),
            connectTimeoutNanoseconds: section.duration(
                "connectTimeout", in: ConfigurationLimits.connectTimeoutRange)
                ?? ConfigurationDefaults.connectTimeoutNanoseconds,
            halfOpenMax: section.integer(
                "halfOpenMax", in: 1...100_000, default: ConfigurationDefaults.halfOpenMax),
            connectRateMax: section.integer(
                "connectRateMax", in: 0...1_000_000, default: ConfigurationDefaults.connectRateMax),
            connectBurstMax: section.integer(
                "connectBurstMax", in: 1...1_000_000,
                default: ConfigurationDefaults.connectBurstMax),
            messageRateMax: section.integer(
                "messageRateMax", in: 0...10_000_000,
                default: ConfigurationDefaults.messageRateMax),
            newSensorsPerClientMax: section.integer(
                "newSensorsPerClientMax", in: 0...1_000_000,
                default: ConfigurationDefaults.newSensorsPerClientMax))
        self.advise(section, security)
        return security
    }

    private func tls(_ section: ConfigurationSection, isPresent: Bool) -> TLSConfiguration? {
        let certificate = section.filePath("certificate")
        let key = section.filePath("key")
        let clientCA = section.filePath("clientCA")
        let version = section.choice(
            "minimumVersion", of: TLSConfiguration.Version.allCases.map { ($0.rawValue, $0) })
        let usesCommonName = section.boolean("useCommonNameAsUser", default: false)
        section.finish()
        guard isPresent else { return nil }
        for (name, value) in [("certificate", certificate), ("key", key)]
        where value == nil && !section.has(name) {
            section.report(.invalid, name, "missing; TLS needs a certificate and its key, in PEM")
        }
        if usesCommonName, clientCA == nil, !section.has("clientCA") {
            section.report(
                .invalid, "useCommonNameAsUser",
                "needs clientCA: only then do clients show a certificate")
        }
        guard let certificate, let key else { return nil }
        return TLSConfiguration(
            certificate: certificate, key: key, clientCA: clientCA,
            minimumVersion: version ?? .tls12, useCommonNameAsUser: usesCommonName)
    }

    /// Settings that do not do what their author may think.
    private func advise(
        _ section: ConfigurationSection, _ security: MQTTSecurityConfiguration
    ) {
        let usesCommonName = security.tls?.useCommonNameAsUser ?? false
        let verifiesNames = security.passwordFile != nil || usesCommonName
        if usesCommonName, security.passwordFile != nil {
            section.report(
                .advice, "passwordFile",
                "not used: with tls.useCommonNameAsUser the certificate is the proof")
        }
        if !security.allowAnonymous, !verifiesNames {
            section.report(
                .advice, "allowAnonymous",
                "false refuses every client: without passwordFile or tls.useCommonNameAsUser "
                    + "nothing verifies a user name")
        }
        if security.accessFile != nil, !verifiesNames {
            section.report(
                .advice, "accessFile",
                "its user sections hold for nobody: without passwordFile or "
                    + "tls.useCommonNameAsUser nothing verifies a user name")
        }
    }

    /// What other machines may do, or read on the way, must be said in so many words.
    func requireConsent(
        _ section: ConfigurationSection, _ bind: BindAddress, _ security: MQTTSecurityConfiguration
    ) {
        let isOpenAllowed = section.boolean("allowUnauthenticatedRemote", default: false)
        let isPlainAllowed = section.boolean("allowPlaintextRemote", default: false)
        guard !bind.isLoopback else { return }
        if !security.isAuthenticated {
            self.consent(
                section, isOpenAllowed,
                warning: "anyone who reaches \(bind) can send readings unauthenticated",
                refusal: "\(bind) is open to other machines and nothing authenticates them; set "
                    + "passwordFile, tls.clientCA, a loopback address or "
                    + "allowUnauthenticatedRemote: true")
        }
        if security.tls == nil {
            self.consent(
                section, isPlainAllowed,
                warning: "whoever is on the way to \(bind) can read and change what is sent",
                refusal: "\(bind) is open to other machines and has no TLS; set tls, a loopback "
                    + "address or allowPlaintextRemote: true")
        }
    }

    private func consent(
        _ section: ConfigurationSection, _ isAllowed: Bool, warning: String, refusal: String
    ) {
        section.report(isAllowed ? .unsafe : .invalid, "bind", isAllowed ? warning : refusal)
    }
}
