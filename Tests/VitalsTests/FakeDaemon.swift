// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import Vitals
import midwatch_watchdog

/// A daemon that only beats, in another language, from the words of `Format.md` alone: what it
/// writes is a second opinion about the format of the page.
enum FakeDaemon {
    /// Arguments: page, start log, seconds to live (0: for ever), stage that stops (-1: none),
    /// seconds until it stops.
    static let script = #"""
        import fcntl, mmap, os, socket, struct, sys, time

        path, log = sys.argv[1], sys.argv[2]
        life, stage, stop = float(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5])

        def crc32c(data):
            crc = 0xFFFFFFFF
            for byte in data:
                crc ^= byte
                for _ in range(8):
                    crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
            return crc ^ 0xFFFFFFFF

        with open(log, "a") as file:
            file.write("%d\n" % os.getpid())
        boot = bytes.fromhex(open("/proc/sys/kernel/random/boot_id").read().strip().replace("-", ""))
        ticks = int(open("/proc/self/stat").read().rsplit(")", 1)[1].split()[19])
        page = bytearray(4096)
        page[0:8] = b"MWVITALS"
        struct.pack_into("<IIII", page, 8, 1, 4096, 8, 64)
        page[32:48] = boot
        now = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        struct.pack_into("<QQQq", page, 48, os.getpid(), ticks, now, time.time_ns())
        struct.pack_into("<I", page, 24, crc32c(page[0:128]))
        struct.pack_into("<Q", page, 128, 7)
        struct.pack_into("<Q", page, 136, 2)
        struct.pack_into("<Q", page, 168, now)
        struct.pack_into("<Q", page, 176, 255)
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(0.1)
        struct.pack_into("<Q", page, 320, sock.getsockname()[1])
        temporary = "%s.%d" % (path, os.getpid())
        with open(temporary, "wb") as file:
            file.write(page)
        fd = os.open(temporary, os.O_RDWR)
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        memory = mmap.mmap(fd, 4096)
        os.rename(temporary, path)
        begin = time.monotonic()
        while True:
            age = time.monotonic() - begin
            if life and age > life:
                os._exit(1)
            for place in range(8):
                if place == stage and age > stop:
                    continue
                at = 512 + 64 * place
                struct.pack_into("<Q", memory, at, struct.unpack_from("<Q", memory, at)[0] + 1)
            try:
                nonce = struct.unpack(">Q", sock.recv(16))[0]
            except socket.timeout:
                continue
            if not (stage == 2 and age > stop):
                struct.pack_into("<QQ", memory, 328, nonce, nonce)
        """#

    /// The words that start one.
    static func arguments(
        _ folder: TemporaryFolder, life: Double = 0, stopping stage: Stage? = nil,
        after seconds: Double = 0
    ) -> [String] {
        let script = folder.file("daemon.py")
        if !TemporaryFolder.names(folder.path).contains("daemon.py") {
            TemporaryFolder.write(script, Array(Self.script.utf8))
        }
        return [
            "/usr/bin/env", "python3", script, folder.file("vitals"), folder.file("starts"),
            "\(life)", "\(stage?.rawValue ?? -1)", "\(seconds)",
        ]
    }

    /// Starts so far.
    static func startCount(_ folder: TemporaryFolder) -> Int {
        TemporaryFolder.read(folder.file("starts")).count { $0 == 0x0A }
    }
}

/// A process of one test: killed, and reaped, when the test ends.
final class TestProcess {
    let processID: Int32
    let descriptor: Int32
    private let log: Int32
    private var exitStatus: Int?

    init?(_ arguments: [String], log path: String) {
        self.log = unsafe open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        let started = ChildProcess.spawn(
            arguments, input: -1, output: self.log, isNewSession: false)
        guard case .success(let child) = started else { return nil }
        self.processID = child.processID
        self.descriptor = child.descriptor
    }

    deinit {
        self.send(SIGKILL)
        // Killed, so it ends; a bound all the same.
        for _ in 0..<1_000 where self.status() == nil { usleep(5_000) }
        close(self.descriptor)
        close(self.log)
    }

    func send(_ signal: Int32) { _ = clinux_pidfd_send_signal(self.descriptor, signal) }

    /// Its exit status, if it ends within `seconds`.
    func ends(_ seconds: Double) async -> Int? {
        _ = await waits(seconds) { self.status() != nil }
        return self.exitStatus
    }

    private func status() -> Int? {
        var status: Int32 = 0
        if self.exitStatus == nil, unsafe clinux_pidfd_reap(self.descriptor, &status) == 0 {
            self.exitStatus = Int(status)
        }
        return self.exitStatus
    }
}
