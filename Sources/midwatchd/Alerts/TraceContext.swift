// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel

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
        self.traceID =
            HexDigits.text(of: Self.hash(name, seed: 1))
            + HexDigits.text(of: Self.hash(name, seed: 2))
        self.spanID = HexDigits.text(of: Self.hash("\(node)|\(decision)", seed: 3))
    }

    /// FNV-1a with its end mixed; never 0, which the standard forbids.
    private static func hash(_ text: String, seed: UInt64) -> UInt64 {
        let start = NameHash.empty ^ (seed &* 0x9E37_79B9_7F4A_7C15)
        let hash = SplitMix64.mix(NameHash.of(text, from: start))
        return hash == 0 ? 1 : hash
    }
}
