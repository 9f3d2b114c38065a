// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// Signals as something to wait for.
///
/// Made before other threads are, it blocks the signals in all of them. They stay blocked: the end
/// of a command is its own business from then on.
final class SignalWatch: Sendable {
    private let descriptor: Int32

    init(_ signals: [Int32]) {
        self.descriptor = unsafe signals.withUnsafeBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return -1 }
            return unsafe clinux_signalfd(base, buffer.count)
        }
    }

    deinit { if self.descriptor >= 0 { close(self.descriptor) } }

    /// Waits for the next signal; 0 if none came in time.
    func wait(milliseconds: Int32) -> Int32 {
        var entry = pollfd(fd: self.descriptor, events: Int16(POLLIN), revents: 0)
        guard unsafe poll(&entry, 1, milliseconds) > 0 else { return 0 }
        return clinux_signalfd_read(self.descriptor)
    }
}
