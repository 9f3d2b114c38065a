// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import Glibc

extension LiveState {
    private static let pollMicroseconds: UInt32 = 2_000
    /// Five seconds: the engine never waits for a disk.
    private static let pollsMax = 2_500

    /// Waits until the engine has put a revision in force; false if it did not in time.
    ///
    /// A thread that may sleep.
    func waits(for revision: String) -> Bool {
        for _ in 0..<Self.pollsMax {
            if self.ruleBook.revision == revision { return true }
            usleep(Self.pollMicroseconds)
        }
        return false
    }
}
