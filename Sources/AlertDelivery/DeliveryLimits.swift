// SPDX-License-Identifier: Apache-2.0

/// Every bound of alert delivery that is not configuration.
///
/// The numbers of retry ladder and breaker stand in their own types.
package enum DeliveryLimits {
    /// Bytes of an alert id; leaves room in the header line and in the store's index.
    package static let alertIDBytesMax = 200
    /// Bytes of an alert type.
    package static let alertTypeBytesMax = 100
    /// Bytes of the JSON object of one alert; receivers advise less than 20 KB.
    package static let bodyBytesMax = 256 * 1_024
    /// Alerts handed over and not yet taken by the dispatcher.
    package static let inboxCountMax = 16_384
    /// Alerts that one endpoint holds in memory; the rest waits in the store.
    package static let queueCountMax = 4_096
    /// Bytes of bodies that one endpoint holds in memory; the rest waits in the store.
    package static let queueBytesMax = 16 * 1_024 * 1_024
    /// Alerts over that bound while the store is full as well: one for each alarm.
    package static let coalescedCountMax = 65_536
    /// Alarms for which a floor or a parking note is kept per endpoint.
    package static let notedAlarmCountMax = 65_536
    /// Ids remembered so that an alert offered again is dropped.
    package static let recentIDCountMax = 65_536
    /// Writes that wait for the store's thread.
    package static let storeQueueCountMax = 16_384
    /// Writes in one transaction of the store.
    package static let storeBatchCountMax = 512
    /// How long the first write waits for others: a crash repeats what left in that time.
    package static let storeGatherNanoseconds: UInt64 = 50_000_000
    /// How long it is shown, and so is an alarm, that the outbox was set aside.
    package static let asideShownNanoseconds: UInt64 = 300_000_000_000
    /// Pause of the store's thread after a failure.
    package static let storeRetryNanoseconds: UInt64 = 1_000_000_000
    /// How long a start waits for what the store knows before it goes on without it.
    package static let storeLoadNanosecondsMax: UInt64 = 5_000_000_000
    /// Delivered alerts that the store remembers after their bodies are gone.
    package static let deliveredCountMax = 100_000
    /// Dead letters that the store keeps; the oldest go first, counted.
    package static let deadLetterCountMax = 10_000
    /// Rows read back from the store at once.
    package static let refillCountMax = 256
    /// Ids named in `superseded`; beyond it only their number is kept.
    package static let supersededIDCountMax = 32
    /// Endpoints of one node.
    package static let endpointCountMax = 256
    /// Bytes of an answer that are read.
    package static let responseBytesMax = 64 * 1_024
    /// Bytes of an answer that are kept.
    package static let responseKeptBytesMax = 1_024
    /// Reading the body of an answer, after its head has decided the attempt.
    package static let responseBodyNanosecondsMax: UInt64 = 1_000_000_000
    /// Establishing a connection.
    package static let connectNanosecondsMax: UInt64 = 3_000_000_000
    /// The whole of a first attempt; also from when on a call counts as slow.
    package static let firstAttemptNanosecondsMax: UInt64 = 10_000_000_000
    /// The whole of a later attempt: a slow receiver is given its chance.
    package static let laterAttemptNanosecondsMax: UInt64 = 20_000_000_000
    /// The dispatcher's loop turns at least this often.
    package static let beatNanoseconds: UInt64 = 500_000_000
    /// After a restart an alert is not given up for its age before this has passed: a wall clock
    /// that was set must not empty the outbox.
    package static let restartGraceNanoseconds: UInt64 = 600_000_000_000
    /// An endpoint that refused our credentials is tried again this often.
    package static let pausedProbeNanoseconds: UInt64 = 60_000_000_000
    /// Bytes of a key, a field or a path that is secret.
    package static let credentialBytesMax = 4_096
    /// Bytes of a host name (RFC 1035).
    package static let hostBytesMax = 253
    /// Addresses of one name that are tried.
    package static let addressCountMax = 16
    /// Calls a second to one endpoint: a backlog does not fall upon a receiver that is just back.
    package static let callsPerSecondMax = 100
    /// Retries in a minute that are granted whatever else was sent.
    package static let retryCountPerMinute: UInt64 = 30
    /// The longest an alert of less than high priority waits for a place in that budget.
    package static let retryWaitNanosecondsMax: UInt64 = 600_000_000_000
    /// Alarms that an Alertmanager is reminded of.
    package static let standingCountMax = 10_000
    /// Alarms in one reminder.
    package static let reminderCountMax = 64
}
