// SPDX-License-Identifier: Apache-2.0

/// Where a value stands in a JSON document: names and indexes from the root, `data.0.value`.
///
/// One step may be `*`, each element of an array or member of an object. A dot or star that belongs
/// to a name has a backslash before it, and so has a backslash: `a\.b`. Empty is the document.
package struct JSONPath: Equatable, Sendable {
    private struct Step: Equatable, Sendable {
        var text: [UInt8]
        /// The step as the number of an element; -1 if it is none.
        var number: Int
    }

    private let steps: [Step]
    /// Number of the step that is `*`.
    package let eachIndex: Int?

    /// Steps of one path: as deep as a document may be.
    private static let stepCountMax = 64

    /// Reads a path; nil with an empty step, a second `*`, or a backslash before anything else.
    package init?(_ text: String) {
        var steps: [Step] = []
        var eachIndex: Int?
        var step: [UInt8] = []
        var isPlain = true
        func finish() -> Bool {
            guard !step.isEmpty, steps.count < Self.stepCountMax else { return false }
            if isPlain, step == [UInt8(ascii: "*")] {
                guard eachIndex == nil else { return false }
                eachIndex = steps.count
            }
            let number = step.count < 10 ? UInt32(String(decoding: step, as: UTF8.self)) : nil
            steps.append(Step(text: step, number: number.map { Int($0) } ?? -1))
            step = []
            isPlain = true
            return true
        }
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "."):
                guard finish() else { return nil }
                if rest.isEmpty { return nil }
            case UInt8(ascii: "\\"):
                guard let next = rest.popFirst(),
                    next == UInt8(ascii: ".") || next == UInt8(ascii: "*")
                        || next == UInt8(ascii: "\\")
                else { return nil }
                isPlain = false
                step.append(next)
            default: step.append(byte)
            }
        }
        if !text.isEmpty, !finish() { return nil }
        self.steps = steps
        self.eachIndex = eachIndex
    }

    /// The document itself.
    package static var root: JSONPath { JSONPath(steps: [], eachIndex: nil) }

    private init(steps: [Step], eachIndex: Int?) {
        self.steps = steps
        self.eachIndex = eachIndex
    }

    package var isRoot: Bool { self.steps.isEmpty }

    /// What stands before the step `*`; the whole path if it has none.
    package var container: JSONPath {
        JSONPath(
            steps: Array(self.steps.prefix(self.eachIndex ?? self.steps.count)), eachIndex: nil)
    }

    /// What stands behind the step `*`; the document if there is none.
    package var element: JSONPath {
        guard let eachIndex = self.eachIndex else { return .root }
        return JSONPath(steps: Array(self.steps[(eachIndex + 1)...]), eachIndex: nil)
    }

    /// The node that the path leads to from node `start`; nil if there is none.
    ///
    /// The path must have no step `*`.
    package func find(
        in tape: borrowing JSONTape, from start: Int = 0, _ bytes: borrowing Span<UInt8>
    ) -> Int? {
        var node = start
        for index in self.steps.indices {
            switch tape[node].kind {
            case .object:
                let name = self.steps[index].text
                guard let next = tape.member(name.span, of: node, bytes) else { return nil }
                node = next
            case .array:
                guard let next = tape.element(self.steps[index].number, of: node) else {
                    return nil
                }
                node = next
            case .null, .bool, .number, .string: return nil
            }
        }
        return node
    }
}
