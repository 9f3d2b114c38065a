// SPDX-License-Identifier: Apache-2.0

import Glibc
import Vitals

/// Lines on standard error: `level=info event="daemon found" daemon.pid=812`.
///
/// Written at once and never waited for: a line that cannot be written is lost, not supervision.
package enum Log {
    package enum Level: String, Sendable {
        case info, notice, warning, error, critical

        /// Priority of syslog(3), which the journal of systemd reads from `<n>` in front.
        var syslog: Int {
            switch self {
            case .critical: 2
            case .error: 3
            case .warning: 4
            case .notice: 5
            case .info: 6
            }
        }
    }

    private static let isJournal = Environment.value("JOURNAL_STREAM") != nil

    package static func write(
        _ level: Level, _ event: StaticString, _ metadata: KeyValuePairs<String, String> = [:]
    ) {
        var line = Self.isJournal ? "<\(level.syslog)>" : ""
        line += "level=\(level.rawValue) event=\"\(event)\""
        for (key, value) in metadata { line += " \(key)=\(Self.quoted(value))" }
        line += "\n"
        let bytes = Array(line.utf8)
        _ = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(2, $0.baseAddress, $0.count) }
    }

    private static func quoted(_ value: String) -> String {
        let isPlain = !value.isEmpty && value.utf8.allSatisfy { $0 > 0x20 && $0 != 0x22 }
        if isPlain { return value }
        var text = "\""
        for character in value.unicodeScalars {
            switch character {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            default: text.unicodeScalars.append(character.value < 0x20 ? " " : character)
            }
        }
        return text + "\""
    }
}

/// The words for an errno value.
package enum SystemError {
    package static func text(_ number: Int32) -> String {
        guard let text = unsafe strerror(number) else { return "error \(number)" }
        return unsafe String(cString: text)
    }
}
