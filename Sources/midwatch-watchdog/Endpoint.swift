// SPDX-License-Identifier: Apache-2.0

/// Where an http or https message goes, from the text of a URL.
package struct Endpoint: Equatable, Sendable {
    package enum Scheme: String, Sendable { case http, https }

    /// Why a text is no endpoint.
    package enum Fault: Error, Equatable, Sendable {
        case scheme
        case userInformation
        case host
        case port
        case illegalCharacter
    }

    /// Bytes of a URL that is taken.
    package static let bytesMax = 2_048

    package let text: String
    package let scheme: Scheme
    /// Without the brackets of an IPv6 address.
    package let host: String
    package let port: UInt16
    /// Path and query, beginning with `/`.
    package let target: String
    /// Network interface that messages leave by; nil: as the routes of the machine say.
    package var interface: String?

    package init(_ text: String) throws(Fault) {
        guard text.utf8.count <= Self.bytesMax,
            text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x22 && $0 != 0x5C })
        else { throw .illegalCharacter }
        let rest: Substring
        if text.hasPrefix("http://") {
            self.scheme = .http
            rest = text.dropFirst(7)
        } else if text.hasPrefix("https://") {
            self.scheme = .https
            rest = text.dropFirst(8)
        } else {
            throw .scheme
        }
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard !authority.contains("@") else { throw .userInformation }
        var target = String(rest.dropFirst(authority.count).prefix { $0 != "#" })
        if !target.hasPrefix("/") { target = "/" + target }

        let host: Substring
        let portText: Substring
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { throw .host }
            host = authority[authority.index(after: authority.startIndex)..<end]
            portText = authority[authority.index(after: end)...]
        } else {
            host = authority.prefix { $0 != ":" }
            portText = authority.dropFirst(host.count)
        }
        guard !host.isEmpty, host.utf8.count <= 253 else { throw .host }
        if portText.isEmpty {
            self.port = self.scheme == .http ? 80 : 443
        } else {
            guard portText.hasPrefix(":"), let port = UInt16(portText.dropFirst()), port > 0 else {
                throw .port
            }
            self.port = port
        }
        self.text = text
        self.host = String(host)
        self.target = target
    }

    /// The value of the Host field.
    package var hostField: String {
        let name = self.host.contains(":") ? "[\(self.host)]" : self.host
        let usual: UInt16 = self.scheme == .http ? 80 : 443
        return self.port == usual ? name : "\(name):\(self.port)"
    }
}

/// One field of an HTTP request, safe to write on a line.
package struct HeaderField: Equatable, Sendable {
    package let name: String
    package let value: String

    /// Takes `Name: value`; nil if the name is no token or the value has control characters.
    package init?(_ line: some StringProtocol) {
        guard let colon = line.firstIndex(of: ":") else { return nil }
        let name = String(line[..<colon])
        let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
        let isToken = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                true
            default: false
            }
        }
        guard !name.isEmpty, isToken, value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            return nil
        }
        self.name = name
        self.value = String(value)
    }
}
