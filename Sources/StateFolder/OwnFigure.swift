// SPDX-License-Identifier: Apache-2.0

package import MidwatchConfiguration
internal import MidwatchModel

/// What Midwatch measures about itself; the raw value is the end of the sensor's path.
///
/// Each of them is a sensor like any other: declared, journaled, evaluated, replayed, archived.
/// A rate is per second over the time since the reading before; "since" is a time span that ends
/// now; a state is 0 while all is well.
package enum OwnFigure: String, Sendable, CaseIterable {
    /// Seconds since the start: the sign of life of these sensors.
    case uptime = "uptime"
    /// Worst lateness of the engine since the reading before, in seconds.
    case evaluationLateness = "evaluation/lateness"
    /// Sensors that turned unverified because Midwatch was late.
    case evaluationUnverified = "evaluation/unverified"
    /// Longest silence of a stage of the daemon, in seconds.
    case stageSilence = "stages/silence"
    /// Share of the ring in use.
    case ringFill = "ring/fill"
    /// Readings shed, per second.
    case shed = "ingest/shed"
    /// Those of them of critical sensors, per second.
    case shedCritical = "ingest/shedCritical"
    /// Datagrams the kernel dropped, per second.
    case kernelDrops = "ingest/kernelDrops"
    /// Readings and lines refused, per second.
    case rejected = "ingest/rejected"
    /// Refused among everything that arrived over the last minute, from 0 to 1; 0 while that is
    /// only a handful.
    case rejectedShare = "ingest/rejectedShare"
    /// Listeners that are down.
    case listenersDown = "ingest/listenersDown"
    /// Own readings that found no place in the ring, per second.
    case ownRefused = "ingest/ownRefused"
    /// State: 1 disk full, 2 storage failed.
    case journalMode = "journal/mode"
    /// Age of the oldest record that is not on disk, in seconds.
    case journalLag = "journal/lag"
    /// Share of the staging memory in use.
    case journalStaging = "journal/staging"
    /// Readings evaluated but never journaled, per second.
    case journalUnrecorded = "journal/unrecorded"
    /// State: 1 low readings refused, 2 normal ones too, 3 all.
    case journalAdmission = "journal/admission"
    /// Places where journal or ledger were found damaged, at the start or since.
    case damage = "journal/damage"
    /// Hours until the journal's share of the disk is full while the archive does not follow.
    case timeToFull = "journal/timeToFull"
    /// Free share of the disk.
    case diskFree = "disk/free"
    /// State: 1 unreachable, 2 stopped.
    case archiveState = "archive/state"
    /// Durable records that are not in the archive.
    ///
    /// No limit: how many are too many depends on how many the plant sends. `archiveLag` says the
    /// same as a time, which means the same for every plant, and has one.
    case archiveLagRecords = "archive/lagRecords"
    /// Seconds since the archive last held every durable record.
    case archiveLag = "archive/lag"
    /// State: 1 while the ledger cannot be written.
    case ledgerFailing = "ledger/failing"
    /// Decisions that wait for the ledger.
    case ledgerWaiting = "ledger/waiting"
    /// Ledger and access-log records given up, per second.
    case ledgerLost = "ledger/lost"
    /// Effects that left before they were recorded, per second.
    case effectsUnrecorded = "ledger/unrecordedEffects"
    /// Alerts that wait to be delivered.
    case alertBacklog = "alerts/backlog"
    /// Age of the oldest of them, in seconds.
    case alertAge = "alerts/oldestAge"
    /// Age of the oldest critical alert that nobody was told, in seconds.
    case alertUntold = "alerts/untoldAge"
    /// Alerts given up, per second.
    case deadLetters = "alerts/deadLetters"
    /// State: 1 an alert of high priority was given up, 2 a critical one, and nobody has settled it.
    case deadLettersUrgent = "alerts/deadLettersUrgent"
    /// Endpoints whose breaker is not closed.
    case endpointsDown = "alerts/endpointsDown"
    /// Endpoints that nothing can be sent to: no secret, or refused for good.
    case endpointsUnusable = "alerts/endpointsUnusable"
    /// State: 1 while the outbox is not written.
    case outbox = "alerts/outbox"
    /// Largest step of the wall clock since the reading before, in seconds.
    case clockStep = "clock/step"
    /// How far the wall clock moved against the monotonic one since the start, in seconds.
    ///
    /// No limit: both clocks are slewed alike, so only steps move it, and a step is an alarm of
    /// `clockStep`. A limit here would stand until the next start after one correction that was
    /// right, with nothing for anybody to do.
    case clockOffset = "clock/offset"
    /// State: 1 while the host says that its clock is not synchronised.
    case clockUnsynchronised = "clock/unsynchronised"
    /// Seconds since the watchdog last showed life.
    case watchdogSilence = "watchdog/silence"
    /// State: 1 while the operator API cannot listen.
    case apiDown = "api/down"
    /// Settings of the configuration that are unsafe.
    case unsafeSettings = "configuration/unsafe"
    /// Configuration revisions whose text is missing.
    case missingRevisions = "configuration/missingRevisions"

    /// The path of the sensor at a node.
    package func path(of configuration: MidwatchConfiguration) -> String {
        OwnPath.path(node: configuration.node.name, self.rawValue)
    }
}

/// One listener of the configuration and the sensor that says whether it is down.
package struct OwnListener: Equatable, Sendable {
    /// Name of its source: `udp/field-bus`, `mqtt/gateways`, `canary`.
    package var name: String
    package var path: String

    /// Every listener of a configuration, the canary's door last.
    ///
    /// A name that does not fit into a path, or only as another one does, gets a number.
    package static func all(of configuration: MidwatchConfiguration) -> [OwnListener] {
        let names =
            configuration.ingest.udp.map { "udp/\($0.name)" }
            + configuration.ingest.mqtt.map { "mqtt/\($0.name)" } + ["canary"]
        var taken: Set<String> = []
        return names.enumerated().map { index, name in
            var path = OwnPath.path(
                node: configuration.node.name, "listener/\(OwnPath.levels(name))/down")
            if SensorID(path) == nil || taken.contains(path) {
                path = OwnPath.path(node: configuration.node.name, "listener/\(index)/down")
            }
            taken.insert(path)
            return OwnListener(name: name, path: path)
        }
    }
}
