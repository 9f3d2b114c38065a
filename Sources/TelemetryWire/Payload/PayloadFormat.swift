// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// How the payload of one topic is read.
package enum PayloadFormat: Sendable, Equatable {
    /// A decimal number, or one of the words true, false, on, off.
    case plain
    /// A JSON document with values at paths of names and indexes, `a.b.0`.
    case json(JSONPayload)
    /// Lines of InfluxDB line protocol whose timestamps count `unit`.
    case lineProtocol(unit: SourceTimeUnit)
    /// A pack of SenML records in JSON (RFC 8428).
    case senML

    /// Whether one payload may carry readings of several sensors, so that it names them.
    package var hasNames: Bool {
        switch self {
        case .plain: false
        case .json(let description): description.hasNames
        case .lineProtocol, .senML: true
        }
    }
}

/// How a JSON payload writes the time of a reading.
package enum JSONTimeFormat: Sendable, Equatable {
    /// A number of units since 1970.
    case count(SourceTimeUnit)
    /// A text such as `2026-11-21T05:51:00.25+01:00`.
    case rfc3339
}

/// Where values, names and times stand in a JSON payload.
package struct JSONPayload: Sendable, Equatable {
    /// One value of a payload that carries several.
    package struct Value: Sendable, Equatable {
        package var name: String
        package var path: JSONPath

        package init(name: String, path: JSONPath) {
            self.name = name
            self.path = path
        }
    }

    /// Where the value stands; with a step `*` each of these is a reading.
    ///
    /// Used if `values` is empty.
    package var value = JSONPath.root
    /// Values with names of their own, each of which may be absent, though not all of them.
    package var values: [Value] = []
    /// Where the name of an element stands; nil: the key of a member, the index of an element.
    ///
    /// Used if `value` has a step `*`; the path then has it too, in the same place.
    package var name: JSONPath?
    /// nil: the payload carries no time.
    ///
    /// With a step `*` in the same place as in `value`, each element has its own.
    package var time: JSONPath?
    package var timeFormat = JSONTimeFormat.count(.milliseconds)

    package init() {}

    /// Values at paths as text: for those who know that they are well-formed.
    package init?(
        value: String, time: String? = nil, timeFormat: JSONTimeFormat = .count(.milliseconds)
    ) {
        guard let path = JSONPath(value) else { return nil }
        self.value = path
        if let time {
            guard let path = JSONPath(time) else { return nil }
            self.time = path
        }
        self.timeFormat = timeFormat
    }

    /// Whether the payload names its readings.
    package var hasNames: Bool { !self.values.isEmpty || self.value.eachIndex != nil }

    /// Why the description cannot be used; nil if it can.
    package var problem: Problem? {
        guard self.values.allSatisfy({ $0.path.eachIndex == nil }) else { return .eachInValues }
        if !self.values.isEmpty, !self.value.isRoot { return .valueAndValues }
        for (path, problem) in [(self.name, Problem.name), (self.time, Problem.time)] {
            guard let path, path.eachIndex != nil else { continue }
            guard self.values.isEmpty, path.container == self.value.container,
                self.value.eachIndex != nil
            else { return problem }
        }
        if let name = self.name, name.eachIndex == nil { return .name }
        return nil
    }

    package enum Problem: Sendable, Equatable {
        /// A step `*` in one of `values`.
        case eachInValues
        /// Both `value` and `values` are given.
        case valueAndValues
        /// `name` has no `*` where `value` has it.
        case name
        /// `time` has a `*` where `value` has none.
        case time
    }
}

/// A payload format made ready for use: one per rule, shared by every message.
///
/// A class, so that a message counts one reference instead of one for each path.
package final class PayloadPlan: Sendable {
    enum Kind: Sendable, BitwiseCopyable { case plain, json, lineProtocol, senML }

    /// One value of a JSON payload that carries several.
    struct Value: Sendable {
        var name: [UInt8]
        var path: JSONPath
    }

    package let format: PayloadFormat
    let kind: Kind
    let states: StateMap?
    /// Of the times in line protocol.
    let nanosecondsPerUnit: Int64
    let values: [Value]
    /// Of the value, or of what holds the elements.
    let path: JSONPath
    let hasElements: Bool
    let elementPath: JSONPath
    let namePath: JSONPath?
    /// From the root.
    let timePath: JSONPath?
    /// From an element.
    let elementTimePath: JSONPath?
    let timeFormat: JSONTimeFormat

    /// Whether relative times may come, so that `decode` wants to know when the payload arrived.
    package var needsArrival: Bool { self.kind == .senML }

    /// A plan for payloads of `format`.
    ///
    /// - Parameters:
    ///   - format: JSON descriptions must have no `problem`.
    ///   - states: Texts that stand for values; nil: texts are no values.
    package init(_ format: PayloadFormat, states: StateMap? = nil) {
        var json = JSONPayload()
        var unit = SourceTimeUnit.nanoseconds
        switch format {
        case .plain: self.kind = .plain
        case .json(let description):
            precondition(description.problem == nil, "a JSON description that cannot be used")
            self.kind = .json
            json = description
        case .lineProtocol(let timeUnit):
            self.kind = .lineProtocol
            unit = timeUnit
        case .senML: self.kind = .senML
        }
        self.format = format
        self.states = states
        self.nanosecondsPerUnit = unit.nanosecondsPerUnit
        self.values = json.values.map { Value(name: Array($0.name.utf8), path: $0.path) }
        self.path = json.value.container
        self.hasElements = json.value.eachIndex != nil
        self.elementPath = json.value.element
        self.namePath = json.name?.element
        self.timePath = json.time.flatMap { $0.eachIndex == nil ? $0 : nil }
        self.elementTimePath = json.time.flatMap { $0.eachIndex == nil ? nil : $0.element }
        self.timeFormat = json.timeFormat
    }
}

/// What a payload gave, beside the readings.
package struct PayloadSummary: Equatable, Sendable, BitwiseCopyable {
    /// Readings appended, 1 or more.
    package var readingCount = 0
    /// Times that were written but not usable: the reading stands without source time.
    package var ignoredTimestampCount = 0
    /// Values that are text or bytes and not in a declared map.
    package var stringFieldCount = 0
    package var duplicateFieldCount = 0
    package var rejectedLineCount = 0
    /// Readings of quality bad because their text is no declared state.
    package var unmappedStateCount = 0
    /// Where the first such text stands.
    package var firstUnmappedState = ByteRange.empty
    /// Cause of the first refused line, and where it was found.
    package var firstLineError: LineProtocolError?
    package var firstLineErrorOffset = 0
    /// The first refused line.
    package var firstRejectedLine = ByteRange.empty

    @_noLocks
    package init() {}

    /// Whether something was refused or not understood beside the readings.
    package var isOdd: Bool {
        @_noLocks get { self.rejectedLineCount > 0 || self.unmappedStateCount > 0 }
    }

    @_noLocks
    mutating func noteUnmapped(_ text: ByteRange) {
        if self.unmappedStateCount == 0 { self.firstUnmappedState = text }
        self.unmappedStateCount &+= 1
    }
}
