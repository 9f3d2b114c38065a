// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
package import MidwatchModel

/// The kernel's name for this boot: 16 random bytes from `/proc/sys/kernel/random/boot_id`.
///
/// Clock readings of two boots do not compare; this says whether they belong to one.
package struct BootID: Hashable, Sendable, CustomStringConvertible {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Parses the 8-4-4-4-12 form; nil if it is not one.
    package init?(_ text: String) {
        guard let id = JournalID(text) else { return nil }
        self.init(high: id.high, low: id.low)
    }

    /// The 8-4-4-4-12 form, lower case.
    package var description: String { JournalID(high: self.high, low: self.low).description }

    /// The identity of the boot this process runs in.
    package static func current() throws(VitalsError) -> BootID {
        guard let text = SmallFile.read("/proc/sys/kernel/random/boot_id", bytesMax: 64),
            let id = BootID(String(text.prefix { $0 != "\n" }))
        else { throw .noBootID }
        return id
    }
}

/// The clock of supervision: CLOCK_BOOTTIME with no offset, the same in every process of one boot.
///
/// Not the engine's time line, which adds an offset of its own.
package enum BootClock {
    package static func now() -> MonotonicInstant {
        MonotonicInstant(nanoseconds: clinux_boottime_ns())
    }
}

/// A process, told apart from a later one that got its number.
package struct ProcessIdentity: Hashable, Sendable {
    package let processID: Int32
    /// Field 22 of `/proc/<pid>/stat`: clock ticks from boot to the start of the process.
    package let startTicks: UInt64

    package init(processID: Int32, startTicks: UInt64) {
        self.processID = processID
        self.startTicks = startTicks
    }

    /// The start of process `processID`; nil if there is no such process or it is hidden.
    package static func startTicks(of processID: Int32) -> UInt64? {
        guard let text = SmallFile.read("/proc/\(processID)/stat", bytesMax: 1_024),
            let nameEnd = text.lastIndex(of: ")")
        else { return nil }
        // The name may hold spaces and parentheses; field 3 begins after the last one.
        let fields = text[text.index(after: nameEnd)...].split(separator: " ")
        guard fields.count > 19 else { return nil }
        return UInt64(fields[19])
    }
}

/// Reading of files that are known to be small.
package enum SmallFile {
    /// The first `bytesMax` bytes of a file as text; nil if it cannot be read or is not UTF-8.
    package static func read(_ path: String, bytesMax: Int) -> String? {
        let fd = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { return nil }
        defer { close(fd) }
        var bytes = [UInt8](repeating: 0, count: bytesMax)
        var filled = 0
        while filled < bytesMax {
            let count = unsafe bytes.withUnsafeMutableBytes { buffer -> Int in
                guard let base = buffer.baseAddress else { return 0 }
                return unsafe Glibc.read(fd, base + filled, bytesMax - filled)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            filled += count
        }
        return String(validating: bytes[..<filled], as: UTF8.self)
    }
}
