// SPDX-License-Identifier: Apache-2.0

internal import Glibc
package import MidwatchModel

/// A fleet of sensors that behave, and misbehave, the same way for the same seed.
///
/// Pure: time is an argument, nothing is sent. Each sensor draws from a generator of its own, so
/// `due(until: a)` and then `due(until: b)` give together what `due(until: b)` gives alone.
///
/// Memory is O(sensors); one call gives at most `readingsPerCallMax` readings and is simply called
/// again if it gave that many.
package struct VirtualPlant: Sendable {
    /// Readings that one call of `due(until:)` gives at most.
    package static let readingsPerCallMax = 65_536

    private struct SensorState {
        var random: SplitMix64
        /// Offset of the sine.
        var phase: Double
        var stuckValue: Double?
        /// The reading that waits until the next one has been sent.
        var held: SimulatedReading?
    }

    package let sensors: [VirtualSensor]
    /// The wall clock when virtual time is 0.
    package let wallStart: WallInstant
    private var states: [SensorState]
    /// A binary min-heap of what each sensor does next, by time and then by number.
    private var agenda: [(at: UInt64, sensor: Int)] = []

    package init(seed: UInt64, sensors: [VirtualSensor], wallStart: WallInstant) {
        self.sensors = sensors
        self.wallStart = wallStart
        self.states = sensors.indices.map { index in
            var random = SplitMix64(seed: seed &+ UInt64(index) &* 0xD1B5_4A32_D192_ED03)
            let phase = random.unit() * 2 * Double.pi
            return SensorState(random: random, phase: phase)
        }
        for index in sensors.indices {
            let share = self.states[index].random.unit()
            self.push((UInt64(Double(sensors[index].periodNanoseconds) * share), index))
        }
    }

    /// The virtual time of the next reading; nil in a plant without sensors.
    package var nextDue: UInt64? { self.agenda.first?.at }

    /// Every reading sent up to and including `time`, in the order of sending.
    package mutating func due(until time: UInt64) -> [SimulatedReading] {
        var readings: [SimulatedReading] = []
        while let next = self.agenda.first, next.at <= time {
            guard readings.count <= Self.readingsPerCallMax - 3 else { break }
            self.popFirst()
            self.send(next.sensor, at: next.at, into: &readings)
        }
        return readings
    }

    // MARK: - One sensor

    private mutating func send(
        _ index: Int, at time: UInt64, into readings: inout [SimulatedReading]
    ) {
        let sensor = self.sensors[index]
        // The same draws whatever the fault, so that a fault changes nothing after its end.
        let interval = 1 + sensor.jitter * (2 * self.states[index].random.unit() - 1)
        let noise = self.states[index].random.noise()
        let active = sensor.faults.compactMap { fault in
            fault.progress(at: time).map { (kind: fault.kind, progress: $0) }
        }
        var wait = Double(sensor.periodNanoseconds) * interval
        for case .burst(let factor) in active.map(\.kind) { wait /= Double(max(1, factor)) }
        self.push((time &+ max(1, UInt64(wait)), index))

        var reading = SimulatedReading(
            sensor: index, at: time,
            value: self.value(of: index, at: time, noise: noise, active.map { $0 }),
            form: sensor.form,
            sourceTime: sensor.sendsTime
                ? self.wallStart.nanoseconds &+ Int64(clamping: time) : nil,
            fault: active.first?.kind)
        var isDuplicate = false
        var isSwapped = false
        for (kind, _) in active {
            switch kind {
            case .silent: return
            case .notANumber: reading.value = .nan
            case .epochTime: reading.sourceTime = Int64(clamping: time)
            case .clockSkew(let skew): reading.sourceTime = reading.sourceTime.map { $0 &+ skew }
            case .duplicate: isDuplicate = true
            case .outOfOrder: isSwapped = true
            case .drift, .stuck, .burst: break
            }
        }
        if isSwapped, self.states[index].held == nil {
            self.states[index].held = reading
            return
        }
        readings.append(reading)
        if isDuplicate { readings.append(reading) }
        if var late = self.states[index].held {
            late.at = time
            readings.append(late)
            self.states[index].held = nil
        }
    }

    private mutating func value(
        of index: Int, at time: UInt64, noise: Double,
        _ active: [(kind: FaultKind, progress: Double)]
    ) -> Double {
        let wave = self.sensors[index].waveform
        let seconds = Double(time) / 1e9
        let angle = 2 * Double.pi * seconds / wave.periodSeconds + self.states[index].phase
        var value = wave.offset + wave.amplitude * sin(angle) + wave.noise * noise
        value += wave.driftPerSecond * seconds
        var isStuck = false
        for (kind, progress) in active {
            switch kind {
            case .drift(let amount):
                value += amount * min(1, 3 * progress, 3 * (1 - progress))
            case .stuck: isStuck = true
            case .silent, .notANumber, .epochTime, .burst, .clockSkew, .outOfOrder, .duplicate:
                break
            }
        }
        switch self.sensors[index].form {
        case .number:
            let scale = pow(10, Double(wave.decimals))
            value = (value * scale).rounded() / scale
        case .integer: value = value.rounded()
        case .boolean: value = value >= 0.5 ? 1 : 0
        }
        guard isStuck else {
            self.states[index].stuckValue = nil
            return value
        }
        if let stuck = self.states[index].stuckValue { return stuck }
        self.states[index].stuckValue = value
        return value
    }

    // MARK: - Agenda

    private func isBefore(_ left: Int, _ right: Int) -> Bool {
        (self.agenda[left].at, self.agenda[left].sensor)
            < (self.agenda[right].at, self.agenda[right].sensor)
    }

    private mutating func push(_ item: (at: UInt64, sensor: Int)) {
        self.agenda.append(item)
        var child = self.agenda.count - 1
        while child > 0, self.isBefore(child, (child - 1) / 2) {
            self.agenda.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    private mutating func popFirst() {
        self.agenda.swapAt(0, self.agenda.count - 1)
        self.agenda.removeLast()
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < self.agenda.count && self.isBefore(child, least) {
                least = child
            }
            if least == parent { return }
            self.agenda.swapAt(parent, least)
            parent = least
        }
    }
}
