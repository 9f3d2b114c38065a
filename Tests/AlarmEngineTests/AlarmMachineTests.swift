// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel
import Testing

@Suite struct AlarmMachineTests {
    private typealias Class = AlarmMachine.Class
    private typealias Effect = AlarmMachine.Effect

    /// What an event does to a state: for a plain alarm, a latching one, an auto-acknowledged one,
    /// and one that is both; then the effect.
    private typealias Row = (
        AlarmState, AlarmMachine.Event, AlarmState, AlarmState, AlarmState, AlarmState, Effect
    )

    private static let a = AlarmState.normal
    private static let b = AlarmState.unacknowledged
    private static let c = AlarmState.acknowledged
    private static let d = AlarmState.returnedUnacknowledged
    private static let e = AlarmState.latchedUnacknowledged
    private static let f = AlarmState.latchedAcknowledged

    /// ISA-18.2 as this engine has it, out of every suppression, written out whole.
    private static let states: [Row] = [
        (a, .conditionRaised, b, b, b, b, .annunciate),
        (a, .conditionCleared, a, a, a, a, .none),
        (a, .acknowledged, a, a, a, a, .refused),
        (a, .reset, a, a, a, a, .refused),
        (a, .reAlarmed, a, a, a, a, .none),
        (b, .conditionRaised, b, b, b, b, .none),
        (b, .conditionCleared, d, e, a, f, .record),
        (b, .acknowledged, c, c, c, c, .record),
        (b, .reset, b, b, b, b, .refused),
        (b, .reAlarmed, b, b, b, b, .none),
        (c, .conditionRaised, c, c, c, c, .none),
        (c, .conditionCleared, a, f, a, f, .record),
        (c, .acknowledged, c, c, c, c, .refused),
        (c, .reset, c, c, c, c, .refused),
        (c, .reAlarmed, b, b, b, b, .annunciate),
        (d, .conditionRaised, b, b, b, b, .annunciate),
        (d, .conditionCleared, d, d, d, d, .none),
        (d, .acknowledged, a, a, a, a, .record),
        (d, .reset, d, d, d, d, .refused),
        (d, .reAlarmed, d, d, d, d, .none),
        (e, .conditionRaised, b, b, b, b, .annunciate),
        (e, .conditionCleared, e, e, e, e, .none),
        (e, .acknowledged, f, f, f, f, .record),
        (e, .reset, e, e, e, e, .refused),
        (e, .reAlarmed, e, e, e, e, .none),
        (f, .conditionRaised, b, b, b, b, .annunciate),
        (f, .conditionCleared, f, f, f, f, .none),
        (f, .acknowledged, f, f, f, f, .refused),
        (f, .reset, a, a, a, a, .record),
        (f, .reAlarmed, f, f, f, f, .none),
    ]

    /// What an event does to the overlay: before, event, after; then the effect on an alarm that is
    /// not raised and on one that is.
    private typealias Overlay = (
        AlarmSuppression, AlarmMachine.Event, AlarmSuppression, Effect, Effect
    )

    private static let shelved = AlarmSuppression.shelved
    private static let design = AlarmSuppression.suppressedByDesign
    private static let service = AlarmSuppression.outOfService

