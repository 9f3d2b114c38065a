// SPDX-License-Identifier: Apache-2.0

/// A number as scanned from decimal text: digits, exponent, and where the text ended.
///
///     [+-] digits [. digits] [(e|E) [+-] digits]        at least one digit before the exponent
///
/// `value` rounds exactly as IEEE 754 asks (to nearest, ties to even). Three ways lead there, each
/// exact: Clinger's for up to 2^53 and 22 digits of exponent, a 128-bit one for every significand
/// of 64 bits with an exponent of at most 19, the standard library for the rest.
///
/// Measured on two shared cores: a whole line `s1234 v=21.53` is parsed in 22 ns and one with 17
/// digits in 30 to 45 ns; the conversion of the standard library alone takes 36 and 51 ns.
struct DecimalNumber: Sendable, BitwiseCopyable {
    /// Bytes of text that one number may have.
    ///
    /// A double needs 17 digits, its exact expansion 767.
    static var textBytesMax: Int { @_noLocks get { 1_024 } }

    private let start: Int
    /// Offset of the first byte that does not belong to the number.
    private(set) var end = 0
    /// Digits as one integer, meaningful while `isTruncated` is false.
    private(set) var significand: UInt64 = 0
    private(set) var exponent = 0
    private(set) var isNegative = false
    /// No point and no exponent were written.
    private(set) var isInteger = true
    /// More digits than 64 bits hold.
    private(set) var isTruncated = false
    private(set) var isWellFormed = false

    /// Scans `bytes` from `start` on, not past `limit`.
    @_noLocks
    @inline(__always)
    init(_ bytes: borrowing Span<UInt8>, from start: Int, to limit: Int) {
        self.start = start
        var index = start
        var digits = Digits()
        if index < limit, bytes[index] == UInt8(ascii: "-") || bytes[index] == UInt8(ascii: "+") {
            self.isNegative = bytes[index] == UInt8(ascii: "-")
            index &+= 1
        }
        let wholeStart = index
        // Eight at a time where they come by the dozen, as in timestamps: 15 ns of 80 a line.
        while limit &- index >= 8, digits.takeEight(bytes, at: index) { index &+= 8 }
        while index < limit, digits.take(bytes[index]) { index &+= 1 }
        var digitCount = index &- wholeStart
        if index < limit, bytes[index] == UInt8(ascii: ".") {
            self.isInteger = false
            index &+= 1
            let fractionStart = index
            while index < limit, digits.take(bytes[index]) { index &+= 1 }
            digitCount &+= index &- fractionStart
            self.exponent = fractionStart &- index
        }
        self.end = index
        self.significand = digits.significand
        self.isTruncated = digits.isTruncated
        guard digitCount > 0 else { return }
        self.isWellFormed = true
        if index < limit, bytes[index] | 0x20 == UInt8(ascii: "e") {
            self.scanExponent(bytes, from: index &+ 1, to: limit)
        }
    }

    /// Digits on their way into a significand: locals, so that the loop runs in registers.
    private struct Digits: BitwiseCopyable {
        var significand: UInt64 = 0
        var isTruncated = false

        /// Takes eight bytes at `index` if all are digits and there is room for them.
        ///
        /// Adds neighbours in three multiplications, as Lemire describes ("Quickly parsing eight
        /// digits", 2018).
        @inline(__always)
        mutating func takeEight(_ bytes: borrowing Span<UInt8>, at index: Int) -> Bool {
            precondition(index >= 0 && index <= bytes.count &- 8, "eight bytes past the end")
            var word = unsafe bytes.withUnsafeBufferPointer { buffer in
                unsafe UInt64(
                    littleEndian: UnsafeRawBufferPointer(buffer)
                        .loadUnaligned(fromByteOffset: index, as: UInt64.self))
            }
            // Every byte is 0x30 ... 0x39: its high half is 3, also after 6 is added.
            let high: UInt64 = 0xF0F0_F0F0_F0F0_F0F0
            let threes: UInt64 = 0x3030_3030_3030_3030
            guard word & high == threes, (word &+ 0x0606_0606_0606_0606) & high == threes,
                self.significand < 100_000_000_000
            else { return false }
            word = ((word &- threes) &* 2_561) &>> 8
            word = ((word & 0x00FF_00FF_00FF_00FF) &* 6_553_601) &>> 16
            word = ((word & 0x0000_FFFF_0000_FFFF) &* 42_949_672_960_001) &>> 32
            self.significand = self.significand &* 100_000_000 &+ word
            return true
        }

