// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel
package import OperatorViews

/// Short words for numbers and states: the presentation's vocabulary, shared by the dashboard and
/// the tables of the command line.
package enum Words {
    /// A length of time in at most 6 characters: `80ms`, `4.2s`, `38s`, `12m05`, `3h20`, `11d`.
    package static func duration(nanoseconds: UInt64) -> String {
        let milliseconds = nanoseconds / 1_000_000
        let seconds = milliseconds / 1_000
        switch seconds {
        case 0: return "\(milliseconds)ms"
        case ..<10: return "\(seconds).\(milliseconds % 1_000 / 100)s"
        case ..<60: return "\(seconds)s"
        case ..<3_600: return "\(seconds / 60)m\(self.two(seconds % 60))"
        case ..<86_400: return "\(seconds / 3_600)h\(self.two(seconds / 60 % 60))"
        default: return "\(seconds / 86_400)d"
        }
    }

    /// An age in whole seconds, in at most 5 characters: `<1s`, `4s`, `38s`, `12m05`, `3h20`.
    ///
    /// Tenths of a second in a column of ages would only make every row flicker.
    package static func age(nanoseconds: UInt64) -> String {
        let seconds = nanoseconds / 1_000_000_000
        return seconds == 0
            ? "<1s" : seconds < 60 ? "\(seconds)s" : self.duration(nanoseconds: nanoseconds)
    }

    /// A short length of time with three digits: `840ns`, `12.5us`, `3.20ms`, `1.50s`.
    package static func latency(nanoseconds: UInt64) -> String {
        let value = Double(nanoseconds)
        switch nanoseconds {
        case ..<1_000: return "\(nanoseconds)ns"
        case ..<1_000_000: return self.decimals(value / 1e3, 1) + "us"
        case ..<1_000_000_000: return self.decimals(value / 1e6, 2) + "ms"
        default: return self.decimals(value / 1e9, 2) + "s"
        }
    }

    /// A short length of time with two or three digits: `840ns`, `12us`, `3.2ms`, `361ms`, `1.5s`.
    package static func shortLatency(nanoseconds: UInt64) -> String {
        for (unit, name) in [(1e9, "s"), (1e6, "ms"), (1e3, "us")] {
            let value = Double(nanoseconds) / unit
            if value >= 0.9995 { return self.decimals(value, value < 9.95 ? 1 : 0) + name }
        }
        return "\(nanoseconds)ns"
    }

    /// A name of the daemon as words: `endpointDisabled` is `endpoint disabled`.
    package static func spaced(_ name: String) -> String {
        var text = ""
        for character in name {
            if character.isUppercase, character.isASCII {
                text += " " + character.lowercased()
            } else {
                text.append(character)
            }
        }
        return text
    }

    /// `1 attempt`, `2 attempts`.
    package static func counted(_ count: Int64, _ word: String) -> String {
        "\(count) \(word)\(count == 1 ? "" : "s")"
    }

    /// A value with at most `digits` significant digits; `-` for none.
    package static func value(_ value: Double?, digits: Int = 6) -> String {
        guard let value else { return "-" }
        guard value.isFinite else { return value.isNaN ? "NaN" : value > 0 ? "+Inf" : "-Inf" }
        let magnitude = abs(value)
        if magnitude != 0, magnitude < 1e-4 || magnitude >= 1e9 { return self.scientific(value) }
        var whole = 1
        var limit = 10.0
        while limit <= magnitude {
            whole += 1
            limit *= 10
        }
        let text = self.decimals(value, max(0, digits - whole))
        guard text.contains(".") else { return text }
        var trimmed = Substring(text)
        while trimmed.last == "0" { trimmed.removeLast() }
        if trimmed.last == "." { trimmed.removeLast() }
        return trimmed == "-0" ? "0" : String(trimmed)
    }

    /// A count in at most 5 characters: `950`, `12.4k`, `3.1M`.
    package static func count(_ value: Double) -> String {
        switch value {
        case ..<1_000:
            // What is counted one by one has no tenths.
            self.decimals(max(0, value), value < 10 && value != value.rounded() ? 1 : 0)
        case ..<1_000_000: self.decimals(value / 1e3, value < 100_000 ? 1 : 0) + "k"
        case ..<1_000_000_000: self.decimals(value / 1e6, value < 100_000_000 ? 1 : 0) + "M"
        default: self.decimals(min(value, 1e15) / 1e9, 1) + "G"
        }
    }

    /// A number of bytes: `512 B`, `3.4 MB`.
    package static func bytes(_ value: UInt64) -> String {
        switch value {
        case ..<1_000: "\(value) B"
        case ..<1_000_000: self.decimals(Double(value) / 1e3, 1) + " kB"
        case ..<1_000_000_000: self.decimals(Double(value) / 1e6, 1) + " MB"
        case ..<1_000_000_000_000: self.decimals(Double(value) / 1e9, 1) + " GB"
        default: self.decimals(Double(value) / 1e12, 1) + " TB"
        }
    }

    /// A number with a fixed count of decimals, rounded half away from zero.
    package static func decimals(_ value: Double, _ count: Int) -> String {
        var scale = 1.0
        for _ in 0..<min(count, 9) { scale *= 10 }
        let scaled = (value * scale).rounded()
        guard abs(scaled) < 9e17 else { return "\(value)" }
        let digits = String(Int64(abs(scaled)))
        let sign = scaled < 0 ? "-" : ""
        guard count > 0 else { return sign + digits }
        let padded = String(repeating: "0", count: max(0, count + 1 - digits.count)) + digits
        return sign + padded.dropLast(count) + "." + padded.suffix(count)
    }

    private static func scientific(_ value: Double) -> String {
        var exponent = 0
        var mantissa = value
        while abs(mantissa) >= 10 {
            mantissa /= 10
            exponent += 1
        }
        while abs(mantissa) < 1 {
            mantissa *= 10
            exponent -= 1
        }
        return self.decimals(mantissa, 2) + "e\(exponent)"
    }

    private static func two(_ value: UInt64) -> String { value < 10 ? "0\(value)" : "\(value)" }

    /// `03:04:05` of a wall time, UTC.
    package static func timeOfDay(_ instant: WallInstant) -> String {
        String(instant.rfc3339.dropFirst(11).prefix(8))
    }

    /// Date and time as `2026-11-21 03:04:05Z`.
    package static func dateAndTime(_ instant: WallInstant) -> String {
        String(instant.rfc3339.prefix(10)) + " " + self.timeOfDay(instant) + "Z"
    }

    // MARK: States

    package static func freshness(_ freshness: Freshness) -> String {
        switch freshness {
        case .fresh: "fresh"
        case .stale: "STALE"
        case .unverified: "unverified"
        case .neverReceived: "never seen"
        }
    }

    /// A quality in at most 4 characters.
    package static func short(_ quality: Quality) -> String {
        switch quality {
        case .good: "good"
        case .uncertain: "unc."
        case .bad: "BAD"
        }
    }

    /// Whether alerts to an endpoint arrive, in a few words.
    package static func delivery(_ endpoint: EndpointView) -> String {
        switch endpoint.condition {
        case EndpointView.usable:
            endpoint.breaker == "closed" ? "in order" : "breaker \(self.breaker(endpoint.breaker))"
        case "paused": "PAUSED: it refused our credentials"
        case "disabled": "DISABLED: it answered that it is gone"
        case "unusable": "NOT USABLE: a secret is missing"
        default: endpoint.condition.uppercased()
        }
    }

    /// A breaker that is not closed, in capitals where nothing goes through.
    package static func breaker(_ word: String) -> String {
        switch word {
        case "halfOpen": "half open"
        default: word
        }
    }

    package static func state(_ state: AlarmState) -> String {
        switch state {
        case .normal: "normal"
        case .unacknowledged: "UNACK"
        case .acknowledged: "acked"
        case .returnedUnacknowledged: "returned"
        case .latchedUnacknowledged: "LATCHED"
        case .latchedAcknowledged: "latched-ack"
        }
    }

    package static func suppression(_ suppression: AlarmSuppression) -> String {
        if suppression.contains(.outOfService) { return "out of service" }
        if suppression.contains(.shelved) { return "shelved" }
        if suppression.contains(.suppressedByDesign) { return "suppressed" }
        return ""
    }

    package static func priority(_ priority: AlarmPriority) -> String {
        switch priority {
        case .critical: "CRITICAL"
        case .high: "HIGH"
        case .medium: "medium"
        case .low: "low"
        }
    }
}

