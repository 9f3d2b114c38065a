// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
internal import Historian
internal import MidwatchConfiguration
internal import OperatorConsole
internal import OperatorViews

/// Checks of what Midwatch talks to: archive, endpoints, the daemon itself.
struct PeerChecks {
    private static let connectMilliseconds: Int32 = 3_000

    let configuration: MidwatchConfiguration

    func run() -> [DoctorFinding] {
        self.archive() + self.configuration.alerts.endpoints.flatMap(self.endpoint)
            + self.listening() + self.daemon()
    }

    // MARK: - Archive

    private func archive() -> [DoctorFinding] {
        guard case .postgresql(let server) = self.configuration.archive.store else {
            return [.ok("archive", "SQLite in the state directory")]
        }
        let connection: String
        do throws(SecretError) {
            connection = try server.connection.resolve()
        } catch {
            return [
                .failure(
                    "archive", "\(error)",
                    remedy: "put the connection string where "
                        + "archive.connection says, readable for the daemon's user only")
            ]
        }
        do throws(ArchiveError) {
            let state = try PostgresMigrator.state(PostgresOptions(connection: connection))
            return [self.schema(state, server), self.durability(state)]
        } catch {
            return [
                .failure(
                    "archive", "\(error)",
                    remedy: "start the server or correct archive.connection; readings stay in the "
                        + "journal until then")
            ]
        }
    }

    private func schema(
        _ state: PostgresMigrator.State, _ server: PostgreSQLConfiguration
    ) -> DoctorFinding {
        let words = "PostgreSQL \(state.serverVersion), tables of version \(state.found)"
        if state.found == state.needed { return .ok("archive", words) }
        if state.found > state.needed {
            return .failure(
                "archive", "\(words), newer than this program",
                remedy: "use a program of the same version as the one that migrated")
        }
        return server.migrateAtStart
            ? .ok("archive", "\(words); the daemon migrates to \(state.needed) at its start")
            : .failure(
                "archive", "\(words), version \(state.needed) is needed",
                remedy: "midwatch migrate --config FILE, as a role that may change the schema")
    }

    private func durability(_ state: PostgresMigrator.State) -> DoctorFinding {
        state.isDurable
            ? .ok("archive durability", "fsync is on")
            : .failure(
                "archive durability", "fsync is off: a crash of the server loses the archive",
                remedy: "set fsync = on in postgresql.conf")
    }

    // MARK: - Endpoints

    private func endpoint(_ endpoint: AlertEndpointConfiguration) -> [DoctorFinding] {
        let topic = "endpoint \(endpoint.name)"
        var findings: [DoctorFinding] = []
        for secret in endpoint.secrets {
            do throws(SecretError) {
                _ = try secret.resolve()
            } catch {
                findings.append(
                    .failure(
                        topic, "\(error)", remedy: "without its secret nothing is sent there"))
            }
        }
        guard let (host, port) = Self.place(of: endpoint.url) else {
            return findings + [.failure(topic, "no host in its url", remedy: "correct the url")]
        }
        var address = [CChar](repeating: 0, count: 64)
        let code = unsafe address.withUnsafeMutableBufferPointer { buffer in
            unsafe clinux_tcp_probe(
                host, port, Self.connectMilliseconds, buffer.baseAddress, buffer.count)
        }
        let numeric = String(
            decoding: address.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        findings.append(Self.reached(topic, code, host: host, port: port, numeric: numeric))
        return findings
    }

    private static func reached(
        _ topic: String, _ code: Int32, host: String, port: String, numeric: String
    ) -> DoctorFinding {
        if code == 0 { return .ok(topic, "\(numeric) port \(port) answers; nothing was sent") }
        if code > 0 {
            return .failure(
                topic,
                "the name \(host) is not known: \(unsafe String(cString: gai_strerror(-code)))",
                remedy: "correct the name or the resolver (/etc/resolv.conf, /etc/hosts)")
        }
        return .failure(
            topic, "\(host) port \(port): \(unsafe String(cString: strerror(-code)))",
            remedy: "is the receiver running, and does a firewall let this machine out?")
    }

    /// Host and port of an `http` or `https` URL.
    static func place(of url: String) -> (host: String, port: String)? {
        let isSecure = url.lowercased().hasPrefix("https://")
        guard isSecure || url.lowercased().hasPrefix("http://") else { return nil }
        let authority = url.dropFirst(isSecure ? 8 : 7).prefix { $0 != "/" && $0 != "?" }
        var (host, port) = (authority, isSecure ? "443" : "80")
        if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") {
            host = authority[authority.index(after: authority.startIndex)..<end]
            let rest = authority[authority.index(after: end)...]
            if rest.hasPrefix(":") { port = String(rest.dropFirst()) }
        } else if let colon = authority.firstIndex(of: ":") {
            host = authority[..<colon]
            port = String(authority[authority.index(after: colon)...])
        }
        return host.isEmpty || port.isEmpty ? nil : (String(host), port)
    }

    // MARK: - The daemon

    private func listening() -> [DoctorFinding] {
        self.configuration.unsafeSettings.map {
            .warning("settings", $0, remedy: "midwatch check names the key and what to write")
        }
    }

    private func daemon() -> [DoctorFinding] {
        let socket = self.configuration.api.unixSocketPath
        do throws(ClientError) {
            let status = try OperatorClient(socketPath: socket).status()
            guard status.modes.isEmpty else {
                return status.modes.map {
                    .warning("midwatchd", $0, remedy: "midwatch top shows what is affected")
                }
            }
            return [.ok("midwatchd", "\(status.health.word), version \(status.version)")]
        } catch {
            return [
                .warning(
                    "midwatchd", "\(error)",
                    remedy: "start it: systemctl start midwatchd (or look at journalctl -u)")
            ]
        }
    }
}
