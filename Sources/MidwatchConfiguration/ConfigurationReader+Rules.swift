// SPDX-License-Identifier: Apache-2.0

internal import AlarmEngine
internal import MidwatchModel

extension ConfigurationReader {
    /// The rules; what they say about each other and the sensors is checked when all are read.
    func rules(_ sections: [ConfigurationSection], sensors: [SensorDeclaration])
        -> [RuleDeclaration]
    {
        var rules: [RuleDeclaration] = []
        var places: [ConfigurationSection] = []
        var lines: [String: Int32] = [:]
        for section in sections {
            let rule = self.rule(section)
            self.references.patterns = []
            guard let rule else { continue }
            if let line = lines[rule.name] {
                section.report(
                    .invalid, "name", "\(quoted(rule.name)) is a rule in line \(line) already")
            } else {
                lines[rule.name] = section.position.line
            }
            rules.append(rule)
            places.append(section)
        }
        for issue in RuleCheck.issues(rules, sensors: sensors) {
            self.report(issue, of: places[issue.rule])
        }
        return rules
    }

    private func report(_ issue: RuleIssue, of section: ConfigurationSection) {
        var message = oneLine(issue.message)
        if let name = issue.unknownName,
            let near = Spelling.nearest(to: name, among: issue.knownNames)
        {
            message += ", did you mean \"\(near)\"?"
        }
        guard let offset = issue.offset else {
            return self.issues.add(
                .invalid, message, key: section.name(issue.key), at: section.place(of: issue.key))
        }
        let (position, isExact) = section.place(issue.key, offset: offset)
        if !isExact { message += " (character \(offset + 1) of the text)" }
        self.issues.add(.invalid, message, key: section.name(issue.key), at: position)
    }

    private func rule(_ section: ConfigurationSection) -> RuleDeclaration? {
        let name = self.ruleName(section)
        let isOfSources = section.has("sources")
        let patterns =
            isOfSources ? self.sourcePatterns(section) : self.patterns(section, "sensors")
        self.references.patterns = patterns
        let words = self.rationalization(section)
        let onDelay = section.duration("onDelay", in: ConfigurationLimits.delayRange) ?? 0
        let offDelay = section.duration("offDelay", in: ConfigurationLimits.delayRange) ?? 0
        let priority = self.priority(section, key: "priority", words)
        let isPassive = section.boolean("passive", default: false)
        let handling = self.handling(section)
        let condition = self.condition(section)
        _ = section.take("sources")
        section.finish()
        guard let name, !patterns.isEmpty, let condition,
            self.fits(condition, isOfSources: isOfSources, section)
        else { return nil }
        var rule = RuleDeclaration(name: name, sensors: patterns, condition: condition)
        rule.isOfSources = isOfSources
        rule.onDelayNanoseconds = onDelay
        rule.offDelayNanoseconds = offDelay
        rule.priority = priority
        rule.isPassive = isPassive
        rule.handling = handling
        rule.rationalization = words
        self.checkDelay(section, onDelay, words)
        if !isPassive {
            self.warn(section, words, priority: rule.priority, of: name, in: section)
        }
        return rule
    }

    private func ruleName(_ section: ConfigurationSection) -> String? {
        guard let name = section.text("name") else {
            if !section.has("name") {
                section.report(
                    .invalid, "name", "missing; the alarm of a sensor is named path:name")
            }
            return nil
        }
        let isWord = name.utf8.allSatisfy { byte in
            (byte | 0x20) >= UInt8(ascii: "a") && (byte | 0x20) <= UInt8(ascii: "z")
                || byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
                || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
        }
        guard isWord, name.utf8.count <= 64 else {
            section.report(
                .invalid, "name",
                "expected letters, digits, - and _, at most 64, got \(quoted(name))")
            return nil
        }
        guard AlarmKind(word: name) == nil else {
            section.report(
                .invalid, "name", "\(quoted(name)) is a kind of alarm; name what this one is about")
            return nil
        }
        return name
    }

