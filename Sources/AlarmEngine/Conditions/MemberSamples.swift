// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// The members of a redundant group as they stand now.
struct MemberSamples: BitwiseCopyable, Sendable {
    static var countMax: Int { 8 }

    private var samples: [8 of Sample] = .init(repeating: .stale)
    private(set) var count = 0

    init() {}

    @_noLocks
    subscript(_ index: Int) -> Sample {
        precondition(index < self.count, "member")
        return self.samples[index]
    }

    @_noLocks
    mutating func append(_ sample: Sample) {
        precondition(self.count < Self.countMax, "members")
        self.samples[self.count] = sample
        self.count += 1
    }
}