    private static let overlays: [Overlay] = [
        ([], .shelved, [shelved], .record, .record),
        ([], .unshelved, [], .refused, .refused),
        ([], .suppressed, [design], .record, .record),
        ([], .unsuppressed, [], .none, .none),
        ([], .takenOutOfService, [service], .record, .record),
        ([], .returnedToService, [], .refused, .refused),
        ([shelved], .shelved, [shelved], .record, .record),
        ([shelved], .unshelved, [], .record, .annunciate),
        ([shelved], .suppressed, [shelved, design], .record, .record),
        ([shelved], .unsuppressed, [shelved], .none, .none),
        ([shelved], .takenOutOfService, [shelved, service], .record, .record),
        ([shelved], .returnedToService, [shelved], .refused, .refused),
        ([design], .shelved, [shelved, design], .record, .record),
        ([design], .unshelved, [design], .refused, .refused),
        ([design], .suppressed, [design], .none, .none),
        ([design], .unsuppressed, [], .record, .annunciate),
        ([design], .takenOutOfService, [design, service], .record, .record),
        ([design], .returnedToService, [design], .refused, .refused),
        ([service], .shelved, [shelved, service], .record, .record),
        ([service], .unshelved, [service], .refused, .refused),
        ([service], .suppressed, [design, service], .record, .record),
        ([service], .unsuppressed, [service], .none, .none),
        ([service], .takenOutOfService, [service], .refused, .refused),
        ([service], .returnedToService, [], .record, .annunciate),
        ([shelved, design], .shelved, [shelved, design], .record, .record),
        ([shelved, design], .unshelved, [design], .record, .record),
        ([shelved, design], .suppressed, [shelved, design], .none, .none),
        ([shelved, design], .unsuppressed, [shelved], .record, .record),
        ([shelved, design], .takenOutOfService, [shelved, design, service], .record, .record),
        ([shelved, design], .returnedToService, [shelved, design], .refused, .refused),
        ([shelved, service], .shelved, [shelved, service], .record, .record),
        ([shelved, service], .unshelved, [service], .record, .record),
        ([shelved, service], .suppressed, [shelved, design, service], .record, .record),
        ([shelved, service], .unsuppressed, [shelved, service], .none, .none),
        ([shelved, service], .takenOutOfService, [shelved, service], .refused, .refused),
        ([shelved, service], .returnedToService, [shelved], .record, .record),
        ([design, service], .shelved, [shelved, design, service], .record, .record),
        ([design, service], .unshelved, [design, service], .refused, .refused),
        ([design, service], .suppressed, [design, service], .none, .none),
        ([design, service], .unsuppressed, [service], .record, .record),
        ([design, service], .takenOutOfService, [design, service], .refused, .refused),
        ([design, service], .returnedToService, [design], .record, .record),
        ([shelved, design, service], .shelved, [shelved, design, service], .record, .record),
        ([shelved, design, service], .unshelved, [design, service], .record, .record),
        ([shelved, design, service], .suppressed, [shelved, design, service], .none, .none),
        ([shelved, design, service], .unsuppressed, [shelved, service], .record, .record),
        (
            [shelved, design, service], .takenOutOfService, [shelved, design, service], .refused,
            .refused
        ),
        ([shelved, design, service], .returnedToService, [shelved, design], .record, .record),
    ]

    @Test func `every state under every overlay answers every event as the tables say`() {
        var seen = 0
        for state in AlarmState.allCases {
            for overlay in (UInt8(0)...7).map(AlarmSuppression.init(rawValue:)) {
                for event in AlarmMachine.Event.allCases {
                    for kind in [
                        Class(), Class(isLatching: true), Class(isAutoAcknowledged: true),
                        Class(isLatching: true, isAutoAcknowledged: true),
                    ] {
                        self.check(state, overlay, event, kind)
                        seen += 1
                    }
                }
            }
        }
        #expect(seen == 6 * 8 * 11 * 4)
        #expect(Self.states.count == 6 * 5 && Self.overlays.count == 8 * 6)
    }

    private func check(
        _ state: AlarmState, _ overlay: AlarmSuppression, _ event: AlarmMachine.Event,
        _ kind: AlarmMachine.Class
    ) {
        var machine = AlarmMachine(state: state, suppression: overlay)
        let effect = machine.handle(event, kind)
        let place = "\(state) \(overlay.words) \(event) \(kind)"
        if let row = Self.states.first(where: { $0.0 == state && $0.1 == event }) {
            let wanted =
                switch (kind.isLatching, kind.isAutoAcknowledged) {
                case (false, false): row.2
                case (true, false): row.3
                case (false, true): row.4
                case (true, true): row.5
                }
            #expect(machine.state == wanted, "\(place)")
            #expect(machine.suppression == overlay, "\(place)")
            // Nothing is annunciated under an overlay; a new activation is still one.
            let kept: Effect = event == .conditionRaised ? .raiseSilently : .record
            let isKept = row.6 == .annunciate && !overlay.isEmpty
            #expect(effect == (isKept ? kept : row.6), "\(place)")
        } else if let row = Self.overlays.first(where: { $0.0 == overlay && $0.1 == event }) {
            let isRaised = state == .unacknowledged || state == .acknowledged
            let wanted = isRaised ? row.4 : row.3
            #expect(effect == wanted, "\(place)")
            #expect(machine.suppression == row.2, "\(place)")
            // What comes back into view raised is never quietly acknowledged.
            #expect(machine.state == (wanted == .annunciate ? .unacknowledged : state), "\(place)")
        } else {
            Issue.record("no row for \(place)")
        }
    }

    @Test func `nothing that changed says that nothing happened`() {
        for state in AlarmState.allCases {
            for overlay in (UInt8(0)...7).map(AlarmSuppression.init(rawValue:)) {
                for event in AlarmMachine.Event.allCases where event != .shelved {
                    let before = AlarmMachine(state: state, suppression: overlay)
                    var machine = before
                    let effect = machine.handle(event)
                    #expect((machine == before) == (effect == .none || effect == .refused))
                    if effect == .annunciate { #expect(machine.suppression.isEmpty) }
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
