// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import midwatch

@Suite struct MachineCheckTests {
    private static let limits = """
        Limit                     Soft Limit           Hard Limit           Units
        Max open files            1024                 524288               files
        Max locked memory         8388608              8388608              bytes

        """

    @Test(arguments: [
        ("CapInh:\t0000000000000000\nCapEff:\t0000000000004000\n", limits, true),
        ("CapEff:\t0000000000003fff\n", limits, false),
        ("CapEff:\t0000000000000000\n", limits.replacing("8388608  ", with: "unlimited"), true),
        ("CapEff:\tnonsense\n", limits, false), ("", "", false),
    ])
    func `memory may be locked by the capability or without a limit`(
        status: String, limits: String, isAllowed: Bool
    ) {
        #expect(MachineChecks.mayLockMemory(status: status, limits: limits) == isAllowed)
    }
}
