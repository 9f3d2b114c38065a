// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@testable import Ingest

@Suite struct ArrivalMarksTests {
    private func at(_ seconds: UInt64) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: seconds * 1_000_000_000)
    }

    @Test func `a stream that never paused arrived when it was read`() {
        let marks = ArrivalMarks()
        #expect(marks.arrival(before: 100) == nil)
        #expect(marks.count(from: 0) == nil)
    }

    @Test func `parts of several pauses keep their instants`() {
        var marks = ArrivalMarks()
        marks.note(before: 100, at: self.at(1))
        marks.note(before: 300, at: self.at(2))
        // Known already: the older instant stays.
        marks.note(before: 250, at: self.at(3))
        marks.note(before: 400, at: self.at(4))
        #expect(marks.count(from: 0) == 100)
        #expect(marks.arrival(before: 100) == self.at(1))
        #expect(marks.count(from: 100) == 200)
        #expect(marks.arrival(before: 101) == self.at(2))
        #expect(marks.arrival(before: 300) == self.at(2))
        #expect(marks.arrival(before: 400) == self.at(4))
        #expect(marks.arrival(before: 401) == nil)
        #expect(marks.count(from: 400) == nil)
    }

    @Test func `what is forgotten is what was taken`() {
        var marks = ArrivalMarks()
        marks.note(before: 100, at: self.at(1))
        marks.note(before: 200, at: self.at(2))
        marks.forget(before: 100)
        #expect(marks.arrival(before: 100) == self.at(1))
        marks.forget(before: 101)
        #expect(marks.arrival(before: 101) == self.at(2))
    }

    @Test func `beyond the limit bytes are dated too early, never too late`() {
        var marks = ArrivalMarks()
        let count = UInt64(ArrivalMarks.countMax) + 10
        for number in 1...count { marks.note(before: number * 10, at: self.at(number)) }
        for number in 1...count {
            let arrival = marks.arrival(before: number * 10)
            #expect(arrival == self.at(min(number, UInt64(ArrivalMarks.countMax))))
        }
    }
}
