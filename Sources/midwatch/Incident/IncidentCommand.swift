// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import CLinux
internal import Crypto
internal import Glibc
internal import JSONText
internal import Journal
internal import MidwatchConfiguration
internal import MidwatchModel
internal import OperatorConsole
internal import OperatorViews
internal import StateFolder

/// The command `midwatch incident`.
struct IncidentCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "incident", abstract: "Gathers what happened, for the review afterwards.",
        subcommands: [Export.self, Verify.self])

    /// The command `midwatch incident export`.
    struct Export: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "export",
            abstract: "Writes alarms, readings, actions and deliveries of a time into one archive.",
            discussion: """
                The archive (tar) begins with timeline.txt, one line an event; its README.txt names \
                the other members, its SHA256SUMS their checksums. Everything is read from the \
                state directory, with the daemon running or stopped. Secrets in configurations are \
                hidden.

                Times: \(Moment.forms).

                EXIT CODES:
                  0  written; what could not be had is told and stands in incident.json
                  1  not written

                EXAMPLES:
                  midwatch incident export --from 03:00 --to 03:30
                  midwatch incident export --from 2h --to now --sensor 'air/west/#' -o night.tar
                """)

        @OptionGroup var state: StateOptions

        @Option(
            parsing: .unconditional, help: ArgumentHelp("From when on.", valueName: "time"),
            transform: MomentArgument.parse)
        var from: MomentArgument

        @Option(
            parsing: .unconditional,
            help: ArgumentHelp("Until when. Default: now.", valueName: "time"),
            transform: MomentArgument.parse)
        var to: MomentArgument?

        @Option(
            parsing: .upToNextOption,
            help: ArgumentHelp(
                "Sensors whose readings are wanted, paths or templates. Default: those with "
                    + "alarms in that time.", valueName: "path"))
        var sensor: [String] = []

        @Option(
            name: [.customShort("o"), .long],
            help: ArgumentHelp("The file. Default: incident-FROM.tar.", valueName: "file"))
        var output: String?

        func validate() throws {
            _ = try self.span()
            for path in self.sensor where !PathTemplate.isWellFormed(path) {
                throw ValidationError("--sensor: \(path) is no path and no template")
            }
        }

        private func span() throws -> (from: WallInstant, to: WallInstant) {
            let (from, to) = (self.from.moment, self.to?.moment ?? MomentArgument.now)
            guard from < to else { throw ValidationError("--from is not before --to") }
            return (from, to)
        }

        func run() throws {
            let (from, to) = try self.span()
            let folders = try self.state.folders(reading: "ledger") { $0.ledger }
            // Digits only: the name is the same in every shell and on every file system.
            let stamp = from.rfc3339.prefix(19).filter { $0 != "-" && $0 != ":" }
            let path = self.output ?? "incident-\(stamp)Z.tar"
            do {
                let tar = try TarWriter(path: path, modified: to.nanoseconds / 1_000_000_000)
                var archive = IncidentArchive(
                    IncidentArchive.Settings(
                        folders: folders, from: from, to: to, sensors: self.sensor), tar: tar)
                do {
                    try archive.write(status: self.status(folders))
                    try tar.finish()
                } catch {
                    tar.discard()
                    throw error
                }
                self.tell(archive, path)
            } catch {
                self.state.complain(error)
                throw ExitCode.failure
            }
        }

        /// How the daemon says it is; nil if it does not answer.
        private func status(_ folders: Folders) -> [UInt8]? {
            let configuration = try? KeptConfiguration.newest(folders)
            guard let socket = configuration?.api.unixSocketPath,
                let status = try? OperatorClient(socketPath: socket).status()
            else { return nil }
            return Array((status.jsonText + "\n").utf8)
        }

        private func tell(_ archive: IncidentArchive, _ path: String) {
            for note in archive.notes {
                CommandOutput.complain("midwatch: \(TerminalText.clean(note))")
            }
            let counts = archive.counts
            if self.state.json {
                var json = JSONWriter()
                json.object { json in
                    json.field("file", path)
                    json.field("events", counts.events)
                    json.field("alarms", counts.alarms)
                    json.field("actions", counts.actions)
                    json.field("deliveries", counts.deliveries)
                    json.field("readings", counts.readings)
                    json.field("sensors", counts.sensors)
                    json.field("revisions", counts.revisions)
                    json.arrayField("notes") { json in
                        for note in archive.notes { json.value(note) }
                    }
                }
                CommandOutput.line(json.text)
            } else {
                CommandOutput.line(
                    TerminalText.clean(
                        "\(path): \(counts.events) events (\(counts.alarms) of alarms, "
                            + "\(counts.actions) actions, \(counts.deliveries) of deliveries), "
                            + "\(counts.readings) readings of \(counts.sensors) sensors, "
                            + "\(counts.revisions) configurations"))
            }
        }
    }

    /// The command `midwatch incident verify`.
    struct Verify: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "verify",
            abstract: "Checks an incident archive against the checksums in it.",
            discussion: """
                EXIT CODES:
                  0  every member is there and as it was written
                  1  a member is changed, missing or not named, or the file cannot be read

                EXAMPLES:
                  midwatch incident verify night.tar
                """)

        @Argument(help: "The archive.")
        var file: String

        @Flag(help: "Print JSON.")
        var json = false

        func run() throws {
            let result: (faults: [String], count: Int)
            do {
                result = try IncidentCheck.faults(path: self.file)
            } catch {
                CommandOutput.complain("midwatch: \(TerminalText.clean("\(error)"))")
                throw ExitCode.failure
            }
            let (faults, count) = result
            if self.json {
                var json = JSONWriter()
                json.object { json in
                    json.field("ok", faults.isEmpty)
                    json.field("members", count)
                    json.arrayField("faults") { json in
                        for fault in faults { json.value(fault) }
                    }
                }
                CommandOutput.line(json.text)
            } else {
                for fault in faults { CommandOutput.line(TerminalText.clean(fault)) }
                if faults.isEmpty {
                    CommandOutput.line("whole: \(count) members are as they were written")
                }
            }
            if !faults.isEmpty { throw ExitCode.failure }
        }
    }
}

