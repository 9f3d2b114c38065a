// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import MidwatchModel
internal import OperatorConsole
internal import OperatorViews

/// Words that a shell offers while somebody types, asked of the running daemon.
///
/// A daemon that is not there or does not answer at once offers nothing.
enum Completion {
    private static let timeoutNanoseconds: UInt64 = 500_000_000
    private static let wordsMax = 500

    static let sensors = CompletionKind.custom { words, _, typed in
        Self.sensorPaths(typed, client: Self.client(words))
    }

    static let alarms = CompletionKind.custom { words, _, typed in
        Self.alarmIDs(typed, client: Self.client(words))
    }

    static let areas = CompletionKind.custom { words, _, typed in
        let page = try? Self.client(words).areas()
        return (page?.items ?? []).map(\.name).filter { $0.hasPrefix(typed) }
    }

    static func sensorPaths(_ typed: String, client: OperatorClient) -> [String] {
        var query = SensorQuery(limit: Self.wordsMax)
        query.filter = typed
        let found = (try? client.sensors(query).items) ?? []
        return found.map(\.path).filter { $0.hasPrefix(typed) }
    }

    static func alarmIDs(_ typed: String, client: OperatorClient) -> [String] {
        var query = AlarmQuery(limit: Self.wordsMax)
        query.filter = typed
        let found = (try? client.alarms(query).items) ?? []
        return found.map(\.alarmID).filter { $0.hasPrefix(typed) }
    }

    private static func client(_ words: [String]) -> OperatorClient {
        var options = DaemonOptions()
        options.socket = words.firstIndex(of: "--socket").flatMap {
            $0 + 1 < words.count ? words[$0 + 1] : nil
        }
        return OperatorClient(
            socketPath: options.socketPath, timeoutNanoseconds: Self.timeoutNanoseconds)
    }
}
