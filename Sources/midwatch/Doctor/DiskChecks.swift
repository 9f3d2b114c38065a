// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
internal import Journal
internal import MidwatchConfiguration

/// Checks of the disk below the state directory: room, medium, speed, and whether its syncs are
/// believable.
struct DiskChecks {
    /// Syncs that are timed.
    private static let syncCount = 64
    /// No disk that writes before it answers is faster.
    private static let syncNanosecondsMin: UInt64 = 20_000
    /// Alerts leave unrecorded after 250 ms: a sync that takes so long is too slow for the ledger.
    private static let syncNanosecondsMax: UInt64 = 100_000_000
    private static let writeBytes: UInt64 = 64 << 20
    /// 200,000 readings a second of 64 bytes.
    private static let writeRateMin = 13_000_000.0
    private static let freeShareMin = 0.1

    let folder: String

    func run() -> [DoctorFinding] {
        guard unsafe access(self.folder, W_OK | X_OK) == 0 else {
            let reason = unsafe String(cString: strerror(errno))
            return [
                .failure(
                    "state directory", "\(self.folder): \(reason)",
                    remedy: "make it and give it to the daemon's user, or run this as that user")
            ]
        }
        return [self.medium(), self.room(), self.syncs(), self.rate()]
    }

    private func medium() -> DoctorFinding {
        switch unsafe clinux_folder_medium(self.folder) {
        case 0: .ok("state directory", "\(self.folder): a disk")
        case 1:
            .failure(
                "state directory", "\(self.folder) lies in memory: nothing survives a power cut",
                remedy: "set stateDirectory to a folder on a disk")
        default:
            .warning(
                "state directory", "\(self.folder) lies on a network or user file system",
                remedy: "use a local disk: acknowledged must mean durable")
        }
    }

    private func room() -> DoctorFinding {
        guard let space = try? LinuxDisk().space(self.folder), space.capacity > 0 else {
            return .failure("disk room", "the disk does not say", remedy: "see dmesg")
        }
        let share = Double(space.available) / Double(space.capacity)
        let words =
            "\(space.available >> 20) MiB of \(space.capacity >> 20) MiB free "
            + "(\(Int(share * 100)) %)"
        return share >= Self.freeShareMin
            ? .ok("disk room", words)
            : .warning(
                "disk room", words, remedy: "make room, or lower journal.retention.bytes")
    }

    private func syncs() -> DoctorFinding {
        var times = [UInt64](repeating: 0, count: Self.syncCount)
        let code = unsafe times.withUnsafeMutableBufferPointer { buffer in
            unsafe clinux_sync_probe(self.folder, Int32(Self.syncCount), buffer.baseAddress)
        }
        guard code == 0 else { return Self.failed("disk sync", code) }
        times.sort()
        let (median, worst) = (times[times.count / 2], times[times.count - 1])
        let words = "fdatasync p50 \(Self.milliseconds(median)), worst \(Self.milliseconds(worst))"
        if median < Self.syncNanosecondsMin {
            return .warning(
                "disk sync", "\(words): faster than a disk can be, so it answers before it wrote",
                remedy: "turn its volatile write cache off (hdparm -W 0, nvme), or the "
                    + "hypervisor's cache=unsafe; else a power cut takes acknowledged readings")
        }
        if worst > Self.syncNanosecondsMax {
            return .warning(
                "disk sync", "\(words): acknowledgements and records wait so long",
                remedy: "use a disk of its own for the state directory, or a faster one")
        }
        return .ok("disk sync", words)
    }

    private func rate() -> DoctorFinding {
        var time: UInt64 = 0
        let code = unsafe clinux_write_probe(self.folder, Self.writeBytes, &time)
        guard code == 0 else { return Self.failed("disk speed", code) }
        let rate = Double(Self.writeBytes) / (Double(max(time, 1)) / 1e9)
        let words = "\(Int(rate / 1e6)) MB/s, enough for \(Int(rate / 64_000)) thousand readings/s"
        return rate >= Self.writeRateMin
            ? .ok("disk speed", words)
            : .warning("disk speed", words, remedy: "use a faster disk, or expect less")
    }

    private static func failed(_ topic: String, _ code: Int32) -> DoctorFinding {
        .failure(
            topic, "the disk refuses: \(unsafe String(cString: strerror(-code)))",
            remedy: "see dmesg and df; the state directory needs a local file system with room")
    }

    private static func milliseconds(_ nanoseconds: UInt64) -> String {
        let microseconds = nanoseconds / 1_000
        return "\(microseconds / 1_000).\(microseconds % 1_000 / 100) ms"
    }
}