/// Compares the members of an incident archive with its manifest.
enum IncidentCheck {
    /// Bytes of a manifest that are read.
    private static let manifestBytesMax = 1 << 20

    /// What is wrong, and how many members were compared.
    static func faults(path: String) throws -> (faults: [String], count: Int) {
        let reader = try TarReader(path: path)
        var sums: [(name: String, sum: String)] = []
        var manifest: [UInt8] = []
        while true {
            var hash = SHA256()
            let member = try reader.next { name, bytes in
                if name != IncidentArchive.manifestName {
                    hash.update(data: Array(bytes))
                } else if manifest.count + bytes.count <= Self.manifestBytesMax {
                    manifest += bytes
                }
            }
            guard let member else { break }
            guard member.name != IncidentArchive.manifestName else { continue }
            sums.append((member.name, HexDigits.text(Array(hash.finalize()))))
        }
        var faults: [String] = []
        var named: Set<String> = []
        if manifest.isEmpty { faults.append("\(IncidentArchive.manifestName) is missing") }
        for line in String(decoding: manifest, as: UTF8.self).split(separator: "\n") {
            let parts = line.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: true)
            guard parts.count == 2 else {
                faults.append("\(IncidentArchive.manifestName): not a checksum: \(line)")
                continue
            }
            let name = String(parts[1].drop { $0 == " " })
            named.insert(name)
            let found = sums.filter { $0.name == name }
            if found.isEmpty { faults.append("\(name) is missing") }
            if found.count > 1 { faults.append("\(name) is there \(found.count) times") }
            for member in found where member.sum != parts[0] {
                faults.append("\(name) is CHANGED")
            }
        }
        for member in sums where !named.contains(member.name) {
            faults.append("\(member.name) is not named in \(IncidentArchive.manifestName)")
        }
        return (faults, sums.count)
    }
}
