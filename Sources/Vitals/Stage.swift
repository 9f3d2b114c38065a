// SPDX-License-Identifier: Apache-2.0

/// A part of the daemon whose progress the watchdog judges.
///
/// Raw values are places in the vitals page and never change their meaning.
package enum Stage: Int, CaseIterable, Sendable, Hashable {
    /// Threads that read UDP sockets.
    case udp = 0
    /// Event loops that read MQTT connections.
    case mqtt = 1
    /// The thread that decides.
    case engine = 2
    /// The thread that makes readings durable.
    case journal = 3
    /// The thread that makes decisions durable.
    case ledger = 4
    /// The writer of the archive.
    case historian = 5
    /// The senders of alerts.
    case delivery = 6
    /// The operator API.
    case api = 7

    /// What the watchdog does when a stage is stuck.
    package enum Remedy: Sendable, Equatable {
        /// Without this stage readings or alarms are lost: restart the daemon.
        case restart
        /// A restart would cost more than it mends: tell people.
        case alert
    }

    /// What the watchdog does when this stage is stuck.
    package var remedy: Remedy {
        switch self {
        case .udp, .mqtt, .engine, .journal, .ledger: .restart
        case .historian, .delivery, .api: .alert
        }
    }

    /// Whether systemd and the hardware watchdog are fed only while this stage moves.
    package var isCritical: Bool { self.remedy == .restart }

    /// Whether its thread writes what must be durable, and so waits for a disk.
    package var writesLogs: Bool { self == .journal || self == .ledger }

    /// Word used in configuration, JSON and logs.
    package var word: String {
        switch self {
        case .udp: "udp"
        case .mqtt: "mqtt"
        case .engine: "engine"
        case .journal: "journal"
        case .ledger: "ledger"
        case .historian: "historian"
        case .delivery: "delivery"
        case .api: "api"
        }
    }

    /// The stage with this word, or nil.
    package init?(word: String) {
        guard let match = Self.allCases.first(where: { $0.word == word }) else { return nil }
        self = match
    }
}

/// What the daemon as a whole is doing, as the vitals page shows it.
package enum VitalsPhase: Equatable, Sendable {
    /// Before the journal is open.
    case starting
    /// Reads back what an earlier run left; `total` is 0 while it is not known.
    case recovering(done: UInt64, total: UInt64)
    case running
    /// The journal cannot write: no acknowledgements, but evaluation and alerts go on.
    case storageFailed
    /// Deliberately not judging, for maintenance.
    case suspended
    /// An ordered stop.
    case stopping

    /// Word used in JSON and logs.
    package var word: String {
        switch self {
        case .starting: "starting"
        case .recovering: "recovering"
        case .running: "running"
        case .storageFailed: "storageFailed"
        case .suspended: "suspended"
        case .stopping: "stopping"
        }
    }
}

/// Counters of one run that outlive the process that counted.
///
/// The daemon adds to them as it goes; the next start reads them from the page the last run left,
/// and so knows what a crash took between the socket and the journal.
package enum RunCounter: Int, CaseIterable, Sendable {
    /// Readings that arrived; the sum of the four below.
    case received = 0
    case accepted = 1
    case rejected = 2
    case shed = 3
    /// Copies of readings that had been accepted before.
    case redelivered = 4
    /// Readings that are on stable storage, copies included.
    case durable = 5
    /// Accepted readings that were evaluated and that the journal could not take.
    case unrecorded = 6

    /// Word used in JSON and logs.
    package var word: String {
        switch self {
        case .received: "received"
        case .accepted: "accepted"
        case .rejected: "rejected"
        case .shed: "shed"
        case .redelivered: "redelivered"
        case .durable: "durable"
        case .unrecorded: "unrecorded"
        }
    }
}