/// Glyphs that go with words; a screen without them says the same.
package struct Glyphs: Sendable {
    package let set: GlyphSet

    package init(_ set: GlyphSet) { self.set = set }

    package var ellipsis: Character { self.set == .ascii ? "~" : "…" }
    package var separator: String { self.set == .ascii ? "|" : "·" }
    package var rule: Character { self.set == .ascii ? "-" : "─" }
    package var cursor: Character { self.set == .ascii ? ">" : "▶" }
    package var warning: Character { self.set == .ascii ? "!" : "▲" }
    /// A level of a tree, open or closed.
    package func level(isOpen: Bool) -> Character {
        switch (self.set, isOpen) {
        case (.ascii, true): "v"
        case (.ascii, false): ">"
        case (_, true): "▾"
        case (_, false): "▸"
        }
    }
    /// Whether something works.
    package func mark(isGood: Bool) -> Character {
        switch (self.set, isGood) {
        case (.ascii, true): "+"
        case (.ascii, false): "X"
        // Not a circle: that is a priority.
        case (_, true): "✓"
        case (_, false): "✖"
        }
    }

    /// Different shapes, so that priorities differ without colour and without reading.
    package func priority(_ priority: AlarmPriority) -> String {
        switch (self.set, priority) {
        case (.ascii, .critical): "#"
        case (.ascii, .high): "^"
        case (.ascii, .medium): "o"
        case (.ascii, .low): "."
        case (_, .critical): "■"
        case (_, .high): "▲"
        case (_, .medium): "●"
        case (_, .low): "○"
        }
    }

    package func health(_ level: HealthLevel) -> String {
        switch (self.set, level) {
        case (.ascii, .healthy): "+"
        case (.ascii, .degraded): "!"
        case (.ascii, .failed): "X"
        case (_, .healthy): "●"
        case (_, .degraded): "▲"
        case (_, .failed): "✖"
        }
    }

    /// The last `columns` values, each between the lowest and the highest of them; a gap where
    /// there was no number.
    package func sparkline(_ values: [Double?], columns: Int) -> String {
        let shown = values.suffix(columns).map { $0.flatMap { $0.isFinite ? $0 : nil } }
        let numbers = shown.compactMap(\.self)
        guard let lowest = numbers.min(), let highest = numbers.max() else { return "" }
        let steps = Array(self.set == .ascii ? "_.-~^" : "▁▂▃▄▅▆▇█")
        var line = ""
        for value in shown {
            guard let value else {
                line += " "
                continue
            }
            let share = highest > lowest ? (value - lowest) / (highest - lowest) : 0.5
            line.append(steps[min(steps.count - 1, max(0, Int(share * Double(steps.count))))])
        }
        return line
    }
}
