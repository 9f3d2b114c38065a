// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
internal import MidwatchConfiguration
internal import StateFolder

/// Checks of clock, kernel and limits.
struct MachineChecks {
    /// A larger error of the clock is said even if the kernel calls it synchronised.
    private static let clockErrorMaxNanoseconds: Int64 = 1_000_000_000
    /// Descriptors that files, database and endpoints need beside the connections.
    private static let descriptorsBeside = 512

    let configuration: MidwatchConfiguration?

    func run() -> [DoctorFinding] {
        [
            self.clock(), self.clockSource(), self.receiveBuffers(), self.descriptors(),
            self.realtime(), self.swap(),
        ]
    }

    private func clock() -> DoctorFinding {
        var error: Int64 = 0
        let code = unsafe clinux_clock_synchronised(&error)
        let remedy =
            "start a time service (chrony, systemd-timesyncd); until then times of senders "
            + "and of Midwatch do not compare"
        guard code >= 0 else {
            return .warning(
                "clock", "the kernel does not say whether it is synchronised", remedy: remedy)
        }
        let words = "largest error \(error / 1_000_000) ms"
        guard code == 1 else { return .warning("clock", "not synchronised", remedy: remedy) }
        return error > Self.clockErrorMaxNanoseconds
            ? .warning("clock", "synchronised, but \(words)", remedy: remedy)
            : .ok("clock", "synchronised, \(words)")
    }

    private func clockSource() -> DoctorFinding {
        let folder = "/sys/devices/system/clocksource/clocksource0"
        guard let name = Self.text("\(folder)/current_clocksource") else {
            return .ok("clock source", "not shown by this kernel")
        }
        let isFast = ["tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page"]
            .contains(name)
        return isFast
            ? .ok("clock source", name)
            : .warning(
                "clock source", "\(name): reading the clock costs a system call",
                remedy: "let the kernel use one of: "
                    + (Self.text("\(folder)/available_clocksource") ?? "tsc"))
    }

    /// What the kernel grants a socket at most, beside what the listeners ask for.
    private func receiveBuffers() -> DoctorFinding {
        let wanted = self.configuration?.ingest.udp.map(\.receiveBufferBytes).max() ?? 0
        guard let granted = Self.text("/proc/sys/net/core/rmem_max").flatMap({ Int($0) }) else {
            return .ok("receive buffer", "the kernel's limit cannot be read here")
        }
        let words = "net.core.rmem_max \(granted), wanted \(wanted)"
        return granted >= wanted
            ? .ok("receive buffer", words)
            : .warning(
                "receive buffer", "\(words): bursts of UDP are dropped earlier",
                remedy: "sysctl -w net.core.rmem_max=\(wanted), and in /etc/sysctl.d to keep it")
    }

    private func descriptors() -> DoctorFinding {
        let wanted =
            Self.descriptorsBeside
            + (self.configuration?.ingest.mqtt.reduce(0) { $0 + $1.connectionsMax } ?? 0)
        let limit = Self.limit("Max open files")
        let words = "\(limit.map(String.init) ?? "unlimited") for this user, wanted \(wanted)"
        return limit ?? .max >= wanted
            ? .ok("open files", words)
            : .warning(
                "open files", words,
                remedy: "the shipped unit sets LimitNOFILE=65536; elsewhere: ulimit -n \(wanted)")
    }

    private func realtime() -> DoctorFinding {
        switch clinux_realtime_allowed() {
        case 1: .ok("real time", "this user may use SCHED_FIFO: the thread that decides does")
        default:
            .warning(
                "real time", "this user may not use SCHED_FIFO: other programs can delay alarms",
                remedy: "run it by the shipped unit (CAP_SYS_NICE), or give the user an rtprio "
                    + "limit")
        }
    }

    private func swap() -> DoctorFinding {
        let lines = (Self.text("/proc/swaps") ?? "").split(separator: "\n").dropFirst()
        guard !lines.isEmpty else { return .ok("swap", "none") }
        let isLocked = Self.mayLockMemory(
            status: Self.text("/proc/self/status") ?? "",
            limits: Self.text("/proc/self/limits") ?? "")
        return isLocked
            ? .ok("swap", "\(lines.count) in use; this user may lock its memory, the daemon does")
            : .warning(
                "swap", "\(lines.count) in use: a page that is away delays an alarm",
                remedy: "swapoff -a, or let the shipped unit lock the daemon's memory "
                    + "(CAP_IPC_LOCK)")
    }

    /// Whether a process may lock all it has: by CAP_IPC_LOCK (capability 14), or without a limit.
    static func mayLockMemory(status: String, limits: String) -> Bool {
        let capabilities = status.split(separator: "\n").first { $0.hasPrefix("CapEff:") }?
            .split(whereSeparator: \.isWhitespace).last
        if let set = capabilities.flatMap({ UInt64($0, radix: 16) }), set & (1 << 14) != 0 {
            return true
        }
        let limit = limits.split(separator: "\n").first { $0.hasPrefix("Max locked memory") }?
            .dropFirst("Max locked memory".count).split(separator: " ").first
        return limit == "unlimited"
    }

    // MARK: - Reading

    /// The text of a small file without the line end; nil if it cannot be read.
    static func text(_ path: String) -> String? {
        guard let bytes = FileBytes.read(path) else { return nil }
        var text = String(decoding: bytes, as: UTF8.self)
        while text.last?.isNewline == true { text.removeLast() }
        return text
    }

    /// A soft limit of this process; nil if there is none.
    private static func limit(_ name: String) -> Int? {
        let line = (self.text("/proc/self/limits") ?? "").split(separator: "\n")
            .first { $0.hasPrefix(name) }
        return line?.dropFirst(name.count).split(separator: " ").first.flatMap { Int($0) }
    }
}
