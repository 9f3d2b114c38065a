// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Hummingbird
internal import HummingbirdCore
package import Logging
package import MidwatchModel
internal import NIOCore
internal import ServiceLifecycle

/// Where the operator API listens and what it asks of those who come.
package struct OperatorAPIConfiguration: Sendable, Equatable {
    /// A TCP listener beside the unix socket.
    package struct Loopback: Sendable, Equatable {
        /// `127.0.0.1`, `::1` or `localhost`; nothing else is taken.
        package var host: String
        /// 0: the kernel chooses.
        package var port: Int

        package init(host: String = "127.0.0.1", port: Int) {
            self.host = host
            self.port = port
        }
    }

    /// Path of the unix socket, in a folder that only the service's group may enter.
    package var socketPath: String
    package var loopback: Loopback?
    /// A connection whose client takes nothing of its answer for this long is closed.
    package var writeTimeoutSeconds = OperatorAPILimits.writeTimeoutSeconds

    package init(socketPath: String, loopback: Loopback? = nil) {
        self.socketPath = socketPath
        self.loopback = loopback
    }
}

/// Why the operator API does not start.
package enum OperatorAPIError: Error, Equatable, CustomStringConvertible {
    /// Another process answers at the socket.
    case socketInUse(path: String)
    /// Something that is no socket has the path.
    case notASocket(path: String)
    /// Longer than the kernel takes (unix(7): 107 bytes).
    case socketPathTooLong(path: String)
    /// The host is not this machine's loopback.
    case notLoopback(host: String)
    /// A system call failed.
    case system(call: String, path: String, errno: Int32)

    package var description: String {
        switch self {
        case .socketInUse(let path):
            "\(path): another process answers there; is midwatchd already running?"
        case .notASocket(let path): "\(path): exists and is not a socket; remove it"
        case .socketPathTooLong(let path): "\(path): longer than 107 bytes"
        case .notLoopback(let host):
            "\(host): the operator API listens on 127.0.0.1, ::1 or localhost only"
        case .system(let call, let path, let errno): "\(path): \(call) failed with errno \(errno)"
        }
    }
}

/// The operator API: HTTP/1.1 on a unix socket and, if configured, on a loopback port.
///
/// On the unix socket the kernel says who sends a command (SO_PEERCRED); the socket's mode 0660
/// says who may connect. `run()` ends when the task is cancelled or, inside a `ServiceGroup`, by
/// its graceful stop: streams end, requests under way are answered.
package struct OperatorAPIServer: Service {
    private let configuration: OperatorAPIConfiguration
    private let backend: any OperatorBackend
    private let access: any OperatorAccess
    private let limits = RequestLimits()
    private let logger: Logger
    private let onListening: @Sendable (_ loopbackPort: Int?) -> Void
    private let onAccess: @Sendable (AccessEvent) -> Void
    private let stopping = EventSignal()
    /// Counters of the API; its own metrics page carries them already.
    package let metrics = RequestMetrics()

    /// Checks the configuration; nothing listens before `run()`.
    ///
    /// `onListening` is called once per listener when it takes connections, with the port of the
    /// loopback listener or nil for the unix socket. `onAccess` learns of every request, and must
    /// not block.
    ///
    /// - Throws: `OperatorAPIError` for a configuration that must not be used.
    package init(
        configuration: OperatorAPIConfiguration, backend: any OperatorBackend,
        access: any OperatorAccess, logger: Logger,
        onListening: @escaping @Sendable (_ loopbackPort: Int?) -> Void = { _ in },
        onAccess: @escaping @Sendable (AccessEvent) -> Void = { _ in }
    ) throws(OperatorAPIError) {
        guard configuration.socketPath.utf8.count <= 107 else {
            throw .socketPathTooLong(path: configuration.socketPath)
        }
        if let loopback = configuration.loopback {
            guard ["127.0.0.1", "::1", "localhost"].contains(loopback.host) else {
                throw .notLoopback(host: loopback.host)
            }
        }
        self.configuration = configuration
        self.backend = backend
        self.access = access
        self.logger = logger
        self.onListening = onListening
        self.onAccess = onAccess
    }

    package func run() async throws {
        let path = self.configuration.socketPath
        try UnixSocketFile.prepare(path)
        defer { _ = unsafe unlink(path) }
        let onListening = self.onListening
        let unixSocket = self.application(.unixSocket, .unixDomainSocket(path: path)) { _ in
            // Until here the mode is what the umask left, with no group write: stricter.
            UnixSocketFile.restrict(path)
            onListening(nil)
        }
        let stopping = self.stopping
        try await withGracefulShutdownHandler {
            try await withThrowingTaskGroup { group in
                group.addTask { try await unixSocket.run() }
                if let loopback = self.configuration.loopback {
                    let address = BindAddress.hostname(loopback.host, port: loopback.port)
                    let application = self.application(.loopback, address) { channel in
                        onListening(channel.localAddress?.port)
                    }
                    group.addTask { try await application.run() }
                }
                defer { group.cancelAll() }
                // An orderly stop ends both; a failure of one is thrown and cancels the other.
                while try await group.next() != nil {}
            }
        } onGracefulShutdown: {
            stopping.advance(to: 1)
        }
    }

    private func application(
        _ kind: ListenerKind, _ address: BindAddress,
        onRunning: @escaping @Sendable (any Channel) async -> Void
    ) -> Application<OperatorResponder> {
        let limits = HTTP1Channel.Configuration.DecoderConfiguration(
            maxHeaderFieldSize: OperatorAPILimits.headerFieldBytesMax,
            maxHeaderListSize: OperatorAPILimits.headerListBytesMax,
            maxHeaderFieldCount: OperatorAPILimits.headerFieldsMax)
        let metrics = self.metrics
        let writeTimeout = TimeAmount.seconds(self.configuration.writeTimeoutSeconds)
        return Application(
            responder: OperatorResponder(
                backend: self.backend, kind: kind, access: self.access, limits: self.limits,
                metrics: metrics, stopping: self.stopping, onAccess: self.onAccess),
            server: .http1(
                configuration: .init(
                    additionalChannelHandlers: [
                        StalledWriteHandler(metrics, timeout: writeTimeout)
                    ],
                    idleTimeout: .seconds(OperatorAPILimits.idleTimeoutSeconds),
                    httpDecoderConfiguration: limits)),
            configuration: ApplicationConfiguration(
                address: address, backlog: OperatorAPILimits.backlogMax,
                availableConnectionsDelegate: MaximumAvailableConnections(
                    OperatorAPILimits.connectionsMax, logger: self.logger)),
            onServerRunning: onRunning,
            logger: self.logger)
    }
}
