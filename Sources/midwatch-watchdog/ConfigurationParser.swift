// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import Vitals

/// Reads `key = value` lines into a configuration, and finds every fault in one go.
///
/// Lines are UTF-8; blank ones and those whose first mark is `#` say nothing. A key stands once,
/// except the lists `argument`, `header` and `daemon.argument`. Unknown keys are faults: a misspelt
/// deadline must not silently be the default.
package struct ConfigurationParser {
    /// Bytes of a configuration file.
    package static let bytesMax = 65_536
    /// Routes of one watchdog.
    package static let routeCountMax = 8

    let file: String
    let readFile: (String) -> String?
    var configuration = WatchdogConfiguration()
    var faults: [ConfigurationFault] = []
    var line = 0
    var key = ""
    private var seen: [String: Int] = [:]
    var routes: [String: MessageDraft] = [:]
    var routeOrder: [String] = []
    var heartbeat: MessageDraft?
    var heartbeatMethod = HeartbeatConfiguration.Method.post
    var heartbeatInterval: UInt64 = 30_000_000_000

    /// A route or the heartbeat while its lines are read.
    struct MessageDraft {
        var line: Int
        var endpoint: Endpoint?
        var command: String?
        var arguments: [String] = []
        var interface: String?
        var headers: [HeaderField] = []
        var minimumPriority: AlarmPriority = .low
        var timeout: UInt64 = 5_000_000_000
        var giveUp: UInt64 = 86_400_000_000_000
    }

    private init(file: String, readFile: @escaping (String) -> String?) {
        self.file = file
        self.readFile = readFile
    }

    /// Reads `text`, which came from the file called `file`.
    ///
    /// - Parameters:
    ///   - text: The whole file.
    ///   - file: Its name, for messages.
    ///   - readFile: Gives the text of files that hold secrets.
    /// - Returns: A configuration in which everything is within its bounds.
    /// - Throws: Every fault, in the order of the lines.
    package static func parse(
        _ text: String, file: String,
        readFile: @escaping (String) -> String? = { SmallFile.read($0, bytesMax: 16_384) }
    ) throws(ConfigurationFaults) -> WatchdogConfiguration {
        var parser = Self(file: file, readFile: readFile)
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false)
            .enumerated()
        {
            parser.line = index + 1
            parser.take(line)
        }
        parser.finish()
        guard parser.faults.isEmpty else { throw ConfigurationFaults(faults: parser.faults) }
        return parser.configuration
    }

    mutating func fault(_ fault: String, _ remedy: String) {
        self.faults.append(
            ConfigurationFault(
                file: self.file, line: self.line, key: self.key, fault: fault, remedy: remedy))
    }

    private mutating func take(_ raw: Substring) {
        let line = raw.trimmed
        guard !line.isEmpty, !line.hasPrefix("#") else { return }
        self.key = ""
        guard let equals = line.firstIndex(of: "=") else {
            return self.fault(
                "a line without \"=\"", "Write `key = value`, or `#` in front of a comment.")
        }
        self.key = String(line[..<equals].trimmed)
        let value = String(line[line.index(after: equals)...].trimmed)
        guard !value.isEmpty else {
            return self.fault("no value", "Give one, or remove the line to get the default.")
        }
        let isList = self.key.hasSuffix(".argument") || self.key.hasSuffix(".header")
        if !isList, let before = self.seen.updateValue(self.line, forKey: self.key) {
            return self.fault("stands in line \(before) already", "Keep one of the two.")
        }
        let parts = self.key.split(separator: ".", omittingEmptySubsequences: false)
        switch (parts.first, parts.count) {
        case ("route", 3): self.takeRoute(String(parts[1]), parts[2], value)
        case ("stage", 3): self.takeStage(parts[1], parts[2], value)
        case ("heartbeat", 2): self.takeHeartbeat(parts[1], value)
        case ("hardware", 2): self.takeHardware(parts[1], value)
        default: self.takePlain(value)
        }
    }

    private mutating func takePlain(_ value: String) {
        switch self.key {
        case "node": self.configuration.node = value
        case "page": self.configuration.pagePath = value
        case "state": self.configuration.statePath = value
        case "curl": self.configuration.curl = value
        case "realtime": self.set(\.isRealtime, self.flag(value))
        case "supervisor":
            switch value {
            case "systemd": self.configuration.policy.supervisor = .systemd
            case "self": self.configuration.policy.supervisor = .own
            default: self.fault("\"\(value)\" is no supervisor", "Use `systemd` or `self`.")
            }
        case "daemon.argument": self.configuration.daemonArguments.append(value)
        case "tick":
            self.set(\.policy.tickInterval, self.duration(value, 50_000_000, 1_000_000_000))
        case "lateness_max":
            self.set(\.policy.latenessMax, self.duration(value, 250_000_000, 10_000_000_000))
        case "canary": self.set(\.policy.isCanaryOn, self.flag(value))
        case "canary.interval":
            self.set(\.policy.canaryInterval, self.duration(value, 250_000_000, 60_000_000_000))
        case "canary.deadline":
            self.set(\.policy.canaryDeadline, self.duration(value, 500_000_000, Self.hour))
        case "canary.restart_after":
            self.set(\.policy.canaryRestartAfter, self.duration(value, 0, Self.hour))
        case "recovery_deadline":
            self.set(\.policy.recoveryDeadline, self.duration(value, 1_000_000_000, Self.hour))
        case "start_deadline":
            self.set(\.policy.startDeadline, self.duration(value, 1_000_000_000, Self.hour))
        case "kill_deadline":
            self.set(\.policy.killDeadline, self.duration(value, 1_000_000_000, Self.hour))
        case "stop_deadline":
            self.set(\.policy.stopDeadline, self.duration(value, 1_000_000_000, Self.hour))
        case "suspended_max":
            self.set(\.policy.suspendedMax, self.duration(value, 1_000_000_000, 24 * Self.hour))
        case "undelivered_action_after":
            self.set(
                \.policy.undeliveredActionAfter, self.duration(value, 1_000_000_000, Self.hour))
        case "undelivered_max":
            self.set(\.policy.undeliveredMax, self.duration(value, 1_000_000_000, Self.hour))
        case "repeat_interval":
            self.set(\.policy.repeatInterval, self.duration(value, 10_000_000_000, 24 * Self.hour))
        case "restart.count": self.set(\.policy.restartCountMax, self.integer(value, 1...16))
        case "restart.window":
            self.set(
                \.policy.restartWindow, self.duration(value, 60_000_000_000, 24 * Self.hour))
        default: self.unknownKey()
        }
    }

    private mutating func takeStage(_ name: Substring, _ key: Substring, _ value: String) {
        guard let stage = Stage(word: String(name)) else {
            let words = Stage.allCases.map(\.word).joined(separator: ", ")
            return self.fault("\"\(name)\" is no stage", "Stages are \(words).")
        }
        let place = stage.rawValue
        switch key {
        case "beat_deadline":
            self.set(\.policy.deadlines[place].beat, self.duration(value, 2_000_000_000, Self.hour))
        case "attempt_deadline":
            self.set(
                \.policy.deadlines[place].attempt, self.duration(value, 2_000_000_000, Self.hour))
        case "restart_after":
            guard stage.remedy == .restart else {
                return self.fault(
                    "a stuck \(stage.word) is told, never restarted", "Remove the line.")
            }
            self.set(\.policy.deadlines[place].restartAfter, self.duration(value, 0, Self.hour))
        default: self.unknownKey()
        }
    }

    private mutating func takeHardware(_ key: Substring, _ value: String) {
        var hardware = self.configuration.hardware ?? HardwareConfiguration(device: "")
        switch key {
        case "device": hardware.device = value
        case "timeout":
            guard let timeout = self.duration(value, 5_000_000_000, 600_000_000_000) else { return }
            hardware.timeoutSeconds = Int32(timeout / 1_000_000_000)
        case "disarm_on_stop":
            guard let flag = self.flag(value) else { return }
            hardware.disarmsOnStop = flag
        default: return self.unknownKey()
        }
        self.configuration.hardware = hardware
    }

    mutating func set<Value>(
        _ place: WritableKeyPath<WatchdogConfiguration, Value>, _ value: Value?
    ) {
        if let value { self.configuration[keyPath: place] = value }
    }

    static let hour: UInt64 = 3_600_000_000_000
}

extension Substring {
    /// Without spaces, tabs and carriage returns at both ends.
    var trimmed: Substring {
        func isSpace(_ character: Character) -> Bool {
            character == " " || character == "\t" || character == "\r"
        }
        var text = self.drop(while: isSpace)
        while let last = text.last, isSpace(last) { text.removeLast() }
        return text
    }
}
