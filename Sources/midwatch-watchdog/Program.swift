// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import MidwatchModel
import Vitals

/// Ends of the program (sysexits(3) where one fits).
enum ExitCode: Int32 {
    /// Ordered stop, or everything asked for is well.
    case ok = 0
    /// `--once` found a problem.
    case problem = 3
    /// Wrong flags.
    case usage = 64
    /// The operating system refused something without which there is no watchdog.
    case system = 71
    /// Another watchdog uses the same state file.
    case alreadyRunning = 75
    /// The configuration is faulty or cannot be read.
    case configuration = 78
}

@main
struct Program {
    static func main() {
        let code = Self.run(Array(CommandLine.arguments.dropFirst()))
        exit(code.rawValue)
    }

    private static func run(_ arguments: [String]) -> ExitCode {
        let flags: Flags
        do throws(Flags.Fault) {
            flags = try Flags(arguments)
        } catch {
            Self.complain(error.text + "\nRun `midwatch-watchdog --help`.")
            return .usage
        }
        switch flags.mode {
        case .help:
            print(Flags.help)
            return .ok
        case .version:
            print("midwatch-watchdog \(Build.version)")
            return .ok
        case .checkConfiguration: return Self.check(flags)
        case .once: return Self.once(flags)
        case .watch: return Self.watch(flags)
        }
    }

    private static func complain(_ text: String) {
        let bytes = Array((text + "\n").utf8)
        _ = unsafe bytes.withUnsafeBytes { unsafe write(2, $0.baseAddress, $0.count) }
    }

    private static func load(_ flags: Flags) -> WatchdogConfiguration? {
        let path = flags.configurationPath
        guard let text = SmallFile.read(path, bytesMax: ConfigurationParser.bytesMax) else {
            Self.complain(
                "\(path): cannot be read. Make it, readable for this user and in UTF-8, or name "
                    + "another one with --config.")
            return nil
        }
        do throws(ConfigurationFaults) {
            return try ConfigurationParser.parse(text, file: path)
        } catch {
            for fault in error.faults { Self.complain(fault.description) }
            return nil
        }
    }

    private static func check(_ flags: Flags) -> ExitCode {
        guard let configuration = Self.load(flags) else { return .configuration }
        if configuration.needsCurl, !CurlSettings.isInstalled(configuration.curl) {
            Self.complain(
                "\(flags.configurationPath): \(configuration.curl) is not installed, and a route "
                    + "uses https. Install it (Debian: apt install curl) or use http.")
            return .configuration
        }
        print(
            "\(flags.configurationPath): well, \(configuration.routes.count) route(s), heartbeat "
                + (configuration.heartbeat == nil ? "off" : "on"))
        return .ok
    }

    private static func once(_ flags: Flags) -> ExitCode {
        guard let configuration = Self.load(flags) else { return .configuration }
        do throws(VitalsError) {
            let bootID = try BootID.current()
            return OnceReport.run(configuration, bootID: bootID) ? .ok : .problem
        } catch {
            Self.complain("the boot identity cannot be read")
            return .system
        }
    }

    private static func watch(_ flags: Flags) -> ExitCode {
        guard let configuration = Self.load(flags) else { return .configuration }
        guard let bootID = try? BootID.current() else {
            Self.complain("/proc/sys/kernel/random/boot_id cannot be read. Is /proc mounted?")
            return .system
        }
        signal(SIGPIPE, SIG_IGN)
        let wanted: [Int32] = [SIGTERM, SIGINT, SIGHUP]
        let signals = unsafe wanted.withUnsafeBufferPointer {
            unsafe clinux_signalfd($0.baseAddress, $0.count)
        }
        guard signals >= 0 else {
            Self.complain("signals cannot be received: \(SystemError.text(-signals))")
            return .system
        }
        guard LadderFile(path: configuration.statePath).lock() != nil else {
            let reason = errno == EWOULDBLOCK ? "another watchdog uses it" : SystemError.text(errno)
            Self.complain(
                "\(configuration.statePath): \(reason). Each watchdog needs a `state` of its own "
                    + "in a folder it may write.")
            return errno == EWOULDBLOCK ? .alreadyRunning : .system
        }
        guard
            let loop = SupervisionLoop(
                configuration, path: flags.configurationPath, bootID: bootID, signals: signals)
        else {
            Self.complain("no socket for canary readings")
            return .system
        }
        if configuration.isRealtime { Self.goRealtime() }
        _ = loop.run()
        return .ok
    }

    /// Priority 50: above what it watches (the engine has 30), below the kernel's own.
    private static let realtimePriority: Int32 = 50

    private static func goRealtime() {
        let fifo = clinux_set_fifo(Self.realtimePriority)
        if fifo != 0 {
            Log.write(
                .warning, "no SCHED_FIFO, ordinary scheduling", ["reason": SystemError.text(-fifo)])
        }
        let locked = clinux_lock_memory()
        if locked != 0 {
            Log.write(.warning, "memory not locked", ["reason": SystemError.text(-locked)])
        }
    }
}
