// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import OperatorViews
internal import StateFolder

/// What holds for every command, as `midwatch help TOPIC` tells it.
enum HelpTopic: String, CaseIterable {
    case exitCodes = "exit-codes"
    case times
    case filters
    case json

    /// The text, if `words` ask for a topic.
    static func answer(to words: [String]) -> String? {
        guard words.count == 2, words[0] == "help" else { return nil }
        return HelpTopic(rawValue: words[1])?.text
    }

    var text: String {
        switch self {
        case .exitCodes:
            """
            EXIT CODES of every command; they never change.

            \(ExitCodeTable.text)

            `midwatch status` exits with 4 unless Midwatch is healthy, `midwatch config
            diff` with 5 if the two differ, `midwatch replay`, `midwatch rules test` and
            `midwatch why --at` with 4 if what was is not reproducible. A command's own
            --help says what else its codes tell.
            """
        case .times:
            """
            TIMES are typed as one of

              2h, 1d12h, -2h            so long ago (ms, s, m, h, d, w)
              03:00, 03:00:30           today
              2026-11-21                its midnight
              2026-11-21 03:00          with a space or T between, seconds too
              2026-11-21T03:00:00Z      RFC 3339, with Z or an offset
              now

            Without Z or an offset they are of this machine's time zone (TZ). Tables show
            times in that zone with its offset; --utc reads and shows UTC. JSON and CSV are
            always in UTC.
            """
        case .filters:
            """
            FILTERS are the same for sensors, alarms and events.

              WORD               a part of the path, id or title, in any case of letters;
                                 of events also of kind and user, though not of title
              'tunnel/+/co'      a template of paths: + is one level, # all that follow
              --area NAME        an area of the configuration, or what lies below a path
              --state STATES     \(Self.wrapped(StateFilter.words))
              --priority WORDS   low, medium, high, critical

            Words of one filter have commas between and widen it; filters narrow each other.
            Quote templates: the shell takes # for a comment.
            """
        case .json:
            """
            JSON: every command with --json prints what this file describes, with one
            definition for each command: Deploy/schema/midwatch-json.schema.json

            Times are RFC 3339 in UTC; names that end in Nanoseconds count nanoseconds; what
            is null or missing is not known. Members may be added; none is renamed or taken
            away. `events`, `alerts log` and `top` print one object a line.
            """
        }
    }

    /// Words with commas between, over lines that begin below the first.
    private static func wrapped(_ words: [String]) -> String {
        var lines = [""]
        for word in words {
            let last = lines[lines.count - 1]
            if last.isEmpty {
                lines[lines.count - 1] = word
            } else if last.utf8.count + word.utf8.count + 2 > 56 {
                lines[lines.count - 1] += ","
                lines.append(word)
            } else {
                lines[lines.count - 1] += ", \(word)"
            }
        }
        return lines.joined(separator: "\n" + String(repeating: " ", count: 21))
    }
}

/// A word that is no command, and the command that was probably meant.
enum UnknownCommand {
    /// What to say before the parser does; nil if the first words are commands.
    static func hint(about words: [String]) -> String? {
        var commands = MidwatchCommand.configuration.subcommands
        var path = "midwatch"
        for word in words.prefix(while: { !$0.hasPrefix("-") }) {
            if commands.isEmpty || word == "help" { return nil }
            if let command = commands.first(where: { self.name(of: $0) == word }) {
                // What has a command of its own to fall back on takes any word.
                guard command.configuration.defaultSubcommand == nil else { return nil }
                commands = command.configuration.subcommands
                path += " \(word)"
                continue
            }
            let names = commands.map { self.name(of: $0) }
            let meant = self.nearest(to: word, among: names)
            return "midwatch: \(path) has no command \(word)"
                + (meant.map { "; did you mean \(path) \($0)?" } ?? "")
        }
        return nil
    }

    static func name(of command: any ParsableCommand.Type) -> String {
        command.configuration.commandName ?? ""
    }

    /// The word that takes the fewest changes, if that is a third of its letters or less.
    static func nearest(to word: String, among names: some Sequence<String>) -> String? {
        let near = names.map { (name: $0, distance: self.distance(word, $0)) }
            .min { $0.distance < $1.distance }
        guard let near, near.distance <= max(1, (near.name.count + 2) / 3) else { return nil }
        return near.name
    }

    /// Letters to add, take away, change or swap with the next (Damerau, restricted).
    private static func distance(_ first: String, _ second: String) -> Int {
        let (a, b) = (Array(first.utf8.prefix(64)), Array(second.utf8.prefix(64)))
        var rows = [Array(0...b.count)]
        for i in 0..<a.count {
            var row = [i + 1]
            for j in 0..<b.count {
                var cost = min(rows[i][j + 1] + 1, row[j] + 1)
                cost = min(cost, rows[i][j] + (a[i] == b[j] ? 0 : 1))
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
                    cost = min(cost, rows[i - 1][j - 1] + 1)
                }
                row.append(cost)
            }
            rows.append(row)
        }
        return rows[a.count][b.count]
    }
}
