// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Historian
internal import JSONText
internal import MidwatchConfiguration
internal import OperatorConsole

/// The command `midwatch migrate`.
struct MigrateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Brings the PostgreSQL archive's tables to this version.",
        discussion: """
            Each migration is a transaction of its own; running it again, or twice at once, does \
            no harm. The role needs the right to create a schema.

            EXIT CODES:
              0  the tables are as this version needs them
              1  the server cannot be reached, or refuses; the message says what

            EXAMPLES:
              midwatch migrate --config /etc/midwatch/midwatch.yaml
              midwatch migrate --connection 'host=db.example.com dbname=telemetry user=owner'
            """)

    @Option(help: ArgumentHelp("The configuration that names the archive.", valueName: "file"))
    var config: String?

    @Option(help: "A libpq connection string or URI.")
    var connection: String?

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        guard (self.config == nil) != (self.connection == nil) else {
            throw ValidationError("name the archive with either --config or --connection")
        }
    }

    func run() throws {
        let connection = try self.connection ?? self.connectionFromConfiguration()
        let applied: [Int]
        do throws(ArchiveError) {
            applied = try PostgresMigrator.migrate(PostgresOptions(connection: connection))
        } catch {
            CommandOutput.complain("midwatch migrate: \(TerminalText.clean("\(error)"))")
            throw ExitCode.failure
        }
        if self.json {
            var json = JSONWriter()
            json.object { json in
                json.arrayField("applied") { json in for version in applied { json.value(version) }
                }
            }
            CommandOutput.line(json.text)
        } else if applied.isEmpty {
            CommandOutput.line("nothing to do: the tables are up to date")
        } else {
            let versions = applied.map(String.init).joined(separator: ", ")
            CommandOutput.line("applied: \(versions)")
        }
    }

    private func connectionFromConfiguration() throws -> String {
        let path = self.config ?? ""
        let result = MidwatchConfiguration.load(path: path)
        guard let configuration = result.configuration, result.errors.isEmpty else {
            for line in result.report { CommandOutput.complain(line) }
            throw ExitCode.failure
        }
        guard case .postgresql(let server) = configuration.archive.store else {
            CommandOutput.complain(
                "midwatch migrate: \(TerminalText.clean(path)): archive.store is sqlite, which "
                    + "needs no migration; nothing was done")
            throw ExitCode.failure
        }
        do throws(SecretError) {
            return try server.connection.resolve()
        } catch {
            CommandOutput.complain("midwatch migrate: archive.connection: \(error)")
            throw ExitCode.failure
        }
    }
}
