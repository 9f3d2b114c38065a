// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import Ingest
import MidwatchModel
import Synchronization

/// How far sources were looked through for those that a rule about sources fits.
struct JudgedSources {
    /// Sources that are Midwatch's own: no template means them.
    static let own: Set<String> = [OwnSensors.sourceName, SensorIngest.canarySourceName]

    /// The rules that say so.
    var rules: RuleBook
    /// The next source to look at; the first is Midwatch itself.
    var next: UInt32 = 1

    init(rules: RuleBook) { self.rules = rules }
}

extension SensorIngest {
    /// Gives each source that a rule about sources fits the sensor that stands for it.
    ///
    /// Clients and senders appear by themselves, so this is asked twice a second; it costs nothing
    /// where none is new. What finds no room in the ring is tried again.
    func standForSources() {
        let count = UInt32(self.sources.count)
        self.judgedSources.withLock { state in
            while state.next <= count {
                let name = self.sources.name(of: SourceIndex(rawValue: state.next)) ?? ""
                if !JudgedSources.own.contains(name), state.rules.isJudged(source: name),
                    let sensor = SensorID(RuleBook.sourcePathPrefix + name),
                    case .ringFull = self.sensors.resolve(sensor, from: .own)
                {
                    return
                }
                state.next += 1
            }
        }
    }

    /// Name of the source that the sensor at a path stands for; nil for another path.
    static func source(at path: String) -> String? {
        guard path.hasPrefix(RuleBook.sourcePathPrefix) else { return nil }
        return String(path.dropFirst(RuleBook.sourcePathPrefix.utf8.count))
    }
}
