// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import Synchronization

/// A program of one test: leads a process group of its own, and is killed when the test ends.
final class ChildProcess: Sendable {
    let processID: Int32
    /// Its standard output and error.
    let log: String
    private let descriptor: Int32
    private let status = Mutex<Int32?>(nil)
    private static let running = Mutex<Set<Int32>>([])

    /// Starts `arguments[0]`, looked up in PATH; output is appended to `log`.
    init(_ arguments: [String], log: String) throws {
        _ = Self.atExit
        self.log = log
        let output = unsafe open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard output >= 0 else { throw Trouble("cannot write \(log)") }
        defer { close(output) }
        var words: [UnsafeMutablePointer<CChar>?] = unsafe []
        for argument in arguments { unsafe words.append(strdup(argument)) }
        unsafe words.append(nil)
        defer { for index in 0..<arguments.count { unsafe free(words[index]) } }
        var pid: Int32 = 0
        let descriptor = unsafe clinux_spawn(&words, -1, output, 0, &pid)
        guard descriptor >= 0 else {
            throw Trouble(
                "\(arguments.first ?? "") cannot be started (errno \(-descriptor)): "
                    + "`make deps-test` installs what the tests need")
        }
        self.processID = pid
        self.descriptor = descriptor
        Self.running.withLock { _ = $0.insert(pid) }
    }

    deinit {
        if self.exitStatus() == nil {
            self.send(SIGKILL)
            for _ in 0..<2_000 where self.exitStatus() == nil { usleep(5_000) }
        }
        close(self.descriptor)
    }

    func send(_ signal: Int32) { _ = clinux_pidfd_send_signal(self.descriptor, signal) }

    /// Its exit status, or 128 and the signal; nil while it runs.
    func exitStatus() -> Int32? {
        self.status.withLock { status in
            var code: Int32 = 0
            if status == nil, unsafe clinux_pidfd_reap(self.descriptor, &code) == 0 {
                status = code
                Self.running.withLock { _ = $0.remove(self.processID) }
            }
            return status
        }
    }

    /// Waits for the end, `seconds` at most.
    func ends(_ seconds: Double) async throws -> Int32? {
        _ = try await waits(seconds) { self.exitStatus() != nil }
        return self.exitStatus()
    }

    var logText: String { File.text(self.log) }

    /// Runs a program to its end and gives what it wrote; another status than 0 is thrown.
    @discardableResult
    static func run(
        _ arguments: [String], within seconds: Double = 60, statuses: Set<Int32> = [0]
    ) throws -> String {
        let name =
            "/tmp/midwatch-it-out-\(getpid())-\(Self.counter.wrappingAdd(1, ordering: .relaxed).newValue)"
        defer { unsafe unlink(name) }
        let child = try ChildProcess(arguments, log: name)
        let deadline = bootNow() + UInt64(seconds * 1e9)
        while child.exitStatus() == nil {
            guard bootNow() < deadline else {
                throw Trouble("\(arguments.joined(separator: " ")) does not end")
            }
            usleep(1_000)
        }
        let text = child.logText
        guard let status = child.exitStatus(), statuses.contains(status) else {
            throw Trouble(
                "\(arguments.joined(separator: " ")): status \(child.exitStatus() ?? -1): \(text)")
        }
        return text
    }

    private static let counter = Atomic<Int>(0)
    private static let atExit: Void = {
        atexit {
            ChildProcess.running.withLock { for pid in $0 { Glibc.kill(-pid, SIGKILL) } }
        }
    }()
}

extension ChildProcess {
    /// User and system time so far, in seconds, from /proc.
    var cpuSeconds: Double { ProcessFigures.cpuSeconds(of: self.processID) }
    /// Resident bytes now.
    var residentBytes: UInt64 { ProcessFigures.field("VmRSS:", of: self.processID) }
}

/// What /proc says of a process.
enum ProcessFigures {
    static func cpuSeconds(of pid: Int32) -> Double { self.cpuSeconds(path: "/proc/\(pid)/stat") }

    /// User and system time in a `stat` file of a process or thread.
    static func cpuSeconds(path: String) -> Double {
        // Behind the name in brackets: utime is field 14 of the line, stime 15.
        let text = File.text(path)
        guard let bracket = text.lastIndex(of: ")") else { return 0 }
        let fields = text[bracket...].split(separator: " ")
        guard fields.count > 13, let user = Double(fields[12]), let system = Double(fields[13])
        else { return 0 }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// A field of /proc/PID/status in bytes.
    static func field(_ name: String, of pid: Int32) -> UInt64 {
        for line in File.text("/proc/\(pid)/status").split(separator: "\n")
        where line.hasPrefix(name) {
            let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
            return words.count > 1 ? (UInt64(words[1]) ?? 0) * 1_024 : 0
        }
        return 0
    }
}

/// Where the programs and the fixtures are.
enum Places {
    /// A program that was built beside the tests.
    static func program(_ name: String) throws -> String {
        var bytes = [CChar](repeating: 0, count: 4_096)
        let count = unsafe bytes.withUnsafeMutableBufferPointer { buffer -> Int in
            guard let base = buffer.baseAddress else { return 0 }
            return unsafe readlink("/proc/self/exe", base, buffer.count - 1)
        }
        let exe = String(
            decoding: bytes.prefix(max(count, 0)).map(UInt8.init(bitPattern:)), as: UTF8.self)
        let path = exe.split(separator: "/").dropLast().map { "/\($0)" }.joined() + "/\(name)"
        guard unsafe access(path, X_OK) == 0 else {
            throw Trouble("\(path) is not built: swift build --build-tests builds it")
        }
        return path
    }

    /// A script of Fixtures.
    static func fixture(_ name: String, file: String = #filePath) -> String {
        file.split(separator: "/").dropLast().map { "/\($0)" }.joined() + "/Fixtures/\(name)"
    }

    /// A tool of the machine; its absence fails the test that needs it.
    static func tool(_ name: String) throws -> String {
        let path = unsafe getenv("PATH").map { unsafe String(cString: $0) } ?? "/usr/bin:/bin"
        let folders: [Substring] = path.split(separator: ":") + ["/usr/sbin", "/sbin"]
        for folder in folders {
            if unsafe access("\(folder)/\(name)", X_OK) == 0 { return "\(folder)/\(name)" }
        }
        throw Trouble("\(name) is not installed: `make deps-test` installs it")
    }

    /// A port of 127.0.0.1 that nobody uses now, below those the kernel gives to clients.
    static func freePort() throws -> UInt16 {
        for _ in 0..<200 {
            let port = UInt16.random(in: 20_000..<32_000)
            if Self.isFree(port, SOCK_STREAM), Self.isFree(port, SOCK_DGRAM) { return port }
        }
        throw Trouble("no free port")
    }

    private static func isFree(_ port: UInt16, _ kind: __socket_type) -> Bool {
        let fd = socket(AF_INET, Int32(kind.rawValue) | O_CLOEXEC, 0)
        defer { close(fd) }
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_port = port.bigEndian
        name.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return unsafe withUnsafePointer(to: &name) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(fd, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}
