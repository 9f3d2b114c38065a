// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// A named thread of its own, for loops that own a socket.
///
/// Started once, joined once, by the same owner.
struct IngestThread {
    private final class Body {
        let name: String
        let run: @Sendable () -> Void

        init(name: String, run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }

    private let thread: pthread_t

    /// Starts the thread; nil if the system has none to give.
    ///
    /// Of the name, which tools show, the kernel keeps 15 bytes.
    init?(name: String, run: @escaping @Sendable () -> Void) {
        let body = unsafe Unmanaged.passRetained(Body(name: name, run: run))
        var thread = pthread_t()
        let status = unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                let body = unsafe Unmanaged<Body>.fromOpaque(argument).takeRetainedValue()
                unsafe body.name.withCString { unsafe clinux_set_thread_name($0) }
                body.run()
                return nil
            }, body.toOpaque())
        guard status == 0 else {
            unsafe body.release()
            return nil
        }
        self.thread = thread
    }

    /// Waits until the body has returned.
    func join() { _ = pthread_join(self.thread, nil) }
}
