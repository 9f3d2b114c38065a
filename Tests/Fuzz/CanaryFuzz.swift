// SPDX-License-Identifier: Apache-2.0

import TelemetryWire

/// A fuzzer that must fail: it claims that no line has a tag and two fields.
///
/// If it does not fail, the others prove nothing.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzCanary(_ start: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
    let input = unsafe Array(UnsafeBufferPointer(start: start, count: count))
    var parser = LineProtocolParser()
    parser.start()
    if case .line(let line) = parser.nextLine(input.span) {
        let hasTag = line.seriesKey.count > line.measurement.count
        precondition(!hasTag || line.fieldCount != 2, "the canary is found")
    }
    return 0
}
