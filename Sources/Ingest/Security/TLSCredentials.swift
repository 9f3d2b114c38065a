// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import NIOSSL

/// The bytes of certificate and key files, and what is asked of clients.
package struct TLSMaterial: Sendable {
    package enum Version: String, Equatable, Sendable, CaseIterable {
        case tls12 = "1.2"
        case tls13 = "1.3"
    }

    package enum Problem: Error, Equatable, Sendable, CustomStringConvertible {
        case noCertificate
        case badCertificate
        case badKey
        case noClientCA
        case badClientCA
        /// Certificate and key do not belong together, or the library refuses them.
        case unusable

        package var description: String {
            switch self {
            case .noCertificate: "the certificate file holds no certificate in PEM form"
            case .badCertificate: "the certificate file is damaged: it must be PEM, own first"
            case .badKey: "the key file is no private key in PEM form without passphrase"
            case .noClientCA: "the client CA file holds no certificate in PEM form"
            case .badClientCA: "the client CA file is damaged: it must be PEM"
            case .unusable: "certificate and key do not belong together, or are too weak"
            }
        }
    }

    /// PEM: our certificate, then those that lead to the root.
    package var certificateChain: [UInt8]
    /// PEM, without passphrase.
    package var privateKey: [UInt8]
    /// PEM: who signs the certificates of clients; nil: clients need none.
    package var clientCA: [UInt8]?
    package var minimumVersion: Version

    package init(
        certificateChain: [UInt8], privateKey: [UInt8], clientCA: [UInt8]?,
        minimumVersion: Version
    ) {
        self.certificateChain = certificateChain
        self.privateKey = privateKey
        self.clientCA = clientCA
        self.minimumVersion = minimumVersion
    }
}

/// Checked material, ready for connections.
struct TLSCredentials: Sendable {
    /// A goodbye that a peer does not answer is given up after this.
    private static let shutdownSeconds: Int64 = 1
    /// RFC 9325, 4.2: forward secrecy and authenticated encryption only; TLS 1.3 has no others.
    private static let cipherSuites: [NIOTLSCipher] = [
        .TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, .TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        .TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, .TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        .TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        .TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ]

    let context: NIOSSLContext
    /// When the first certificate of our chain ends, in seconds since 1970.
    let expiresAt: Int64

    init(_ material: TLSMaterial) throws(TLSMaterial.Problem) {
        let chain = try Self.certificates(
            material.certificateChain, none: .noCertificate, bad: .badCertificate)
        guard let key = try? NIOSSLPrivateKey(bytes: material.privateKey, format: .pem) else {
            throw .badKey
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = material.minimumVersion == .tls13 ? .tlsv13 : .tlsv12
        configuration.cipherSuiteValues = Self.cipherSuites
        configuration.applicationProtocols = ["mqtt"]
        configuration.renegotiationSupport = .none
        configuration.shutdownTimeout = .seconds(Self.shutdownSeconds)
        if let clientCA = material.clientCA {
            let roots = try Self.certificates(clientCA, none: .noClientCA, bad: .badClientCA)
            configuration.trustRoots = .certificates(roots)
            // Of a client it is the certificate that counts, not a host name.
            configuration.certificateVerification = .noHostnameVerification
            configuration.sendCANameList = true
        }
        guard let context = try? NIOSSLContext(configuration: configuration) else {
            throw .unusable
        }
        self.context = context
        self.expiresAt = chain.map { Int64($0.notValidAfter) }.min() ?? 0
    }

    private static func certificates(
        _ bytes: [UInt8], none: TLSMaterial.Problem, bad: TLSMaterial.Problem
    ) throws(TLSMaterial.Problem) -> [NIOSSLCertificate] {
        guard let certificates = try? NIOSSLCertificate.fromPEMBytes(bytes) else { throw bad }
        guard !certificates.isEmpty else { throw none }
        return certificates
    }
}
