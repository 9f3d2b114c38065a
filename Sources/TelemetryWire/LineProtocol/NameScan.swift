// SPDX-License-Identifier: Apache-2.0

/// The extent of one name of line protocol, up to the first stop that no backslash escapes.
struct NameScan: BitwiseCopyable {
    /// Bytes that end a name: bit b for byte b, all of them below 64.
    ///
    /// A backslash before one of them, the line feed excepted, makes it part of the name; before
    /// anything else a backslash is an ordinary byte.
    struct Stops: BitwiseCopyable {
        let bits: UInt64

        /// Comma, space, line feed.
        static var measurement: Self {
            @_noLocks get { Self(bits: 1 << 44 | 1 << 32 | 1 << 10) }
        }
        /// Comma, space, equals sign, line feed.
        static var key: Self {
            @_noLocks get { Self(bits: 1 << 44 | 1 << 32 | 1 << 61 | 1 << 10) }
        }
    }

    /// Offset of the stop, or the end of the input.
    let end: Int
    let hasEscape: Bool

    @_noLocks
    @inline(__always)
    init(_ bytes: borrowing Span<UInt8>, from start: Int, stops: Stops) {
        var index = start
        var hasEscape = false
        let count = bytes.count
        while index < count {
            let byte = bytes[index]
            if byte < 64 {
                if stops.bits &>> UInt64(byte) & 1 != 0 { break }
            } else if byte == UInt8(ascii: "\\"), index &+ 1 < count {
                let next = bytes[index &+ 1]
                if next < 64, next != UInt8(ascii: "\n"), stops.bits &>> UInt64(next) & 1 != 0 {
                    hasEscape = true
                    index &+= 1
                }
            }
            index &+= 1
        }
        self.end = index
        self.hasEscape = hasEscape
    }
}
