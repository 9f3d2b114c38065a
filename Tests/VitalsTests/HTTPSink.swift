// SPDX-License-Identifier: Apache-2.0

import Glibc
import MidwatchModel
import Synchronization
import Vitals

/// A web server of one test, on loopback: keeps what it gets and answers as told.
final class HTTPSink: Sendable {
    struct Request: Sendable {
        var head: String
        var body: [UInt8]
        var at: MonotonicInstant
    }

    private struct Cell {
        var requests: [Request] = []
        var statuses: [Int]
    }

    let port: UInt16
    private let descriptor: Int32
    private let answers: Bool
    private let cell: Mutex<Cell>

    /// Answers with `statuses` one after the other, then with 200.
    init?(statuses: [Int] = [], answers: Bool = true) {
        let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var name = sockaddr_in()
        name.sin_family = sa_family_t(AF_INET)
        name.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = unsafe withUnsafeMutablePointer(to: &name) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                unsafe bind(fd, address, size) == 0 && listen(fd, 16) == 0
                    && getsockname(fd, address, &size) == 0
            }
        }
        guard isBound else { return nil }
        _ = fcntl(fd, F_SETFD, FD_CLOEXEC)
        self.port = UInt16(bigEndian: name.sin_port)
        self.descriptor = fd
        self.answers = answers
        self.cell = Mutex(Cell(statuses: statuses))
        var thread = pthread_t()
        let context = unsafe Unmanaged.passRetained(self).toOpaque()
        _ = unsafe pthread_create(
            &thread, nil,
            { context in
                if let context = unsafe context {
                    unsafe Unmanaged<HTTPSink>.fromOpaque(context).takeRetainedValue().serve()
                }
                return nil
            }, context)
    }

    var url: String { "http://127.0.0.1:\(self.port)/hook" }
    var requests: [Request] { self.cell.withLock { $0.requests } }

    /// Requests whose body has `text` in it.
    func requests(with text: String) -> [Request] {
        self.requests.filter { String(decoding: $0.body, as: UTF8.self).contains(text) }
    }

    private func serve() {
        while true {
            let fd = accept(self.descriptor, nil, nil)
            guard fd >= 0 else { return }
            _ = fcntl(fd, F_SETFD, FD_CLOEXEC)
            self.take(fd)
        }
    }

    private func take(_ fd: Int32) {
        var bytes: [UInt8] = []
        while true {
            var buffer = [UInt8](repeating: 0, count: 65_536)
            let count = unsafe buffer.withUnsafeMutableBytes {
                unsafe recv(fd, $0.baseAddress, $0.count, 0)
            }
            guard count > 0 else { break }
            bytes.append(contentsOf: buffer[..<count])
            if let request = Self.whole(bytes) {
                guard self.answers else { return }
                let status = self.cell.withLock { cell in
                    cell.requests.append(request)
                    return cell.statuses.isEmpty ? 200 : cell.statuses.removeFirst()
                }
                let answer = Array("HTTP/1.1 \(status) x\r\nContent-Length: 0\r\n\r\n".utf8)
                _ = unsafe answer.withUnsafeBytes {
                    unsafe send(fd, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
                }
                break
            }
        }
        close(fd)
    }

    private static func whole(_ bytes: [UInt8]) -> Request? {
        let text = String(decoding: bytes, as: UTF8.self)
        guard let end = text.firstRange(of: "\r\n\r\n") else { return nil }
        let head = String(text[..<end.upperBound])
        let headBytes = head.utf8.count
        var need = 0
        for line in head.split(separator: "\r\n") where line.hasPrefix("Content-Length: ") {
            need = Int(line.dropFirst("Content-Length: ".count)) ?? 0
        }
        guard bytes.count >= headBytes + need else { return nil }
        return Request(head: head, body: Array(bytes[headBytes...]), at: BootClock.now())
    }
}
