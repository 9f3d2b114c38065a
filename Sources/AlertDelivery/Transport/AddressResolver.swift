// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import NamedThread
internal import Synchronization

/// Why a name has no addresses now.
package enum ResolutionFailure: Error, Sendable, Equatable {
    /// The resolver's words.
    case failed(String)
    /// Too many names are being looked up already.
    case busy
}

/// Looks names up.
package protocol AddressResolver: Sendable {
    /// Calls `done` once, from any thread, however long that takes.
    func resolve(
        _ host: String,
        done: @escaping @Sendable (Result<[NetworkAddress], ResolutionFailure>) -> Void
    )
}

/// The resolver of the system.
///
/// It may hang for as long as its configuration says, so each question has a thread of its own, and
/// only so many at once.
package final class SystemResolver: AddressResolver {
    package static let questionCountMax = 32

    private let asked = Atomic<Int>(0)

    package init() {}

    package func resolve(
        _ host: String,
        done: @escaping @Sendable (Result<[NetworkAddress], ResolutionFailure>) -> Void
    ) {
        let count = self.asked.wrappingAdd(1, ordering: .relaxed).newValue
        guard count <= Self.questionCountMax else {
            self.asked.wrappingSubtract(1, ordering: .relaxed)
            return done(.failure(.busy))
        }
        let answer: @Sendable (Result<[NetworkAddress], ResolutionFailure>) -> Void = { result in
            self.asked.wrappingSubtract(1, ordering: .relaxed)
            done(result)
        }
        do throws(ThreadRefusal) {
            try NamedThread.detach("resolver") { answer(Self.lookUp(host)) }
        } catch {
            answer(.failure(.failed("\(error)")))
        }
    }

    private static func lookUp(_ host: String) -> Result<[NetworkAddress], ResolutionFailure> {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        unsafe hints.ai_flags = AI_ADDRCONFIG
        var list: UnsafeMutablePointer<addrinfo>?
        let code = unsafe getaddrinfo(host, nil, &hints, &list)
        guard code == 0 else {
            return .failure(.failed(unsafe String(cString: gai_strerror(code))))
        }
        defer { unsafe freeaddrinfo(list) }
        var addresses: [NetworkAddress] = []
        var next = unsafe list
        while let entry = unsafe next {
            unsafe next = entry.pointee.ai_next
            let bytes: [UInt8]
            switch unsafe entry.pointee.ai_family {
            case AF_INET:
                bytes = unsafe Self.bytes(entry.pointee.ai_addr, offset: 4, count: 4)
            case AF_INET6:
                bytes = unsafe Self.bytes(entry.pointee.ai_addr, offset: 8, count: 16)
            default: continue
            }
            guard let address = NetworkAddress(bytes: bytes), !addresses.contains(address) else {
                continue
            }
            addresses.append(address)
            if addresses.count == DeliveryLimits.addressCountMax { break }
        }
        return .success(addresses)
    }

    /// Bytes of a socket address: family, port and (IPv6) flow label stand before the address.
    private static func bytes(
        _ address: UnsafeMutablePointer<sockaddr>?, offset: Int, count: Int
    ) -> [UInt8] {
        guard let address = unsafe address else { return [] }
        let raw = UnsafeRawPointer(address)
        return (0..<count).map { unsafe raw.load(fromByteOffset: offset + $0, as: UInt8.self) }
    }
}
