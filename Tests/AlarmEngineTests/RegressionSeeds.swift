// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import MidwatchModel

/// Something that few simulated plants come to, as their decisions show.
enum RareState: String, CaseIterable, Sendable {
    case lostWhileBeyondLimit, suppressedByRule, suppressedBySource, sourceNotLost
    case reAlarm, shelvingElapsed, oneShotEnded, latchedAndReset, outOfService
    case ruleRemovedWhileRaised, ruleErrs, modeByOperator, modeBySensor
    case senderClockSet, monitorLate, acknowledgedTooLate, mustAcknowledgeFirst
    case sourceClockOff, sourceClockDrifts, sourceNumbersMissing, sourceRuleReturned
    case drift, slowTick
    /// The source of a sensor came back that had said nothing since a start.
    case freshUnheardSinceStart
    /// An exclusive limit gave way to a more severe one.
    case moreSevereLimit

    /// Whether a world has been there.
    func isReached(by world: World) -> Bool {
        switch self {
        case .lostWhileBeyondLimit:
            world.decisions(.alarmRaised).contains { $0.cause == .lostWhileBeyondLimit }
        case .suppressedByRule: world.decisions.contains { $0.cause == .suppressionRule }
        case .suppressedBySource:
            world.decisions(.alarmRaisedSuppressed).contains { $0.cause == .sourceLost }
        case .sourceNotLost: world.decisions.contains { $0.cause == .sourceNotLost }
        case .reAlarm: world.decisions.contains { $0.cause == .reAlarm }
        case .shelvingElapsed: world.decisions.contains { $0.cause == .shelvingElapsed }
        case .oneShotEnded: world.decisions.contains { $0.cause == .oneShotEnded }
        case .latchedAndReset: !world.decisions(.alarmReset).isEmpty
        case .outOfService: !world.decisions(.alarmOutOfService).isEmpty
        case .ruleRemovedWhileRaised:
            world.decisions(.alarmReturned).contains { $0.cause == .ruleRemoved }
        case .ruleErrs:
            world.decisions(.alarmRaised, .unverifiable).contains { $0.causeName != 0 }
        case .modeByOperator:
            world.decisions(.areaModeChanged).contains { $0.cause == .operatorCommand }
        case .modeBySensor:
            world.decisions(.areaModeChanged).contains { $0.cause == .readingArrived }
        case .senderClockSet: !world.decisions(.sourceClockRebased).isEmpty
        case .monitorLate: !world.decisions(.monitorDegraded).isEmpty
        case .acknowledgedTooLate: Self.isRefused(world, .otherActivation)
        case .mustAcknowledgeFirst: Self.isRefused(world, .mustAcknowledgeFirst)
        case .sourceClockOff: Self.isRaised(world, .clockSkew, ofSource: true)
        case .sourceClockDrifts: Self.isRaised(world, .clockDrift, ofSource: true)
        case .sourceNumbersMissing: Self.isRaised(world, .sequence, ofSource: true)
        case .sourceRuleReturned:
            world.decisions(.alarmReturned).contains { decision in
                decision.name != 0 && decision.cause == .conditionNotMet
                    && world.path(of: decision.sensor).hasPrefix(RuleBook.sourcePathPrefix)
            }
        case .drift: Self.isRaised(world, .drift, ofSource: false)
        case .slowTick: world.leavesTicks && world.timersPerTick == 1
        case .moreSevereLimit:
            world.decisions(.alarmReturned).contains { $0.cause == .moreSevereLimit }
        case .freshUnheardSinceStart: Self.isFreshUnheard(in: world)
        }
    }

    private static func isFreshUnheard(in world: World) -> Bool {
        var start = MonotonicInstant.zero
        return world.decisions.contains { decision in
            if decision.kind == .runStarted, decision.amount > 1 { start = decision.time }
            return decision.kind == .alarmReturned && decision.alarm == .stale
                && decision.lastArrival != .zero && decision.lastArrival < start
        }
    }

    private static func isRefused(_ world: World, _ cause: Decision.Cause) -> Bool {
        world.decisions(.commandRefused).contains { $0.cause == cause }
    }

    private static func isRaised(
        _ world: World, _ kind: AlarmKind, ofSource isOfSource: Bool
    ) -> Bool {
        world.decisions(.alarmRaised, kind).contains {
            world.path(of: $0.sensor).hasPrefix(RuleBook.sourcePathPrefix) == isOfSource
        }
    }
}

/// Seeds that are run besides the hundred, for ever.
///
/// How a seed comes in: `make sim` or `make soak` names the seed that failed. Mend the fault, run
/// `make sim SEED=n`, and add it here with the states that it needs to be worth anything: a change of
/// the simulation gives every seed another plant, and one that does not get there any more fails,
/// naming what it gets to now. Give its place to a seed that gets there.
struct RegressionSeed: Sendable, CustomStringConvertible {
    let seed: UInt64
    /// What it must reach.
    let states: [RareState]
    /// What went wrong with it; empty for one that is here for its states alone.
    var fault = ""

    var description: String { "\(self.seed)" }

    static let all: [RegressionSeed] = [
        RegressionSeed(
            seed: 13,
            states: [
                .lostWhileBeyondLimit, .suppressedByRule, .suppressedBySource, .shelvingElapsed,
                .latchedAndReset, .outOfService, .ruleRemovedWhileRaised, .ruleErrs,
                .modeByOperator,
                .senderClockSet, .monitorLate, .acknowledgedTooLate, .sourceClockOff,
                .sourceClockDrifts, .sourceNumbersMissing, .sourceRuleReturned, .drift,
            ]),
        RegressionSeed(seed: 24, states: [.modeBySensor, .reAlarm, .sourceNotLost]),
        RegressionSeed(seed: 46, states: [.reAlarm, .modeByOperator, .drift]),
        RegressionSeed(seed: 53, states: [.mustAcknowledgeFirst, .slowTick]),
        RegressionSeed(seed: 57, states: [.oneShotEnded, .reAlarm]),
        RegressionSeed(
            seed: 302, states: [.suppressedByRule, .modeBySensor],
            fault: "an alarm that was kept back named no cause after a mode moved its rows"),
        RegressionSeed(
            seed: 1_066, states: [.latchedAndReset, .monitorLate],
            fault: "proof of life through another source left a sensor behind a lost one"),
        RegressionSeed(
            seed: 1_471, states: [.freshUnheardSinceStart],
            fault: "new rules gave a sensor that its source had made fresh a start's grace, too"),
        RegressionSeed(
            seed: 331, states: [.freshUnheardSinceStart],
            fault: "rules knew nothing of a sensor whose source was back and that was not heard"),
        RegressionSeed(
            seed: 491, states: [.senderClockSet],
            fault: "a reading dated to before it was sent blinded an event sensor for minutes"),
        RegressionSeed(
            seed: 1_794, states: [.senderClockSet],
            fault: "one that waited began the run that tells that a clock was set, and spoilt it"),
        RegressionSeed(
            seed: 1_448, states: [.moreSevereLimit, .reAlarm],
            fault: "an exclusive limit that gave way was said to be back within"),
        RegressionSeed(
            seed: 1_674, states: [.moreSevereLimit, .sourceNotLost],
            fault: "an exclusive limit that gave way was said to be back within"),
    ]
}
