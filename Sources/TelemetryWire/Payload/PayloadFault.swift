// SPDX-License-Identifier: Apache-2.0

package import JSONText

/// Why a payload gives no reading.
///
/// Raw values are 0 ..< number of cases, for counting.
package enum PayloadError: Int, Error, CaseIterable, Sendable, BitwiseCopyable {
    /// Nothing, or nothing but white space.
    case empty
    /// Neither a number nor a known word.
    case malformedValue
    /// A number of more bytes than `DecimalNumber.textBytesMax`.
    case numberTooLong
    /// Beyond the range of a double.
    case numberOutOfRange
    case malformedJSON
    /// The JSON document has nothing at the value path, a SenML record has no value.
    case valueMissing
    /// What is at the value path is an object or an array.
    case valueNotScalar
    /// Line protocol without a line: comments and blank lines only.
    case noLine
    /// No line of the payload is well-formed.
    case everyLineRejected
    /// Well-formed, but every value is a text without a declared map.
    case onlyStrings
    /// More readings than the buffer holds: none is taken.
    case tooManyReadings
    /// More values, names and containers than `JSONTape.nodeCountMax`.
    case tooManyValues
    /// An element has no name where its name should be.
    case nameMissing
    /// Not a name: wrong characters, wrong type.
    case malformedName
    /// A name of more than `SystemLimits.sensorPathBytesMax` bytes.
    case nameTooLong
    /// A SenML pack of more than `SenMLLimits.packBytesMax` bytes.
    case packTooLong
    /// A SenML pack of more than `SenMLLimits.recordCountMax` records.
    case tooManyRecords
    /// SenML that is not an array of one or more objects.
    case notAPack
    /// A SenML version that is not known, so the pack must not be used.
    case unknownVersion
    /// Records of one pack with different versions.
    case versionChanged
    /// A label that must be understood, as its final `_` says, and is not.
    case mandatoryLabel
    /// A field of a SenML record with a value of another type than the standard gives it.
    case wrongType
    /// A SenML record with more than one value.
    case ambiguousValue
}

/// Why and where a payload was refused.
package struct PayloadFault: Error, Equatable, Sendable {
    package var error: PayloadError
    /// Bytes from the start of the payload to what was not as it should be.
    package var offset: Int
    /// What is wrong with the text, where `error` is `malformedJSON`.
    package var reason: JSONError.Reason?

    @_noLocks
    package init(_ error: PayloadError, at offset: Int) {
        self.error = error
        self.offset = offset
        self.reason = nil
    }

    @_noLocks
    package init(_ reason: JSONError.Reason, at offset: Int) {
        self.error = .malformedJSON
        self.offset = offset
        self.reason = reason
    }
}

extension PayloadFault {
    /// What is wrong with the text of a JSON document; empty for other errors.
    package var detail: String { self.reason?.rawValue ?? "" }
}

// MARK: - CustomStringConvertible

extension PayloadFault: CustomStringConvertible {
    package var description: String {
        let cause = self.detail.isEmpty ? "\(self.error)" : "\(self.error): \(self.detail)"
        return "\(cause) at byte \(self.offset)"
    }
}
