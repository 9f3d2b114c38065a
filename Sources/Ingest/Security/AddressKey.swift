// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// What counts as one address: an IPv4 address, or the /64 of an IPv6 one.
///
/// A host has a whole /64 to choose from. IPv4 addresses that come in IPv6 form are the same
/// address.
struct AddressKey: Hashable, Sendable {
    private let high: UInt64
    private let low: UInt64

    /// Any text is a key; what is no address shares one.
    init(_ text: String) {
        var words = in6_addr()
        var word = in_addr()
        if unsafe inet_pton(AF_INET, text, &word) == 1 {
            self.init(high: 0, low: 0xFFFF_0000_0000 | UInt64(UInt32(bigEndian: word.s_addr)))
            return
        }
        // A zone ("fe80::1%eth0") is no part of the address.
        let bare = String(text.prefix { $0 != "%" })
        guard unsafe inet_pton(AF_INET6, bare, &words) == 1 else {
            self.init(high: 0, low: 0)
            return
        }
        let (high, low) = unsafe withUnsafeBytes(of: &words) { bytes in
            unsafe (
                UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
                UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            )
        }
        let isMapped = high == 0 && low >> 32 == 0xFFFF
        self.init(high: high, low: isMapped || (high == 0 && low == 1) ? low : 0)
    }

    private init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}
