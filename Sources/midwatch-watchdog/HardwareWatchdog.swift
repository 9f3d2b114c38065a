// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
package import MidwatchModel

/// What the watchdog needs of `/dev/watchdog`; tests put a fake in its place.
package protocol WatchdogDevice: AnyObject {
    /// Opens the device, which arms it; an errno value on failure.
    func open(_ path: String) -> Int32
    /// Asks for a timeout; returns the one the device took, nil if it cannot be set.
    func setTimeout(_ seconds: Int32) -> Int32?
    /// Whether the device caused the last boot; nil if it cannot tell.
    func causedBoot() -> Bool?
    /// Feeds the device.
    func keepAlive() -> Bool
    /// Closes the device; disarmed if asked, armed otherwise.
    func close(isDisarming: Bool)
}

/// The device of the kernel (Documentation/watchdog/watchdog-api.rst).
package final class KernelWatchdogDevice: WatchdogDevice {
    private var descriptor: Int32 = -1

    package init() {}

    package func open(_ path: String) -> Int32 {
        self.descriptor = unsafe Glibc.open(path, O_WRONLY | O_CLOEXEC)
        return self.descriptor >= 0 ? 0 : errno
    }

    package func setTimeout(_ seconds: Int32) -> Int32? {
        var seconds = seconds
        return unsafe clinux_watchdog_set_timeout(self.descriptor, &seconds) == 0 ? seconds : nil
    }

    package func causedBoot() -> Bool? {
        var flags: Int32 = 0
        guard unsafe clinux_watchdog_boot_status(self.descriptor, &flags) == 0 else { return nil }
        return flags & 0x20 != 0
    }

    package func keepAlive() -> Bool {
        if clinux_watchdog_keep_alive(self.descriptor) == 0 { return true }
        var byte: UInt8 = 0
        return unsafe write(self.descriptor, &byte, 1) == 1
    }

    package func close(isDisarming: Bool) {
        guard self.descriptor >= 0 else { return }
        if isDisarming {
            var magic = UInt8(ascii: "V")
            _ = unsafe write(self.descriptor, &magic, 1)
        }
        _ = Glibc.close(self.descriptor)
        self.descriptor = -1
    }
}

/// Feeds the hardware watchdog while the monitor sees.
///
/// Some devices cannot be set as long as asked for. Then feeding goes on for the difference after
/// the monitor went blind, so that a restart of the daemon has the time it needs either way.
package final class HardwareWatchdog {
    private let configuration: HardwareConfiguration
    private let device: any WatchdogDevice
    private var fedAt: MonotonicInstant = .zero
    private var isOpen = false
    /// What the device took, in nanoseconds.
    package private(set) var timeoutNanoseconds: UInt64 = 0

    package init(_ configuration: HardwareConfiguration, device: any WatchdogDevice) {
        self.configuration = configuration
        self.device = device
    }

    /// Opens and so arms the device; false if it cannot be had.
    package func arm(now: MonotonicInstant) -> Bool {
        let error = self.device.open(self.configuration.device)
        guard error == 0 else {
            Log.write(
                .error, "hardware watchdog not armed",
                ["hardware.device": self.configuration.device, "reason": SystemError.text(error)])
            return false
        }
        self.isOpen = true
        let taken = self.device.setTimeout(self.configuration.timeoutSeconds)
        let seconds = taken ?? Self.usualTimeoutSeconds
        self.timeoutNanoseconds = UInt64(max(seconds, 1)) * 1_000_000_000
        if self.device.causedBoot() == true {
            Log.write(.critical, "hardware watchdog caused the last boot")
        }
        Log.write(
            .notice, "hardware watchdog armed",
            ["hardware.device": self.configuration.device, "hardware.timeout": "\(seconds)s"])
        _ = self.device.keepAlive()
        self.fedAt = now
        return true
    }

    /// Kernel drivers that take no timeout have one of a minute or more; this is on the safe side.
    private static let usualTimeoutSeconds: Int32 = 30

    /// Feeds the device if a third of its timeout has passed and the monitor is not blind.
    package func feed(isFeeding: Bool, blindSince: MonotonicInstant?, now: MonotonicInstant) {
        guard self.isOpen else { return }
        if !isFeeding, let blindSince {
            let wanted = UInt64(self.configuration.timeoutSeconds) * 1_000_000_000
            let patience = wanted > self.timeoutNanoseconds ? wanted - self.timeoutNanoseconds : 0
            guard now.nanosecondsSince(blindSince) < patience else { return }
        }
        guard now.nanosecondsSince(self.fedAt) >= self.timeoutNanoseconds / 3 else { return }
        if self.device.keepAlive() {
            self.fedAt = now
        } else {
            Log.write(.error, "hardware watchdog not fed")
        }
    }

    /// Lets go of the device at an ordered stop of the watchdog.
    package func stop() {
        guard self.isOpen else { return }
        self.isOpen = false
        self.device.close(isDisarming: self.configuration.disarmsOnStop)
    }
}
