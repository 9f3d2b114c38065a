// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
internal import OperatorConsole
internal import OperatorViews

/// What to say of a name that is no alarm and no sensor: what there is instead.
enum Suggestion {
    private static let namesMax = 8
    private static let pathsMax = 1_000

    static func text(_ name: String, client: OperatorClient) -> String {
        let colon = name.lastIndex(of: ":")
        let path = colon.map { String(name[..<$0]) } ?? name
        let alarms = self.alarms(of: path, client)
        if !alarms.isEmpty {
            let near = colon.flatMap {
                UnknownCommand.nearest(
                    to: String(name[name.index(after: $0)...]), among: alarms)
            }
            let some = alarms.prefix(self.namesMax).joined(separator: ", ")
            let more = alarms.count > self.namesMax ? ", …" : ""
            return colon == nil
                ? "\(name) is a sensor: name one of its alarms, \(path):\(alarms[0]) for "
                    + "example; it has \(some)\(more)"
                : "\(path) has no alarm \(name.dropFirst(path.count + 1))"
                    + (near.map { "; did you mean \(path):\($0)?" } ?? "") + " It has "
                    + some + more
        }
        let near = self.path(near: path, client)
        return "no sensor or alarm is called \(name)"
            + (near.map { "; did you mean \($0)?" }
                ?? "; midwatch sensors and midwatch alarms list --all show what there is")
    }

    /// Names of the alarms of the sensor at `path`.
    private static func alarms(of path: String, _ client: OperatorClient) -> [String] {
        var query = AlarmQuery(limit: self.pathsMax)
        query.filter = path
        query.includesNormal = true
        query.order = .id
        let found = (try? client.alarms(query).items) ?? []
        return found.filter { $0.alarmID.hasPrefix("\(path):") }
            .map { String($0.alarmID.dropFirst(path.count + 1)) }
    }

    private static func path(near path: String, _ client: OperatorClient) -> String? {
        let found = (try? client.sensors(SensorQuery(limit: self.pathsMax)).items) ?? []
        return UnknownCommand.nearest(to: path, among: found.map(\.path))
    }
}
