// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// Why a series has no sensor path.
///
/// Raw values are 0 ..< number of cases, for counting.
package enum SeriesPathError: Int, Error, CaseIterable, Sendable {
    /// A name or tag value is not UTF-8.
    case notUTF8
    /// The same tag key twice.
    case duplicateTagKey
    /// The template asks for a tag that the line does not have.
    case missingTag
    /// The path is longer than `SystemLimits.sensorPathBytesMax`.
    case pathTooLong
}

/// How measurement, tags and field key of a line make the path of a sensor.
///
/// Written as text, levels separated by `/`: `{measurement}`, `{tag:NAME}`, `{tags}` (the values of
/// all tags not named, sorted by key), `{field}`, and literal levels.
///
///     {measurement}/{tags}/{field}                pump,site=west pressure=4 → pump/west/pressure
///     plant/{tag:site}/{measurement}/{field}      pump,site=west pressure=4 → plant/west/pump/pressure
///
/// `{field}` gives no level for the key `value`: `pump,site=west value=4` → `pump/west`. A `/`
/// inside a name separates levels. Characters that a sensor path does not allow, and empty levels,
/// become `_`; two series that differ in nothing else are one sensor.
///
/// This is the slow path: it allocates, and runs once per series and field; callers cache its
/// answer by the hash of both keys.
package struct SeriesPathTemplate: Sendable, Equatable {
    enum Piece: Sendable, Equatable {
        case literal(String)
        case measurement
        case tag(String)
        case remainingTags
        case field
    }

    /// The field key that adds no level.
    package static let plainFieldKey = "value"

    let pieces: [Piece]

    /// `{measurement}/{tags}/{field}`.
    package static let standard = SeriesPathTemplate(tagOrder: nil)

    /// Measurement, the values of the tags of `tagOrder` in that order, field key.
    ///
    /// - Parameter tagOrder: nil takes every tag, sorted by key. Tags not listed are left out.
    package init(tagOrder: [String]?) {
        let tags = tagOrder.map { $0.map { Piece.tag($0) } } ?? [.remainingTags]
        self.pieces = [.measurement] + tags + [.field]
    }

    /// Reads a template; nil if it has an unknown word in braces, an empty level, or no level.
    package init?(parsing text: String) {
        var pieces: [Piece] = []
        for level in text.split(separator: "/", omittingEmptySubsequences: false) {
            switch level {
            case "": return nil
            case "{measurement}": pieces.append(.measurement)
            case "{tags}": pieces.append(.remainingTags)
            case "{field}": pieces.append(.field)
            case _ where level.hasPrefix("{tag:") && level.hasSuffix("}") && level.utf8.count > 6:
                pieces.append(.tag(String(level.dropFirst(5).dropLast())))
            case _ where level.contains("{") || level.contains("}"): return nil
            default:
                guard SensorID.isWellFormed(level.utf8.span) else { return nil }
                pieces.append(.literal(String(level)))
            }
        }
        self.pieces = pieces
    }

    /// The sensor path of one field of one line.
    ///
    /// - Parameters:
    ///   - seriesKey: `LineProtocolLine.seriesKey` of a line that the parser accepted.
    ///   - fieldKey: `LineProtocolField.key`.
    ///   - bytes: What the ranges point into.
    /// - Returns: A well-formed path.
    /// - Throws: `SeriesPathError`; the caller counts it, and may remember it like a path.
    package func path(
        seriesKey: ByteRange, fieldKey: ByteRange, in bytes: borrowing Span<UInt8>
    ) throws(SeriesPathError) -> SensorID {
        precondition(seriesKey.upperBound <= bytes.count, "series key outside the bytes")
        precondition(fieldKey.upperBound <= bytes.count, "field key outside the bytes")
        let series = try Series(seriesKey, in: bytes)
        let field = try Series.text(fieldKey, escapable: Series.keyEscapes, in: bytes)
        var levels: [String] = []
        for piece in self.pieces {
            switch piece {
            case .literal(let text): levels.append(text)
            case .measurement: levels.append(series.measurement)
            case .tag(let key):
                guard let tag = series.tags.first(where: { $0.key == key }) else {
                    throw .missingTag
                }
                levels.append(tag.value)
            case .remainingTags:
                for tag in series.tags where !self.pieces.contains(.tag(tag.key)) {
                    levels.append(tag.value)
                }
            case .field:
                if field != Self.plainFieldKey { levels.append(field) }
            }
        }
        // Only a template of `{field}` or `{tags}` alone can have nothing to say.
        if levels.isEmpty { levels.append(field) }
        return try Self.sensorID(of: levels)
    }

    /// The path that levels make, with `_` for what a path does not allow.
    static func sensorID(of levels: [String]) throws(SeriesPathError) -> SensorID {
        var path = ""
        for scalar in levels.joined(separator: "/").unicodeScalars {
            switch scalar {
            case "/": path += Self.closesEmptyLevel(path) ? "_/" : "/"
            case "+", "#", "\u{7F}", "\u{0}"..<"\u{20}": path += "_"
            default: path.unicodeScalars.append(scalar)
            }
        }
        if Self.closesEmptyLevel(path) { path += "_" }
        guard let sensor = SensorID(path) else { throw .pathTooLong }
        return sensor
    }

    private static func closesEmptyLevel(_ path: String) -> Bool {
        path.isEmpty || path.utf8.last == UInt8(ascii: "/")
    }
}

/// Measurement and tags of a series key, unescaped, the tags sorted by key.
private struct Series {
    static let measurementEscapes: [UInt8] = [UInt8(ascii: ","), UInt8(ascii: " ")]
    static let keyEscapes: [UInt8] = [UInt8(ascii: ","), UInt8(ascii: " "), UInt8(ascii: "=")]

    var measurement: String
    var tags: [(key: String, value: String)] = []

    init(_ range: ByteRange, in bytes: borrowing Span<UInt8>) throws(SeriesPathError) {
        let key = bytes.extracting(range.range)
        let measurementEnd = NameScan(key, from: 0, stops: .measurement).end
        self.measurement = try Self.text(
            ByteRange(0, measurementEnd), escapable: Self.measurementEscapes, in: key)
        var offset = measurementEnd
        while offset < key.count, key[offset] == UInt8(ascii: ",") {
            let keyEnd = NameScan(key, from: offset + 1, stops: .key).end
            precondition(keyEnd < key.count, "series key that the parser did not accept")
            let valueEnd = NameScan(key, from: keyEnd + 1, stops: .key).end
            let name = try Self.text(
                ByteRange(offset + 1, keyEnd), escapable: Self.keyEscapes, in: key)
            let value = try Self.text(
                ByteRange(keyEnd + 1, valueEnd), escapable: Self.keyEscapes, in: key)
            if self.tags.contains(where: { $0.key == name }) { throw .duplicateTagKey }
            self.tags.append((name, value))
            offset = valueEnd
        }
        self.tags.sort { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    }

    static func text(
        _ range: ByteRange, escapable: [UInt8], in bytes: borrowing Span<UInt8>
    ) throws(SeriesPathError) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(range.count)
        var index = range.lowerBound
        while index < range.upperBound {
            if bytes[index] == UInt8(ascii: "\\"), index + 1 < range.upperBound,
                escapable.contains(bytes[index + 1])
            {
                index += 1
            }
            text.append(bytes[index])
            index += 1
        }
        guard let string = String(validating: text, as: UTF8.self) else { throw .notUTF8 }
        return string
    }
}
