// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@testable import AlarmEngine

@Suite struct ExpressionTests {
    private static func known(_ value: Double) -> ExpressionInput {
        var input = ExpressionInput()
        input.sample = .known(value)
        input.isFresh = true
        return input
    }

    /// a = 6, b = 2, lost is stale, broken is an error.
    private static func inputs(of program: ExpressionProgram) -> [ExpressionInput] {
        program.operands.map { operand in
            var input = ExpressionInput()
            switch operand.path {
            case "a": input = Self.known(6)
            case "b": input = Self.known(2)
            case "broken":
                input.sample = .error
                input.isFresh = true
                input.quality = .bad
            default: break
            }
            switch operand.alarm {
            case "met"?:
                input.result = .met
                input.isRaised = true
            case "notMet"?: input.result = .notMet
            case "error"?: input.result = .error
            case "held"?:
                input.result = .stale
                input.isRaised = true
            default: break
            }
            return input
        }
    }

    static let cases: [(String, ConditionResult)] = [
        ("true", .met), ("false", .notMet), ("not true", .notMet), ("1 + 2 * 3 == 7", .met),
        ("(1 + 2) * 3 == 9", .met), ("8 / 4 / 2 == 1", .met), ("5 - 3 - 1 == 1", .met),
        ("-2 < -1", .met), ("- -2 == 2", .met), ("2 <= 2", .met), ("2 < 2", .notMet),
        ("2 >= 3", .notMet), ("2 != 3", .met), ("1e3 == 1000", .met), (".5 > 0.4", .met),
        ("abs(-3) == 3", .met), ("min(3, 1, 2) == 1", .met), ("max(3, 1, 2) == 3", .met),
        ("value(a) / value(b) == 3", .met), ("value(a) > 10 or value(b) < 5", .met),
        ("value(a) > 10 and value(b) < 5", .notMet),
        // Left to right within one rank; and binds closer than or.
        ("true or false and false", .met), ("not false and false", .notMet),
        // Unknown inputs.
        ("value(lost) > 1", .stale), ("value(broken) > 1", .error),
        ("value(lost) + value(broken) > 1", .error), ("value(lost) > 1 and false", .notMet),
        ("value(lost) > 1 or true", .met), ("value(broken) > 1 or value(lost) > 1", .error),
        ("not value(lost) > 1", .stale), ("value(a) / 0 > 1", .error),
        ("0 / 0 == 0 / 0", .error), ("1e308 * 10 > 0", .error),
        // Freshness and quality.
        ("fresh(a)", .met), ("fresh(lost)", .notMet), ("stale(lost)", .met), ("stale(a)", .notMet),
        ("good(a)", .met), ("bad(broken)", .met), ("good(broken)", .notMet),
        ("good(lost)", .stale), ("bad(lost)", .stale),
        // Conditions.
        ("condition(x:met)", .met), ("condition(x:error)", .error), ("raised(x:met)", .met),
        ("raised(x:held) and not condition(x:notMet)", .met), ("condition(x:held)", .stale),
        // n of m.
        ("atLeast(2, value(a) > 1, value(b) > 1, value(lost) > 1)", .met),
        ("atLeast(2, value(a) > 1, value(b) > 9, value(lost) > 1)", .stale),
        ("atLeast(3, value(a) > 1, value(b) > 9, value(lost) > 1)", .notMet),
    ]

    @Test(arguments: Self.cases)
    func `an expression gives the result of its logic`(text: String, expected: ConditionResult)
        throws
    {
        let program = try ExpressionProgram.compile(text)
        #expect(program.run(Self.inputs(of: program)) == expected)
    }

    @Test func `paths keep their signs and names their colon`() throws {
        let program = try ExpressionProgram.compile(
            "value( air/west-3/co ) - value > 2 and raised({1}/fan:high-load)")
        #expect(
            program.operands == [
                ExpressionOperand(path: "air/west-3/co", alarm: nil, offset: 7),
                ExpressionOperand(path: "", alarm: nil, offset: 25),
                ExpressionOperand(path: "{1}/fan", alarm: "high-load", offset: 46),
            ])
    }

    @Test func `one operand is held once`() throws {
        let program = try ExpressionProgram.compile("value(a) > 1 and value(a) < 3 and fresh(a)")
        #expect(program.operands.count == 1)
    }

    static let errors: [(String, Int, String)] = [
        ("", 0, "is empty"),
        ("value(a)", 0, "is a number, expected a condition; compare it, as in value > 5"),
        ("value(a) > ", 11, "expected a value or a condition, got the end"),
        ("true and 5", 9, "\"and\" wants a condition, got a number; compare it, as in value > 5"),
        ("true + 1 > 2", 0, "\"+\" wants a number, got a condition"),
        ("1 < 2 < 3", 6, "compares twice; join two comparisons with \"and\""),
        ("not 5", 0, "\"not\" wants a condition, got a number; compare it, as in value > 5"),
        ("value(a) = 5", 9, "\"=\" compares nothing; write \"==\""),
        ("true && false", 5, "unexpected \"&\"; write \"and\""),
        (
            "presure > 5", 0,
            "unknown word \"presure\"; a sensor's value is written "
                + "value(path/of/sensor)"
        ),
        ("(true", 5, "expected \")\" after what the parenthesis holds, got the end"),
        ("value(a > 5", 5, "the parenthesis is never closed"),
        ("true true", 5, "expected an operator or the end, got \"true\""),
        ("0x10 > 5", 0, "expected a number such as 12.5, got \"0x10\""),
        ("atLeast(3, true, true)", 8, "asks for 3 of 2 conditions: it can never be met"),
        ("raised(a)", 7, "expected raised(path/of/sensor:alarm), as in raised(air/co:high)"),
        ("max(1) > 0", 5, "expected \",\" after the first argument of max, got \")\""),
        ("1 > 0 § 2", 6, "unexpected character"),
    ]

    @Test(arguments: Self.errors)
    func `a wrong expression names the place and the remedy`(
        text: String, offset: Int, message: String
    ) {
        #expect(throws: ExpressionError(message, at: offset)) {
            try ExpressionProgram.compile(text)
        }
    }

    @Test func `what is too deep or too long is refused, not run`() {
        let deep = String(repeating: "(", count: 40) + "true" + String(repeating: ")", count: 40)
        let long = (0..<300).map { "\($0) > 1" }.joined(separator: " or ")
        let wide = "atLeast(1, " + (0..<40).map { _ in "true" }.joined(separator: ", ") + ")"
        let many = (0..<20).map { "fresh(s\($0))" }.joined(separator: " or ")
        for text in [deep, long, wide, many, String(repeating: " ", count: 5_000)] {
            #expect(throws: ExpressionError.self) { try ExpressionProgram.compile(text) }
        }
    }

    @Test func `no text makes the compiler or the machine trap`() {
        var random = Random(seed: 3)
        let words = [
            "value(a)", "value", "(", ")", "and", "or", "not", "-", "+", "*", "/", "<", "==", "5",
            "0", "true", "atLeast(", "1", ",", "min(", "abs(", "raised(x:met)", "fresh(lost)", "é",
            "value(", "value(lost)", "\u{0}", ".",
        ]
        var compiled = 0
        for _ in 0..<20_000 {
            let text = (0..<random.next(below: 9)).map { _ in random.pick(words) }
                .joined(separator: " ")
            guard let program = try? ExpressionProgram.compile(text) else { continue }
            compiled += 1
            _ = program.run(Self.inputs(of: program))
        }
        #expect(compiled > 50)
    }
}
