// SPDX-License-Identifier: Apache-2.0

internal import NIOCore
internal import NIOSSL
internal import NIOTLS
internal import Synchronization

/// Waits for the end of a handshake and for what the receiver says to it; on the event loop.
final class HandshakeWatch: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// A connection that an alert could use.
    struct Secured: Sendable {
        var version: String?
        /// When the receiver's certificate ends, in Unix seconds.
        var certificateEnd: Int64?
    }

    private let end: EventLoopPromise<Secured>

    init(_ end: EventLoopPromise<Secured>) { self.end = end }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent {
            let operations = context.pipeline.syncOperations
            let certificate = (try? operations.nioSSL_peerCertificate()).flatMap { $0 }
            let version = (try? operations.nioSSL_tlsVersion()).flatMap { $0 }
            let secured = Secured(
                version: version.map(Self.word),
                certificateEnd: certificate.map { Int64($0.notValidAfter) })
            context.eventLoop.assumeIsolated().scheduleTask(
                in: .nanoseconds(Int64(EndpointProbe.settleNanoseconds))
            ) { self.end.succeed(secured) }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.end.fail(HandshakeFault(error))
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.end.fail(HandshakeFault.closed)
        context.fireChannelInactive()
    }

    private static func word(_ version: TLSVersion) -> String {
        switch version {
        case .tlsv1: "TLS 1.0"
        case .tlsv11: "TLS 1.1"
        case .tlsv12: "TLS 1.2"
        case .tlsv13: "TLS 1.3"
        @unknown default: "TLS"
        }
    }
}

/// Certificates that a receiver showed.
final class SeenCertificates: Sendable {
    private let certificates = Mutex<[NIOSSLCertificate]>([])

    var all: [NIOSSLCertificate] { self.certificates.withLock { $0 } }

    func take(_ certificates: [NIOSSLCertificate]) {
        self.certificates.withLock { $0 = certificates }
    }
}

extension HandshakeFault {
    /// What the library's error means.
    ///
    /// Its reason is a word behind `OPENSSL_internal:` in the description and nowhere else.
    init(_ error: any Error) {
        let text = "\(error)"
        if error as? NIOSSLExtraError == NIOSSLExtraError.failedToValidateHostname {
            self = .name("")
            return
        }
        guard let range = text.firstRange(of: "OPENSSL_internal:") else {
            self = text.contains("EOF during handshake") ? .closed : .other(Self.short(text))
            return
        }
        let reason = String(text[range.upperBound...].prefix { $0 != " " && $0 != ")" })
        switch reason {
        case "CERTIFICATE_VERIFY_FAILED": self = .untrusted("")
        case "WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST": self = .notTLS
        case "UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION",
            "NO_SUPPORTED_VERSIONS_ENABLED":
            self = .version
        case let word where Self.refusals.contains(where: { word.hasSuffix($0) }):
            self = .unwelcome(word)
        default: self = .other(Self.short(reason))
        }
    }

    /// Ends of the names of alerts that judge our certificate (RFC 8446, 6.2).
    ///
    /// With TLS 1.2 a receiver that misses one says that the handshake failed.
    private static let refusals = [
        "ALERT_BAD_CERTIFICATE", "ALERT_UNSUPPORTED_CERTIFICATE", "ALERT_CERTIFICATE_REVOKED",
        "ALERT_CERTIFICATE_EXPIRED", "ALERT_CERTIFICATE_UNKNOWN", "ALERT_UNKNOWN_CA",
        "ALERT_ACCESS_DENIED", "ALERT_CERTIFICATE_REQUIRED", "ALERT_HANDSHAKE_FAILURE",
    ]

    private static func short(_ text: String) -> String { String(text.prefix(200)) }
}
