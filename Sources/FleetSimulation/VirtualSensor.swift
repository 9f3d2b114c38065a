// SPDX-License-Identifier: Apache-2.0

/// How a healthy sensor's value moves: a sine with noise and a slow drift.
package struct Waveform: Equatable, Sendable {
    package var offset: Double
    package var amplitude: Double
    package var periodSeconds: Double
    /// Standard deviation of the noise.
    package var noise: Double
    package var driftPerSecond: Double
    /// Digits after the point that the sensor reports.
    package var decimals: Int

    package init(
        offset: Double, amplitude: Double = 0, periodSeconds: Double = 60, noise: Double = 0,
        driftPerSecond: Double = 0, decimals: Int = 2
    ) {
        self.offset = offset
        self.amplitude = amplitude
        self.periodSeconds = periodSeconds
        self.noise = noise
        self.driftPerSecond = driftPerSecond
        self.decimals = decimals
    }
}

/// What goes wrong with a sensor.
package enum FaultKind: Equatable, Sendable {
    /// Sends nothing.
    case silent
    /// The value rises by this much over the first third of the time, stays, and comes back over
    /// the last third.
    case drift(by: Double)
    case notANumber
    /// The sender's clock says 1970.
    case epochTime
    /// The value no longer moves.
    case stuck
    /// Sends this many times as often.
    case burst(factor: Int)
    /// The sender's clock is wrong by this much.
    case clockSkew(nanoseconds: Int64)
    /// Every second reading is sent after the one that follows it.
    case outOfOrder
    /// Every reading is sent twice.
    case duplicate

    /// One word for reports.
    package var word: String {
        switch self {
        case .silent: "silent"
        case .drift: "drift"
        case .notANumber: "notANumber"
        case .epochTime: "epochTime"
        case .stuck: "stuck"
        case .burst: "burst"
        case .clockSkew: "clockSkew"
        case .outOfOrder: "outOfOrder"
        case .duplicate: "duplicate"
        }
    }
}

/// A fault with its time: from, until, and again every so often.
package struct ScriptedFault: Equatable, Sendable {
    package var kind: FaultKind
    /// Virtual nanoseconds since the plant started.
    package var from: UInt64
    package var until: UInt64
    /// After how many nanoseconds it happens again; 0: never.
    package var every: UInt64

    /// Times in seconds, for scripts that people write.
    package init(
        _ kind: FaultKind, from: Double, until: Double = .infinity, every: Double = 0
    ) {
        self.kind = kind
        self.from = Self.nanoseconds(from)
        self.until = Self.nanoseconds(until)
        self.every = Self.nanoseconds(every)
    }

    /// How far the fault has come at `time`, 0 ..< 1; nil while it does not happen.
    package func progress(at time: UInt64) -> Double? {
        guard time >= self.from, self.from < self.until else { return nil }
        var since = time - self.from
        if self.every > 0 { since %= self.every }
        guard since < self.until - self.from else { return nil }
        return Double(since) / Double(self.until - self.from)
    }

    private static func nanoseconds(_ seconds: Double) -> UInt64 {
        let value = (max(0, seconds) * 1e9).rounded()
        return value < 0x1p63 ? UInt64(value) : UInt64.max
    }
}

/// One sensor of a virtual plant.
package struct VirtualSensor: Equatable, Sendable {
    package enum Form: Sendable { case number, integer, boolean }

    package var path: String
    package var form: Form
    package var periodNanoseconds: UInt64
    /// Share of the period by which an interval may be shorter or longer, at most 0.9.
    package var jitter: Double
    package var waveform: Waveform
    package var faults: [ScriptedFault]
    /// Whether the sensor writes its own time beside the value.
    package var sendsTime: Bool

    package init(
        path: String, form: Form = .number, periodNanoseconds: UInt64 = 1_000_000_000,
        jitter: Double = 0.05, waveform: Waveform, faults: [ScriptedFault] = [],
        sendsTime: Bool = true
    ) {
        precondition(periodNanoseconds >= 1_000, "period of a virtual sensor")
        self.path = path
        self.form = form
        self.periodNanoseconds = periodNanoseconds
        self.jitter = min(max(jitter, 0), 0.9)
        self.waveform = waveform
        self.faults = faults
        self.sendsTime = sendsTime
    }
}

/// One reading that a virtual plant sends.
package struct SimulatedReading: Equatable, Sendable {
    /// Number of the sensor in `VirtualPlant.sensors`.
    package var sensor: Int
    /// Virtual nanoseconds since the plant started at which it is sent.
    package var at: UInt64
    package var value: Double
    package var form: VirtualSensor.Form
    /// The sender's time, nanoseconds since 1970; nil if it sends none.
    package var sourceTime: Int64?
    /// The fault that shaped this reading; nil if it is as it should be.
    package var fault: FaultKind?

    package init(
        sensor: Int, at time: UInt64, value: Double, form: VirtualSensor.Form,
        sourceTime: Int64? = nil, fault: FaultKind? = nil
    ) {
        self.sensor = sensor
        self.at = time
        self.value = value
        self.form = form
        self.sourceTime = sourceTime
        self.fault = fault
    }
}