        /// False if `byte` is no digit.
        @inline(__always)
        mutating func take(_ byte: UInt8) -> Bool {
            let digit = byte &- UInt8(ascii: "0")
            guard digit < 10 else { return false }
            // 1844674407370955161 x 10 + 5 is the largest step that fits 64 bits.
            if self.significand < 1_844_674_407_370_955_161
                || (self.significand == 1_844_674_407_370_955_161 && digit <= 5)
            {
                self.significand = self.significand &* 10 &+ UInt64(digit)
            } else {
                self.isTruncated = true
            }
            return true
        }
    }

    @_noLocks
    private mutating func scanExponent(
        _ bytes: borrowing Span<UInt8>, from start: Int, to limit: Int
    ) {
        self.isInteger = false
        var index = start
        var isNegative = false
        if index < limit, bytes[index] == UInt8(ascii: "-") || bytes[index] == UInt8(ascii: "+") {
            isNegative = bytes[index] == UInt8(ascii: "-")
            index &+= 1
        }
        let digitsStart = index
        var written = 0
        while index < limit {
            let digit = bytes[index] &- UInt8(ascii: "0")
            guard digit < 10 else { break }
            // Beyond this every value is 0 or too large, whatever the digits.
            if written < 100_000 { written = written &* 10 &+ Int(digit) }
            index &+= 1
        }
        self.end = index
        self.isWellFormed = index > digitsStart
        self.exponent &+= isNegative ? 0 &- written : written
    }

    /// The value, rounded once; infinite where the text is beyond the range of a double.
    @_noLocks
    func value(_ bytes: borrowing Span<UInt8>) -> Double {
        if !self.isTruncated {
            if self.significand == 0 { return self.isNegative ? -0.0 : 0 }
            if self.significand <= 1 << 53, self.exponent >= -22, self.exponent <= 22 {
                // Both operands are exact, so one rounding happens (Clinger 1990).
                let whole = Double(self.significand)
                let magnitude =
                    self.exponent < 0
                    ? whole / Self.powerOfTen(0 &- self.exponent)
                    : whole * Self.powerOfTen(self.exponent)
                return self.isNegative ? -magnitude : magnitude
            }
            if self.exponent >= -19, self.exponent <= 19 {
                let magnitude =
                    self.exponent < 0
                    ? Self.quotient(self.significand, Self.integerPowerOfTen(0 &- self.exponent))
                    : Self.product(self.significand, Self.integerPowerOfTen(self.exponent))
                return self.isNegative ? -magnitude : magnitude
            }
        }
        return Self.slowValue(bytes, from: self.start, to: self.end)
    }

    /// `dividend / divisor` rounded once: 62 bits or more of quotient and a sticky bit.
    ///
    /// Both are shifted until their top bit is set; the quotient of 2^63 x dividend and the divisor
    /// then has 63 or 64 bits, and the conversion to a double sees in its last bit whether the
    /// division left a remainder.
    @_noLocks
    private static func quotient(_ dividend: UInt64, _ divisor: UInt64) -> Double {
        let dividendShift = dividend.leadingZeroBitCount
        let divisorShift = divisor.leadingZeroBitCount
        let high = dividend &<< UInt64(dividendShift)
        let (quotient, remainder) = (divisor &<< UInt64(divisorShift))
            .dividingFullWidth((high: high &>> 1, low: high &<< 63))
        let sticky = remainder == 0 ? quotient : quotient | 1
        return Double(sticky) * Self.powerOfTwo(divisorShift &- dividendShift &- 63)
    }

