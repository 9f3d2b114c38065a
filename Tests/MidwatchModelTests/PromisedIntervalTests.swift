// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing

@Suite struct PromisedIntervalTests {
    @Test func `every code is read back as itself, and codes ascend`() {
        var last: UInt64 = 0
        for code in UInt8(1)...UInt8.max {
            let interval = PromisedInterval(rawValue: code)
            #expect(interval.nanoseconds > last)
            last = interval.nanoseconds
            #expect(PromisedInterval(seconds: Double(last) / 1e9) == interval)
        }
    }

    @Test func `a promise is rounded up, by less than an eighth`() {
        for seconds in [0.2, 1, 1.01, 5, 59.9, 60, 61, 300, 3_600, 86_400, 604_800, 31_536_000] {
            let kept = Double(PromisedInterval(seconds: seconds).nanoseconds) / 1e9
            #expect(kept >= seconds && kept <= seconds * 1.125 + 0.01)
        }
        #expect(PromisedInterval(seconds: 60).nanoseconds == 60_000_000_000)
    }

    @Test func `nothing promised is nothing, and what is too long is the longest`() {
        for seconds in [0, -1, Double.nan, -Double.infinity] {
            #expect(PromisedInterval(seconds: seconds) == .none)
        }
        #expect(PromisedInterval.none.nanoseconds == 0)
        for seconds in [1e300, Double.infinity, 503_316_481] {
            #expect(PromisedInterval(seconds: seconds).rawValue == UInt8.max)
        }
    }

    @Test func `a reading carries it in a byte of its own`() {
        var slot = Slot(reading: 1, of: SensorIndex(rawValue: 1), from: .own, arrival: .zero)
        #expect(slot.promisedInterval == .none)
        slot.promisedInterval = PromisedInterval(seconds: 60)
        #expect(slot.promisedInterval.nanoseconds == 60_000_000_000)
        #expect(slot.criticalityRaw == SensorCriticality.normal.rawValue)
        #expect(slot.payloadHash == 0)
    }
}
