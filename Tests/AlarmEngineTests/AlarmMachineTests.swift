// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import Testing

@Suite struct AlarmMachineTests {
    /// One row of the table: from, event, then state and effect for a plain and a latching alarm.
    private typealias Row = (
        AlarmState, AlarmMachine.Event, AlarmState, AlarmState, AlarmMachine.Effect
    )

    /// ISA-18.2 as this engine has it, written out whole; nothing is left to a default.
    private static let table: [Row] = [
        (.normal, .conditionRaised, .unacknowledged, .unacknowledged, .annunciate),
        (.normal, .conditionCleared, .normal, .normal, .none),
        (.normal, .acknowledged, .normal, .normal, .refused),
        (.normal, .reset, .normal, .normal, .refused),
        (.unacknowledged, .conditionRaised, .unacknowledged, .unacknowledged, .none),
        (
            .unacknowledged, .conditionCleared, .returnedUnacknowledged, .latchedUnacknowledged,
            .record
        ),
        (.unacknowledged, .acknowledged, .acknowledged, .acknowledged, .record),
        (.unacknowledged, .reset, .unacknowledged, .unacknowledged, .refused),
        (.acknowledged, .conditionRaised, .acknowledged, .acknowledged, .none),
        (.acknowledged, .conditionCleared, .normal, .latchedAcknowledged, .record),
        (.acknowledged, .acknowledged, .acknowledged, .acknowledged, .refused),
        (.acknowledged, .reset, .acknowledged, .acknowledged, .refused),
        (.returnedUnacknowledged, .conditionRaised, .unacknowledged, .unacknowledged, .annunciate),
        (
            .returnedUnacknowledged, .conditionCleared, .returnedUnacknowledged,
            .returnedUnacknowledged, .none
        ),
        (.returnedUnacknowledged, .acknowledged, .normal, .normal, .record),
        (
            .returnedUnacknowledged, .reset, .returnedUnacknowledged, .returnedUnacknowledged,
            .refused
        ),
        (.latchedUnacknowledged, .conditionRaised, .unacknowledged, .unacknowledged, .annunciate),
        (
            .latchedUnacknowledged, .conditionCleared, .latchedUnacknowledged,
            .latchedUnacknowledged, .none
        ),
        (
            .latchedUnacknowledged, .acknowledged, .latchedAcknowledged, .latchedAcknowledged,
            .record
        ),
        (.latchedUnacknowledged, .reset, .latchedUnacknowledged, .latchedUnacknowledged, .refused),
        (.latchedAcknowledged, .conditionRaised, .unacknowledged, .unacknowledged, .annunciate),
        (
            .latchedAcknowledged, .conditionCleared, .latchedAcknowledged, .latchedAcknowledged,
            .none
        ),
        (.latchedAcknowledged, .acknowledged, .latchedAcknowledged, .latchedAcknowledged, .refused),
        (.latchedAcknowledged, .reset, .normal, .normal, .record),
    ]

    @Test func `every state answers every event as the table says`() {
        var seen = 0
        for state in AlarmState.allCases {
            for event in AlarmMachine.Event.allCases {
                let rows = Self.table.filter { $0.0 == state && $0.1 == event }
                #expect(rows.count == 1, "\(state) \(event)")
                guard let row = rows.first else { continue }
                for isLatching in [false, true] {
                    var machine = AlarmMachine(state: state)
                    let effect = machine.handle(event, isLatching: isLatching)
                    #expect(effect == row.4, "\(state) \(event) latching \(isLatching)")
                    #expect(
                        machine.state == (isLatching ? row.3 : row.2),
                        "\(state) \(event) latching \(isLatching)")
                    seen += 1
                }
            }
        }
        #expect(seen == 48)
        #expect(Self.table.count == 24)
    }

    @Test func `nothing that changed the state says that nothing happened`() {
        for state in AlarmState.allCases {
            for event in AlarmMachine.Event.allCases {
                for isLatching in [false, true] {
                    var machine = AlarmMachine(state: state)
                    let effect = machine.handle(event, isLatching: isLatching)
                    let changed = machine.state != state
                    #expect(changed == (effect == .annunciate || effect == .record))
                    #expect((effect == .annunciate) == (changed && event == .conditionRaised))
                }
            }
        }
    }

    @Test(arguments: [
        (AlarmState.normal, false, false), (.unacknowledged, true, true),
        (.acknowledged, true, false), (.returnedUnacknowledged, false, true),
        (.latchedUnacknowledged, false, true), (.latchedAcknowledged, false, false),
    ])
    func `a state says whether it is raised and wants an acknowledgement`(
        state: AlarmState, isRaised: Bool, wantsAcknowledgement: Bool
    ) {
        #expect(state.isRaised == isRaised)
        #expect(state.wantsAcknowledgement == wantsAcknowledgement)
    }
}
