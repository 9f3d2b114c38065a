// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
internal import StateFolder
internal import Synchronization

/// The demo's folder and the programs that run in it; both go away with the demo.
///
/// The kernel ends the programs if the demo is killed; every other way out goes through `end`.
final class DemoProcesses: Sendable {
    /// How long a program may take to stop in order.
    private static let stopMilliseconds: Int32 = 8_000
    /// Levels of folders below the demo's own at most.
    private static let depthMax = 16

    private struct Child {
        var name: String
        var process: Int32
        var number: Int32
        var logPath: String
    }

    private struct State {
        var children: [Child] = []
        var isEnded = false
    }

    let folder: String
    private let keepsFolder: Bool
    private let state = Mutex(State())

    /// Makes the folder.
    init(keepsFolder: Bool) throws(FileError) {
        let base = CommandOutput.environment("TMPDIR").flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
        let template = "\(base)/midwatch-demo-XXXXXX"
        var bytes = template.utf8CString.map { $0 }
        let made = unsafe bytes.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress else { return false }
            return unsafe mkdtemp(start) != nil
        }
        guard made else { throw FileError(call: "mkdtemp", path: template, code: errno) }
        self.folder = String(
            decoding: bytes.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        self.keepsFolder = keepsFolder
    }

    /// The folder of this program's file, where its siblings are.
    static var programFolder: String? {
        var bytes = [CChar](repeating: 0, count: 4_096)
        let count = unsafe readlink("/proc/self/exe", &bytes, bytes.count)
        guard count > 0, let slash = bytes[..<count].lastIndex(of: CChar(UInt8(ascii: "/"))) else {
            return nil
        }
        return String(decoding: bytes[..<slash].map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// Starts a program; its output goes to `NAME.log` in the folder.
    ///
    /// Main thread only.
    func start(_ name: String, path: String, arguments: [String]) throws(FileError) {
        let logPath = "\(self.folder)/\(name).log"
        let log = unsafe open(logPath, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard log >= 0 else { throw FileError(call: "open", path: logPath, code: errno) }
        defer { close(log) }
        var words: [UnsafeMutablePointer<CChar>?] = unsafe ([path] + arguments).map {
            unsafe strdup($0)
        }
        unsafe words.append(nil)
        defer { unsafe words.forEach { unsafe free($0) } }
        var number: Int32 = 0
        let process = unsafe words.withUnsafeBufferPointer { buffer -> Int32 in
            guard let base = buffer.baseAddress else { return -EINVAL }
            return unsafe clinux_spawn_bound(base, log, &number)
        }
        guard process >= 0 else { throw FileError(call: "exec", path: path, code: -process) }
        self.state.withLock {
            $0.children.append(
                Child(name: name, process: process, number: number, logPath: logPath))
        }
    }

    /// Time that a program spent on the processors so far, in seconds; nil if it is gone.
    func processorSeconds(of name: String) -> Double? {
        let number = self.state.withLock { $0.children.first { $0.name == name }?.number }
        guard let number, let bytes = FileBytes.read("/proc/\(number)/stat") else { return nil }
        // Behind the name, which may hold anything: user and system time are fields 14 and 15.
        let text = String(decoding: bytes, as: UTF8.self)
        guard let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12])
        else { return nil }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// A program that ended by itself, and the end of its log; nil while all run.
    func failure() -> String? {
        let children = self.state.withLock { $0.isEnded ? [] : $0.children }
        for child in children where Self.waitEnd(child.process, milliseconds: 0) {
            let text = FileBytes.read(child.logPath).map { String(decoding: $0, as: UTF8.self) }
            let lines = (text ?? "").split(separator: "\n").suffix(8)
            return (["\(child.name) ended; the end of its log:"] + lines.map { "  \($0)" })
                .joined(separator: "\n")
        }
        return nil
    }

    /// Stops the programs, the last one first, and removes the folder; once.
    func end() {
        self.state.withLock { state in
            guard !state.isEnded else { return }
            state.isEnded = true
            for child in state.children.reversed() {
                _ = clinux_pidfd_send_signal(child.process, SIGTERM)
                if !Self.waitEnd(child.process, milliseconds: Self.stopMilliseconds) {
                    _ = clinux_pidfd_send_signal(child.process, SIGKILL)
                    _ = Self.waitEnd(child.process, milliseconds: 2_000)
                }
                var status: Int32 = 0
                _ = unsafe clinux_pidfd_reap(child.process, &status)
                close(child.process)
            }
            if !self.keepsFolder { Self.remove(self.folder, depth: 0) }
        }
    }

    private static func waitEnd(_ process: Int32, milliseconds: Int32) -> Bool {
        var entry = pollfd(fd: process, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&entry, 1, milliseconds) > 0
    }

    /// Removes a folder of ours; symbolic links are not followed.
    private static func remove(_ path: String, depth: Int) {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFDIR, depth < self.depthMax else {
            unsafe unlink(path)
            return
        }
        for name in FileBytes.list(path) { self.remove("\(path)/\(name)", depth: depth + 1) }
        unsafe rmdir(path)
    }
}
