// SPDX-License-Identifier: Apache-2.0

import FleetSimulation
import MidwatchModel
import Testing

@Suite struct PlantTests {
    private static let second: UInt64 = 1_000_000_000
    private static let wallStart = WallInstant(nanoseconds: 1_800_000_000_000_000_000)

    private static func plant(
        seed: UInt64 = 7, sensors: Int = 1, period: UInt64 = Self.second, jitter: Double = 0.1,
        _ waveform: Waveform = Waveform(offset: 10, amplitude: 2, noise: 1, decimals: 3),
        _ faults: [ScriptedFault] = []
    ) -> VirtualPlant {
        VirtualPlant(
            seed: seed,
            sensors: (0..<sensors).map {
                VirtualSensor(
                    path: "p/s\($0)", periodNanoseconds: period, jitter: jitter,
                    waveform: waveform, faults: faults)
            }, wallStart: Self.wallStart)
    }

    private static func readings(_ faults: [ScriptedFault], seconds: UInt64 = 40)
        -> [SimulatedReading]
    {
        var plant = Self.plant(period: 100_000_000, Waveform(offset: 10), faults)
        return plant.due(until: seconds * Self.second)
    }

    @Test func `noise has mean 0 and deviation 1`() {
        var random = SplitMix64(seed: 5)
        var (sum, squares) = (0.0, 0.0)
        let count = 20_000.0
        for _ in 0..<Int(count) {
            let value = random.noise()
            #expect(abs(value) <= 3.5)
            sum += value
            squares += value * value
        }
        #expect(abs(sum / count) < 0.03)
        #expect(abs(squares / count - 1) < 0.05)
    }

    @Test func `the same seed gives the same bytes and another seed does not`() {
        let bytes = [3, 3, 4].map { (seed: UInt64) -> [UInt8] in
            var plant = DemoPlant.plant(seed: seed, wallStart: Self.wallStart)
            let readings = plant.due(until: 60 * Self.second)
            return ReadingText.datagrams(readings, sensors: plant.sensors).flatMap { $0 }
        }
        #expect(bytes[0] == bytes[1])
        #expect(bytes[0] != bytes[2])
        #expect(bytes[0].count > 50_000)
    }

    @Test func `many small steps give what one large step gives`() {
        var whole = DemoPlant.plant(wallStart: Self.wallStart)
        var stepped = whole
        let expected = whole.due(until: 30 * Self.second)
        var found: [SimulatedReading] = []
        var random = SplitMix64(seed: 9)
        var time: UInt64 = 0
        while time < 30 * Self.second {
            time = min(30 * Self.second, time + random.next() % 700_000_000)
            found += stepped.due(until: time)
        }
        // NaN differs from itself: compare the bits.
        #expect(found.map(\.value.bitPattern) == expected.map(\.value.bitPattern))
        #expect(found.map(\.at) == expected.map(\.at))
        #expect(found.map(\.sourceTime) == expected.map(\.sourceTime))
    }

