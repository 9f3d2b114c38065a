// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Testing
import Vitals
import midwatch_watchdog

/// In place of `/dev/watchdog0`: notes what is done to it.
final class FakeWatchdogDevice: WatchdogDevice {
    var error: Int32 = 0
    var timeoutMax: Int32?
    var fedCount = 0
    var closed: Bool?

    func open(_ path: String) -> Int32 { self.error }
    func setTimeout(_ seconds: Int32) -> Int32? {
        guard let timeoutMax = self.timeoutMax else { return nil }
        return min(seconds, timeoutMax)
    }
    func causedBoot() -> Bool? { nil }
    func keepAlive() -> Bool {
        self.fedCount += 1
        return true
    }
    func close(isDisarming: Bool) { self.closed = isDisarming }
}

@Suite struct HardwareWatchdogTests {
    static func second(_ value: Int) -> MonotonicInstant {
        MonotonicInstant(nanoseconds: UInt64(value) * 1_000_000_000)
    }

    @Test func `it is fed three times a timeout while the monitor sees`() {
        let device = FakeWatchdogDevice()
        device.timeoutMax = 600
        let watchdog = HardwareWatchdog(
            HardwareConfiguration(device: "/dev/watchdog0"), device: device)
        #expect(watchdog.arm(now: Self.second(0)))
        for second in 1...900 {
            watchdog.feed(isFeeding: true, blindSince: nil, now: Self.second(second))
        }
        #expect(device.fedCount == 1 + 30)
    }

    @Test func `it is not fed while the monitor is blind`() {
        let device = FakeWatchdogDevice()
        device.timeoutMax = 600
        let watchdog = HardwareWatchdog(
            HardwareConfiguration(device: "/dev/watchdog0"), device: device)
        #expect(watchdog.arm(now: Self.second(0)))
        for second in 1...900 {
            watchdog.feed(
                isFeeding: false, blindSince: Self.second(0), now: Self.second(second))
        }
        #expect(device.fedCount == 1)
        watchdog.feed(isFeeding: true, blindSince: Self.second(0), now: Self.second(901))
        #expect(device.fedCount == 2, "restarts are used up: the machine stays up")
    }

    @Test func `a device with a short timeout gives a restart the time it needs all the same`() {
        let device = FakeWatchdogDevice()
        device.timeoutMax = 15
        let watchdog = HardwareWatchdog(
            HardwareConfiguration(device: "/dev/watchdog0", timeoutSeconds: 90), device: device)
        #expect(watchdog.arm(now: Self.second(0)))
        #expect(watchdog.timeoutNanoseconds == 15_000_000_000)
        var lastFed = 0
        for second in 1...200 {
            let before = device.fedCount
            watchdog.feed(
                isFeeding: second < 100, blindSince: second < 100 ? nil : Self.second(100),
                now: Self.second(second))
            if device.fedCount > before { lastFed = second }
        }
        // Blind at 100, reset at 190 as configured: fed for 75 s more, then 15 s of the device.
        #expect((170...174).contains(lastFed))
    }

    @Test(arguments: [false, true])
    func `an ordered stop disarms it only if told to`(disarms: Bool) {
        let device = FakeWatchdogDevice()
        let watchdog = HardwareWatchdog(
            HardwareConfiguration(device: "/dev/watchdog0", disarmsOnStop: disarms),
            device: device)
        #expect(watchdog.arm(now: Self.second(0)))
        watchdog.stop()
        #expect(device.closed == disarms)
    }

    @Test func `a device that cannot be had is no reason not to watch`() {
        let device = FakeWatchdogDevice()
        device.error = 16
        let watchdog = HardwareWatchdog(
            HardwareConfiguration(device: "/dev/watchdog0"), device: device)
        #expect(!watchdog.arm(now: Self.second(0)))
        watchdog.feed(isFeeding: true, blindSince: nil, now: Self.second(100))
        #expect(device.fedCount == 0)
    }
}
