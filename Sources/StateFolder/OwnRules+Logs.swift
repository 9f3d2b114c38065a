// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

extension OwnRules {
    /// What keeps readings and decisions: journal, ledger, archive, disk.
    static func logs(_ figure: OwnFigure) -> SensorDeclaration? {
        switch figure {
        case .journalMode, .journalLag, .journalStaging, .journalUnrecorded, .journalAdmission,
            .damage:
            self.journal(figure)
        case .timeToFull, .diskFree: self.disk(figure)
        case .archiveState, .archiveLagRecords, .archiveLag: self.archive(figure)
        case .ledgerFailing, .ledgerWaiting, .ledgerLost, .effectsUnrecorded: self.ledger(figure)
        default: nil
        }
    }

    private static let diskChecks = [
        "Does the disk answer (dmesg)?", "Is it full (df)?", "Who else writes to it (iotop)?",
    ]

    private static func journal(_ figure: OwnFigure) -> SensorDeclaration? {
        switch figure {
        case .journalMode:
            self.sensor("journal (1 disk full, 2 storage failed)", "").above(
                high: self.limit(0.5, .high, off: 5), highHigh: self.limit(1.5, .critical, off: 5)
            ).meaning(
                "Readings are evaluated but not kept, and none is acknowledged.",
                answer: "Make room on the disk or replace it.", within: 300, check: self.diskChecks)
        case .journalLag:
            self.sensor("journal stalled, oldest record not on disk", "s").above(
                high: self.limit(2, .high, deadband: 1, off: 5),
                highHigh: self.limit(10, .critical, deadband: 9, off: 5)
            ).meaning(
                "The journal's disk does not answer: a power cut would lose what waits for it.",
                answer: "Find out what holds up the disk.", within: 300, check: self.diskChecks)
        case .journalStaging:
            self.sensor("share of the journal's staging memory in use", "").above(
                high: self.limit(0.75, .high, deadband: 0.25, on: 1, off: 5)
            ).meaning(
                "Acknowledged senders are held back; soon readings will not be kept.",
                answer: "Find out what holds up the disk.", within: 300, check: self.diskChecks)
        case .journalUnrecorded:
            self.sensor("readings not kept", "1/s").above(
                high: self.limit(0.5, .high, off: 60)
            ).meaning(
                "These readings were evaluated, but neither journal nor archive has them.",
                answer: "Find out what holds up the disk.", within: 300, check: self.diskChecks)
        case .journalAdmission:
            self.sensor("journal nearly full (1 low, 2 normal, 3 all readings refused)", "").above(
                high: self.limit(0.5, .high, off: 30),
                highHigh: self.limit(1.5, .critical, off: 30)
            ).meaning(
                "Readings are refused because the journal has no room for them.",
                answer: "Bring the archive back, or raise journal.retention.bytes.", within: 900,
                check: ["Does the archive run (midwatch status)?", "Is the disk full (df)?"])
        case .damage:
            self.sensor("places found damaged in journal or ledger", "").above(
                high: self.limit(0.5, .high)
            ).meaning(
                "Readings or decisions of earlier runs are lost, or were changed.",
                answer: "Keep the files, then replace the disk.", within: 3_600,
                check: [
                    "What does `midwatch audit verify` say?",
                    "Does the disk report errors (dmesg)?",
                ])
        default: nil
        }
    }

    private static func disk(_ figure: OwnFigure) -> SensorDeclaration? {
        switch figure {
        case .timeToFull:
            self.sensor(
                "hours until the journal is full", "h", deadline: self.diskDeadlineNanoseconds
            ).below(
                low: self.limit(24, .medium, deadband: 2, on: 60, off: 60),
                lowLow: self.limit(4, .high, deadband: 1, on: 30, off: 60)
            ).meaning(
                "The archive does not follow; when the journal is full readings are refused.",
                answer: "Bring the archive back, or raise journal.retention.bytes.",
                within: 3_600, check: ["Why does the archive not follow (midwatch status)?"])
        case .diskFree:
            self.sensor("free share of the disk", "", deadline: self.diskDeadlineNanoseconds).below(
                low: self.limit(0.05, .medium, deadband: 0.01, on: 30, off: 60),
                lowLow: self.limit(0.02, .high, deadband: 0.01, on: 30, off: 60)
            ).meaning(
                "When the disk is full, readings and decisions are not kept any more.",
                answer: "Make room on the disk.", within: 3_600,
                check: ["What grew (du -xh /var/lib/midwatch)?"])
        default: nil
        }
    }

    private static func archive(_ figure: OwnFigure) -> SensorDeclaration? {
        switch figure {
        case .archiveState:
            self.sensor("archive (1 unreachable, 2 stopped)", "").above(
                high: self.limit(0.5, .medium, on: 10, off: 2),
                highHigh: self.limit(1.5, .high, off: 2)
            ).meaning(
                "Nothing is archived. The journal keeps the readings as long as it has room.",
                answer: "Bring the database back; if the archive stopped, a person must decide.",
                within: 3_600,
                check: [
                    "Does the database answer (midwatch status, log)?",
                    "If it stopped: which condition does the log name?",
                ])
        case .archiveLag:
            self.sensor("archive is behind by", "s").above(
                high: self.limit(300, .medium, deadband: 240, off: 30)
            ).meaning(
                "History and dashboards over the archive are old by as much.",
                answer: "Find out what slows the database.", within: 3_600,
                check: ["Does the database answer?", "Is the load higher than usual?"])
        case .archiveLagRecords: self.sensor("records the archive is behind", "")
        default: nil
        }
    }

    private static func ledger(_ figure: OwnFigure) -> SensorDeclaration? {
        switch figure {
        case .ledgerFailing:
            self.sensor("ledger cannot be written", "").above(
                high: self.limit(0.5, .high, off: 5)
            ).meaning(
                "Alarms go out, but what was decided is not on record.",
                answer: "Make room on the disk or replace it.", within: 300, check: self.diskChecks)
        case .ledgerWaiting:
            self.sensor("decisions that wait for the ledger", "").above(
                high: self.limit(1_000, .medium, deadband: 900, on: 5, off: 5)
            ).meaning(
                "Decisions are in memory only.", answer: "Find out what holds up the disk.",
                within: 900, check: self.diskChecks)
        case .ledgerLost:
            self.sensor("records given up", "1/s").above(
                high: self.limit(0.01, .medium, off: 60)
            ).meaning(
                "Decisions, outcomes or delivery attempts are missing from the record.",
                answer: "Note the time; find out what holds up the disk.", within: 3_600,
                check: self.diskChecks)
        case .effectsUnrecorded:
            self.sensor("alerts and answers that left unrecorded", "1/s").above(
                high: self.limit(0.01, .medium, off: 30)
            ).meaning(
                "Alerts leave before journal and ledger have their cause.",
                answer: "Find out what holds up the disk.", within: 900, check: self.diskChecks)
        default: nil
        }
    }
}
