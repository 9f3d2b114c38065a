// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

extension OwnRules {
    /// The way of an alert to people.
    static func alerts(_ figure: OwnFigure, endpointCount: Int) -> SensorDeclaration? {
        switch figure {
        case .alertBacklog:
            self.sensor("alerts that wait to be delivered", "").above(
                high: self.limit(100, .medium, deadband: 50, on: 30, off: 10)
            ).meaning(
                "People are told late.", answer: "Bring the endpoints back.", within: 900,
                check: ["Which endpoint is slow (midwatch status)?"])
        case .alertAge:
            self.sensor("oldest alert that waits", "s").above(
                high: self.limit(300, .medium, deadband: 240, off: 10)
            ).meaning(
                "Somebody was not told for so long.", answer: "Bring the endpoint back.",
                within: 900, check: ["Which endpoint does not answer (midwatch status)?"])
        case .alertUntold:
            self.sensor("oldest critical alert nobody was told", "s").above(
                highHigh: self.limit(60, .critical, off: 5)
            ).meaning(
                "A critical alarm stands and no endpoint took the alert.",
                answer: "Look at the alarms (midwatch top) and tell people yourself.", within: 60,
                check: ["Which endpoints are reachable (midwatch status)?"])
        case .deadLetters:
            self.sensor("alerts given up", "1/s").above(
                high: self.limit(0.01, .medium, off: 600)
            ).meaning(
                "An endpoint will never get these alerts.",
                answer: "Read them in the ledger (alertDeadLettered); mend the endpoint.",
                within: 3_600, check: ["Does the endpoint refuse them, and why?"])
        case .endpointsDown: self.endpoints(endpointCount)
        case .endpointsUnusable:
            self.sensor("endpoints nothing can be sent to", "").above(
                high: self.limit(0.5, .high, off: 5)
            ).meaning(
                "Alerts for these endpoints wait: no secret to sign with, or refused for good.",
                answer: "Put the secret in its place, or enable the endpoint.", within: 300,
                check: ["Which endpoint, and why (midwatch status, log)?"])
        case .outbox:
            self.sensor("outbox cannot be written", "").above(
                high: self.limit(0.5, .medium, on: 5, off: 5)
            ).meaning(
                "Alerts leave, but a restart may send some again.",
                answer: "Make room on the disk or replace it.", within: 900,
                check: ["Is the disk full (df)?", "Does it answer (dmesg)?"])
        default: nil
        }
    }

    /// As urgent as the alert that was given up.
    static var deadLettersUrgent: SensorDeclaration {
        var declaration = self.sensor("urgent alert given up (1 high, 2 critical)", "").above(
            high: self.limit(0.5, .high), highHigh: self.limit(1.5, .critical)
        ).meaning(
            "Somebody was never told of an urgent alarm, and will not be.",
            answer: "Tell them; send it again or drop it: midwatch alerts dead-letters.",
            within: 300,
            check: [
                "Who was not told (midwatch alerts dead-letters)?",
                "Why does the endpoint refuse it?",
            ])
        declaration.areLimitsExclusive = true
        return declaration
    }

    /// Some endpoints down is one thing; all of them, and nobody is told anything.
    private static func endpoints(_ count: Int) -> SensorDeclaration {
        let all = self.limit(Double(count) - 0.5, .critical, off: 5)
        return self.sensor("endpoints that do not answer", "").above(
            high: count > 1 ? self.limit(0.5, .medium, on: 5, off: 5) : nil, highHigh: all
        ).meaning(
            count > 1
                ? "Who depends on these endpoints is not told; if all are down, nobody is."
                : "Nobody is told: the only endpoint does not answer.",
            answer: "Bring the endpoints back; watch the alarms on a screen meanwhile.",
            within: 300, check: ["Does the network reach them?", "Did a certificate run out?"])
    }

    /// Since version 4.
    ///
    /// Of low priority: deadlines and delays run on a clock that nobody sets, so no alarm is late or
    /// missed for it. After a quarter of an hour: a time service needs minutes after a start of the
    /// machine, and what runs for a moment on a host without one, as in a container, is no alarm.
    static var clockUnsynchronised: SensorDeclaration {
        self.sensor("clock of the host is not synchronised", "").above(
            high: self.limit(0.5, .low, on: 900, off: 60)
        ).meaning(
            "Times in alerts, ledger and archive may be wrong, and clocks of senders are judged by "
                + "them; alarms are not late.",
            answer: "Start a time service (chrony). Where there is none on purpose, declare this "
                + "sensor without a limit.", within: 86_400,
            check: ["Does the time service run, and reach its servers (chronyc tracking)?"])
    }

    /// Clock, watchdog, operators' interface, configuration.
    static func surroundings(_ figure: OwnFigure) -> SensorDeclaration? {
        switch figure {
        case .clockStep:
            self.sensor("step of the wall clock", "s").above(
                high: self.limit(1, .medium, off: 60)
            ).meaning(
                "Times before and after the step do not compare; deadlines are not touched.",
                answer: "Find out who set the clock.", within: 3_600,
                check: ["Is the time service in order (chronyc tracking)?"])
        case .clockOffset: self.sensor("wall clock moved since the start by", "s")
        case .watchdogSilence:
            self.sensor("watchdog has not shown life for", "s").above(
                high: self.limit(10, .high, deadband: 5, off: 5)
            ).meaning(
                "Nobody would notice if midwatchd died or stood still.",
                answer: "Start midwatch-watchdog.", within: 900,
                check: ["Does midwatch-watchdog run, and name the same vitals page?"])
        case .apiDown:
            self.sensor("operator API is down", "").above(
                high: self.limit(0.5, .medium, off: 15)
            ).meaning(
                "Screens and commands do not reach the daemon; alerts go out.",
                answer: "Free the address of `api`; it is tried again by itself.", within: 900,
                check: ["What does the log of midwatchd say?"])
        case .unsafeSettings:
            self.sensor("unsafe settings", "").above(high: self.limit(0.5, .low)).meaning(
                "The configuration opens more than it should.",
                answer: "Change the settings that `midwatch check` names.", within: 86_400,
                check: ["What does `midwatch check` say?"])
        case .missingRevisions:
            self.sensor("configuration revisions without their text", "").above(
                high: self.limit(0.5, .medium)
            ).meaning(
                "The rules in force may not be those of the configuration file.",
                answer: "Reload the configuration (SIGHUP).", within: 3_600,
                check: ["Were files under revisions/ removed?"])
        default: nil
        }
    }
}
