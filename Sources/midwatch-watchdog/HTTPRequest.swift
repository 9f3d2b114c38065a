// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
package import MidwatchModel
import Vitals

/// What came of sending one message.
package enum SendOutcome: Equatable, Sendable {
    case delivered
    /// The other side answered and did not take it: an HTTP status or an exit code.
    case refused(Int)
    case failed(String)
}

/// A minimal HTTP/1.1 client: one request, one connection, the status line back.
///
/// Nothing here waits past the deadline except the resolver, which is why every route has a thread
/// of its own. Numeric hosts never touch the resolver.
package enum HTTPRequest {
    /// Bytes of an answer that are read to find its status line.
    package static let answerBytesMax = 8_192

    /// The bytes of a request.
    package static func bytes(
        _ method: String, _ endpoint: Endpoint, headers: [HeaderField], body: [UInt8]
    ) -> [UInt8] {
        var head = "\(method) \(endpoint.target) HTTP/1.1\r\nHost: \(endpoint.hostField)\r\n"
        head += "User-Agent: midwatch-watchdog\r\nAccept: */*\r\nConnection: close\r\n"
        if method != "GET" {
            head += "Content-Type: application/json\r\nContent-Length: \(body.count)\r\n"
        }
        for field in headers { head += "\(field.name): \(field.value)\r\n" }
        return Array((head + "\r\n").utf8) + (method == "GET" ? [] : body)
    }

    /// What an answer's first bytes say.
    package enum Answer: Equatable, Sendable {
        case status(Int)
        case needsMore
        case malformed
    }

    /// Finds the status of the final answer; interim ones (1xx) are passed over (RFC 9110 15.2).
    package static func answer(_ bytes: ArraySlice<UInt8>) -> Answer {
        guard let lineEnd = bytes.firstIndex(of: UInt8(ascii: "\n")) else {
            return bytes.count < 256 ? .needsMore : .malformed
        }
        let line = String(decoding: bytes[bytes.startIndex..<lineEnd], as: UTF8.self)
        guard line.hasPrefix("HTTP/1.1 ") || line.hasPrefix("HTTP/1.0 ") else { return .malformed }
        let code = line.dropFirst(9).prefix(3)
        guard code.utf8.count == 3, let status = Int(code), status >= 100 else { return .malformed }
        guard status < 200 else { return .status(status) }
        var place = bytes.startIndex
        while place + 4 <= bytes.endIndex {
            if bytes[place..<(place + 4)].elementsEqual("\r\n\r\n".utf8) {
                return Self.answer(bytes[(place + 4)...])
            }
            place += 1
        }
        return .needsMore
    }

    /// Sends `request` to `endpoint` and reads the status of the answer.
    package static func send(
        _ request: [UInt8], to endpoint: Endpoint, deadline: MonotonicInstant
    ) -> SendOutcome {
        var failure = "no address"
        switch Resolver.addresses(host: endpoint.host, port: endpoint.port) {
        case .failure(let error): return .failed("resolving \(endpoint.host): \(error.text)")
        case .success(let addresses):
            for (index, address) in addresses.enumerated() {
                // What is left of the time is shared by the addresses not yet tried.
                let now = BootClock.now()
                let share =
                    deadline.nanosecondsSince(now) / UInt64(addresses.count - index)
                switch Self.connect(
                    address, through: endpoint.interface,
                    deadline: now.advanced(byNanoseconds: share))
                {
                case .failure(let error): failure = error.text
                case .success(let fd):
                    defer { close(fd) }
                    return Self.exchange(request, fd, deadline: deadline)
                }
            }
        }
        return .failed("connecting: \(failure)")
    }

    struct Failure: Error { var text: String }

    private static func connect(
        _ address: Resolver.Address, through interface: String?, deadline: MonotonicInstant
    ) -> Result<Int32, Failure> {
        let fd = unsafe address.bytes.withUnsafeBytes {
            if let interface {
                unsafe clinux_tcp_begin_via(
                    $0.baseAddress, UInt32($0.count), address.family, interface)
            } else {
                unsafe clinux_tcp_begin($0.baseAddress, UInt32($0.count), address.family)
            }
        }
        guard fd >= 0 else { return .failure(Failure(text: SystemError.text(-fd))) }
        guard Poll.wait(fd, for: Int16(POLLOUT), until: deadline) else {
            close(fd)
            return .failure(Failure(text: "no connection in time"))
        }
        let error = clinux_socket_error(fd)
        guard error == 0 else {
            close(fd)
            return .failure(Failure(text: SystemError.text(error)))
        }
        return .success(fd)
    }

    private static func exchange(
        _ request: [UInt8], _ fd: Int32, deadline: MonotonicInstant
    ) -> SendOutcome {
        var sent = 0
        while sent < request.count {
            let count = unsafe request[sent...].withUnsafeBytes {
                unsafe Glibc.send(fd, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count > 0 {
                sent += count
            } else if errno == EAGAIN || errno == EINTR {
                guard Poll.wait(fd, for: Int16(POLLOUT), until: deadline) else {
                    return .failed("request not taken in time")
                }
            } else {
                return .failed("sending: \(SystemError.text(errno))")
            }
        }
        var answer: [UInt8] = []
        while answer.count < Self.answerBytesMax {
            guard Poll.wait(fd, for: Int16(POLLIN), until: deadline) else {
                return .failed("no answer in time")
            }
            var buffer = [UInt8](repeating: 0, count: 1_024)
            let count = unsafe buffer.withUnsafeMutableBytes {
                unsafe recv(fd, $0.baseAddress, $0.count, 0)
            }
            if count < 0, errno == EAGAIN || errno == EINTR { continue }
            guard count > 0 else { return .failed("connection closed before an answer") }
            answer.append(contentsOf: buffer[..<count])
            switch Self.answer(answer[...]) {
            case .needsMore: continue
            case .malformed: return .failed("the answer is not HTTP/1.1")
            case .status(let status):
                return (200..<300).contains(status) ? .delivered : .refused(status)
            }
        }
        return .failed("the answer has no end")
    }
}

/// Waiting for descriptors.
enum Poll {
    /// Whether `fd` became ready for `events` (or failed) before `deadline`.
    static func wait(_ fd: Int32, for events: Int16, until deadline: MonotonicInstant) -> Bool {
        var entries = [pollfd(fd: fd, events: events, revents: 0)]
        return Self.wait(&entries, until: deadline) > 0
    }

    /// Number of descriptors that became ready before `deadline`; 0 at the deadline.
    static func wait(_ entries: inout [pollfd], until deadline: MonotonicInstant) -> Int {
        while true {
            let left = deadline.nanosecondsSince(BootClock.now())
            // Rounded up: poll(2) counts in milliseconds and must not return early in a spin.
            let milliseconds = Int32(min((left + 999_999) / 1_000_000, 3_600_000))
            let ready = unsafe entries.withUnsafeMutableBufferPointer {
                unsafe poll($0.baseAddress, nfds_t($0.count), milliseconds)
            }
            if ready > 0 { return Int(ready) }
            if ready == 0, BootClock.now() >= deadline { return 0 }
            if ready < 0, errno != EINTR { return 0 }
            if left == 0 { return 0 }
        }
    }
}

/// Names to addresses, by getaddrinfo(3).
enum Resolver {
    struct Address: Equatable, Sendable {
        var family: Int32
        /// A whole sockaddr.
        var bytes: [UInt8]
    }

    /// Addresses tried of one name.
    static let addressCountMax = 4

    /// The addresses of `host`.
    ///
    /// May wait for the name service as long as its own limits allow.
    static func addresses(
        host: String, port: UInt16
    ) -> Result<[Address], HTTPRequest.Failure> {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        unsafe hints.ai_flags = AI_NUMERICSERV | AI_NUMERICHOST
        var list: UnsafeMutablePointer<addrinfo>?
        var rc = unsafe getaddrinfo(host, String(port), &hints, &list)
        if rc != 0 {
            unsafe hints.ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG
            rc = unsafe getaddrinfo(host, String(port), &hints, &list)
        }
        guard rc == 0 else {
            return .failure(.init(text: unsafe String(cString: gai_strerror(rc))))
        }
        defer { unsafe freeaddrinfo(list) }
        var addresses: [Address] = []
        var next = unsafe list
        while let entry = unsafe next, addresses.count < Self.addressCountMax {
            if let address = unsafe entry.pointee.ai_addr {
                let bytes = unsafe UnsafeRawBufferPointer(
                    start: address, count: Int(entry.pointee.ai_addrlen))
                unsafe addresses.append(
                    Address(family: entry.pointee.ai_family, bytes: Array(bytes)))
            }
            unsafe next = entry.pointee.ai_next
        }
        return addresses.isEmpty ? .failure(.init(text: "no address")) : .success(addresses)
    }
}
