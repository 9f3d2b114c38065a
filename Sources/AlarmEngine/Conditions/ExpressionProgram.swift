// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// One step of an expression's bytecode.
package struct ExpressionStep: BitwiseCopyable, Sendable, Equatable {
    package enum Operation: UInt8, BitwiseCopyable, Sendable, CaseIterable {
        // Push.
        case constant, truth, falsehood, value, fresh, stale, good, bad, condition, raised
        // Numbers to a number.
        case add, subtract, multiply, divide, negate, magnitude, least, most
        // Numbers to a result.
        case less, lessOrEqual, greater, greaterOrEqual, equal, unequal
        // Results to a result.
        case and, or, not, atLeast
    }

    package var operation: Operation
    /// Arguments of `atLeast`: how many there are.
    package var count: UInt8 = 0
    /// Operand that is pushed, or how many of the results `atLeast` wants.
    package var operand: UInt16 = 0
    package var constant: Double = 0
}

/// What an operand of an expression is at the moment of evaluation.
package struct ExpressionInput: BitwiseCopyable, Sendable {
    package var sample = Sample.stale
    package var isFresh = false
    /// Neither fresh nor silent for a deadline: nobody knows yet which of both it is.
    package var isUnverified = false
    package var quality = Quality.good
    /// Of a condition: its last result.
    package var result = ConditionResult.stale
    /// Of a condition: whether its alarm is raised.
    package var isRaised = false
    /// The name means nothing: an error, also where only the alarm is asked for.
    package var isMissing = false

    package init() {}
}

/// A name that an expression refers to.
package struct ExpressionOperand: Equatable, Sendable {
    /// Path of the sensor; may hold `{1}` … for the wildcards of the rule's template.
    ///
    /// Empty: the sensor that the rule belongs to.
    package var path: String
    /// Name of the sensor's alarm; nil: the sensor itself.
    package var alarm: String?
    /// Bytes from the beginning of the text.
    package var offset: Int
}

/// An expression, compiled: flat steps over a stack of fixed depth.
///
/// Numbers and results are kept apart when it is compiled, so that running it cannot fail: what is
/// unknown gives an unknown result, and a number that is not finite an error.
package struct ExpressionProgram: Equatable, Sendable {
    package internal(set) var steps: [ExpressionStep]
    package internal(set) var operands: [ExpressionOperand]

    /// Runs the program on values for its operands, in their order.
    ///
    /// For checks and tests; the engine runs the same steps out of its flat table.
    package func run(_ inputs: [ExpressionInput]) -> ConditionResult {
        precondition(inputs.count >= self.operands.count, "inputs")
        var steps = FlatTable<ExpressionStep>(reserving: self.steps.count)
        for step in self.steps { steps.append(step) }
        var values = ExpressionInputs()
        for (index, input) in inputs.enumerated() { values[index] = input }
        return ExpressionMachine.run(steps, 0..<self.steps.count, inputs: values)
    }
}

/// Values for the operands of one expression.
struct ExpressionInputs: BitwiseCopyable, Sendable {
    private var values: [16 of ExpressionInput] = .init(repeating: ExpressionInput())

    @_noLocks
    subscript(_ index: Int) -> ExpressionInput {
        get { self.values[index] }
        set { self.values[index] = newValue }
    }
}

/// Runs bytecode.
enum ExpressionMachine {
    private struct Cell: BitwiseCopyable {
        var number: Double = 0
        /// Of a result, the result; of a number, met if it is known.
        var result = ConditionResult.met
    }

    /// Runs the steps of `range` on `inputs`; no allocation, no lock.
    ///
    /// (The attribute that proves it stands on the parts: it does not take a generic table here.)
    static func run(
        _ steps: borrowing FlatTable<ExpressionStep>, _ range: Range<Int>,
        inputs: ExpressionInputs
    ) -> ConditionResult {
        var stack: [16 of Cell] = .init(repeating: Cell())
        var depth = 0
        for index in range {
            let step = steps[index]
            switch step.operation {
            case .constant, .truth, .falsehood, .value, .fresh, .stale, .good, .bad, .condition,
                .raised:
                stack[depth] = self.push(step, inputs)
                depth += 1
            case .negate, .magnitude, .not:
                stack[depth - 1] = self.unary(step.operation, stack[depth - 1])
            case .add, .subtract, .multiply, .divide, .least, .most, .less, .lessOrEqual,
                .greater, .greaterOrEqual, .equal, .unequal, .and, .or:
                depth -= 1
                stack[depth - 1] = self.binary(step.operation, stack[depth - 1], stack[depth])
            case .atLeast:
                var tally = ConditionTally()
                for _ in 0..<step.count {
                    depth -= 1
                    tally.add(stack[depth].result)
                }
                stack[depth].result = tally.atLeast(Int(step.operand))
                depth += 1
            }
        }
        precondition(depth == 1, "expression stack")
        return stack[0].result
    }

