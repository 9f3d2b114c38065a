// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc

/// Why a socket could not be opened.
package enum SocketError: Error, Equatable, Sendable {
    /// The system refused; `code` is an errno value.
    case system(operation: String, code: Int32)
    /// No memory for the buffers, or no thread to be had.
    case exhausted(what: String)

    package enum Disposition: Equatable, Sendable { case retry, fatal }

    /// An address in use may become free; anything else needs a person.
    package var disposition: Disposition {
        switch self {
        case .system(_, let code): code == EADDRINUSE || code == EADDRNOTAVAIL ? .retry : .fatal
        case .exhausted: .fatal
        }
    }
}

/// A bound UDP socket, its receive buffers, and the handle that ends a wait.
///
/// Owned by one thread; only `wake` may be called from others.
///
/// `@unchecked Sendable`: the descriptors never change, and the receive memory belongs to the
/// thread that runs the loop.
@safe
final class UDPSocket: @unchecked Sendable {
    /// What ended a wait.
    enum Wait { case timeout, readable, woken }

    private let descriptor: Int32
    private let wakeDescriptor: Int32
    private let receiver: OpaquePointer
    /// Local port.
    let port: UInt16

    /// Binds and allocates; see `UDPListener.Configuration` for the limits.
    init(
        address: String, port: UInt16, batch: Int, datagramBytesMax: Int
    ) throws(SocketError) {
        let descriptor = unsafe address.withCString { unsafe clinux_udp_bind($0, port) }
        guard descriptor >= 0 else { throw .system(operation: "bind", code: -descriptor) }
        let wake = clinux_wake_new()
        guard wake >= 0 else {
            close(descriptor)
            throw .system(operation: "eventfd", code: -wake)
        }
        guard
            let receiver = unsafe clinux_udp_receiver_new(UInt32(batch), UInt32(datagramBytesMax))
        else {
            close(descriptor)
            close(wake)
            throw .exhausted(what: "receive buffers")
        }
        self.descriptor = descriptor
        self.wakeDescriptor = wake
        unsafe self.receiver = receiver
        self.port = UInt16(clamping: clinux_udp_local_port(descriptor))
    }

    deinit {
        close(self.descriptor)
        close(self.wakeDescriptor)
        unsafe clinux_udp_receiver_free(self.receiver)
    }

    /// Asks for a receive buffer; returns the bytes granted, 0 if the system would not say.
    func setReceiveBuffer(bytes: Int) -> Int {
        max(0, Int(clinux_udp_set_receive_buffer(self.descriptor, UInt32(clamping: bytes))))
    }

    /// Reads what is queued without waiting: datagrams (0: none) or a negative errno value.
    func receive() -> Int { unsafe Int(clinux_udp_receive(self.receiver, self.descriptor)) }

    /// The datagrams of the last `receive`.
    var datagrams: UnsafePointer<clinux_udp_datagram> {
        unsafe clinux_udp_datagrams(self.receiver)
    }

    /// Datagrams the kernel dropped at this socket since it was made; nil if it would not say.
    var kernelDropCount: UInt32? {
        let drops = clinux_udp_drops(self.descriptor)
        return drops >= 0 ? UInt32(truncatingIfNeeded: drops) : nil
    }

    /// Waits for a datagram, a wake-up or the time.
    func wait(milliseconds: Int32) -> Wait {
        switch clinux_udp_wait(self.descriptor, self.wakeDescriptor, milliseconds) {
        case 0: .timeout
        case 1: .readable
        case 2, 3: .woken
        default: .timeout
        }
    }

    /// Ends the wait of the owner now and every later one.
    ///
    /// Any thread.
    func wake() { clinux_wake_signal(self.wakeDescriptor) }
}