    @Test func `readings come in order of time, at their period, around their value`() {
        var plant = Self.plant(sensors: 50)
        let readings = plant.due(until: 200 * Self.second)
        #expect(zip(readings, readings.dropFirst()).allSatisfy { $0.at <= $1.at })
        #expect((9_800...10_100).contains(readings.count))
        let first = readings.filter { $0.sensor == 0 }
        let gaps = zip(first, first.dropFirst()).map { $1.at - $0.at }
        #expect(gaps.allSatisfy { (899_000_000...1_101_000_000).contains($0) })
        #expect(Set(gaps).count > 100)
        let mean = readings.reduce(0) { $0 + $1.value } / Double(readings.count)
        #expect(abs(mean - 10) < 0.2)
        let spread = readings.map(\.value).max() ?? 0
        #expect(spread > 12 && spread < 16)
        #expect(readings.allSatisfy { $0.fault == nil })
        #expect(
            readings.allSatisfy {
                $0.sourceTime == Self.wallStart.nanoseconds + Int64($0.at)
            })
    }

    @Test func `one call gives a bounded number of readings and the next goes on`() {
        var plant = Self.plant(sensors: 100, period: 100_000)
        let first = plant.due(until: Self.second)
        #expect(first.count <= VirtualPlant.readingsPerCallMax)
        #expect(first.count > VirtualPlant.readingsPerCallMax - 10)
        let second = plant.due(until: Self.second)
        #expect(!second.isEmpty)
        #expect((second.first?.at ?? 0) >= (first.last?.at ?? 0))
    }

    // MARK: - Faults

    @Test func `a silent sensor sends nothing until it is over`() {
        let readings = Self.readings([ScriptedFault(.silent, from: 5, until: 20)])
        #expect(!readings.contains { (5 * Self.second..<20 * Self.second).contains($0.at) })
        #expect(readings.contains { $0.at < 5 * Self.second })
        #expect(readings.contains { $0.at >= 20 * Self.second })
    }

    @Test func `a drift rises, stays and comes back`() {
        let readings = Self.readings([ScriptedFault(.drift(by: 30), from: 6, until: 36)])
        func value(_ seconds: UInt64) -> Double {
            readings.last { $0.at <= seconds * Self.second }?.value ?? .nan
        }
        #expect(value(5) == 10)
        #expect(abs(value(11) - 25) < 0.5)
        #expect(value(20) == 40)
        #expect(abs(value(31) - 25) < 0.5)
        #expect(value(39) == 10)
    }

    @Test func `NaN, 1970 and a wrong clock change only what they are about`() {
        let nan = Self.readings([ScriptedFault(.notANumber, from: 5, until: 6)])
        #expect(nan.count { $0.value.isNaN } > 5)
        #expect(nan.allSatisfy { $0.value.isNaN == ($0.fault == .notANumber) })
        let epoch = Self.readings([ScriptedFault(.epochTime, from: 5, until: 6)])
            .filter { $0.fault == .epochTime }
        #expect(epoch.count > 5)
        #expect(epoch.allSatisfy { ($0.sourceTime ?? 0) < 86_400_000_000_000 && $0.value == 10 })
        let skew = Self.readings([
            ScriptedFault(.clockSkew(nanoseconds: -5_000), from: 5, until: 6)
        ]).filter { $0.fault != nil }
        #expect(skew.count > 5)
        #expect(
            skew.allSatisfy {
                $0.sourceTime == Self.wallStart.nanoseconds + Int64($0.at) - 5_000
            })
    }

    @Test func `a stuck value stays the same bits and moves again`() {
        var plant = Self.plant(
            period: 100_000_000, Waveform(offset: 5, noise: 1, decimals: 6),
            [ScriptedFault(.stuck, from: 5, until: 10)])
        let readings = plant.due(until: 15 * Self.second)
        let stuck = readings.filter { $0.fault == .stuck }
        #expect(stuck.count > 40)
        #expect(Set(stuck.map(\.value)).count == 1)
        #expect(Set(readings.filter { $0.at > 10 * Self.second }.map(\.value)).count > 40)
    }

    @Test func `a burst sends more often`() {
        let readings = Self.readings([ScriptedFault(.burst(factor: 10), from: 5, until: 6)])
        #expect((85...120).contains(readings.count { $0.fault == .burst(factor: 10) }))
    }

    @Test func `out of order swaps neighbours and loses none`() {
        let faulty = Self.readings([ScriptedFault(.outOfOrder, from: 5, until: 10)])
        let times = faulty.compactMap(\.sourceTime)
        let regressions = zip(times, times.dropFirst()).count { $0 > $1 }
        #expect(regressions > 20)
        let healthy = Self.readings([]).compactMap(\.sourceTime)
        #expect(times.sorted() == healthy)
        #expect(zip(faulty, faulty.dropFirst()).allSatisfy { $0.at <= $1.at })
    }

    @Test func `a duplicate sends each reading twice`() {
        let readings = Self.readings([ScriptedFault(.duplicate, from: 5, until: 6)])
            .filter { $0.fault == .duplicate }
        #expect(readings.count > 10)
        #expect(readings.count.isMultiple(of: 2))
        for index in stride(from: 0, to: readings.count - 1, by: 2) {
            #expect(readings[index] == readings[index + 1])
        }
    }

    @Test func `a fault repeats`() {
        let readings = Self.readings([
            ScriptedFault(.notANumber, from: 2, until: 4, every: 10)
        ])
        for start in [2, 12, 22, 32] as [UInt64] {
            let range = start * Self.second..<(start + 2) * Self.second
            #expect(readings.filter { range.contains($0.at) }.allSatisfy { $0.value.isNaN })
            let pause = (start + 2) * Self.second..<(start + 8) * Self.second
            #expect(!readings.contains { pause.contains($0.at) && $0.value.isNaN })
        }
    }
}
