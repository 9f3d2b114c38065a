// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// One node's configuration, validated: every value is in range and every name resolves.
///
/// Times are nanoseconds and sizes bytes; a field that is nil says so in its comment.
package struct MidwatchConfiguration: Equatable, Sendable {
    package var node: NodeConfiguration
    package var stateDirectory: String
    package var runDirectory: String
    package var ingest: IngestConfiguration
    /// Names for ways to deal with alarms.
    package var alarmClasses: [AlarmClassDeclaration]
    package var priorityMatrix: PriorityMatrix
    /// What readings come through: every listener, then what `sources` adds, none before the one
    /// that it is behind.
    package var sources: [SourceConfiguration]
    /// In file order: the first template that fits wins.
    package var sensors: [SensorDeclaration]
    /// Areas whose mode chooses among limit sets.
    package var areas: [AreaDeclaration]
    /// The plant: what sensors speak of, and what depends on what.
    package var assets: AssetTree
    /// In file order.
    package var rules: [RuleDeclaration]
    package var ring: RingConfiguration
    package var journal: JournalConfiguration
    package var archive: ArchiveConfiguration
    package var alerts: AlertsConfiguration
    package var api: APIConfiguration
    package var vitals: VitalsConfiguration
    package var log: LogConfiguration
    /// One line for each setting that opens more than it should: every screen shows them.
    package var unsafeSettings: [String]
}

/// Who this node is.
package struct NodeConfiguration: Equatable, Sendable {
    package var name: String
    /// Empty if not set.
    package var site: String
}

/// Unit of the times that senders write.
package enum TimePrecision: String, Equatable, Sendable, CaseIterable {
    case nanoseconds = "ns"
    case microseconds = "us"
    case milliseconds = "ms"
    case seconds = "s"

    /// Nanoseconds of one unit.
    package var nanoseconds: Int64 {
        switch self {
        case .nanoseconds: 1
        case .microseconds: 1_000
        case .milliseconds: 1_000_000
        case .seconds: 1_000_000_000
        }
    }
}

/// Everything that receives readings.
package struct IngestConfiguration: Equatable, Sendable {
    package var udp: [UDPListenerConfiguration]
    package var mqtt: [MQTTListenerConfiguration]
    /// Sensors that nobody declared and that are taken all the same.
    package var undeclaredSensorsMax: Int
    package var undeclaredDeadlineNanoseconds: UInt64
}

/// A UDP socket that takes line protocol.
package struct UDPListenerConfiguration: Equatable, Sendable {
    /// Unique among all listeners: the name of the source.
    package var name: String
    package var bind: BindAddress
    package var precision: TimePrecision
    package var receiveBufferBytes: Int
    /// Tag keys whose values become levels of the path, in order: `measurement/tag…/field`.
    ///
    /// nil: every tag of a line, sorted by key.
    package var pathTags: [String]?
    /// Whether traffic of this source is evidence for its sensors in `exception` mode.
    package var trustSource: Bool
    /// Whether two copies of a reading (sensor, source time, value) are one.
    package var dualHomed: Bool
}

/// How the payload of an MQTT message is read.
package enum MQTTPayloadFormat: String, Equatable, Sendable, CaseIterable {
    case number
    case boolean
    case json
    case lineProtocol
    case senml
}

/// What a message with the retain flag is.
package enum RetainedMessages: String, Equatable, Sendable, CaseIterable {
    /// A repeat of what was: it goes to history and refreshes nothing.
    case historical
    /// What its sender measured now.
    case live
}

/// A TCP socket that speaks MQTT 3.1.1 and 5.0.
package struct MQTTListenerConfiguration: Equatable, Sendable {
    /// Unique among all listeners: the name of the source.
    package var name: String
    package var bind: BindAddress
    package var connectionsMax: Int
    package var connectionsPerAddressMax: Int
    package var packetBytesMax: Int
    package var receiveMaximum: UInt16
    /// 0, 1 or 2.
    package var qosMax: UInt8
    package var topicAliasMax: UInt16
    /// How long a session outlives its connection at most; 0: not at all.
    package var sessionExpiryMaxSeconds: UInt32
    /// Longer or absent keep-alives are shortened to this.
    package var keepAliveMaxSeconds: UInt16
    package var retained: RetainedMessages
    /// Whether two copies of a reading (sensor, source time, value) are one.
    package var dualHomed: Bool
    /// In file order: the first filter that fits wins.
    package var topics: [MQTTTopicConfiguration]
    package var security: MQTTSecurityConfiguration
}

/// The ring between ingest, journal and engine.
package struct RingConfiguration: Equatable, Sendable {
    /// Slots of 64 bytes; a power of two.
    package var capacity: Int
}

/// The log of readings.
package struct JournalConfiguration: Equatable, Sendable {
    package var segmentBytes: Int
    /// How long unsynced records wait when no acknowledgement waits for them.
    package var syncIntervalNanoseconds: UInt64
    /// nil: 20 % of the disk, at most 50 GB.
    package var retentionBytes: Int?
    package var retentionNanoseconds: UInt64
    package var stagingBytes: Int
}

