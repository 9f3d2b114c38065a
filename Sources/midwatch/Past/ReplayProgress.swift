// SPDX-License-Identifier: Apache-2.0

internal import CLinux

/// Progress of long work on standard error, a few times a second at most.
struct ReplayProgress {
    private static let intervalNanoseconds: UInt64 = 200_000_000

    private let begun = clinux_boottime_ns()
    private var shownAt = clinux_boottime_ns()
    private var line = ProgressLine()

    mutating func show(_ text: @autoclosure () -> String) {
        let now = clinux_boottime_ns()
        guard now - self.shownAt > Self.intervalNanoseconds else { return }
        self.shownAt = now
        self.line.show(text())
    }

    mutating func clear() { self.line.clear() }

    var seconds: Double { Double(clinux_boottime_ns() - self.begun) / 1e9 }
}
