// SPDX-License-Identifier: Apache-2.0

import Historian
import MidwatchConfiguration
import MidwatchModel
import OperatorAPI
import OperatorViews

/// What the archive says of a sensor's past, for charts.
///
/// Asked on a thread of its own: neither a database nor a disk that hangs holds up anything else.
/// Minutes are asked for alone, because they are found by sensor; single readings are not.
final class ArchiveDesk: Sendable {
    private static let minuteNanoseconds: Int64 = 60_000_000_000

    let thread = FileReadThread(
        "api-archive", limit: .milliseconds(OperatorAPILimits.archiveReadMillisecondsMax))
    private let makeReader: @Sendable () throws(SecretError) -> any ArchiveReader

    init(_ store: ArchiveConfiguration.Store, path: String) {
        self.makeReader =
            switch store {
            case .sqlite: { () throws(SecretError) in SQLiteArchiveReader(path: path) }
            case .postgresql(let server):
                { () throws(SecretError) in
                    PostgresArchiveReader(
                        PostgresOptions(connection: try server.connection.resolve()))
                }
            }
    }

    func history(
        of path: String, seconds: UInt64, now: WallInstant
    ) async throws(Problem) -> HistoryView {
        guard let sensor = SensorID(path) else {
            throw Problem(.badRequest, detail: "that is no path of a sensor")
        }
        let from = WallInstant(nanoseconds: now.nanoseconds - Int64(seconds) * 1_000_000_000)
        // A short time is asked for as a longer one: the archive would answer with single readings.
        let spanMin = ArchiveHistory.readingSpanMax + Self.minuteNanoseconds
        let first = WallInstant(
            nanoseconds: min(from.nanoseconds, now.nanoseconds - spanMin))
        let makeReader = self.makeReader
        let found = try await self.thread.reads.read {
            Self.read(sensor, from: first, to: now, makeReader)
        }
        guard let history = try found.get() else {
            throw Problem(.notFound, detail: "the archive has nothing of \(path) yet")
        }
        let minutes = history.points.filter { point in
            point.time.nanoseconds > from.nanoseconds - Self.minuteNanoseconds
        }
        return HistoryView(
            path: path, unit: history.unit, from: from, to: now,
            minutes: minutes.map { point in
                HistoryView.Minute(
                    at: point.time, lowest: point.valueMin, mean: point.value,
                    highest: point.valueMax, readings: point.readingCount)
            }, isTruncated: history.isTruncated)
    }

    private static func read(
        _ sensor: SensorID, from: WallInstant, to: WallInstant,
        _ makeReader: () throws(SecretError) -> any ArchiveReader
    ) -> Result<ArchiveHistory?, Problem> {
        let reader: any ArchiveReader
        do throws(SecretError) {
            reader = try makeReader()
        } catch {
            return .failure(Problem(.filesNotAnswering, detail: "\(error)"))
        }
        do throws(ArchiveError) {
            return .success(
                try reader.history(
                    of: sensor, from: from, to: to, limit: ArchiveHistory.pointsMax))
        } catch {
            return .failure(Problem(.filesNotAnswering, detail: "the archive: \(error)"))
        }
    }
}
