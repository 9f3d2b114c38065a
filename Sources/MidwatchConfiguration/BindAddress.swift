// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A numeric address and port to listen on: `127.0.0.1:8094`, `[::]:8094`.
///
/// Names are refused: what a listener is open to must not depend on a resolver.
package struct BindAddress: Hashable, Sendable, CustomStringConvertible {
    /// Without brackets.
    package var host: String
    /// 0 lets the kernel choose a free port: for tests.
    package var port: UInt16
    package var isIPv6: Bool

    package init(host: String, port: UInt16, isIPv6: Bool) {
        self.host = host
        self.port = port
        self.isIPv6 = isIPv6
    }

    /// Parses `a.b.c.d:port` or `[v6]:port`; nil for anything else.
    package init?(_ text: String) {
        guard let colon = text.utf8.lastIndex(of: UInt8(ascii: ":")) else { return nil }
        let host = text[..<colon]
        let portText = text[text.utf8.index(after: colon)...]
        guard let port = Scalars.integer(String(portText)), (0...65_535).contains(port) else {
            return nil
        }
        if host.hasPrefix("["), host.hasSuffix("]") {
            let inner = String(host.dropFirst().dropLast())
            guard Self.isNumeric(inner, family: AF_INET6) else { return nil }
            self.init(host: inner, port: UInt16(port), isIPv6: true)
        } else {
            guard Self.isNumeric(String(host), family: AF_INET) else { return nil }
            self.init(host: String(host), port: UInt16(port), isIPv6: false)
        }
    }

    /// Whether only this machine can reach it.
    package var isLoopback: Bool {
        self.isIPv6 ? self.host == "::1" : self.host.hasPrefix("127.")
    }

    package var description: String {
        self.isIPv6 ? "[\(self.host)]:\(self.port)" : "\(self.host):\(self.port)"
    }

    private static func isNumeric(_ host: String, family: Int32) -> Bool {
        var storage = in6_addr()
        return unsafe inet_pton(family, host, &storage) == 1
    }
}
