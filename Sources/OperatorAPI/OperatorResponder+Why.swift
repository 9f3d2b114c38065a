// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
internal import OperatorViews

extension OperatorResponder {
    /// Why a sensor, or one alarm of it, is as it is.
    func why(_ reader: QueryReader) async throws -> Explanation {
        try reader.allow(["sensor", "alarm"])
        switch (reader["sensor"], reader["alarm"]) {
        case (let path?, nil):
            return try await self.backend.explain(path: Self.checked(path), alarm: nil)
        case (nil, let alarm?):
            // The name of an alarm has no colon, a path may.
            guard let colon = alarm.lastIndex(of: ":"), colon > alarm.startIndex,
                alarm.index(after: colon) < alarm.endIndex
            else { throw Problem(.badRequest, detail: "an alarm is path:name") }
            return try await self.backend.explain(
                path: Self.checked(String(alarm[..<colon])),
                alarm: String(alarm[alarm.index(after: colon)...]))
        case (nil, nil), (_?, _?):
            throw Problem(.badRequest, detail: "say sensor=PATH or alarm=PATH:NAME")
        }
    }

    /// What the archive has of a sensor.
    func history(_ reader: QueryReader) async throws -> HistoryView {
        try reader.allow(["sensor", "seconds"])
        let seconds = try reader.number("seconds") ?? OperatorAPILimits.historySecondsDefault
        guard let path = reader["sensor"],
            (1...OperatorAPILimits.historySecondsMax).contains(seconds)
        else {
            throw Problem(
                .badRequest,
                detail: "say sensor=PATH and seconds=1 to \(OperatorAPILimits.historySecondsMax)")
        }
        return try await self.backend.history(path: Self.checked(path), seconds: seconds)
    }

    private static func checked(_ path: String) throws -> String {
        guard !path.isEmpty, path.utf8.count <= SystemLimits.sensorPathBytesMax else {
            throw Problem(.badRequest, detail: "that is no path of a sensor")
        }
        return path
    }
}
