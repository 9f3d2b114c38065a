// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// Priority as a function of consequence and time to respond (ISA-18.2): a policy of the site.
package struct PriorityMatrix: Equatable, Sendable {
    /// Times to respond, ascending: below the first the first column holds, up to and with the last
    /// the one before the last.
    package var bandSeconds: [UInt32] = [180, 600, 1_800]
    /// By consequence, then by band.
    package var rows: [[AlarmPriority]] = [
        [.medium, .low, .low, .low],
        [.high, .medium, .medium, .low],
        [.critical, .high, .high, .medium],
    ]

    package init() {}

    /// The priority that the words give; nil if they do not say both.
    package func priority(_ words: Rationalization) -> AlarmPriority? {
        guard words.timeToRespondSeconds > 0, let consequence = words.consequenceClass else {
            return nil
        }
        let time = words.timeToRespondSeconds
        let row = self.rows[Int(consequence.rawValue)]
        let last = self.bandSeconds.count - 1
        for (column, band) in self.bandSeconds.enumerated()
        where time < band || column == last && time == band { return row[column] }
        return row[self.bandSeconds.count]
    }
}

extension ConfigurationReader {
    /// The matrix of the file, or the usual one.
    func priorityMatrix(_ root: ConfigurationSection) -> PriorityMatrix {
        var matrix = PriorityMatrix()
        let section = root.section("priorityMatrix")
        if section.has("bands") {
            let bands = self.bands(section)
            if let bands { matrix.bandSeconds = bands }
        } else {
            _ = section.take("bands")
        }
        for consequence in ConsequenceClass.allCases {
            guard section.has(consequence.word) else {
                _ = section.take(consequence.word)
                continue
            }
            let row = section.choices(consequence.word, of: Self.priorityWords)
            guard row.count == ConfigurationLimits.bandCount + 1 else {
                section.report(
                    .invalid, consequence.word,
                    "expected \(ConfigurationLimits.bandCount + 1) priorities, the one for the "
                        + "shortest time first, got \(row.count)")
                continue
            }
            matrix.rows[Int(consequence.rawValue)] = row
        }
        section.finish()
        return matrix
    }

    private func bands(_ section: ConfigurationSection) -> [UInt32]? {
        let bands = section.texts("bands").compactMap { text, _ in
            Scalars.duration(text).map { $0 / ConfigurationLimits.nanosecondsPerSecond }
        }
        let isAscending = zip(bands, bands.dropFirst()).allSatisfy { $0 < $1 }
        guard bands.count == ConfigurationLimits.bandCount, isAscending, bands[0] > 0,
            let most = bands.last, most <= UInt32.max
        else {
            section.report(
                .invalid, "bands",
                "expected \(ConfigurationLimits.bandCount) ascending times such as [3m, 10m, 30m]")
            return nil
        }
        return bands.map { UInt32($0) }
    }

    /// The priority of an alarm: as written, else by the matrix, else medium.
    func priority(
        _ section: ConfigurationSection, key: String, _ words: Rationalization
    ) -> AlarmPriority {
        guard let explicit = self.priority(section, key) else {
            return self.matrix.priority(words) ?? .medium
        }
        self.compare(section, key, explicit, words)
        return explicit
    }

    /// Says when a priority that is written is not that of the matrix.
    func compare(
        _ section: ConfigurationSection, _ key: String, _ explicit: AlarmPriority,
        _ words: Rationalization
    ) {
        guard let wanted = self.matrix.priority(words), wanted != explicit,
            let consequence = words.consequenceClass
        else { return }
        let time = UInt64(words.timeToRespondSeconds) * ConfigurationLimits.nanosecondsPerSecond
        section.report(
            .advice, key,
            "\(explicit.word) is used, but a \(consequence.word) consequence with "
                + "\(Scalars.show(duration: time)) to respond is \(wanted.word); leave the key "
                + "out, or correct consequenceClass or timeToRespond")
    }

    /// Whoever answers has what the delay leaves of the time.
    func checkDelay(
        _ section: ConfigurationSection, _ onDelay: UInt64, _ words: Rationalization
    ) {
        let respond = UInt64(words.timeToRespondSeconds) * ConfigurationLimits.nanosecondsPerSecond
        guard respond > 0, respond <= onDelay else { return }
        section.report(
            .invalid, "onDelay",
            "leaves nothing of timeToRespond (\(Scalars.show(duration: respond))); shorten it")
    }

    /// An alarm of high priority wakes somebody who must know what to do.
    func warn(
        _ section: ConfigurationSection, _ words: Rationalization, priority: AlarmPriority,
        of name: String, in inner: ConfigurationSection
    ) {
        guard priority >= .high else { return }
        let missing = [
            ("consequence", words.consequence.isEmpty),
            ("operatorAction", words.operatorAction.isEmpty),
            ("timeToRespond", words.timeToRespondSeconds == 0),
        ].filter { $0.1 && !section.has($0.0) && !inner.has($0.0) }.map(\.0)
        guard !missing.isEmpty else { return }
        self.issues.add(
            .incomplete,
            "the alarm \(name) has priority \(priority.word) without "
                + "\(missing.joined(separator: ", ")): whoever is woken must know what is at stake "
                + "and what to do",
            key: section.path, at: section.position)
    }
}
