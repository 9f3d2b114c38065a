// SPDX-License-Identifier: Apache-2.0

/// One thing to say about a configuration file: where, which key, what was found, what to do.
package struct ConfigurationIssue: Equatable, Sendable, CustomStringConvertible {
    package enum Kind: String, Sendable {
        /// The file cannot be used.
        case invalid
        /// Usable, but something is open that should not be; shown on every screen too.
        case unsafe
        /// Usable, but an operator would miss something; refused by `check --strict`.
        case incomplete
        /// Usable; probably not what was meant.
        case advice
    }

    package var kind: Kind
    package var file: String
    /// 1-based; 0 when the issue is about the file as a whole.
    package var line: Int
    /// 1-based, in characters; 0 when the issue is about the file as a whole.
    package var column: Int
    /// Dotted key with list positions, `ingest.udp[0].bind`; empty for syntax errors.
    package var key: String
    package var message: String

    /// `midwatch.yaml:12:9: ingest.udp[0].bind: expected …, got "abc"`.
    package var description: String {
        var text = self.file
        if self.line > 0 { text += ":\(self.line):\(self.column)" }
        text += ": "
        if !self.key.isEmpty { text += self.key + ": " }
        return text + self.message
    }
}

/// What became of one configuration file.
package struct ConfigurationResult: Sendable {
    /// The validated values; nil if there is any error.
    package var configuration: MidwatchConfiguration?
    /// The bytes that were read: the text of the configuration revision.
    package var revisionText: [UInt8]
    package var errors: [ConfigurationIssue]
    package var warnings: [ConfigurationIssue]
    /// Issues beyond `ConfigurationLimits.errorCountMax` and `warningCountMax`.
    package var suppressedErrorCount: Int
    package var suppressedWarningCount: Int

    /// Every issue, errors first, one line each, and what was left out.
    package var report: [String] {
        var lines = self.errors.map { "error: \($0)" }
        if self.suppressedErrorCount > 0 {
            lines.append("error: and \(self.suppressedErrorCount) more errors")
        }
        lines += self.warnings.map { "warning: \($0)" }
        if self.suppressedWarningCount > 0 {
            lines.append("warning: and \(self.suppressedWarningCount) more warnings")
        }
        return lines
    }
}

/// Collects issues while one file is read.
final class IssueLog {
    private let file: String
    private let isStrict: Bool
    /// The bytes of the file: where in a block of text something stands.
    let source: [UInt8]
    private(set) var errors: [ConfigurationIssue] = []
    private(set) var warnings: [ConfigurationIssue] = []
    private(set) var suppressedErrorCount = 0
    private(set) var suppressedWarningCount = 0

    init(file: String, isStrict: Bool, source: [UInt8] = []) {
        self.file = file
        self.isStrict = isStrict
        self.source = source
    }

    func add(
        _ kind: ConfigurationIssue.Kind, _ message: String, key: String, at position: YAMLPosition
    ) {
        let issue = ConfigurationIssue(
            kind: kind, file: self.file, line: Int(position.line), column: Int(position.column),
            key: key, message: message)
        if kind == .invalid || (kind == .incomplete && self.isStrict) {
            if self.errors.count < ConfigurationLimits.errorCountMax {
                self.errors.append(issue)
            } else {
                self.suppressedErrorCount += 1
            }
        } else if self.warnings.count < ConfigurationLimits.warningCountMax {
            self.warnings.append(issue)
        } else {
            self.suppressedWarningCount += 1
        }
    }
}

/// A message that holds words of the file, as one line that cannot rewrite a terminal.
func oneLine(_ text: String) -> String {
    var shown = ""
    for character in text.unicodeScalars {
        switch character.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: shown += "\u{FFFD}"
        default: shown.unicodeScalars.append(character)
        }
    }
    return shown
}

/// A value as messages show it: quoted, one line, cut to `ConfigurationLimits.quotedBytesMax`.
func quoted(_ text: String) -> String {
    var shown = ""
    for character in text.unicodeScalars {
        guard shown.utf8.count < ConfigurationLimits.quotedBytesMax else {
            return "\"\(shown)…\""
        }
        switch character {
        case "\n": shown += "\\n"
        case "\t": shown += "\\t"
        case "\"", "\\": shown += "\\" + String(character)
        default:
            // Control and format characters could rewrite the operator's terminal line.
            switch character.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator: shown += "\u{FFFD}"
            default: shown.unicodeScalars.append(character)
            }
        }
    }
    return "\"\(shown)\""
}
