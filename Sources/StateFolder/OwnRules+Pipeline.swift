// SPDX-License-Identifier: Apache-2.0

internal import MidwatchConfiguration
internal import MidwatchModel

extension OwnRules {
    /// The way of a reading from the socket to the decision.
    static func pipeline(
        _ figure: OwnFigure, _ configuration: MidwatchConfiguration
    ) -> SensorDeclaration? {
        switch figure {
        case .uptime:
            var declaration = self.sensor(
                "seconds since the start", "s", deadline: self.uptimeDeadlineNanoseconds)
            declaration.stalePriority = .high
            return declaration.meaning(
                "Midwatch does not watch itself any more: its own faults raise no alarm.",
                answer: "Restart midwatchd.", within: 900,
                check: ["What does the log of midwatchd say?", "Is the machine overloaded?"])
        case .evaluationLateness:
            return self.sensor("evaluation is late by", "s").above(
                high: self.limit(1, .high, off: 10), highHigh: self.limit(5, .critical, off: 10)
            ).meaning(
                "Alarms come late by as much.", answer: "Take load from the machine.", within: 300,
                check: [
                    "Which process takes the processor (top)?",
                    "Do senders send more than usual (midwatch status)?",
                ])
        case .evaluationUnverified:
            return self.sensor("sensors unverified because Midwatch was late", "").above(
                high: self.limit(0.5, .high, off: 60)
            ).meaning(
                "For these sensors silence could not be told from lateness of the monitor.",
                answer: "Watch the plant by other means until they are fresh.", within: 300,
                check: ["Which sensors are unverified (midwatch sensors --freshness unverified)?"])
        case .stageSilence:
            return self.sensor("a stage of the daemon has not turned for", "s").above(
                high: self.limit(5, .high, off: 5)
            ).meaning(
                "A part of the monitor stands still; `midwatch status` names it.",
                answer: "Restart midwatchd if it does not come back.", within: 300,
                check: ["Does a disk or a database hang?"])
        case .ringFill:
            return self.sensor("share of the ring in use", "").above(
                high: self.limit(0.5, .high, deadband: 0.1, on: 2, off: 10),
                highHigh: self.limit(0.8, .critical, deadband: 0.1, on: 2, off: 10)
            ).meaning(
                "Overload: above 0.5 readings of low criticality are shed, above 0.8 normal ones.",
                answer: "Take load from the machine or from its senders.", within: 300,
                check: ["Which source sends more than usual (metrics, by source)?"])
        case .shed, .shedCritical, .kernelDrops, .rejected, .ownRefused: return self.losses(figure)
        case .listenersDown:
            let count = configuration.ingest.udp.count + configuration.ingest.mqtt.count
            guard count > 0 else { return nil }
            return self.sensor("listeners that are down", "").above(
                highHigh: self.limit(Double(count) - 0.5, .critical, off: 2)
            ).meaning(
                "The monitor is blind: no listener takes readings.",
                answer: "Free the addresses or change `bind`.", within: 60,
                check: ["Which listener is down, and why (midwatch status)?"])
        default: return nil
        }
    }

    /// What the listeners lose.
    private static func losses(_ figure: OwnFigure) -> SensorDeclaration? {
        switch figure {
        case .shed:
            self.sensor("readings shed", "1/s").above(
                high: self.limit(0.5, .high, off: 30)
            ).meaning(
                "Readings are lost; those of low criticality first.",
                answer: "Take load from the machine or from its senders.", within: 300,
                check: ["Is the ring full, or the journal's disk (midwatch status)?"])
        case .shedCritical:
            self.sensor("readings of critical sensors shed", "1/s").above(
                highHigh: self.limit(0.5, .critical, off: 30)
            ).meaning(
                "Readings of critical sensors are lost: their alarms may be missed.",
                answer: "Watch these sensors by other means.", within: 60,
                check: ["Is the ring full, or the journal's disk (midwatch status)?"])
        case .kernelDrops:
            self.sensor("datagrams dropped by the kernel", "1/s").above(
                high: self.limit(0.5, .high, off: 30)
            ).meaning(
                "Readings are lost before Midwatch sees them.",
                answer: "Raise `receiveBuffer` and net.core.rmem_max, or lower the load.",
                within: 300, check: ["Is the processor busy?", "Do senders send in bursts?"])
        case .rejected:
            self.sensor("readings and lines refused", "1/s").above(
                high: self.limit(1, .low, on: 10, off: 60)
            ).meaning(
                "A sender sends what Midwatch cannot use.", answer: "Mend the sender.",
                within: 3_600, check: ["Which source and cause (metrics, rejected)?"])
        case .ownRefused:
            self.sensor("own readings without a place in the ring", "1/s").above(
                high: self.limit(0.01, .medium, off: 60)
            ).meaning(
                "The ring was full to the brim; figures of the monitor itself are missing.",
                answer: "Take load from the machine.", within: 300,
                check: ["Does the engine turn (midwatch status)?"])
        default: nil
        }
    }

    /// One listener.
    static func listener(_ name: String) -> SensorDeclaration {
        let isCanary = name == "canary"
        return self.sensor("listener \(name) is down", "").above(
            high: self.limit(0.5, isCanary ? .medium : .high, off: 2)
        ).meaning(
            isCanary
                ? "The watchdog cannot prove the whole path any more."
                : "Nothing that sends to this listener is heard.",
            answer: "Free the address or change `bind`; it is tried again by itself.", within: 60,
            check: [
                "Who uses the address (ss -lnp)?", "Does the network interface have its address?",
            ])
    }

    /// Since version 2.
    static var rejectedShare: SensorDeclaration {
        self.sensor("share of what arrives that is refused", "").above(
            high: self.limit(0.1, .medium, deadband: 0.05, on: 10, off: 10)
        ).meaning(
            "Sensors may be missing: their sender, topic or format changed.",
            answer: "Mend the sender, or the topic rules.", within: 900,
            check: [
                "What was refused, and why (midwatch ingest rejects)?",
                "Was a sender or the configuration changed?",
            ])
    }
}
