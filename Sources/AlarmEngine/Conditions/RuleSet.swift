// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// A rule as it is evaluated: its program, what it refers to, and its place in the order.
package struct CompiledRule: Equatable, Sendable {
    package var declaration: RuleDeclaration
    /// Of an expression; nil for other conditions, and for an expression that does not compile.
    package var program: ExpressionProgram?
    /// Sensors and conditions that it refers to besides its own sensor.
    package var references: [ExpressionOperand]
    /// A rule is evaluated after all of smaller rank.
    package internal(set) var rank = 0

    init(_ declaration: RuleDeclaration) {
        self.declaration = declaration
        self.references = []
        switch declaration.condition {
        case .deviation(let reference?, _, _, _, _), .drift(_, _, _, let reference?):
            self.references = [ExpressionOperand(path: reference, alarm: nil, offset: 0)]
        case .vote(let members, _, _), .discrepancy(let members, _, _):
            self.references = members.map { ExpressionOperand(path: $0, alarm: nil, offset: 0) }
        case .expression(let text):
            self.program = try? ExpressionProgram.compile(text)
            self.references = self.program?.operands ?? []
        case .sequence(_, _, _, let sensor?):
            self.references = [ExpressionOperand(path: sensor, alarm: nil, offset: 0)]
        case .rateOfChange, .flatLine, .deviation, .offNormal, .badQuality, .clockSkew,
            .clockDrift, .sequence, .window, .drift:
            break
        }
    }

    /// The first pattern that `path` fits, and what its wildcards stand for; nil if none does.
    package func captures(_ path: String) -> [String]? {
        for pattern in self.declaration.sensors {
            if let captures = PathTemplate.captures(pattern, path) { return captures }
        }
        return nil
    }
}

/// The rules of a configuration, compiled and put in the order in which they depend on each other.
package struct RuleSet: Sendable {
    /// In file order.
    package let rules: [CompiledRule]
    /// Rules that depend on themselves, each as the names round the circle; none is evaluated.
    package let cycles: [[String]]
    /// Whether a rule looks at the clocks of sources: else no reading needs to look for one.
    let watchesClocks: Bool
    private let watchesSources: Bool
    private let tree: TemplateTree
    private let byName: [String: Int]

    package init(_ declarations: [RuleDeclaration]) {
        var rules = declarations.map(CompiledRule.init)
        var numbers: [String: Int] = [:]
        for (number, rule) in rules.enumerated() where numbers[rule.declaration.name] == nil {
            numbers[rule.declaration.name] = number
        }
        let needs = rules.map { rule in
            rule.references.compactMap { $0.alarm.flatMap { numbers[$0] } }
        }
        var order = RuleOrder(needs)
        for number in rules.indices { order.visit(number) }
        for (rank, number) in order.sorted.enumerated() { rules[number].rank = rank }
        // A circle would never come to rest: its rules are errors.
        for number in order.cycles.joined() {
            rules[number].program = nil
            rules[number].references = []
        }
        var tree = TemplateTree()
        for (number, rule) in rules.enumerated() {
            for pattern in rule.declaration.sensors { tree.insert(pattern, number: number) }
        }
        self.tree = tree
        self.watchesSources = declarations.contains(where: \.isOfSources)
        self.watchesClocks = declarations.contains { $0.isOfSources && $0.condition.isOfClock }
        self.byName = numbers
        self.rules = rules
        self.cycles = order.cycles.map { circle in
            circle.map { declarations[$0].name }
        }
    }

    /// Rules for the sensor at `path`, in file order.
    package func numbers(for path: String) -> [Int] { self.tree.numbers(for: path) }

    /// Whether a rule about sources fits the source that the sensor at `path` stands for.
    func watchesSource(at path: String) -> Bool {
        self.watchesSources
            && self.tree.numbers(for: path).contains { self.rules[$0].declaration.isOfSources }
    }

    /// Number of the first rule of that name; nil if there is none.
    func number(named name: String) -> Int? { self.byName[name] }
}

/// Depth-first order: what is needed comes first.
private struct RuleOrder {
    private enum Mark { case new, open, done }

    let needs: [[Int]]
    private var marks: [Mark]
    private var open: [Int] = []
    var sorted: [Int] = []
    var cycles: [[Int]] = []

    init(_ needs: [[Int]]) {
        self.needs = needs
        self.marks = Array(repeating: .new, count: needs.count)
    }

    /// Visits without recursion: a chain of rules may be as long as the file.
    mutating func visit(_ first: Int) {
        guard self.marks[first] == .new else { return }
        var next: [Int] = [0]
        self.enter(first)
        while let current = self.open.last, let position = next.last {
            guard position < self.needs[current].count else {
                self.marks[current] = .done
                self.sorted.append(current)
                self.open.removeLast()
                next.removeLast()
                continue
            }
            next[next.count - 1] += 1
            let need = self.needs[current][position]
            switch self.marks[need] {
            case .done: break
            case .new:
                self.enter(need)
                next.append(0)
            case .open:
                if let start = self.open.firstIndex(of: need) {
                    self.cycles.append(Array(self.open[start...]) + [need])
                }
            }
        }
    }

    private mutating func enter(_ number: Int) {
        self.marks[number] = .open
        self.open.append(number)
    }
}
