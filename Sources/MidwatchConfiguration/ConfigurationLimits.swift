// SPDX-License-Identifier: Apache-2.0

/// Bounds of what a configuration file may hold, and the values used where it is silent.
package enum ConfigurationLimits {
    /// Bytes of one file: 100,000 sensors with every key fit.
    package static let fileBytesMax = 64 * 1_024 * 1_024
    /// Keys, values, lists and mappings of one file.
    package static let nodeCountMax = 4_000_000
    /// Nested lists and mappings; the schema needs 6.
    package static let depthMax = 16
    /// Errors reported for one file; the rest is counted.
    package static let errorCountMax = 50
    /// Warnings reported for one file; the rest is counted.
    package static let warningCountMax = 200
    /// Bytes of one text value in a message; longer ones are cut.
    package static let quotedBytesMax = 60
    /// Listeners of one kind, endpoints, routes.
    package static let listCountMax = 256
    /// Rules of one file; each fits any number of sensors.
    package static let ruleCountMax = 1_024
    /// Members of a redundant group.
    static let memberCountMax = 8
    /// Modes of an area.
    static let modeCountMax = 16
    /// Greatest state that can be named normal; the least is 0.
    static let stateMax = 63
    /// Secrets of one endpoint: two of them during a rotation.
    package static let secretCountMax = 4
    /// Bytes of one text value.
    package static let textBytesMax = 4_096

    /// Routes within routes.
    static let routeDepthMax = 5

    static let nanosecondsPerSecond: UInt64 = 1_000_000_000
    static let day: UInt64 = 86_400 * Self.nanosecondsPerSecond
    /// Shorter deadlines than the engine's tick can honour are refused.
    static let deadlineRange: ClosedRange<UInt64> = 10_000_000...(366 * Self.day)
    static let connectTimeoutRange: ClosedRange<UInt64> =
        (1 * Self.nanosecondsPerSecond)...(120 * Self.nanosecondsPerSecond)
    /// Alarms that come back sooner than this teach people not to listen.
    static let reAlarmMin: UInt64 = 10 * Self.nanosecondsPerSecond
    static let reAlarmMax: UInt64 = 30 * Self.day
    /// Times to respond at which the priority matrix changes its column.
    static let bandCount = 3
    static let delayRange: ClosedRange<UInt64> = 0...(7 * Self.day)
}

/// Values used where the file is silent; the example file shows every one of them.
package enum ConfigurationDefaults {
    package static let stateDirectory = "/var/lib/midwatch"
    package static let runDirectory = "/run/midwatch"
    package static let udpBind = BindAddress(host: "127.0.0.1", port: 8094, isIPv6: false)
    package static let mqttBind = BindAddress(host: "127.0.0.1", port: 1883, isIPv6: false)
    package static let canaryBind = BindAddress(host: "127.0.0.1", port: 8095, isIPv6: false)
    /// 4 MiB took 1 M datagrams/s without loss where the kernel's 208 KiB lost half of them.
    package static let receiveBufferBytes = 4 * 1_024 * 1_024
    package static let connectionsMax = 4_096
    package static let connectionsPerAddressMax = 1_024
    package static let receiveMaximum = 20
    package static let keepAliveMaxSeconds = 300
    package static let connectTimeoutNanoseconds = 10 * ConfigurationLimits.nanosecondsPerSecond
    package static let halfOpenMax = 512
    /// Far above what one site does, far below what one core can take.
    package static let connectRateMax = 1_000
    /// A gateway's thousand clients come back at once, several times over.
    package static let connectBurstMax = 10_000
    /// The ring slows clients down before they harm each other.
    package static let messageRateMax = 0
    /// Half of `undeclaredSensorsMax`: one client alone cannot use it up.
    package static let newSensorsPerClientMax = 5_000
    package static let qosMax = 2
    package static let topicAliasMax = 10
    package static let sessionExpiryMaxSeconds = 86_400
    package static let undeclaredSensorsMax = 10_000
    /// Deadline of sensors that declare none, and of undeclared ones.
    package static let deadlineNanoseconds: UInt64 = 60 * ConfigurationLimits.nanosecondsPerSecond
    package static let ringCapacity = 1 << 18
    package static let segmentBytes = 64 * 1_024 * 1_024
    package static let syncIntervalNanoseconds: UInt64 = 50_000_000
    package static let stagingBytes = 64 * 1_024 * 1_024
    package static let journalRetentionNanoseconds = 7 * ConfigurationLimits.day
    package static let archiveRetentionNanoseconds = 90 * ConfigurationLimits.day
    package static let deliveryTimeoutNanoseconds = 10 * ConfigurationLimits.nanosecondsPerSecond
    package static let inFlightMax = 4
    package static let alertsPerSecond = 100
    package static let pagerDutyAddress = "https://events.pagerduty.com/v2/enqueue"
    package static let repeatNanoseconds = 60 * ConfigurationLimits.nanosecondsPerSecond
    package static let holdNanoseconds = ConfigurationLimits.day
    package static let groupWaitNanoseconds: UInt64 = 10 * ConfigurationLimits.nanosecondsPerSecond
}
