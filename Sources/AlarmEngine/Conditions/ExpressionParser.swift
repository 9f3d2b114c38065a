// SPDX-License-Identifier: Apache-2.0

/// Compiles the text of an expression.
///
///     or          = and { "or" and }
///     and         = not { "and" not }
///     not         = "not" not | comparison
///     comparison  = sum [ ("<" | "<=" | ">" | ">=" | "==" | "!=") sum ]
///     sum         = product { ("+" | "-") product }
///     product     = sign { ("*" | "/") sign }
///     sign        = "-" sign | primary
///     primary     = number | "true" | "false" | "(" or ")" | call
///     call        = "value" [ path ] | "fresh" [ path ] | "stale" [ path ] | "good" [ path ]
///                 | "bad" [ path ] | "condition" name | "raised" name
///                 | "abs" "(" sum ")" | ("min" | "max") "(" sum "," sum { "," sum } ")"
///                 | "atLeast" "(" number { "," or } ")"
///     path        = "(" path of a sensor ")"      without it: the sensor of the rule
///     name        = "(" [ path of a sensor ] ":" name of its alarm ")"
struct ExpressionParser {
    private enum Kind {
        case number, result

        var word: String { self == .number ? "a number" : "a condition" }
    }

    private let tokens: [ExpressionToken]
    private var at = 0
    private var nesting = 0
    private var depth = 0
    private var program = ExpressionProgram(steps: [], operands: [])

    private init(_ tokens: [ExpressionToken]) { self.tokens = tokens }

    static func compile(_ text: String) throws(ExpressionError) -> ExpressionProgram {
        var parser = Self(try ExpressionTokenizer.tokens(of: text))
        if case .end = parser.token.kind { throw ExpressionError("is empty", at: 0) }
        let start = parser.token.offset
        let kind = try parser.or()
        guard case .end = parser.token.kind else {
            throw ExpressionError(
                "expected an operator or the end, got \(parser.token.shown)",
                at: parser.token.offset)
        }
        guard kind == .result else {
            throw ExpressionError(
                "is a number, expected a condition; compare it, as in value > 5", at: start)
        }
        return parser.program
    }

    private var token: ExpressionToken { self.tokens[self.at] }

    private mutating func take(_ symbol: String) -> Bool {
        guard case .symbol(symbol) = self.token.kind else { return false }
        self.at += 1
        return true
    }

    private mutating func takeWord(_ word: String) -> Bool {
        guard case .word(word) = self.token.kind else { return false }
        self.at += 1
        return true
    }

    private mutating func expect(_ symbol: String, after what: String) throws(ExpressionError) {
        guard self.take(symbol) else {
            throw ExpressionError(
                "expected \"\(symbol)\" after \(what), got \(self.token.shown)",
                at: self.token.offset)
        }
    }

    private func want(_ wanted: Kind, _ kind: Kind, of what: String, at offset: Int)
        throws(ExpressionError)
    {
        guard kind != wanted else { return }
        throw ExpressionError(
            "\(what) wants \(wanted.word), got \(kind.word)"
                + (wanted == .result ? "; compare it, as in value > 5" : ""), at: offset)
    }

    private mutating func emit(_ step: ExpressionStep, pushes: Int, at offset: Int)
        throws(ExpressionError)
    {
        self.depth += pushes
        guard self.depth <= ExpressionLimits.stackDepthMax,
            self.program.steps.count < ExpressionLimits.instructionCountMax
        else { throw ExpressionError("is too long; make two rules of it", at: offset) }
        self.program.steps.append(step)
    }

    private mutating func nest<Result>(
        _ body: (inout Self) throws(ExpressionError) -> Result
    ) throws(ExpressionError) -> Result {
        self.nesting += 1
        guard self.nesting <= ExpressionLimits.nestingMax else {
            throw ExpressionError(
                "is nested deeper than \(ExpressionLimits.nestingMax)", at: self.token.offset)
        }
        let result = try body(&self)
        self.nesting -= 1
        return result
    }

    // MARK: - Operators

    private mutating func or() throws(ExpressionError) -> Kind {
        try self.logic("or", .or) { parser throws(ExpressionError) in try parser.and() }
    }

    private mutating func and() throws(ExpressionError) -> Kind {
        try self.logic("and", .and) { parser throws(ExpressionError) in try parser.not() }
    }

    private mutating func logic(
        _ word: String, _ operation: ExpressionStep.Operation,
        _ side: (inout Self) throws(ExpressionError) -> Kind
    ) throws(ExpressionError) -> Kind {
        var start = self.token.offset
        var kind = try side(&self)
        while case .word(word) = self.token.kind {
            try self.want(.result, kind, of: "\"\(word)\"", at: start)
            self.at += 1
            start = self.token.offset
            try self.want(.result, try side(&self), of: "\"\(word)\"", at: start)
            try self.emit(ExpressionStep(operation: operation), pushes: -1, at: start)
            kind = .result
        }
        return kind
    }

