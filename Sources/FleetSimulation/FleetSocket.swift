// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Where a fleet sends: a numeric address and a port.
package struct FleetDestination: Equatable, Sendable {
    package var host: String
    package var port: UInt16

    package init(host: String = "127.0.0.1", port: UInt16) {
        self.host = host
        self.port = port
    }
}

/// Why a sender cannot work at all.
package enum FleetError: Error, Equatable, Sendable {
    /// Not a numeric IPv4 or IPv6 address.
    case badAddress(String)
    /// A system call failed; its name and the errno value.
    case system(call: String, code: Int32)
    /// A setting is out of range.
    case badSetting(String)
}

/// Plain sockets for the senders.
enum FleetSocket {
    /// A socket connected, or on its way if it does not block, to `destination`.
    ///
    /// - Throws: `FleetError`; the socket is closed then.
    static func connected(
        to destination: FleetDestination, isStream: Bool, blocks: Bool
    ) throws(FleetError) -> Int32 {
        var address4 = sockaddr_in()
        var address6 = sockaddr_in6()
        let isIPv4 = unsafe inet_pton(AF_INET, destination.host, &address4.sin_addr) == 1
        let isIPv6 = unsafe inet_pton(AF_INET6, destination.host, &address6.sin6_addr) == 1
        guard isIPv4 || isIPv6 else { throw .badAddress(destination.host) }
        let kind = isStream ? SOCK_STREAM : SOCK_DGRAM
        let flags = Int32(kind.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        let nonblocking = blocks ? 0 : Int32(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(isIPv4 ? AF_INET : AF_INET6, flags | nonblocking, 0)
        guard descriptor >= 0 else { throw .system(call: "socket", code: errno) }
        var status: Int32
        if isIPv4 {
            address4.sin_family = sa_family_t(AF_INET)
            address4.sin_port = destination.port.bigEndian
            status = unsafe withUnsafePointer(to: &address4) {
                unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        } else {
            address6.sin6_family = sa_family_t(AF_INET6)
            address6.sin6_port = destination.port.bigEndian
            status = unsafe withUnsafePointer(to: &address6) {
                unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in6>.size))
                }
            }
        }
        if status != 0, errno != EINPROGRESS {
            let code = errno
            close(descriptor)
            throw .system(call: "connect", code: code)
        }
        return descriptor
    }

    static func set(_ descriptor: Int32, level: Int32, option: Int32, to value: Int32) {
        var value = value
        unsafe setsockopt(
            descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    /// The pending error of a socket, 0 if there is none.
    static func pendingError(_ descriptor: Int32) -> Int32 {
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        let status = unsafe getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size)
        return status == 0 ? code : errno
    }

    /// Whether a loopback connection met itself.
    ///
    /// Reconnecting to a port inside the ephemeral range while nobody listens can connect a socket
    /// to its own port, which then keeps the server from coming back.
    static func isConnectedToItself(_ descriptor: Int32) -> Bool {
        var local = sockaddr_in6()
        var remote = sockaddr_in6()
        var localSize = socklen_t(MemoryLayout<sockaddr_in6>.size)
        var remoteSize = localSize
        let isKnown = unsafe withUnsafeMutablePointer(to: &local) { local in
            unsafe withUnsafeMutablePointer(to: &remote) { remote in
                unsafe local.withMemoryRebound(to: sockaddr.self, capacity: 1) { local in
                    unsafe remote.withMemoryRebound(to: sockaddr.self, capacity: 1) { remote in
                        unsafe getsockname(descriptor, local, &localSize) == 0
                            && getpeername(descriptor, remote, &remoteSize) == 0
                    }
                }
            }
        }
        guard isKnown, localSize == remoteSize else { return false }
        return unsafe withUnsafeBytes(of: &local) { local in
            unsafe withUnsafeBytes(of: &remote) { remote in
                unsafe local.prefix(Int(localSize)).elementsEqual(remote.prefix(Int(localSize)))
            }
        }
    }
}
