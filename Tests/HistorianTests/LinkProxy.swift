// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// A loopback TCP proxy that cuts connections on purpose.
final class LinkProxy: Sendable {
    enum Fault: Sendable {
        case none
        /// Cuts after this many bytes towards the server.
        case afterBytes(Int)
        /// Passes COMMIT on, waits for the server's answer, and cuts without passing that on.
        case afterCommit
    }

    struct Failure: Error { var message: String }

    let port: UInt16
    private let listener: Int32
    private let target: UInt16
    private let fault = Mutex<Fault>(.none)
    private let cuts = Atomic<Int>(0)

    init(to target: UInt16) throws {
        let opened = try Self.listen(on: 0)
        self.listener = opened.descriptor
        self.port = opened.port
        self.target = target
        Self.detach { [self] in self.accept() }
    }

    /// Connections cut so far.
    var cutCount: Int { self.cuts.load(ordering: .relaxed) }

    /// Arms one fault; it strikes once.
    func arm(_ fault: Fault) { self.fault.withLock { $0 = fault } }

    /// Ends accepting.
    func stop() { shutdown(self.listener, Int32(SHUT_RDWR)) }

    static func listen(on port: UInt16) throws -> (descriptor: Int32, port: UInt16) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = Self.loopback(port)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                unsafe bind(descriptor, raw, size) == 0 && Glibc.listen(descriptor, 16) == 0
                    && getsockname(descriptor, raw, &size) == 0
            }
        }
        guard bound else { throw Failure(message: "listen: \(errno)") }
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }

    private static func loopback(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    private func accept() {
        while true {
            let client = Glibc.accept(self.listener, nil, nil)
            guard client >= 0 else {
                close(self.listener)
                return
            }
            Self.detach { [self] in self.serve(client) }
        }
    }

    private func serve(_ client: Int32) {
        defer { close(client) }
        let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(server) }
        var address = Self.loopback(self.target)
        let connected = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
                unsafe connect(server, raw, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard connected else { return }
        var bytes = [UInt8](repeating: 0, count: 16_384)
        var isCommitSent = false
        while true {
            var both = [
                pollfd(fd: client, events: Int16(POLLIN), revents: 0),
                pollfd(fd: server, events: Int16(POLLIN), revents: 0),
            ]
            guard unsafe poll(&both, 2, 30_000) > 0 else { return }
            if both[1].revents != 0 {
                let count = unsafe read(server, &bytes, bytes.count)
                if isCommitSent { return self.cut() }
                guard count > 0, Self.send(bytes, count, to: client) else { return }
            }
            if both[0].revents != 0 {
                let count = unsafe read(client, &bytes, bytes.count)
                guard count > 0 else { return }
                switch self.strike(bytes.prefix(count)) {
                case .none: guard Self.send(bytes, count, to: server) else { return }
                case .afterBytes(let allowed):
                    _ = Self.send(bytes, allowed, to: server)
                    return self.cut()
                case .afterCommit:
                    isCommitSent = true
                    guard Self.send(bytes, count, to: server) else { return }
                }
            }
        }
    }

    /// What the armed fault does to these bytes; disarms it when it strikes.
    private func strike(_ bytes: ArraySlice<UInt8>) -> Fault {
        self.fault.withLock { fault in
            switch fault {
            case .none: return .none
            case .afterBytes(let left):
                guard bytes.count >= left else {
                    fault = .afterBytes(left - bytes.count)
                    return .none
                }
                fault = .none
                return .afterBytes(left)
            case .afterCommit:
                // A simple query: 'Q', length, "COMMIT", 0.
                guard Array(bytes.suffix(7)) == Array("COMMIT\0".utf8) else { return .none }
                fault = .none
                return .afterCommit
            }
        }
    }

    private func cut() { self.cuts.wrappingAdd(1, ordering: .relaxed) }

    private static func send(_ bytes: [UInt8], _ count: Int, to descriptor: Int32) -> Bool {
        var sent = 0
        while sent < count {
            let taken = unsafe bytes.withUnsafeBytes { raw in
                unsafe Glibc.send(
                    descriptor, raw.baseAddress?.advanced(by: sent), count - sent,
                    Int32(MSG_NOSIGNAL))
            }
            guard taken > 0 else { return false }
            sent += taken
        }
        return true
    }

    private static func detach(_ body: @escaping @Sendable () -> Void) {
        let box = unsafe Unmanaged.passRetained(Body(body))
        var thread = pthread_t()
        unsafe pthread_create(
            &thread, nil,
            { raw in
                if let raw = unsafe raw {
                    unsafe Unmanaged<Body>.fromOpaque(raw).takeRetainedValue().run()
                }
                return nil
            }, box.toOpaque())
        pthread_detach(thread)
    }

    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
}