    private mutating func not() throws(ExpressionError) -> Kind {
        let start = self.token.offset
        guard self.takeWord("not") else { return try self.comparison() }
        let kind = try self.nest { parser throws(ExpressionError) in try parser.not() }
        try self.want(.result, kind, of: "\"not\"", at: start)
        try self.emit(ExpressionStep(operation: .not), pushes: 0, at: start)
        return .result
    }

    private static let comparisons: [String: ExpressionStep.Operation] = [
        "<": .less, "<=": .lessOrEqual, ">": .greater, ">=": .greaterOrEqual, "==": .equal,
        "!=": .unequal,
    ]

    private mutating func comparison() throws(ExpressionError) -> Kind {
        let start = self.token.offset
        let kind = try self.sum()
        guard case .symbol(let symbol) = self.token.kind,
            let operation = Self.comparisons[symbol]
        else { return kind }
        try self.want(.number, kind, of: "\"\(symbol)\"", at: start)
        self.at += 1
        let right = self.token.offset
        try self.want(.number, try self.sum(), of: "\"\(symbol)\"", at: right)
        try self.emit(ExpressionStep(operation: operation), pushes: -1, at: right)
        if case .symbol(let next) = self.token.kind, Self.comparisons[next] != nil {
            throw ExpressionError(
                "compares twice; join two comparisons with \"and\"", at: self.token.offset)
        }
        return .result
    }

    private mutating func sum() throws(ExpressionError) -> Kind {
        try self.arithmetic(["+": .add, "-": .subtract]) { parser throws(ExpressionError) in
            try parser.product()
        }
    }

    private mutating func product() throws(ExpressionError) -> Kind {
        try self.arithmetic(["*": .multiply, "/": .divide]) { parser throws(ExpressionError) in
            try parser.sign()
        }
    }

    private mutating func arithmetic(
        _ operations: [String: ExpressionStep.Operation],
        _ side: (inout Self) throws(ExpressionError) -> Kind
    ) throws(ExpressionError) -> Kind {
        var start = self.token.offset
        let kind = try side(&self)
        while case .symbol(let symbol) = self.token.kind, let operation = operations[symbol] {
            try self.want(.number, kind, of: "\"\(symbol)\"", at: start)
            self.at += 1
            start = self.token.offset
            try self.want(.number, try side(&self), of: "\"\(symbol)\"", at: start)
            try self.emit(ExpressionStep(operation: operation), pushes: -1, at: start)
        }
        return kind
    }

    private mutating func sign() throws(ExpressionError) -> Kind {
        let start = self.token.offset
        guard self.take("-") else { return try self.primary() }
        let kind = try self.nest { parser throws(ExpressionError) in try parser.sign() }
        try self.want(.number, kind, of: "\"-\"", at: start)
        try self.emit(ExpressionStep(operation: .negate), pushes: 0, at: start)
        return .number
    }

    // MARK: - Primaries

    private mutating func primary() throws(ExpressionError) -> Kind {
        let token = self.token
        self.at += token.kind == .end ? 0 : 1
        switch token.kind {
        case .number(let number):
            try self.emit(
                ExpressionStep(operation: .constant, constant: number), pushes: 1,
                at: token.offset)
            return .number
        case .symbol("("):
            let kind = try self.nest { parser throws(ExpressionError) in try parser.or() }
            try self.expect(")", after: "what the parenthesis holds")
            return kind
        case .word(let word): return try self.word(word, at: token.offset)
        case .symbol, .path, .end:
            throw ExpressionError(
                "expected a value or a condition, got \(token.shown)", at: token.offset)
        }
    }

    private static let sensorTests: [String: ExpressionStep.Operation] = [
        "value": .value, "fresh": .fresh, "stale": .stale, "good": .good, "bad": .bad,
    ]

    private mutating func word(_ word: String, at offset: Int) throws(ExpressionError) -> Kind {
        if let operation = Self.sensorTests[word] {
            let operand = try self.sensor(word, at: offset)
            try self.emit(
                ExpressionStep(operation: operation, operand: operand), pushes: 1, at: offset)
            return word == "value" ? .number : .result
        }
        switch word {
        case "true", "false":
            let operation: ExpressionStep.Operation = word == "true" ? .truth : .falsehood
            try self.emit(ExpressionStep(operation: operation), pushes: 1, at: offset)
            return .result
        case "condition", "raised":
            let operand = try self.alarm(word, at: offset)
            let operation: ExpressionStep.Operation = word == "raised" ? .raised : .condition
            try self.emit(
                ExpressionStep(operation: operation, operand: operand), pushes: 1, at: offset)
            return .result
        case "abs", "min", "max":
            try self.function(word, at: offset)
            return .number
        case "atLeast":
            try self.atLeast(offset)
            return .result
        default:
            throw ExpressionError(
                "unknown word \"\(word)\"; a sensor's value is written value(path/of/sensor)",
                at: offset)
        }
    }

