// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import JSONText
import MidwatchModel
import OperatorConsole
import Testing

/// The real programs together with real servers and real clients.
///
/// One test after the other: each has the machine to itself, as far as it can.
@Suite(.serialized) struct IntegrationTests {}

/// Something that the machine lacks or a server that does not do its part.
struct Trouble: Error, CustomStringConvertible {
    var description: String
    init(_ description: String) { self.description = description }
}

/// How long and how large the runs are: short by itself, longer when the soak says so.
enum Scale {
    /// An environment variable as a number.
    static func number(_ name: String, _ standard: Int) -> Int {
        guard let text = unsafe getenv("MIDWATCH_SOAK_\(name)") else { return standard }
        return unsafe Int(String(cString: text)) ?? standard
    }

    /// Kills of the daemon in one crash test.
    static var kills: Int { self.number("KILLS", 4) }
    /// Restarts while a sensor is silent, their distance and the deadline.
    static var restarts: Int { self.number("RESTARTS", 6) }
    static var restartMilliseconds: Int { self.number("RESTART_MS", 1_000) }
    static var restartDeadlineMilliseconds: Int { self.number("RESTART_DEADLINE_MS", 3_000) }
    /// Sensors of the silence test, and readings a second while it waits.
    static var sensors: Int { self.number("SENSORS", 1_000) }
    static var rate: Int { self.number("RATE", 5_000) }
    /// Seconds without PostgreSQL.
    static var outageSeconds: Int { self.number("OUTAGE_SECONDS", 8) }
    /// Seconds of trouble in which the watchdog must restart nothing.
    static var quietSeconds: Int { self.number("QUIET_SECONDS", 8) }
    /// Seconds without a disk.
    static var freezeSeconds: Int { self.number("FREEZE_SECONDS", 4) }
}

/// Prints a figure that a test measured.
func figure(_ text: String) {
    let bytes = Array("FIGURE \(text)\n".utf8)
    _ = unsafe bytes.withUnsafeBytes { unsafe write(1, $0.baseAddress, $0.count) }
}

/// Nanoseconds of CLOCK_BOOTTIME.
func bootNow() -> UInt64 { clinux_boottime_ns() }

/// Waits until `condition` holds, `seconds` at most, and says whether it does.
func waits(_ seconds: Double, until condition: () throws -> Bool) async throws -> Bool {
    let deadline = bootNow() + UInt64(seconds * 1e9)
    while try !condition() {
        if bootNow() > deadline { return false }
        try await Task.sleep(for: .milliseconds(5))
    }
    return true
}

/// Lets `seconds` pass while `watch` looks, often, at what must hold all the time.
func lasts(_ seconds: Double, watch: () throws -> Void = {}) async throws {
    let end = bootNow() + UInt64(seconds * 1e9)
    while bootNow() < end {
        try watch()
        try await Task.sleep(for: .milliseconds(50))
    }
}

/// Small files.
enum File {
    /// The bytes of a file; those before the first zero if it is filled up with zeros.
    static func bytes(_ path: String, beforeZeros: Bool = false) -> [UInt8]? {
        let fd = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard fd >= 0 else { return nil }
        defer { close(fd) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes {
                unsafe read(fd, $0.baseAddress, $0.count)
            }
            guard count > 0 else { return count == 0 ? bytes : nil }
            let chunk = buffer[..<count]
            if beforeZeros, let zero = chunk.firstIndex(of: 0) { return bytes + chunk[..<zero] }
            bytes += chunk
        }
    }

    static func text(_ path: String) -> String {
        String(decoding: self.bytes(path) ?? [], as: UTF8.self)
    }

    static func write(_ path: String, _ text: String, mode: UInt32 = 0o600) throws {
        let fd = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard fd >= 0 else { throw Trouble("cannot write \(path): errno \(errno)") }
        defer { close(fd) }
        let bytes = Array(text.utf8)
        let count = unsafe bytes.withUnsafeBytes {
            unsafe Glibc.write(fd, $0.baseAddress, $0.count)
        }
        guard count == bytes.count else { throw Trouble("cannot write \(path)") }
    }

    /// Names in a folder, sorted.
    static func names(_ path: String) -> [String] {
        guard let folder = unsafe opendir(path) else { return [] }
        defer { unsafe closedir(folder) }
        var names: [String] = []
        while let entry = unsafe readdir(folder) {
            let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }
}

/// A folder of one test, removed with everything in it at the end.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/midwatch-it-XXXXXX".utf8CString)
        let made = unsafe template.withUnsafeMutableBufferPointer { buffer -> String? in
            guard let base = buffer.baseAddress, unsafe mkdtemp(base) != nil else { return nil }
            return unsafe String(cString: base)
        }
        guard let made else { throw Trouble("no temporary folder") }
        self.path = made
    }

    deinit {
        if unsafe getenv("MIDWATCH_KEEP") == nil {
            _ = try? ChildProcess.run(["/bin/rm", "-rf", "--one-file-system", self.path])
        }
    }

    func file(_ name: String) -> String { "\(self.path)/\(name)" }
}