    /// A list of paths and templates.
    func patterns(_ section: ConfigurationSection, _ key: String) -> [String] {
        let found = section.texts(key)
        if found.isEmpty, !section.has(key) || section.isEmptyList(key) {
            section.report(.invalid, key, "missing; list paths or templates: [a/b/c, a/+/d]")
        }
        return found.compactMap { text, position in
            guard PathTemplate.isWellFormed(text) else {
                self.issues.add(
                    .invalid,
                    "expected levels separated by /, + alone in its level, # alone and last, got "
                        + quoted(text), key: section.name(key), at: position)
                return nil
            }
            return text
        }
    }

    // MARK: - Conditions

    private func condition(_ section: ConfigurationSection) -> RuleCondition? {
        typealias Reader = (ConfigurationSection) -> RuleCondition?
        let readers: [(AlarmKind, Reader)] = [
            (.rateOfChange, self.rateOfChange), (.flatLine, self.flatLine),
            (.deviation, self.deviation), (.vote, self.vote), (.discrepancy, self.discrepancy),
            (.offNormal, self.offNormal), (.badQuality, self.badQuality),
            (.clockSkew, self.clockSkew), (.clockDrift, self.clockDrift),
            (.sequence, self.sequence), (.window, self.window), (.drift, self.drift),
        ]
        var found: [RuleCondition] = []
        var keys: [String] = []
        for (kind, reader) in readers {
            let key = kind.word
            guard section.has(key) else {
                _ = section.take(key)
                continue
            }
            keys.append(key)
            let nested = section.section(key)
            if let condition = reader(nested) { found.append(condition) }
            nested.finish()
        }
        if let text = section.text("expression") { found.append(.expression(text)) }
        if section.has("expression") { keys.append("expression") }
        if keys.count > 1 {
            section.report(
                .invalid, keys[1],
                "expected one condition, got \(keys.joined(separator: " and ")); make two rules")
            return nil
        }
        if keys.isEmpty {
            let words = readers.map(\.0.word).joined(separator: ", ")
            self.issues.add(
                .invalid, "has no condition; give one of \(words), expression",
                key: section.path, at: section.position)
        }
        return found.first
    }

    private func rateOfChange(_ section: ConfigurationSection) -> RuleCondition? {
        let rise = self.positive(section, "rise")
        let fall = self.positive(section, "fall")
        let deadband = self.distance(section, "deadband")
        let window = self.window(section, "window")
        if rise == nil, fall == nil, !section.has("rise"), !section.has("fall") {
            section.report(.invalid, "rise", "missing; give rise, fall or both, per second")
        }
        guard rise != nil || fall != nil, let window else { return nil }
        return .rateOfChange(
            rise: rise, fall: fall, deadband: deadband, windowNanoseconds: window)
    }

    private func flatLine(_ section: ConfigurationSection) -> RuleCondition? {
        let epsilon = self.distance(section, "epsilon")
        guard let time = self.window(section, "time") else { return nil }
        return .flatLine(epsilon: epsilon, durationNanoseconds: time)
    }

    private func deviation(_ section: ConfigurationSection) -> RuleCondition? {
        let reference = section.text("reference")
        let setpoint = section.number("setpoint")
        let above = self.positive(section, "above")
        let below = self.positive(section, "below")
        let deadband = self.distance(section, "deadband")
        if section.has("reference") == section.has("setpoint") {
            section.report(
                .invalid, "reference",
                "expected either reference (a sensor) or setpoint (a number)")
            return nil
        }
        if above == nil, below == nil, !section.has("above"), !section.has("below") {
            section.report(.invalid, "above", "missing; give above, below or both")
        }
        guard above != nil || below != nil, reference != nil || setpoint != nil else { return nil }
        return .deviation(
            reference: reference, setpoint: setpoint ?? 0, above: above, below: below,
            deadband: deadband)
    }

    private func vote(_ section: ConfigurationSection) -> RuleCondition? {
        let members = self.members(section)
        let most = max(1, members?.count ?? ConfigurationLimits.memberCountMax)
        let required = section.integer("required", in: 1...most, default: 0)
        if required == 0, !section.has("required") {
            section.report(.invalid, "required", "missing; say how many must agree (2 of 3: 2)")
        }
        let limit = self.limit(section)
        guard let members, required > 0, let limit else { return nil }
        return .vote(members: members, required: required, limit: limit)
    }

    private func discrepancy(_ section: ConfigurationSection) -> RuleCondition? {
        let members = self.members(section)
        let tolerance = self.required(section, "tolerance")
        let deadband = self.distance(section, "deadband")
        guard let members, let tolerance else { return nil }
        return .discrepancy(members: members, tolerance: tolerance, deadband: deadband)
    }