    private mutating func sensor(_ word: String, at offset: Int) throws(ExpressionError) -> UInt16 {
        guard self.take("(") else {
            return try self.operand(ExpressionOperand(path: "", alarm: nil, offset: offset))
        }
        guard case .path(let path) = self.token.kind, !path.isEmpty else {
            throw ExpressionError(
                "expected the path of a sensor in \(word)(…)", at: self.token.offset)
        }
        let place = self.token.offset
        self.at += 1
        try self.expect(")", after: "the path")
        return try self.operand(ExpressionOperand(path: path, alarm: nil, offset: place))
    }

    private mutating func alarm(_ word: String, at offset: Int) throws(ExpressionError) -> UInt16 {
        try self.expect("(", after: word)
        let place = self.token.offset
        guard case .path(let text) = self.token.kind, let colon = text.lastIndex(of: ":"),
            text.index(after: colon) < text.endIndex
        else {
            throw ExpressionError(
                "expected \(word)(path/of/sensor:alarm), as in \(word)(air/co:high)", at: place)
        }
        self.at += 1
        try self.expect(")", after: "the alarm")
        return try self.operand(
            ExpressionOperand(
                path: String(text[..<colon]), alarm: String(text[text.index(after: colon)...]),
                offset: place))
    }

    private mutating func operand(_ operand: ExpressionOperand) throws(ExpressionError) -> UInt16 {
        let known = self.program.operands.firstIndex {
            $0.path == operand.path && $0.alarm == operand.alarm
        }
        if let known { return UInt16(known) }
        guard self.program.operands.count < ExpressionLimits.operandCountMax else {
            throw ExpressionError(
                "refers to more than \(ExpressionLimits.operandCountMax) sensors and conditions; "
                    + "make two rules of it", at: operand.offset)
        }
        self.program.operands.append(operand)
        return UInt16(self.program.operands.count - 1)
    }

    private mutating func function(_ word: String, at offset: Int) throws(ExpressionError) {
        try self.expect("(", after: word)
        try self.argument(of: word)
        if word == "abs" {
            try self.emit(ExpressionStep(operation: .magnitude), pushes: 0, at: offset)
        } else {
            let operation: ExpressionStep.Operation = word == "min" ? .least : .most
            repeat {
                try self.expect(",", after: "the first argument of \(word)")
                try self.argument(of: word)
                try self.emit(ExpressionStep(operation: operation), pushes: -1, at: offset)
            } while self.token.kind == .symbol(",")
        }
        try self.expect(")", after: "the arguments of \(word)")
    }

    private mutating func argument(of word: String) throws(ExpressionError) {
        let start = self.token.offset
        let kind = try self.nest { parser throws(ExpressionError) in try parser.or() }
        try self.want(.number, kind, of: word, at: start)
    }

    private mutating func atLeast(_ offset: Int) throws(ExpressionError) {
        try self.expect("(", after: "atLeast")
        let place = self.token.offset
        guard case .number(let number) = self.token.kind, number >= 1, number <= 255,
            Double(Int(number)) == number
        else {
            throw ExpressionError(
                "expected a whole number, how many must be met, got \(self.token.shown)",
                at: place)
        }
        self.at += 1
        var count = 0
        while self.take(",") {
            let start = self.token.offset
            let kind = try self.nest { parser throws(ExpressionError) in try parser.or() }
            try self.want(.result, kind, of: "atLeast", at: start)
            count += 1
        }
        try self.expect(")", after: "the conditions of atLeast")
        guard Int(number) <= count else {
            throw ExpressionError(
                "asks for \(Int(number)) of \(count) conditions: it can never be met", at: place)
        }
        try self.emit(
            ExpressionStep(
                operation: .atLeast, count: UInt8(clamping: count), operand: UInt16(number)),
            pushes: 1 - count, at: offset)
    }
}

extension ExpressionProgram {
    /// Compiles `text`.
    ///
    /// - Throws: `ExpressionError` with what is wrong, what to write instead, and the place.
    package static func compile(_ text: String) throws(ExpressionError) -> ExpressionProgram {
        try ExpressionParser.compile(text)
    }
}
