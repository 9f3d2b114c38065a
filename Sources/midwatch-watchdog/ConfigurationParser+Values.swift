// SPDX-License-Identifier: Apache-2.0

import Glibc
import MidwatchModel
import Vitals

extension ConfigurationParser {
    // MARK: Routes and heartbeat

    mutating func takeRoute(_ name: String, _ key: Substring, _ value: String) {
        let isName = name.utf8.allSatisfy {
            $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
                || ($0 >= UInt8(ascii: "a") && $0 <= UInt8(ascii: "z"))
                || ($0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9"))
        }
        guard !name.isEmpty, isName else {
            return self.fault(
                "\"\(name)\" cannot name a route", "Use lower-case letters, digits, - and _.")
        }
        if self.routes[name] == nil {
            guard self.routeOrder.count < Self.routeCountMax else {
                return self.fault(
                    "more than \(Self.routeCountMax) routes",
                    "Remove one, or join two behind a relay."
                )
            }
            self.routeOrder.append(name)
        }
        var draft = self.routes[name] ?? MessageDraft(line: self.line)
        switch key {
        case "minimum_priority":
            if let priority = AlarmPriority(word: value) {
                draft.minimumPriority = priority
            } else {
                self.fault("\"\(value)\" is no priority", "Use low, medium, high or critical.")
            }
        case "give_up":
            draft.giveUp = self.duration(value, 60_000_000_000, 168 * Self.hour) ?? draft.giveUp
        default: self.takeMessage(key, value, &draft)
        }
        self.routes[name] = draft
    }

    mutating func takeHeartbeat(_ key: Substring, _ value: String) {
        var draft = self.heartbeat ?? MessageDraft(line: self.line)
        switch key {
        case "interval":
            self.heartbeatInterval =
                self.duration(value, 1_000_000_000, Self.hour) ?? self.heartbeatInterval
        case "method":
            switch value {
            case "GET": self.heartbeatMethod = .get
            case "POST": self.heartbeatMethod = .post
            default: self.fault("\"\(value)\" is no method", "Use GET or POST.")
            }
        default: self.takeMessage(key, value, &draft)
        }
        self.heartbeat = draft
    }

    private mutating func takeMessage(
        _ key: Substring, _ value: String, _ draft: inout MessageDraft
    ) {
        switch key {
        case "url": draft.endpoint = self.endpoint(value)
        case "command":
            guard value.hasPrefix("/") else {
                return self.fault(
                    "\"\(value)\" is no absolute path",
                    "Begin with /; words after the program go into `argument` lines.")
            }
            draft.command = value
        case "argument": draft.arguments.append(value)
        case "header":
            guard let field = HeaderField(value) else {
                return self.fault("no header field", "Write `header = Name: value`.")
            }
            draft.headers.append(field)
        case "header_file": self.takeHeaderFile(value, &draft)
        case "via":
            let isName =
                value.utf8.count < Int(IFNAMSIZ)
                && value.utf8.allSatisfy {
                    $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: ":")
                }
            guard isName else {
                return self.fault(
                    "\"\(value)\" is no network interface", "Name one, such as wwan0.")
            }
            draft.interface = value
        case "timeout":
            draft.timeout = self.duration(value, 500_000_000, 60_000_000_000) ?? draft.timeout
        default: self.unknownKey()
        }
    }

    private mutating func takeHeaderFile(_ value: String, _ draft: inout MessageDraft) {
        var path = value
        let credentials = "$CREDENTIALS_DIRECTORY"
        if path.hasPrefix(credentials) {
            guard let folder = Environment.value("CREDENTIALS_DIRECTORY") else {
                return self.fault(
                    "CREDENTIALS_DIRECTORY is not set",
                    "Add LoadCredential= to the unit, or name the file by its path.")
            }
            path = folder + path.dropFirst(credentials.count)
        }
        guard let text = self.readFile(path) else {
            return self.fault(
                "\(path) cannot be read", "Make it readable for the user the watchdog runs as.")
        }
        for line in text.split(separator: "\n") where !line.trimmed.isEmpty {
            guard let field = HeaderField(line.trimmed) else {
                // The line may be a secret: it is not shown.
                return self.fault(
                    "\(path) has a line that is no header field", "Use `Name: value`.")
            }
            draft.headers.append(field)
        }
    }