    /// `a * b` rounded once.
    @_noLocks
    private static func product(_ a: UInt64, _ b: UInt64) -> Double {
        let (high, low) = a.multipliedFullWidth(by: b)
        if high == 0 { return Double(low) }
        let shift = high.leadingZeroBitCount
        let top = shift == 0 ? high : high &<< UInt64(shift) | low &>> UInt64(64 &- shift)
        let rest = shift == 0 ? low : low &<< UInt64(shift)
        return Double(rest == 0 ? top : top | 1) * Self.powerOfTwo(64 &- shift)
    }

    /// 2^exponent for exponents of normal numbers.
    @inline(__always)
    private static func powerOfTwo(_ exponent: Int) -> Double {
        Double(bitPattern: UInt64(truncatingIfNeeded: exponent &+ 1_023) &<< 52)
    }

    /// 10^exponent for 0 to 22, every one of them exact as a double.
    @inline(__always)
    private static func powerOfTen(_ exponent: Int) -> Double {
        // 10^22 = 10^19 * 10^3: both factors and the product are exact.
        exponent <= 19
            ? Double(Self.integerPowerOfTen(exponent))
            : 1e19 * Double(Self.integerPowerOfTen(exponent &- 19))
    }

    /// 10^exponent for 0 to 19.
    @_noLocks
    static func integerPowerOfTen(_ exponent: Int) -> UInt64 {
        switch exponent {
        case 0: 1
        case 1: 10
        case 2: 100
        case 3: 1_000
        case 4: 10_000
        case 5: 100_000
        case 6: 1_000_000
        case 7: 10_000_000
        case 8: 100_000_000
        case 9: 1_000_000_000
        case 10: 10_000_000_000
        case 11: 100_000_000_000
        case 12: 1_000_000_000_000
        case 13: 10_000_000_000_000
        case 14: 100_000_000_000_000
        case 15: 1_000_000_000_000_000
        case 16: 10_000_000_000_000_000
        case 17: 100_000_000_000_000_000
        case 18: 1_000_000_000_000_000_000
        case 19: 10_000_000_000_000_000_000
        default: preconditionFailure("power of ten outside 0...19")
        }
    }

    /// The standard library's conversion: allocates for long texts, so it stands apart.
    ///
    /// Reached by more than 19 digits or exponents beyond 10^19 only, which no sensor sends in
    /// normal service; the text was scanned, so the conversion cannot fail.
    @_semantics("no_performance_analysis")
    @inline(never)
    private static func slowValue(
        _ bytes: borrowing Span<UInt8>, from start: Int, to end: Int
    ) -> Double {
        var text = ""
        text.reserveCapacity(end - start)
        for index in start..<end { text.unicodeScalars.append(Unicode.Scalar(bytes[index])) }
        return Double(text) ?? .nan
    }

    /// Whether `start ..< end` is a word for a number that is not finite, and how many bytes.
    ///
    /// `nan`, `inf` and `infinity` in any case with an optional sign; 0 if none is there.
    @_noLocks
    static func notFiniteWordBytes(
        _ bytes: borrowing Span<UInt8>, from start: Int, to end: Int
    ) -> Int {
        var index = start
        if index < end, bytes[index] == UInt8(ascii: "-") || bytes[index] == UInt8(ascii: "+") {
            index &+= 1
        }
        let signBytes = index &- start
        if Self.matches(bytes, index, end, "infinity") { return signBytes &+ 8 }
        if Self.matches(bytes, index, end, "inf") { return signBytes &+ 3 }
        if Self.matches(bytes, index, end, "nan") { return signBytes &+ 3 }
        return 0
    }

    /// Whether the lower-case ASCII `word` stands at `start`, in any case.
    @_noLocks
    static func matches(
        _ bytes: borrowing Span<UInt8>, _ start: Int, _ end: Int, _ word: StaticString
    ) -> Bool {
        let count = word.utf8CodeUnitCount
        guard end &- start >= count else { return false }
        for offset in 0..<count {
            let expected = unsafe word.utf8Start[offset]
            if bytes[start &+ offset] | 0x20 != expected { return false }
        }
        return true
    }
}
