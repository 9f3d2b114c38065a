// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
internal import Synchronization

/// A plain thread of a command.
enum CommandThread {
    private final class Body {
        let name: String
        let run: @Sendable () -> Void

        init(name: String, run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }

    /// Starts `run`; the thread ends with the program at the latest.
    ///
    /// - Returns: Whether the system had a thread.
    static func start(_ name: String, run: @escaping @Sendable () -> Void) -> Bool {
        var handle = pthread_t()
        let body = unsafe Unmanaged.passRetained(Body(name: name, run: run)).toOpaque()
        let code = unsafe pthread_create(
            &handle, nil,
            { raw in
                guard let raw = unsafe raw else { return nil }
                let body = unsafe Unmanaged<Body>.fromOpaque(raw).takeRetainedValue()
                unsafe clinux_set_thread_name(body.name)
                body.run()
                return nil
            }, body)
        guard code == 0 else {
            unsafe Unmanaged<Body>.fromOpaque(body).release()
            return false
        }
        pthread_detach(handle)
        return true
    }
}

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
