// SPDX-License-Identifier: Apache-2.0

import Glibc
package import MidwatchModel
package import Vitals

/// How one message leaves.
package enum Transport: Equatable, Sendable {
    /// Plain http, spoken by the watchdog itself.
    case http(Endpoint, [HeaderField])
    /// https, by running `curl` with everything on its standard input.
    case curl(Endpoint, [HeaderField])
    /// Any command; the message is its standard input.
    case command([String])
}

/// A way to tell people.
package struct RouteConfiguration: Equatable, Sendable {
    package var name: String
    package var transport: Transport
    /// Problems below this priority do not go here.
    package var minimumPriority: AlarmPriority = .low
    package var timeoutNanoseconds: UInt64 = 5_000_000_000
    /// A message that could not be delivered for this long is given up.
    package var giveUpNanoseconds: UInt64 = 86_400_000_000_000

    package init(name: String, transport: Transport) {
        self.name = name
        self.transport = transport
    }
}

/// The dead-man heartbeat.
package struct HeartbeatConfiguration: Equatable, Sendable {
    package enum Method: String, Sendable { case get = "GET", post = "POST" }

    package var transport: Transport
    package var method: Method = .post
    package var intervalNanoseconds: UInt64 = 30_000_000_000
    package var timeoutNanoseconds: UInt64 = 5_000_000_000

    package init(transport: Transport) { self.transport = transport }
}

/// The hardware watchdog.
package struct HardwareConfiguration: Equatable, Sendable {
    package var device: String
    package var timeoutSeconds: Int32 = 90
    /// Whether an ordered stop of the watchdog disarms the device.
    package var disarmsOnStop = false

    package init(device: String, timeoutSeconds: Int32 = 90, disarmsOnStop: Bool = false) {
        self.device = device
        self.timeoutSeconds = timeoutSeconds
        self.disarmsOnStop = disarmsOnStop
    }
}

/// Everything `watchdog.conf` says.
package struct WatchdogConfiguration: Equatable, Sendable {
    package var node = Self.hostName
    package var pagePath = "/run/midwatch/vitals"
    package var statePath = "/var/lib/midwatch-watchdog/ladder"
    package var policy = SupervisionPolicy()
    package var daemonArguments: [String] = []
    package var curl = "curl"
    package var routes: [RouteConfiguration] = []
    package var heartbeat: HeartbeatConfiguration?
    package var hardware: HardwareConfiguration?
    /// Whether to ask for SCHED_FIFO and locked memory; without the right to it a line is logged.
    package var isRealtime = true

    package init() {}

    /// Whether any message goes by https.
    package var needsCurl: Bool {
        let transports =
            self.routes.map(\.transport) + (self.heartbeat.map { [$0.transport] } ?? [])
        return transports.contains { if case .curl = $0 { true } else { false } }
    }

    private static var hostName: String {
        var bytes = [CChar](repeating: 0, count: 65)
        let rc = unsafe bytes.withUnsafeMutableBufferPointer { (buffer) -> Int32 in
            guard let base = buffer.baseAddress else { return -1 }
            return unsafe gethostname(base, buffer.count - 1)
        }
        guard rc == 0 else { return "localhost" }
        return String(
            decoding: bytes.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

/// One thing wrong with a configuration, as a person needs it to mend it.
package struct ConfigurationFault: Error, Equatable, Sendable, CustomStringConvertible {
    package var file: String
    /// 0 when the fault is in no single line.
    package var line: Int
    package var key: String
    package var fault: String
    package var remedy: String

    package var description: String {
        let place = self.line > 0 ? "\(self.file):\(self.line)" : self.file
        let key = self.key.isEmpty ? "" : " \(self.key):"
        return "\(place):\(key) \(self.fault). \(self.remedy)"
    }
}

/// Everything wrong with a configuration.
package struct ConfigurationFaults: Error, Equatable, Sendable {
    package var faults: [ConfigurationFault]
}
