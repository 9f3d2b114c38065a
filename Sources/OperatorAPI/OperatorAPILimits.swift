// SPDX-License-Identifier: Apache-2.0

/// Every limit of the operator API, in one place.
package enum OperatorAPILimits {
    /// Bytes of one request body; `alarmsAtOnceMax` alarms with long ids fit.
    package static let requestBodyBytesMax = 96 * 1_024
    /// How far back a history goes: a point a minute, about 900 kB at most.
    package static let historySecondsMax: UInt64 = 7 * 86_400
    /// How far back it goes unless the client asks.
    package static let historySecondsDefault: UInt64 = 3_600
    /// The archive answers within this time, or not: a client waits five seconds.
    package static let archiveReadMillisecondsMax: Int64 = 4_000
    /// Alarms that are acknowledged with one request.
    package static let alarmsAtOnceMax = 200
    /// A longer shelving is refused before the engine is asked; alarms allow less.
    package static let shelvingSecondsMax: Int64 = 366 * 86_400
    /// Requests of one caller a second for long; reads and commands have a budget each.
    package static let requestsPerSecond = 200
    /// Requests of one caller at once after a pause.
    package static let requestsAtOnce = 600
    /// Callers whose budget is kept apart.
    package static let callersMax = 1_024
    /// The first answer to a wrong token waits this long, the next ones twice as long each.
    package static let failureFirstNanoseconds: UInt64 = 250_000_000
    /// No answer to a wrong token waits longer.
    package static let failureLastNanoseconds: UInt64 = 8_000_000_000
    /// Answers to wrong tokens that wait at once; beyond them they are refused without a look.
    package static let failuresWaitingMax = 16
    /// After this long without a wrong token an address begins anew.
    package static let failuresForgottenNanoseconds: UInt64 = 600_000_000_000
    /// Bytes of the terminal that a client names.
    package static let terminalBytesMax = 64
    /// Groups of an account that are looked at besides its own.
    package static let peerGroupsMax = 64
    /// Bytes of an idempotency key.
    package static let idempotencyKeyBytesMax = 64
    /// Bytes of one header field.
    package static let headerFieldBytesMax = 8 * 1_024
    /// Bytes of all header fields of a request.
    package static let headerListBytesMax = 16 * 1_024
    /// Header fields of a request.
    package static let headerFieldsMax = 64
    /// Bytes of a request target: an alarm id percent-encoded byte by byte fits.
    package static let targetBytesMax = 2_048
    /// Connections of one listener; more wait in the backlog of the kernel.
    package static let connectionsMax = 64
    /// Connections that wait for `accept`.
    package static let backlogMax = 64
    /// A connection without a request for this long is closed.
    package static let idleTimeoutSeconds: Int64 = 60
    /// Items of one page.
    package static let pageItemsMax = 1_000
    /// Items of one page unless the client asks.
    package static let pageItemsDefault = 200
    /// Ledger records that are looked at for one page of a filtered list.
    package static let eventsScannedMax = 5_000
    /// Event streams open at once over all listeners.
    package static let streamSubscribersMax = 16
    /// Event streams of one account or address: nobody takes all of them.
    package static let streamsPerAddressMax = 8
    /// Events fetched from the ledger at once for a stream.
    package static let streamBatchMax = 100
    /// A stream without an event gets a comment this often, so that both ends see a dead link.
    package static let streamHeartbeatSeconds: Int64 = 10
    /// A connection whose client takes nothing for this long is closed, unless configured.
    package static let writeTimeoutSeconds: Int64 = 30
    /// A file that is asked for is answered within this time, or not.
    package static let fileReadMillisecondsMax: Int64 = 2_000
    /// Reads of files that wait for their thread; every stream and some pages.
    package static let fileReadsWaitingMax = 32
    /// After a read that failed a stream waits this long for the next.
    package static let streamRetrySeconds: Int64 = 2
    /// Seconds after which a client may ask again for what the disk did not give.
    package static let retryAfterSeconds = 5
    /// Names of local accounts that are remembered.
    package static let accountNamesMax = 256
    /// A name that was read is looked up again after this time.
    package static let accountNameSecondsMax: Int64 = 60
    /// Bytes of an operator's comment.
    package static let commentBytesMax = 1_024
    /// Bytes of an activation in a request.
    package static let activationBytesMax = 64
    /// Bytes of a filter in a query.
    package static let filterBytesMax = 255
}
