// SPDX-License-Identifier: Apache-2.0

import JSONText
import Logging
import MidwatchModel
import StateFolder

/// Logs as JSON lines on standard error, or as text where a person reads along.
struct LineLogHandler: LogHandler {
    enum Format: Sendable { case json, human }

    let label: String
    let format: Format
    let writer: LogWriter
    var logLevel: Logger.Level
    /// Of the longest name of a level.
    private static let levelColumns = 8
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let merged = self.metadata.merging(event.metadata ?? [:]) { $1 }
        let ordered = merged.sorted { $0.key < $1.key }
        let wall = EngineClock.wall()
        var line: [UInt8]
        switch self.format {
        case .json:
            var json = JSONWriter()
            json.object { json in
                json.field("at", wall.rfc3339)
                json.field("level", event.level.rawValue)
                json.field("logger", self.label)
                json.field("message", "\(event.message)")
                for (key, value) in ordered { json.field(key, "\(value)") }
            }
            line = json.bytes
        case .human:
            let level = event.level.rawValue
            let pad = String(repeating: " ", count: max(0, Self.levelColumns - level.count))
            var text = "\(LocalTime.text(wall, digits: 3)) \(level)\(pad) \(event.message)"
            for (key, value) in ordered { text += " \(key)=\(value)" }
            // A line feed in a value must not begin a line that looks like a message.
            line = text.utf8.map { $0 < 0x20 ? UInt8(ascii: " ") : $0 }
        }
        line.append(UInt8(ascii: "\n"))
        self.writer.write(line)
    }
}
