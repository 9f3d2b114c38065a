// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// Whether a condition comes true within the bound; looks again every millisecond.
func eventually(
    withinSeconds bound: UInt64 = 10, _ condition: () -> Bool
) -> Bool {
    let end = clinux_boottime_ns() + bound * 1_000_000_000
    while !condition() {
        if clinux_boottime_ns() > end { return false }
        usleep(1_000)
    }
    return true
}