    @_noLocks
    private static func push(
        _ step: ExpressionStep, _ inputs: ExpressionInputs
    ) -> Cell {
        var cell = Cell()
        let operand = Int(step.operand)
        switch step.operation {
        case .constant: cell.number = step.constant
        case .falsehood: cell.result = .notMet
        case .value:
            switch inputs[operand].sample {
            case .known(let number): cell.number = number
            case .stale: cell.result = .stale
            case .error: cell.result = .error
            }
        case .fresh, .stale:
            let isFresh = inputs[operand].isFresh
            let isMet = step.operation == .fresh ? isFresh : !isFresh
            cell.result = inputs[operand].isUnverified ? .stale : isMet ? .met : .notMet
        case .good: cell.result = self.quality(inputs[operand], isBad: false)
        case .bad: cell.result = self.quality(inputs[operand], isBad: true)
        case .condition: cell.result = inputs[operand].result
        case .raised:
            cell.result =
                inputs[operand].isMissing ? .error : inputs[operand].isRaised ? .met : .notMet
        case .truth, .add, .subtract, .multiply, .divide, .negate, .magnitude, .least, .most,
            .less, .lessOrEqual, .greater, .greaterOrEqual, .equal, .unequal, .and, .or, .not,
            .atLeast:
            break
        }
        return cell
    }

    /// A sensor that is not fresh has no quality now.
    @_noLocks
    private static func quality(_ input: ExpressionInput, isBad: Bool) -> ConditionResult {
        guard input.isFresh else { return .stale }
        return switch input.quality {
        case .good: isBad ? .notMet : .met
        case .uncertain: .notMet
        case .bad: isBad ? .met : .notMet
        }
    }

    @_noLocks
    private static func unary(_ operation: ExpressionStep.Operation, _ cell: Cell) -> Cell {
        var cell = cell
        if case .not = operation {
            cell.result = cell.result.negated()
        } else if case .negate = operation {
            cell.number = -cell.number
        } else {
            cell.number = cell.number.magnitude
        }
        return cell
    }

    @_noLocks
    private static func binary(
        _ operation: ExpressionStep.Operation, _ left: Cell, _ right: Cell
    ) -> Cell {
        var cell = Cell()
        switch operation {
        case .and:
            cell.result = left.result.and(right.result)
            return cell
        case .or:
            cell.result = left.result.or(right.result)
            return cell
        case .constant, .truth, .falsehood, .value, .fresh, .stale, .good, .bad, .condition,
            .raised, .negate, .magnitude, .not, .atLeast, .add, .subtract, .multiply, .divide,
            .least, .most, .less, .lessOrEqual, .greater, .greaterOrEqual, .equal, .unequal:
            break
        }
        // Numbers: both must be known; `and` has the right order for what is not.
        cell.result = left.result.and(right.result)
        guard case .met = cell.result else { return cell }
        switch operation {
        case .add: cell.number = left.number + right.number
        case .subtract: cell.number = left.number - right.number
        case .multiply: cell.number = left.number * right.number
        case .divide: cell.number = left.number / right.number
        case .least: cell.number = left.number < right.number ? left.number : right.number
        case .most: cell.number = left.number > right.number ? left.number : right.number
        case .less: cell.result = left.number < right.number ? .met : .notMet
        case .lessOrEqual: cell.result = left.number <= right.number ? .met : .notMet
        case .greater: cell.result = left.number > right.number ? .met : .notMet
        case .greaterOrEqual: cell.result = left.number >= right.number ? .met : .notMet
        case .equal: cell.result = left.number == right.number ? .met : .notMet
        case .unequal: cell.result = left.number != right.number ? .met : .notMet
        case .constant, .truth, .falsehood, .value, .fresh, .stale, .good, .bad, .condition,
            .raised, .negate, .magnitude, .and, .or, .not, .atLeast:
            break
        }
        if !cell.number.isFinite { cell.result = .error }
        return cell
    }
}
