// SPDX-License-Identifier: Apache-2.0

/// What is wrong with an expression, and where.
package struct ExpressionError: Error, Equatable, Sendable {
    package var message: String
    /// Bytes from the beginning of the text.
    package var offset: Int

    package init(_ message: String, at offset: Int) {
        self.message = message
        self.offset = offset
    }
}

/// One word of an expression.
struct ExpressionToken: Equatable {
    enum Kind: Equatable {
        case number(Double)
        case word(String)
        /// The argument of a function that takes a path.
        case path(String)
        /// One of `+ - * / ( ) , < <= > >= == !=`.
        case symbol(String)
        case end
    }

    var kind: Kind
    /// Bytes from the beginning of the text.
    var offset: Int

    /// As messages name it.
    var shown: String {
        switch self.kind {
        case .number(let number): "\(number)"
        case .word(let text), .symbol(let text): "\"\(text)\""
        case .path(let text): "path \"\(text)\""
        case .end: "the end"
        }
    }
}

/// Cuts the text of an expression into words.
///
/// Paths hold characters that are operators elsewhere (`air/west-3/co`), so the argument of a
/// function that takes a path is read as a whole, up to the closing parenthesis.
struct ExpressionTokenizer {
    /// Functions whose argument is a path.
    static let pathFunctions: Set<String> = [
        "value", "fresh", "stale", "good", "bad", "condition", "raised",
    ]

    private let bytes: [UInt8]
    private var at = 0

    private init(_ text: String) { self.bytes = Array(text.utf8) }

    /// The words of `text`, the last one `.end`.
    static func tokens(of text: String) throws(ExpressionError) -> [ExpressionToken] {
        guard text.utf8.count <= ExpressionLimits.textBytesMax else {
            throw ExpressionError(
                "expected at most \(ExpressionLimits.textBytesMax) bytes", at: 0)
        }
        var tokenizer = Self(text)
        var tokens: [ExpressionToken] = []
        while let token = try tokenizer.next() {
            tokens.append(token)
            if case .word(let word) = token.kind, Self.pathFunctions.contains(word) {
                try tokenizer.path(into: &tokens)
            }
        }
        tokens.append(ExpressionToken(kind: .end, offset: tokenizer.bytes.count))
        return tokens
    }

    private mutating func skipBlanks() {
        while let byte = self.peek, byte == 0x20 || byte == 0x09 || byte == 0x0A { self.at += 1 }
    }

    private var peek: UInt8? { self.at < self.bytes.count ? self.bytes[self.at] : nil }

    private func text(from start: Int) -> String {
        String(decoding: self.bytes[start..<self.at], as: UTF8.self)
    }

    private mutating func next() throws(ExpressionError) -> ExpressionToken? {
        self.skipBlanks()
        let start = self.at
        guard let byte = self.peek else { return nil }
        if Self.isDigit(byte) || byte == UInt8(ascii: ".") { return try self.number() }
        if Self.isLetter(byte) {
            while let byte = self.peek, Self.isLetter(byte) || Self.isDigit(byte) { self.at += 1 }
            return ExpressionToken(kind: .word(self.text(from: start)), offset: start)
        }
        self.at += 1
        switch byte {
        case UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "="), UInt8(ascii: "!"):
            if self.peek == UInt8(ascii: "=") {
                self.at += 1
            } else if byte == UInt8(ascii: "=") {
                throw ExpressionError("\"=\" compares nothing; write \"==\"", at: start)
            } else if byte == UInt8(ascii: "!") {
                throw ExpressionError("unexpected \"!\"; write \"not\" or \"!=\"", at: start)
            }
        case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "*"), UInt8(ascii: "/"),
            UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: ","):
            break
        case UInt8(ascii: "&"): throw ExpressionError("unexpected \"&\"; write \"and\"", at: start)
        case UInt8(ascii: "|"): throw ExpressionError("unexpected \"|\"; write \"or\"", at: start)
        default:
            let shown = byte < 0x80 && byte >= 0x20 ? "\"\(self.text(from: start))\"" : "character"
            throw ExpressionError("unexpected \(shown)", at: start)
        }
        return ExpressionToken(kind: .symbol(self.text(from: start)), offset: start)
    }

    private mutating func number() throws(ExpressionError) -> ExpressionToken {
        let start = self.at
        var previous: UInt8 = 0
        while let byte = self.peek {
            let isExponentSign =
                (byte == UInt8(ascii: "-") || byte == UInt8(ascii: "+"))
                && (previous | 0x20) == UInt8(ascii: "e")
            guard
                Self.isDigit(byte) || Self.isLetter(byte) || byte == UInt8(ascii: ".")
                    || isExponentSign
            else { break }
            previous = byte
            self.at += 1
        }
        let text = self.text(from: start)
        let isDecimal = text.utf8.allSatisfy {
            Self.isDigit($0) || $0 == UInt8(ascii: ".") || ($0 | 0x20) == UInt8(ascii: "e")
                || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "+")
        }
        guard isDecimal, let number = Double(text), number.isFinite else {
            throw ExpressionError("expected a number such as 12.5, got \"\(text)\"", at: start)
        }
        return ExpressionToken(kind: .number(number), offset: start)
    }

    /// Reads `(path)` behind a function that takes one; nothing if no parenthesis follows.
    private mutating func path(into tokens: inout [ExpressionToken]) throws(ExpressionError) {
        self.skipBlanks()
        guard self.peek == UInt8(ascii: "(") else { return }
        tokens.append(ExpressionToken(kind: .symbol("("), offset: self.at))
        let open = self.at
        self.at += 1
        self.skipBlanks()
        let start = self.at
        while let byte = self.peek, byte != UInt8(ascii: ")") { self.at += 1 }
        guard self.peek != nil else {
            throw ExpressionError("the parenthesis is never closed", at: open)
        }
        var end = self.at
        while end > start, self.bytes[end - 1] == 0x20 { end -= 1 }
        let path = String(decoding: self.bytes[start..<end], as: UTF8.self)
        tokens.append(ExpressionToken(kind: .path(path), offset: start))
        tokens.append(ExpressionToken(kind: .symbol(")"), offset: self.at))
        self.at += 1
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (byte | 0x20) >= UInt8(ascii: "a") && (byte | 0x20) <= UInt8(ascii: "z")
            || byte == UInt8(ascii: "_")
    }
}

/// Bounds of an expression; beyond them `check` refuses it.
package enum ExpressionLimits {
    /// Bytes of the text.
    package static let textBytesMax = 4_096
    /// Instructions of the bytecode.
    package static let instructionCountMax = 256
    /// Different sensors and conditions.
    package static let operandCountMax = 16
    /// Values that wait for their operator at once.
    package static var stackDepthMax: Int { 16 }
    /// Nested parentheses and signs.
    package static let nestingMax = 32
}
