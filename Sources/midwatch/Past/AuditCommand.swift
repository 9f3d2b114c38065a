// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import JSONText
internal import Journal
internal import MidwatchModel
internal import OperatorConsole
internal import StateFolder

/// The command `midwatch audit`.
struct AuditCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Checks the records that must not be changed.",
        subcommands: [Verify.self])

    /// The command `midwatch audit verify`.
    struct Verify: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "verify",
            abstract: "Reads ledger and access log from end to end and checks every hash.",
            discussion: """
                Names the first line that is not as it was written, and finds a cut-off end by the \
                anchored head. It only reads, and may run beside the daemon.

                EXIT CODES:
                  0  every line is there and as it was written
                  1  a line is broken or missing, or a folder cannot be read

                EXAMPLES:
                  midwatch audit verify
                  midwatch audit verify --state /var/lib/midwatch --json
                """)

        @OptionGroup var state: StateOptions

        func run() throws {
            let folders = try self.state.folders(reading: "ledger") { $0.ledger }
            let ledger = try self.verify(folders.ledger)
            let accessLog = try self.verify(folders.accessLog)
            let anchors = AccessLogAnchors(
                ledger: folders.ledger, accessLog: folders.accessLog)
            let isWhole = ledger.isWhole && accessLog.isWhole && anchors.fault == nil
            if self.state.json {
                var json = JSONWriter()
                json.object { json in
                    json.field("state", self.state.directory)
                    json.field("ok", isWhole)
                    json.objectField("ledger") { Self.write(ledger, to: &$0) }
                    json.objectField("accessLog") { json in
                        Self.write(accessLog, to: &json)
                        json.field("anchorsFound", anchors.checkedCount)
                        if let fault = anchors.fault {
                            json.field("anchorBroken", fault.record)
                        }
                    }
                }
                CommandOutput.line(json.text)
            } else {
                Self.tell(ledger, name: "ledger", path: folders.ledger)
                Self.tell(accessLog, name: "access log", path: folders.accessLog)
                if let fault = anchors.fault {
                    CommandOutput.line(
                        TerminalText.clean(
                            "access log: BROKEN at record \(fault.record): \(fault.reason)"))
                }
            }
            if !isWhole { throw ExitCode.failure }
        }

        private func verify(_ path: String) throws -> LedgerAudit.Report {
            do throws(LedgerError) {
                return try LedgerAudit.verify(directory: path)
            } catch {
                self.state.complain(error)
                throw ExitCode.failure
            }
        }

        private static func write(_ report: LedgerAudit.Report, to json: inout JSONWriter) {
            json.field("ok", report.isWhole)
            json.field("records", report.recordCount)
            json.field("files", report.fileCount)
            json.field("first", report.firstN)
            json.field("last", report.lastN)
            json.field("lastHash", HexDigits.text(report.lastHash))
            json.field("supersededBytes", report.supersededBytes)
            if let head = report.head { json.field("anchored", head.n) }
            json.field("cutOff", Self.missingCount(report))
            guard let fault = report.firstBroken else { return }
            json.objectField("firstBroken") { json in
                json.field("record", fault.n)
                json.field("file", fault.file)
                json.field("byteOffset", fault.byteOffset)
                json.field("reason", fault.reason.rawValue)
            }
        }

        /// Lines cut off at the end; behind a broken line nothing is known about them.
        private static func missingCount(_ report: LedgerAudit.Report) -> UInt64 {
            report.firstBroken?.reason == .cutOff ? report.cutOffCount : 0
        }

        private static func tell(_ report: LedgerAudit.Report, name: String, path: String) {
            let files = "\(report.fileCount) file\(report.fileCount == 1 ? "" : "s")"
            guard let fault = report.firstBroken else {
                let last = HexDigits.text(Array(report.lastHash.prefix(8)))
                let range =
                    report.recordCount > 0
                    ? "records \(report.firstN) to \(report.lastN) in \(files), last hash \(last)"
                    : "no records"
                CommandOutput.line(TerminalText.clean("\(name): whole; \(range)"))
                return
            }
            CommandOutput.line(
                TerminalText.clean(
                    "\(name): BROKEN at record \(fault.n): \(fault.reason.rawValue) "
                        + "(\(path)/\(fault.file), byte \(fault.byteOffset)); "
                        + "\(report.recordCount) records before it are whole"))
            let missing = Self.missingCount(report)
            if missing > 0 { CommandOutput.line("\(name): \(missing) records are missing") }
        }
    }
}
