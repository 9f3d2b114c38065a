// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

/// What engine and archive both say of a sender's time.
@Suite struct SourceTimeBoundsTests {
    private static let wall: Int64 = 1_780_000_000_000_000_000
    private static let earliest = SystemLimits.sourceTimeEarliestNanoseconds

    @Test(arguments: [
        (Slot.noSourceTime, SourceTimeStatus.absent), (0, .implausible),
        (Self.wall + 2_000_000_000, .accepted), (Self.wall + 2_000_000_001, .implausible),
        (Self.wall - 1_000, .accepted), (Self.wall - 1_001, .regressed),
        (Self.earliest, .regressed), (Self.earliest - 1, .implausible),
        (Int64.max, .implausible), (Int64.min + 1, .implausible),
    ])
    func `source times are judged`(sourceTime: Int64, expected: SourceTimeStatus) {
        let bounds = SourceTimeBounds()
        let newest = Self.wall - 1_000
        #expect(
            bounds.status(
                of: sourceTime, arrivalWall: Self.wall, newestAccepted: newest, isHistorical: false)
                == expected)
        #expect(
            bounds.status(
                of: sourceTime, arrivalWall: Self.wall, newestAccepted: newest, isHistorical: true)
                == .historical)
    }

    @Test func `the first plausible time of a sensor is accepted however old`() {
        let status = SourceTimeBounds().status(
            of: Self.earliest, arrivalWall: Self.wall, newestAccepted: Slot.noSourceTime,
            isHistorical: false)
        #expect(status == .accepted)
    }

    @Test func `while our own clock is not known only the lower bound holds`() {
        let bounds = SourceTimeBounds()
        #expect(bounds.isPlausible(.max, arrivalWall: 0))
        #expect(!bounds.isPlausible(0, arrivalWall: 0))
    }
}
