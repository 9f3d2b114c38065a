// SPDX-License-Identifier: Apache-2.0

import FleetSimulation
import Testing

struct FaultScriptTests {
    @Test
    func `a script names sensors by number and by step`() throws {
        let script = try FaultScript(
            """
            # sensor kind from until every
            3 silent 1 2
            */2 drift=60 5 35 60   # the even ones
            """)
        #expect(script.faults(of: 3) == [ScriptedFault(.silent, from: 1, until: 2)])
        #expect(
            script.faults(of: 4) == [ScriptedFault(.drift(by: 60), from: 5, until: 35, every: 60)])
        #expect(script.faults(of: 5).isEmpty)
    }

    @Test(arguments: [
        "3 silent 1", "x silent 1 2", "*/0 silent 1 2", "3 silent 2 1", "3 drift 1 2",
        "3 silent=2 1 2", "3 burst=0 1 2", "3 noise 1 2", "3 clockSkew=1e10 1 2", "-1 silent 1 2",
    ])
    func `a line that cannot be meant is refused with its number`(line: String) {
        #expect {
            try FaultScript("\n" + line)
        } throws: { error in
            (error as? FaultScript.Fault)?.line == 2
        }
    }

    @Test
    func `the standard script leaves most sensors alone`() {
        #expect(FaultScript.standard.faults(of: 11).isEmpty)
        #expect(
            FaultScript.standard.faults(of: 10) == [
                ScriptedFault(.silent, from: 5, until: 35, every: 60)
            ])
    }
}
