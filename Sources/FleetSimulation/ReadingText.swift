// SPDX-License-Identifier: Apache-2.0

/// Writes simulated readings as senders do: line protocol lines and MQTT payloads.
package enum ReadingText {
    /// Appends one line of InfluxDB line protocol, line feed included.
    ///
    /// The first level of the path is the measurement, the others are tags `t01`, `t02`, …, the
    /// field is `value`: the standard path template (measurement, tags by key, field) gives the
    /// path back. The time is in nanoseconds.
    package static func appendLine(
        _ reading: SimulatedReading, path: String, to bytes: inout [UInt8]
    ) {
        for (index, level) in path.split(separator: "/").enumerated() {
            if index > 0 {
                bytes += ",t".utf8
                bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: index / 10 % 10))
                bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: index % 10))
                bytes.append(UInt8(ascii: "="))
            }
            for byte in level.utf8 {
                if [UInt8(ascii: ","), UInt8(ascii: " "), UInt8(ascii: "=")].contains(byte) {
                    bytes.append(UInt8(ascii: "\\"))
                }
                bytes.append(byte)
            }
        }
        bytes += " value=".utf8
        bytes += self.value(reading).utf8
        if reading.form == .integer, reading.value.isFinite { bytes.append(UInt8(ascii: "i")) }
        if let time = reading.sourceTime {
            bytes.append(UInt8(ascii: " "))
            bytes += String(time).utf8
        }
        bytes.append(UInt8(ascii: "\n"))
    }

    /// The value as text: `12.5`, `12`, `true`, `nan`.
    package static func value(_ reading: SimulatedReading) -> String {
        guard reading.value.isFinite else { return "nan" }
        return switch reading.form {
        case .number: "\(reading.value)"
        case .integer: Int64(exactly: reading.value.rounded()).map { "\($0)" } ?? "nan"
        case .boolean: reading.value == 0 ? "false" : "true"
        }
    }

    /// `{"value":12.5,"time":1700000000000000000}`, the time in nanoseconds; JSON has no NaN, so
    /// that becomes null.
    package static func json(_ reading: SimulatedReading) -> String {
        let value = reading.value.isFinite ? self.value(reading) : "null"
        guard let time = reading.sourceTime else { return "{\"value\":\(value)}" }
        return "{\"value\":\(value),\"time\":\(time)}"
    }

    /// Datagrams of at most `linesMax` whole lines and `bytesMax` bytes.
    ///
    /// A line that is longer by itself gets a datagram of its own.
    package static func datagrams(
        _ readings: [SimulatedReading], sensors: [VirtualSensor], linesMax: Int = 20,
        bytesMax: Int = Self.datagramBytesDefault
    ) -> [[UInt8]] {
        var datagrams: [[UInt8]] = []
        var current: [UInt8] = []
        var line: [UInt8] = []
        var lineCount = 0
        for reading in readings {
            line.removeAll(keepingCapacity: true)
            self.appendLine(reading, path: sensors[reading.sensor].path, to: &line)
            if lineCount > 0, lineCount >= linesMax || current.count + line.count > bytesMax {
                datagrams.append(current)
                current.removeAll()
                lineCount = 0
            }
            current += line
            lineCount += 1
        }
        if lineCount > 0 { datagrams.append(current) }
        return datagrams
    }

    /// Fits one Ethernet frame of 1,500 bytes with room for tunnel headers.
    package static let datagramBytesDefault = 1_432
}