    private func offNormal(_ section: ConfigurationSection) -> RuleCondition? {
        let items = section.items("normal", max: ConfigurationLimits.stateMax + 1)
        if items.isEmpty, !section.has("normal") || section.isEmptyList("normal") {
            section.report(.invalid, "normal", "missing; list the normal states: [0, 1]")
        }
        var mask: UInt64 = 0
        for item in items {
            guard case .scalar(let text, isPlain: true) = item.content,
                let state = Scalars.integer(text), (0...ConfigurationLimits.stateMax) ~= state
            else {
                self.issues.add(
                    .invalid,
                    "expected a state 0-\(ConfigurationLimits.stateMax), got \(item.found)",
                    key: section.name("normal"), at: item.position)
                continue
            }
            mask |= 1 << UInt64(state)
        }
        return items.isEmpty ? nil : .offNormal(normalStates: mask)
    }

    private func badQuality(_ section: ConfigurationSection) -> RuleCondition? {
        .badQuality(includesUncertain: section.boolean("uncertain", default: false))
    }

    private func clockSkew(_ section: ConfigurationSection) -> RuleCondition? {
        let range = 1_000_000...ConfigurationLimits.day
        let most = section.duration("max", in: range)
        if most == nil, !section.has("max") {
            section.report(.invalid, "max", "missing; give the offset that is too much")
        }
        let deadband = section.duration("deadband", in: 0...ConfigurationLimits.day) ?? 0
        return most.map { .clockSkew(maxNanoseconds: $0, deadbandNanoseconds: deadband) }
    }

    private func clockDrift(_ section: ConfigurationSection) -> RuleCondition? {
        let limit = self.required(section, "ppm")
        let deadband = self.distance(section, "deadband")
        guard let window = self.window(section, "window"), let limit else { return nil }
        return .clockDrift(
            partsPerMillion: limit, deadband: deadband, windowNanoseconds: window)
    }

    private func sequence(_ section: ConfigurationSection) -> RuleCondition? {
        let faults = section.integer("faults", in: 1...1_000_000_000, default: 1)
        let modulus = section.integer("modulus", in: 0...(1 << 53), default: 0)
        if (1..<4) ~= modulus {
            section.report(.invalid, "modulus", "expected 0 (does not wrap) or at least 4")
            return nil
        }
        let sensor = section.text("sensor")
        guard let window = self.window(section, "window") else { return nil }
        return .sequence(
            faults: UInt64(faults), windowNanoseconds: window, modulus: UInt64(modulus),
            sensor: sensor)
    }

    private func window(_ section: ConfigurationSection) -> RuleCondition? {
        let measure = section.choice(
            "measure", of: WindowMeasure.allCases.map { ($0.rawValue, $0) })
        if measure == nil, !section.has("measure") {
            section.report(.invalid, "measure", "missing; say count, mean, min or max")
        }
        let limit = self.limit(section)
        guard let time = self.window(section, "time"), let measure, let limit else { return nil }
        return .window(measure: measure, limit: limit, windowNanoseconds: time)
    }

    private func drift(_ section: ConfigurationSection) -> RuleCondition? {
        let limit = self.required(section, "limit")
        let deadband = self.distance(section, "deadband")
        let reference = section.text("reference")
        guard let average = self.window(section, "average"), let limit else { return nil }
        return .drift(
            limit: limit, deadband: deadband, averageNanoseconds: average, reference: reference)
    }

    // MARK: - Parts

    private func limit(_ section: ConfigurationSection) -> RuleLimit? {
        let high = section.number("high")
        let low = section.number("low")
        let deadband = self.distance(section, "deadband")
        guard section.has("high") != section.has("low") else {
            section.report(
                .invalid, section.has("high") ? "low" : "high",
                "expected high or low, the value that raises the alarm")
            return nil
        }
        if let high { return RuleLimit(setpoint: high, deadband: deadband, isHigh: true) }
        return low.map { RuleLimit(setpoint: $0, deadband: deadband, isHigh: false) }
    }

