// SPDX-License-Identifier: Apache-2.0

/// A key that was pressed.
package enum Key: Sendable, Equatable {
    case character(Character)
    case enter, escape, tab, backTab, backspace, delete
    case up, down, left, right, home, end, pageUp, pageDown
    /// A letter with Control, in lower case.
    case control(Character)
}

/// Turns bytes from a terminal into keys, however they are split (ECMA-48; XTerm, "PC-Style
/// Function Keys" and "Bracketed Paste").
///
///     ground ──ESC──▶ escape ──[──▶ CSI ──final──▶ ground   (ESC [ 200 ~: paste ──201 ~──▶ ground)
///        │               ├────O──▶ SS3 ──byte──▶ ground
///        └─UTF-8 lead──▶ UTF-8 ──last──▶ ground
///
/// An ESC that nothing follows for `escapeTimeoutNanoseconds` is the Escape key: the shell calls
/// `timeOut()` then. Pasted text is ignored: an acknowledgement must be typed by somebody.
package struct KeyParser: Sendable {
    /// How long the shell waits for what may follow an ESC.
    package static let escapeTimeoutNanoseconds: UInt64 = 25_000_000
    /// Parameter bytes of a control sequence; a longer one is skipped to its end.
    package static let parameterBytesMax = 32

    private enum State: Sendable, Equatable {
        case ground
        case escape
        case csi([UInt8])
        /// Too long: skipped to its final byte.
        case csiSkip
        case ss3
        case utf8(bytes: [UInt8], missing: Int)
    }

    private var state = State.ground
    private var isPasting = false

    package init() {}

    /// Whether an ESC waits for what may follow: call `timeOut()` when nothing does.
    package var awaitsTimeout: Bool {
        switch self.state {
        case .escape, .csi, .csiSkip, .ss3: true
        case .ground, .utf8: false
        }
    }

    /// Nothing followed in time.
    package mutating func timeOut() -> Key? {
        let wasEscape = self.state == .escape
        if self.awaitsTimeout { self.state = .ground }
        return wasEscape && !self.isPasting ? .escape : nil
    }

    /// Takes the next bytes and returns the keys they complete.
    package mutating func feed(_ bytes: some Sequence<UInt8>) -> [Key] {
        var keys: [Key] = []
        for byte in bytes {
            if let key = self.take(byte), !self.isPasting { keys.append(key) }
        }
        return keys
    }

    private mutating func take(_ byte: UInt8) -> Key? {
        switch self.state {
        case .ground: return self.takeGround(byte)
        case .escape: return self.takeEscape(byte)
        case .csi(let parameters): return self.takeCSI(byte, parameters)
        case .csiSkip:
            if (0x40...0x7E).contains(byte) { self.state = .ground }
            return nil
        case .ss3:
            self.state = .ground
            return Self.cursorKey(byte)
        case .utf8(let bytes, let missing): return self.takeUTF8(byte, bytes, missing)
        }
    }

    private mutating func takeGround(_ byte: UInt8) -> Key? {
        switch byte {
        case 0x1B:
            self.state = .escape
            return nil
        case 0x0D, 0x0A: return .enter
        case 0x09: return .tab
        case 0x08, 0x7F: return .backspace
        case 0x01...0x1A:
            return .control(Character(Unicode.Scalar(byte + 0x60)))
        case 0x20...0x7E: return .character(Character(Unicode.Scalar(byte)))
        case 0xC2...0xDF: self.state = .utf8(bytes: [byte], missing: 1)
        case 0xE0...0xEF: self.state = .utf8(bytes: [byte], missing: 2)
        case 0xF0...0xF4: self.state = .utf8(bytes: [byte], missing: 3)
        default: break  // NUL, 0x1C ... 0x1F, and bytes that begin no UTF-8 sequence
        }
        return nil
    }

    private mutating func takeEscape(_ byte: UInt8) -> Key? {
        switch byte {
        case UInt8(ascii: "["): self.state = .csi([])
        case UInt8(ascii: "O"): self.state = .ss3
        case 0x1B: return .escape
        default:
            // Alt and a key: the key alone means nothing here, and neither does the pair.
            self.state = .ground
        }
        return nil
    }

    private mutating func takeCSI(_ byte: UInt8, _ parameters: [UInt8]) -> Key? {
        switch byte {
        case 0x20...0x3F:
            self.state =
                parameters.count < Self.parameterBytesMax ? .csi(parameters + [byte]) : .csiSkip
            return nil
        case 0x40...0x7E:
            self.state = .ground
            return self.key(final: byte, parameters)
        case 0x1B:
            self.state = .escape
            return nil
        default:
            self.state = .ground
            return nil
        }
    }

    private mutating func takeUTF8(_ byte: UInt8, _ bytes: [UInt8], _ missing: Int) -> Key? {
        guard (0x80...0xBF).contains(byte) else {
            self.state = .ground
            return self.takeGround(byte)
        }
        let bytes = bytes + [byte]
        guard missing == 1 else {
            self.state = .utf8(bytes: bytes, missing: missing - 1)
            return nil
        }
        self.state = .ground
        guard let text = String(validating: bytes, as: UTF8.self), let character = text.first
        else { return nil }
        let cleaned = TerminalText.clean(character)
        return cleaned == character ? .character(character) : nil
    }

    private mutating func key(final: UInt8, _ parameters: [UInt8]) -> Key? {
        guard final == UInt8(ascii: "~") else {
            return final == UInt8(ascii: "Z") ? .backTab : Self.cursorKey(final)
        }
        let number = String(decoding: parameters.prefix { $0 != UInt8(ascii: ";") }, as: UTF8.self)
        switch number {
        case "1", "7": return .home
        case "3": return .delete
        case "4", "8": return .end
        case "5": return .pageUp
        case "6": return .pageDown
        case "200": self.isPasting = true
        case "201": self.isPasting = false
        default: break
        }
        return nil
    }

    private static func cursorKey(_ byte: UInt8) -> Key? {
        switch byte {
        case UInt8(ascii: "A"): .up
        case UInt8(ascii: "B"): .down
        case UInt8(ascii: "C"): .right
        case UInt8(ascii: "D"): .left
        case UInt8(ascii: "H"): .home
        case UInt8(ascii: "F"): .end
        case UInt8(ascii: "M"): .enter
        default: nil
        }
    }
}
