// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// A thread of its own with a name, for work that waits: for a disk, a socket, a person.
///
/// Swift's pool has a thread for each core and none to spare for what waits. Joined or detached
/// once, by who started it.
package struct NamedThread: Sendable {
    private final class Body: Sendable {
        let name: String
        let run: @Sendable () -> Void

        init(name: String, run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }

    private let handle: pthread_t

    /// Starts `run`.
    ///
    /// Of the name, which tools show, the kernel keeps 15 bytes.
    ///
    /// - Throws: If the system has no thread to give.
    package init(_ name: String, run: @escaping @Sendable () -> Void) throws(ThreadRefusal) {
        let body = unsafe Unmanaged.passRetained(Body(name: name, run: run))
        var handle = pthread_t()
        let code = unsafe pthread_create(
            &handle, nil,
            { context in
                guard let context = unsafe context else { return nil }
                let body = unsafe Unmanaged<Body>.fromOpaque(context).takeRetainedValue()
                unsafe clinux_set_thread_name(body.name)
                // The default slack of 50 µs would be part of every wake-up.
                clinux_set_timer_slack(1)
                body.run()
                return nil
            }, body.toOpaque())
        guard code == 0 else {
            unsafe body.release()
            throw ThreadRefusal(code: code)
        }
        self.handle = handle
    }

    /// Starts `run` on a thread for whose end nobody waits.
    ///
    /// - Throws: If the system has no thread to give.
    package static func detach(
        _ name: String, run: @escaping @Sendable () -> Void
    ) throws(ThreadRefusal) {
        pthread_detach(try NamedThread(name, run: run).handle)
    }

    /// Waits until `run` has returned.
    package func join() { pthread_join(self.handle, nil) }
}

/// The system has no thread to give.
package struct ThreadRefusal: Error, CustomStringConvertible {
    /// An `errno` value, EAGAIN in practice.
    package let code: Int32

    package var description: String { "no thread: error \(self.code)" }
}
