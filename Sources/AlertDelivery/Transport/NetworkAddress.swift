// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// An IPv4 or IPv6 address.
///
/// An IPv4 address in IPv6 clothes (`::ffff:a.b.c.d`) is the IPv4 address: no table is evaded by
/// the way an address is written.
package struct NetworkAddress: Sendable, Hashable, CustomStringConvertible {
    /// 4 or 16 bytes.
    package let bytes: [UInt8]

    /// From 4 or 16 bytes in network order; nil for any other count.
    package init?(bytes: [UInt8]) {
        switch bytes.count {
        case 4: self.bytes = bytes
        case 16:
            let isMapped =
                bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 255 && bytes[11] == 255
            self.bytes = isMapped ? Array(bytes[12...]) : bytes
        default: return nil
        }
    }

    /// From the usual spelling, without brackets, zone or prefix; nil if it is none.
    package init?(_ text: String) {
        var bytes = [UInt8](repeating: 0, count: 16)
        let family = text.utf8.contains(UInt8(ascii: ":")) ? AF_INET6 : AF_INET
        let code = unsafe bytes.withUnsafeMutableBytes { buffer in
            unsafe text.withCString { unsafe inet_pton(family, $0, buffer.baseAddress) }
        }
        guard code == 1 else { return nil }
        self.init(bytes: family == AF_INET ? Array(bytes[..<4]) : bytes)
    }

    package var description: String {
        if self.bytes.count == 4 { return self.bytes.map(String.init).joined(separator: ".") }
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let isWritten = unsafe self.bytes.withUnsafeBytes { source in
            unsafe text.withUnsafeMutableBufferPointer { target in
                unsafe inet_ntop(
                    AF_INET6, source.baseAddress, target.baseAddress, socklen_t(target.count))
                    != nil
            }
        }
        guard isWritten else { return "?" }
        return String(
            decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// The IPv4 address that a translated or tunnelled IPv6 address stands for (RFC 6052, 3056).
    var embedded: NetworkAddress? {
        guard self.bytes.count == 16 else { return nil }
        if self.bytes.starts(with: [0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0]) {
            return NetworkAddress(bytes: Array(self.bytes[12...]))
        }
        if self.bytes.starts(with: [0x20, 0x02]) {
            return NetworkAddress(bytes: Array(self.bytes[2..<6]))
        }
        return nil
    }
}

/// A block of addresses, `10.0.0.0/8`; one address alone is a block of its own.
package struct AddressBlock: Sendable, Hashable, CustomStringConvertible {
    private let first: NetworkAddress
    private let prefixBits: Int

    /// nil if `text` is no address or the part behind `/` no length of a prefix.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let first = NetworkAddress(String(parts[0])) else { return nil }
        let bitsMax = first.bytes.count * 8
        guard parts.count == 2 else {
            self.init(first, bitsMax)
            return
        }
        guard !parts[1].isEmpty, parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let bits = Int(parts[1]), bits <= bitsMax
        else { return nil }
        self.init(first, bits)
    }

    private init(_ first: NetworkAddress, _ prefixBits: Int) {
        self.first = first
        self.prefixBits = prefixBits
    }

    package func contains(_ address: NetworkAddress) -> Bool {
        guard address.bytes.count == self.first.bytes.count else { return false }
        let whole = self.prefixBits / 8
        guard address.bytes[..<whole] == self.first.bytes[..<whole] else { return false }
        let rest = self.prefixBits % 8
        guard rest > 0 else { return true }
        let mask = UInt8.max << UInt8(8 - rest)
        return address.bytes[whole] & mask == self.first.bytes[whole] & mask
    }

    package var description: String { "\(self.first)/\(self.prefixBits)" }
}
