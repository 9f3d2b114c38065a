// SPDX-License-Identifier: Apache-2.0

import AlarmEngine

/// The trace of an alert, W3C Trace Context version 00.
///
/// One trace for each activation, one span for each decision about it. Both are hashes of their
/// ids and of the node's name: an alert that is made again, by a restart or by a replay, is in the
/// same trace.
struct TraceContext: Sendable, Equatable {
    let traceID: String
    let spanID: String

    /// 55 characters, sampled.
    var traceparent: String { "00-\(self.traceID)-\(self.spanID)-01" }

    init(node: String, activation: DecisionID, decision: DecisionID) {
        let trace = activation == .none ? decision : activation
        let name = "\(node)|\(trace)"
        self.traceID = Self.hex(Self.hash(name, seed: 1)) + Self.hex(Self.hash(name, seed: 2))
        self.spanID = Self.hex(Self.hash("\(node)|\(decision)", seed: 3))
    }

    /// FNV-1a with its end mixed; never 0, which the standard forbids.
    private static func hash(_ text: String, seed: UInt64) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325 ^ (seed &* 0x9E37_79B9_7F4A_7C15)
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        hash = (hash ^ hash >> 30) &* 0xBF58_476D_1CE4_E5B9
        hash = (hash ^ hash >> 27) &* 0x94D0_49BB_1331_11EB
        hash ^= hash >> 31
        return hash == 0 ? 1 : hash
    }

    private static func hex(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
