// SPDX-License-Identifier: Apache-2.0

import Ingest
import MidwatchModel
import ReadingRing
import Synchronization

extension SensorIngest {
    /// Readings about Midwatch itself that found no place in the ring.
    var ownRefusedCount: UInt64 { self.ownRefused.load(ordering: .relaxed) }

    /// Where readings about Midwatch itself go.
    struct OwnTarget: Sendable {
        var sensors: [SensorIndex]
        var source: SourceIndex
    }

    /// The indexes of the own sensors, registering them if they are new.
    func ownTarget(paths: [String]) async throws -> OwnTarget {
        var sensors: [SensorIndex] = []
        for path in paths {
            guard let sensor = SensorID(path) else {
                throw RegistrationError(name: path, reason: "not a path")
            }
            sensors.append(try await self.index(of: sensor))
        }
        return OwnTarget(sensors: sensors, source: try await self.source(OwnSensors.sourceName))
    }

    /// Puts readings of own sensors into the ring, all or none; counted under their source.
    func offer(_ readings: [OwnSampler.Reading], to target: OwnTarget) -> Bool {
        let now = self.services.clock.now()
        let slots = readings.map { reading in
            Slot(
                reading: reading.value, of: target.sensors[reading.sensor], from: target.source,
                arrival: now, criticality: .own)
        }
        guard !slots.isEmpty else { return true }
        let isTaken = self.services.ring.offer(slots.span, criticality: .own) != .ringFull
        let tally = self.services.sources.tally
        tally.add(.received, UInt64(slots.count), of: target.source)
        tally.add(isTaken ? .accepted : .shed, UInt64(slots.count), of: target.source)
        if !isTaken { self.ownRefused.wrappingAdd(UInt64(slots.count), ordering: .relaxed) }
        return isTaken
    }
}