/// Where readings are kept for good.
package struct ArchiveConfiguration: Equatable, Sendable {
    package enum Store: Equatable, Sendable {
        case sqlite
        case postgresql(PostgreSQLConfiguration)
    }

    package var store: Store
    package var retentionNanoseconds: UInt64
}

/// A PostgreSQL server.
package struct PostgreSQLConfiguration: Equatable, Sendable {
    /// A libpq connection string, or where to find one.
    package var connection: SecretReference
    /// Whether the daemon applies migrations itself.
    package var migrateAtStart: Bool
}

/// Who is told.
package struct AlertsConfiguration: Equatable, Sendable {
    package var endpoints: [AlertEndpointConfiguration]
    /// Never empty if there is an endpoint: no route in the file means everything to all.
    package var routes: [AlertRouteConfiguration]
    /// Routes, escalations, maintenance and limits, as the router takes them.
    package var policy = AlertPolicy()
}

/// A receiver of alerts.
package struct AlertEndpointConfiguration: Equatable, Sendable {
    /// The language it is spoken to in; the words are those of the file.
    package enum Format: String, Equatable, Sendable, CaseIterable {
        case native, cloudEvents = "cloudevents", template
        case alertmanagerWebhook = "alertmanager-webhook"
        case alertmanagerAPI = "alertmanager-api"
        case pagerDuty = "pagerduty"

        /// Whether receivers of this format are expected to check a signature.
        package var isSigned: Bool {
            switch self {
            case .native, .cloudEvents, .alertmanagerWebhook: true
            case .template, .alertmanagerAPI, .pagerDuty: false
            }
        }
    }

    /// PEM files of a certificate with its chain, and of its key.
    package struct Certificate: Equatable, Sendable {
        package var chainFile: String
        package var keyFile: String
    }

    package var name: String
    package var url: String
    /// Standard Webhooks secrets; alerts are signed with each, with none not at all.
    package var secrets: [SecretReference]
    package var timeoutNanoseconds: UInt64
    package var inFlightMax: Int
    /// Certificates that are trusted instead of the system's; nil: the system's.
    package var caFile: String?
    package var format = Format.native
    /// Alerts a second at most.
    package var ratePerSecond = ConfigurationDefaults.alertsPerSecond
    /// What we show to a receiver that asks.
    package var clientCertificate: Certificate?
    /// Network interface that alerts leave by; nil: as the routes of the machine say.
    package var via: String?
    /// Addresses and networks that may be connected to although they are not public.
    package var allowed: [String] = []
    /// The whole value of an `Authorization` field.
    package var authorization: SecretReference?
    /// What follows the host in the URL, where that is the secret.
    package var urlPath: SecretReference?
    package var routingKey: SecretReference?
    package var templateFile: String?
    /// An Alertmanager is told of standing alarms this often.
    package var repeatNanoseconds = ConfigurationDefaults.repeatNanoseconds
    /// How long an Alertmanager believes an alarm that is not repeated.
    package var holdNanoseconds = ConfigurationDefaults.holdNanoseconds
}

/// Which alerts go where.
///
/// An alert goes to the endpoints of every route that fits it.
package struct AlertRouteConfiguration: Equatable, Sendable {
    package var priorities: [AlarmPriority]
    /// Paths or templates of sensors.
    package var paths: [String]
    /// Names of endpoints.
    package var endpoints: [String]

    /// Whether an alert about `path` with `priority` takes this route.
    package func matches(path: String, priority: AlarmPriority) -> Bool {
        self.priorities.contains(priority)
            && self.paths.contains { PathTemplate.matches($0, path) }
    }
}

/// Where operators' programs connect.
package struct APIConfiguration: Equatable, Sendable {
    package var unixSocketPath: String
    /// Loopback only; nil: no TCP port.
    package var tcp: BindAddress?
    /// Bearer tokens for the TCP port; nil: it only shows, and takes no command.
    package var tokenFile: String?
    package var roles = RolesConfiguration()
}

/// What accounts of this machine may do over the unix socket.
package struct RolesConfiguration: Equatable, Sendable {
    /// By role: names or numbers of users, of groups after `@`.
    package var accounts: [OperatorRole: [String]] = [:]
    /// Of everybody else whom the socket's mode lets in; nil: nothing.
    package var others: OperatorRole? = .operator
}

/// What the watchdog reads and where its canary goes.
package struct VitalsConfiguration: Equatable, Sendable {
    package var path: String
    /// Loopback socket that the daemon keeps open for the canary reading.
    package var canary: BindAddress
}

/// What is written to standard error.
package struct LogConfiguration: Equatable, Sendable {
    package enum Level: String, Equatable, Sendable, CaseIterable {
        case trace, debug, info, notice, warning, error, critical
    }
    package enum Format: String, Equatable, Sendable, CaseIterable {
        /// `human` where standard error is a terminal, else `json`.
        case auto
        case json, human
    }

    package var level: Level
    package var format: Format
}
