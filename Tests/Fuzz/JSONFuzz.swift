// SPDX-License-Identifier: Apache-2.0

import JSONText
import TelemetryWire

/// Two parsers of JSON, written apart, must agree about any text.
///
/// What one accepts the other accepts, with the same values in the same order; what they refuse
/// they refuse for the same reason at the same byte (names and UTF-8 excepted: the tape looks at
/// those at another time). What is accepted is accepted again when written anew.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzJSON(_ start: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
    let input = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    var tape = JSONTape()
    var tree: JSONValue?
    var treeError: JSONError?
    do throws(JSONError) {
        tree = try JSONValue(parsing: input.span)
    } catch {
        treeError = error
    }
    do throws(PayloadFault) {
        try tape.parse(input.span)
    } catch {
        guard let treeError else { preconditionFailure("the tree accepts it, the tape does not") }
        precondition(error.offset >= 0 && error.offset <= input.count, "fault outside")
        let isComparable =
            error.reason != .duplicateName && error.reason != .badUTF8
            && treeError.reason != .duplicateName && treeError.reason != .badUTF8
        precondition(
            !isComparable || (error.reason == treeError.reason && error.offset == treeError.offset),
            "another reason or place")
        return 0
    }
    guard let tree else { preconditionFailure("the tape accepts it, the tree does not") }
    var node = 0
    compare(tree, tape, &node, input)
    precondition(node == tape.count, "nodes left over")
    var writer = JSONWriter()
    writer.value(tree)
    guard let again = try? JSONValue(parsing: writer.bytes.span) else {
        preconditionFailure("what was written is not JSON")
    }
    precondition(again == tree, "decode(encode(x)) is not x")
    return 0
}

private func compare(
    _ value: JSONValue, _ tape: borrowing JSONTape, _ node: inout Int, _ input: [UInt8]
) {
    let entry = tape[node]
    precondition(entry.text.upperBound <= input.count, "text outside")
    node += 1
    switch value {
    case .null: precondition(entry.kind == .null)
    case .bool(let flag): precondition(entry.kind == .bool && entry.flag == flag)
    case .integer: precondition(entry.kind == .number && entry.flag)
    case .number: precondition(entry.kind == .number)
    case .string(let text):
        precondition(entry.kind == .string)
        precondition(entry.hasEscape || entry.text.count == text.utf8.count, "length")
    case .array(let elements):
        precondition(entry.kind == .array && Int(entry.count) == elements.count)
        for element in elements { compare(element, tape, &node, input) }
        precondition(Int(entry.next) == node, "next")
    case .object(let members):
        precondition(entry.kind == .object && Int(entry.count) == members.count)
        let object = node - 1
        for member in members {
            precondition(tape[node].kind == .string)
            let name = Array(member.name.utf8)
            precondition(tape.member(name.span, of: object, input.span) == node + 1, "member")
            node += 1
            compare(member.value, tape, &node, input)
        }
        precondition(Int(entry.next) == node, "next")
    }
}
