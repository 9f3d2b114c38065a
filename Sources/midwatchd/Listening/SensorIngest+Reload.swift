// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import Glibc
import Ingest
import MidwatchModel
import Synchronization

extension SensorIngest {
    /// While the ring is full, each name is tried so often, a few milliseconds apart.
    private static let reloadTriesMax = 200
    private static let retryMicroseconds: UInt32 = 5_000

    /// Puts the classes of new rules in force and registers what they declare.
    ///
    /// On a thread that may sleep; `report` hears of what found no place.
    func follow(_ rules: RuleBook, report: (String) -> Void) {
        self.sensors.reclassify(Self.classifier(rules))
        for source in rules.sourceTree.sources {
            var behind = SourceIndex.own
            if let above = rules.sourceTree.behind(source.name), let index = self.known(above) {
                behind = index
            }
            guard self.known(source.name, behind: behind) == nil else { continue }
            report("source \(source.name)")
        }
        self.judgedSources.withLock { $0 = JudgedSources(rules: rules) }
        for path in rules.declaredPaths {
            guard let sensor = SensorID(path) else { continue }
            if let reason = self.registered(sensor) { report("sensor \(path): \(reason)") }
        }
    }

    private func known(_ name: String, behind: SourceIndex = .own) -> SourceIndex? {
        for _ in 0..<Self.reloadTriesMax {
            switch self.sources.resolve(name, behind: behind, origin: .configured) {
            case .known(let index): return index
            case .rejected: return nil
            case .ringFull: usleep(Self.retryMicroseconds)
            }
        }
        return nil
    }

    /// Why a sensor could not be registered; nil if it is.
    private func registered(_ sensor: SensorID) -> String? {
        for _ in 0..<Self.reloadTriesMax {
            switch self.sensors.resolve(sensor, from: .own) {
            case .known: return nil
            case .rejected(let cause): return "\(cause)"
            case .ringFull: usleep(Self.retryMicroseconds)
            }
        }
        return "the ring stays full"
    }
}
