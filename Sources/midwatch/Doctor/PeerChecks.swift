// SPDX-License-Identifier: Apache-2.0

internal import Historian
internal import MidwatchConfiguration
internal import OperatorConsole
internal import OperatorViews

/// Checks of what Midwatch talks to: archive, endpoints, the daemon itself.
struct PeerChecks {
    let configuration: MidwatchConfiguration

    func run() -> [DoctorFinding] {
        self.archive() + EndpointChecks(endpoints: self.configuration.alerts.endpoints).run()
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
