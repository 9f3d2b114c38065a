// SPDX-License-Identifier: Apache-2.0

package import JSONText
package import MidwatchModel

/// Why a JSON text is not the view it should be.
package enum ViewError: Error, Equatable, Sendable, CustomStringConvertible {
    /// `place` is not an object.
    case notAnObject(place: String)
    /// `field` of `place` is missing or has another type.
    case badField(place: String, field: String, expected: String)

    package var description: String {
        switch self {
        case .notAnObject(let place): "\(place) is not a JSON object"
        case .badField(let place, let field, let expected):
            "\(place): \"\(field)\" is not \(expected)"
        }
    }
}

/// A value that operators see, with the JSON form the operator API gives it.
///
/// Field names in JSON are the names of the stored properties. Fields that a reader does not know
/// are skipped, so that an older command can talk to a newer daemon.
package protocol OperatorView: Sendable, Equatable {
    /// Writes the view as one JSON object.
    func encode(to json: inout JSONWriter)
    /// Reads what `encode(to:)` wrote.
    init(json: JSONValue) throws(ViewError)
}

extension OperatorView {
    /// The view as JSON text.
    package var jsonText: String {
        var json = JSONWriter()
        self.encode(to: &json)
        return json.text
    }
}

/// Reads the fields of one JSON object and says which one is wrong.
struct ViewReader {
    private let json: JSONValue
    private let place: String

    init(_ json: JSONValue, place: String) throws(ViewError) {
        guard case .object = json else { throw .notAnObject(place: place) }
        self.json = json
        self.place = place
    }

    func error(_ field: String, _ expected: String) -> ViewError {
        .badField(place: self.place, field: field, expected: expected)
    }

    /// nil for a field that is absent or null.
    func present(_ field: String) -> JSONValue? {
        guard let value = self.json[field], value != .null else { return nil }
        return value
    }

    func value(_ field: String) throws(ViewError) -> JSONValue {
        guard let value = self.json[field] else { throw self.error(field, "there") }
        return value
    }

    func text(_ field: String) throws(ViewError) -> String {
        guard let text = self.present(field)?.string else { throw self.error(field, "a string") }
        return text
    }

    func textIfPresent(_ field: String) throws(ViewError) -> String? {
        self.present(field) == nil ? nil : try self.text(field)
    }

    func number(_ field: String) throws(ViewError) -> Double {
        guard let number = self.present(field)?.double else { throw self.error(field, "a number") }
        return number
    }

    func numberIfPresent(_ field: String) throws(ViewError) -> Double? {
        self.present(field) == nil ? nil : try self.number(field)
    }

    func flag(_ field: String) throws(ViewError) -> Bool {
        guard let flag = self.present(field)?.bool else { throw self.error(field, "true or false") }
        return flag
    }

    func integer<Integer: FixedWidthInteger>(_ field: String) throws(ViewError) -> Integer {
        switch self.present(field) {
        case .integer(let number):
            if let exact = Integer(exactly: number) { return exact }
        case .number(let number):
            // Counts above Int64.max are read as floating point; the nearest one will do.
            if let exact = Integer(exactly: number.rounded()) { return exact }
        default: break
        }
        throw self.error(field, "a whole number in range")
    }

    func integerIfPresent<Integer: FixedWidthInteger>(
        _ field: String
    ) throws(ViewError) -> Integer? {
        self.present(field) == nil ? nil : try self.integer(field)
    }

    func wall(_ field: String) throws(ViewError) -> WallInstant {
        guard let instant = WallInstant(rfc3339: try self.text(field)) else {
            throw self.error(field, "an RFC 3339 time")
        }
        return instant
    }

    func wallIfPresent(_ field: String) throws(ViewError) -> WallInstant? {
        self.present(field) == nil ? nil : try self.wall(field)
    }

    func texts(_ field: String) throws(ViewError) -> [String] {
        guard let elements = self.present(field)?.array else {
            throw self.error(field, "an array of strings")
        }
        var texts: [String] = []
        for element in elements {
            guard let text = element.string else {
                throw self.error(field, "an array of strings")
            }
            texts.append(text)
        }
        return texts
    }

    func views<View: OperatorView>(_ field: String) throws(ViewError) -> [View] {
        guard let elements = self.present(field)?.array else {
            throw self.error(field, "an array")
        }
        var views: [View] = []
        for element in elements { views.append(try View(json: element)) }
        return views
    }

    func view<View: OperatorView>(_ field: String) throws(ViewError) -> View {
        try View(json: try self.value(field))
    }

    func viewIfPresent<View: OperatorView>(_ field: String) throws(ViewError) -> View? {
        guard let value = self.present(field) else { return nil }
        return try View(json: value)
    }

    /// The case of a closed set of words.
    func word<Word: ViewWord>(_ field: String) throws(ViewError) -> Word {
        let text = try self.text(field)
        guard let word = Word.allCases.first(where: { $0.word == text }) else {
            throw self.error(field, "one of " + Word.allCases.map(\.word).joined(separator: ", "))
        }
        return word
    }
}

/// A closed set whose cases have a word in JSON.
protocol ViewWord: CaseIterable {
    var word: String { get }
}

extension Quality: ViewWord {}
extension Freshness: ViewWord {}
extension SourceTimeStatus: ViewWord {}
extension SupervisionMode: ViewWord {}
extension SensorCriticality: ViewWord {}
extension AlarmState: ViewWord {}
extension AlarmPriority: ViewWord {}
extension ConditionResult: ViewWord {}

extension ValueKind: ViewWord {
    /// Word used in JSON and on screens.
    package var word: String {
        switch self {
        case .float64: "float64"
        case .int64: "int64"
        case .bool: "bool"
        case .mappedState: "mappedState"
        }
    }
}

extension JSONWriter {
    mutating func fieldIfPresent(_ name: String, _ value: String?) {
        if let value { self.field(name, value) } else { self.nullField(name) }
    }

    mutating func fieldIfPresent(_ name: String, _ value: Double?) {
        if let value { self.field(name, value) } else { self.nullField(name) }
    }

    mutating func fieldIfPresent(_ name: String, _ value: (some FixedWidthInteger)?) {
        if let value { self.field(name, value) } else { self.nullField(name) }
    }

    mutating func fieldIfPresent(_ name: String, _ value: WallInstant?) {
        self.fieldIfPresent(name, value?.rfc3339)
    }

    mutating func field(_ name: String, _ view: some OperatorView) {
        self.name(name)
        view.encode(to: &self)
    }

    mutating func fieldIfPresent(_ name: String, _ view: (some OperatorView)?) {
        if let view { self.field(name, view) } else { self.nullField(name) }
    }

    mutating func field(_ name: String, _ views: [some OperatorView]) {
        self.arrayField(name) { json in for view in views { view.encode(to: &json) } }
    }

    mutating func field(_ name: String, _ texts: [String]) {
        self.arrayField(name) { json in for text in texts { json.value(text) } }
    }
}