    private mutating func endpoint(_ value: String) -> Endpoint? {
        do throws(Endpoint.Fault) {
            return try Endpoint(value)
        } catch {
            switch error {
            case .scheme: self.fault("no http or https URL", "Write http://host:port/path.")
            case .userInformation:
                self.fault(
                    "a user name in the URL", "Put it into a `header` or `header_file` line.")
            case .host: self.fault("no host in the URL", "Write http://host:port/path.")
            case .port: self.fault("a wrong port in the URL", "Use 1 to 65535.")
            case .illegalCharacter:
                self.fault("a character that no URL has", "Write it as %XX, in 2048 bytes at most.")
            }
            return nil
        }
    }

    // MARK: The end

    mutating func finish() {
        for name in self.routeOrder {
            guard let draft = self.routes[name] else { continue }
            self.key = "route.\(name)"
            self.line = draft.line
            guard let transport = self.transport(draft) else { continue }
            var route = RouteConfiguration(name: name, transport: transport)
            route.minimumPriority = draft.minimumPriority
            route.timeoutNanoseconds = draft.timeout
            route.giveUpNanoseconds = draft.giveUp
            self.configuration.routes.append(route)
        }
        if let draft = self.heartbeat {
            self.key = "heartbeat"
            self.line = draft.line
            if let transport = self.transport(draft) {
                var heartbeat = HeartbeatConfiguration(transport: transport)
                heartbeat.method = self.heartbeatMethod
                heartbeat.intervalNanoseconds = self.heartbeatInterval
                heartbeat.timeoutNanoseconds = draft.timeout
                self.configuration.heartbeat = heartbeat
            }
        }
        self.line = 0
        self.finishWhole()
    }

    private mutating func finishWhole() {
        // A route that was refused has its own fault already.
        if self.routeOrder.isEmpty, !self.faults.contains(where: { $0.key.hasPrefix("route.") }) {
            self.key = "route"
            self.fault(
                "no route: nobody would be told",
                "Add `route.NAME.url = http://...` or `route.NAME.command = /path`.")
        }
        if self.configuration.policy.supervisor == .own, self.configuration.daemonArguments.isEmpty
        {
            self.key = "daemon.argument"
            self.fault(
                "`supervisor = self` needs the daemon's command",
                "Add `daemon.argument = /usr/bin/midwatchd` and a line for each further word.")
        }
        if let hardware = self.configuration.hardware, !hardware.device.hasPrefix("/dev/") {
            self.key = "hardware.device"
            self.fault("no device", "Name one, such as `hardware.device = /dev/watchdog0`.")
        }
        let policy = self.configuration.policy
        if policy.isCanaryOn, policy.canaryDeadline < policy.canaryInterval {
            self.key = "canary.deadline"
            self.fault("shorter than `canary.interval`", "Make it at least twice as long.")
        }
        for (name, path) in [
            ("page", self.configuration.pagePath), ("state", self.configuration.statePath),
        ] where !path.hasPrefix("/") {
            self.key = name
            self.fault("\"\(path)\" is no absolute path", "Begin with /.")
        }
    }

    private mutating func transport(_ draft: MessageDraft) -> Transport? {
        switch (draft.endpoint, draft.command) {
        case (var endpoint?, nil):
            endpoint.interface = draft.interface
            guard draft.arguments.isEmpty else {
                self.fault("`argument` without `command`", "Remove it.")
                return nil
            }
            switch endpoint.scheme {
            case .http: return .http(endpoint, draft.headers)
            case .https: return .curl(endpoint, draft.headers)
            }
        case (nil, let command?):
            if draft.interface != nil { self.fault("`via` with `command`", "Remove it.") }
            return .command([command] + draft.arguments)
        case (_?, _?): self.fault("both `url` and `command`", "Make two routes of them.")
        case (nil, nil):
            // A url that was refused has its own fault already.
            if !self.faults.contains(where: {
                $0.key == "\(self.key).url" || $0.key == "\(self.key).command"
            }) {
                self.fault("neither `url` nor `command`", "Add one of the two.")
            }
        }
        return nil
    }