    private func members(_ section: ConfigurationSection) -> [String]? {
        let members = section.texts("members").map(\.text)
        guard section.has("members") else {
            section.report(.invalid, "members", "missing; list the sensors: [a/1, a/2, a/3]")
            return nil
        }
        guard (2...ConfigurationLimits.memberCountMax) ~= members.count else {
            section.report(
                .invalid, "members",
                "expected 2-\(ConfigurationLimits.memberCountMax) sensors, got \(members.count)")
            return nil
        }
        return members
    }

    /// A time over which something is looked at.
    private func window(_ section: ConfigurationSection, _ key: String) -> UInt64? {
        let range = 100_000_000...(30 * ConfigurationLimits.day)
        let window = section.duration(key, in: range)
        if window == nil, !section.has(key) {
            section.report(.invalid, key, "missing; give a time such as 10m")
        }
        return window
    }

    /// A number of 0 or more; 0 if it is left out.
    private func distance(_ section: ConfigurationSection, _ key: String) -> Double {
        let number = section.number(key) ?? 0
        if number < 0 { section.report(.invalid, key, "expected 0 or more, got \"\(number)\"") }
        return max(0, number)
    }

    /// A number above 0; nil if it is left out.
    private func positive(_ section: ConfigurationSection, _ key: String) -> Double? {
        guard let number = section.number(key) else { return nil }
        guard number > 0 else {
            section.report(.invalid, key, "expected more than 0, got \"\(number)\"")
            return nil
        }
        return number
    }

    private func required(_ section: ConfigurationSection, _ key: String) -> Double? {
        let number = self.positive(section, key)
        if number == nil, !section.has(key) {
            section.report(.invalid, key, "missing; give a number above 0")
        }
        return number
    }
}

extension ConfigurationSection {
    /// Where the value of a dotted key stands, as far as the file has it: `vote.members[1]`.
    func place(of key: String) -> YAMLPosition {
        var position = self.position
        var node: YAMLNode?
        for (depth, part) in key.split(separator: ".").enumerated() {
            let name = part.prefix { $0 != "[" }
            if depth == 0 {
                node = self.take(String(name))
            } else if case .mapping(let entries)? = node?.content {
                node = entries.first { $0.key == name }?.value
            } else {
                node = nil
            }
            if name.count < part.count, let index = Int(part.dropFirst(name.count + 1).dropLast()),
                case .sequence(let items)? = node?.content, items.indices.contains(index)
            {
                node = items[index]
            }
            guard let node else { return position }
            position = node.position
        }
        return position
    }

    /// The place of a byte of the text at `key`; not exact in text of several lines that YAML joins.
    func place(_ key: String, offset: Int) -> (position: YAMLPosition, isExact: Bool) {
        var position = self.place(key)
        guard case .scalar(let text, let isPlain)? = self.take(key)?.content else {
            return (position, false)
        }
        let before = String(decoding: text.utf8.prefix(offset), as: UTF8.self)
        guard !text.utf8.contains(UInt8(ascii: "\n")) else {
            guard let place = self.placeInBlock(position, before) else { return (position, false) }
            return (place, true)
        }
        position.column += Int32(clamping: before.unicodeScalars.count) + (isPlain ? 0 : 1)
        return (position, true)
    }

    /// Where a text that begins with `before` goes on, in the block that `|` at `head` opens; nil if
    /// there is none.
    private func placeInBlock(_ head: YAMLPosition, _ before: String) -> YAMLPosition? {
        let lines = self.issues.source.split(
            separator: UInt8(ascii: "\n"), maxSplits: Int(head.line) + before.utf8.count + 1,
            omittingEmptySubsequences: false)
        let first = Int(head.line)
        guard lines.indices.contains(first - 1), lines.indices.contains(first),
            String(decoding: lines[first - 1], as: UTF8.self).unicodeScalars
                .dropFirst(Int(head.column) - 1).first == "|",
            let line = lines[first...].first(where: { $0.contains { $0 != UInt8(ascii: " ") } })
        else { return nil }
        let indent = line.prefix { $0 == UInt8(ascii: " ") }.count
        let parts = before.split(separator: "\n", omittingEmptySubsequences: false)
        let rest = parts.last?.unicodeScalars.count ?? 0
        return YAMLPosition(
            line: head.line + Int32(clamping: parts.count),
            column: Int32(clamping: indent + rest + 1))
    }
}
