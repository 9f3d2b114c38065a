// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import MidwatchModel
import Vitals

/// A folder of one test, removed with everything in it at the end.
final class TemporaryFolder {
    let path: String

    init() {
        var template = Array("/tmp/midwatch-vitals-XXXXXX".utf8CString)
        self.path = unsafe template.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress, unsafe mkdtemp(base) != nil else { return "/tmp" }
            return unsafe String(cString: base)
        }
    }

    deinit {
        for name in Self.names(self.path) { unsafe unlink("\(self.path)/\(name)") }
        unsafe rmdir(self.path)
    }

    func file(_ name: String) -> String { "\(self.path)/\(name)" }

    func write(_ name: String, _ text: String) -> String {
        let path = self.file(name)
        Self.write(path, Array(text.utf8))
        return path
    }

    static func write(_ path: String, _ bytes: [UInt8], mode: UInt32 = 0o700) {
        let fd = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
        guard fd >= 0 else { return }
        _ = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(fd, $0.baseAddress, $0.count) }
        close(fd)
    }

    static func read(_ path: String) -> [UInt8] {
        Array((SmallFile.read(path, bytesMax: 65_536) ?? "").utf8)
    }

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
        return names
    }
}

/// Waits until `condition` holds, `seconds` at most; others run meanwhile.
func waits(_ seconds: Double, until condition: () -> Bool) async -> Bool {
    let deadline = BootClock.now().advanced(byNanoseconds: UInt64(seconds * 1e9))
    while !condition() {
        if BootClock.now() > deadline { return false }
        try? await Task.sleep(for: .milliseconds(5))
    }
    return true
}

extension RestartLadder.Moment {
    static let bootA = BootID(high: 1, low: 2)
    static let bootB = BootID(high: 3, low: 4)

    /// A moment `seconds` after the start of a test's world, in 2026.
    static func at(_ seconds: Double, boot: BootID = Self.bootA) -> Self {
        Self(
            bootID: boot,
            at: MonotonicInstant(nanoseconds: UInt64(1_000_000_000_000 + Int64(seconds * 1e9))),
            wall: WallInstant(nanoseconds: 1_790_000_000_000_000_000 + Int64(seconds * 1e9)))
    }
}