    // MARK: Values

    /// `250ms`, `3s`, `15min` or `24h`, within bounds.
    mutating func duration(_ text: String, _ least: UInt64, _ most: UInt64) -> UInt64? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let unit = text.dropFirst(digits.count).trimmed
        let factors: [Substring: UInt64] = [
            "ms": 1_000_000, "s": 1_000_000_000, "min": 60_000_000_000, "h": Self.hour,
        ]
        guard let count = UInt64(digits), let factor = factors[unit] else {
            self.fault("\"\(text)\" is no duration", "Write a whole number and ms, s, min or h.")
            return nil
        }
        let (value, overflow) = count.multipliedReportingOverflow(by: factor)
        guard !overflow, value >= least, value <= most else {
            self.fault(
                "\(text) is out of bounds",
                "Use \(Self.spelled(least)) to \(Self.spelled(most)).")
            return nil
        }
        return value
    }

    mutating func integer(_ text: String, _ bounds: ClosedRange<Int>) -> Int? {
        guard let value = Int(text), bounds.contains(value) else {
            self.fault(
                "\"\(text)\" is not within bounds",
                "Use a whole number from \(bounds.lowerBound) to \(bounds.upperBound).")
            return nil
        }
        return value
    }

    mutating func flag(_ text: String) -> Bool? {
        switch text {
        case "yes", "on", "true": return true
        case "no", "off", "false": return false
        default:
            self.fault("\"\(text)\" is neither yes nor no", "Use yes or no.")
            return nil
        }
    }

    static func spelled(_ nanoseconds: UInt64) -> String {
        switch nanoseconds {
        case let value where value % Self.hour == 0 && value > 0: "\(value / Self.hour)h"
        case let value where value % 1_000_000_000 == 0: "\(value / 1_000_000_000)s"
        default: "\(nanoseconds / 1_000_000)ms"
        }
    }

    // MARK: Unknown keys

    mutating func unknownKey() {
        let known = Self.knownKeys.min {
            Self.distance($0, self.key) < Self.distance($1, self.key)
        }
        if let known, Self.distance(known, self.key) <= 3 {
            self.fault("unknown key", "Did you mean `\(known)`?")
        } else {
            self.fault("unknown key", "The example file lists every key.")
        }
    }

    private static let knownKeys =
        [
            "node", "page", "state", "supervisor", "daemon.argument", "tick", "lateness_max",
            "canary", "canary.interval", "canary.deadline", "canary.restart_after",
            "recovery_deadline", "start_deadline", "kill_deadline", "stop_deadline",
            "suspended_max", "undelivered_action_after", "undelivered_max", "repeat_interval",
            "restart.count",
            "restart.window", "heartbeat.url", "heartbeat.command", "heartbeat.interval",
            "heartbeat.method", "heartbeat.via", "hardware.device", "hardware.timeout",
            "hardware.disarm_on_stop", "realtime", "curl",
        ]
        + Stage.allCases.flatMap { stage in
            ["beat_deadline", "attempt_deadline", "restart_after"].map {
                "stage.\(stage.word).\($0)"
            }
        }

    /// Edit distance, by one row of the usual table.
    private static func distance(_ left: String, _ right: String) -> Int {
        let right = Array(right.utf8)
        var row = Array(0...right.count)
        for (index, byte) in left.utf8.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for place in right.indices {
                let cost = diagonal + (byte == right[place] ? 0 : 1)
                diagonal = row[place + 1]
                row[place + 1] = min(cost, diagonal + 1, row[place] + 1)
            }
        }
        return row[right.count]
    }
}
