// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import Testing

/// Which sensors measure the same as another one.
@Suite struct RedundantSensorTests {
    private func book(_ rules: [RuleDeclaration]) -> RuleBook {
        RuleBook(revision: "", declarations: [], rules: rules)
    }

    @Test func `members of a vote and of a discrepancy are redundant to each other`() {
        let book = self.book([
            RuleDeclaration(
                name: "vote", sensors: ["a/1"],
                condition: .vote(
                    members: ["a/1", "a/2", "a/3"], required: 2, limit: RuleLimit(setpoint: 1))),
            RuleDeclaration(
                name: "apart", sensors: ["hall/+/t"],
                condition: .discrepancy(
                    members: ["hall/{1}/t", "hall/{1}/u", "roof/{1}"], tolerance: 1, deadband: 0)),
        ])
        #expect(book.redundantSensors(to: "a/1", limit: 8) == ["a/2", "a/3"])
        #expect(book.redundantSensors(to: "a/3", limit: 8) == ["a/1", "a/2"])
        #expect(book.redundantSensors(to: "hall/9/t", limit: 8) == ["hall/9/u", "roof/9"])
        #expect(book.redundantSensors(to: "roof/9", limit: 8) == ["hall/9/t", "hall/9/u"])
        #expect(book.redundantSensors(to: "roof/9", limit: 1) == ["hall/9/t"])
        #expect(book.redundantSensors(to: "roof/9/x", limit: 8).isEmpty)
        #expect(book.redundantSensors(to: "b", limit: 8).isEmpty)
    }

    @Test func `the reference of a deviation is redundant, a setpoint is not`() {
        let book = self.book([
            RuleDeclaration(
                name: "off", sensors: ["w/+/o"],
                condition: .deviation(
                    reference: "e/{1}/o", setpoint: 0, above: 1, below: nil, deadband: 0)),
            RuleDeclaration(
                name: "far", sensors: ["w/+/o"],
                condition: .deviation(
                    reference: nil, setpoint: 5, above: 1, below: nil, deadband: 0)),
        ])
        #expect(book.redundantSensors(to: "w/2/o", limit: 8) == ["e/2/o"])
    }
}
