// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import AlertDelivery
import Glibc
import Journal
import Logging
import MidwatchModel
import StateFolder
import Synchronization

@testable import midwatchd

/// A folder of one test, removed with everything in it at the end.
final class TemporaryFolder: Sendable {
    let path: String

    init() {
        var template = Array("/tmp/midwatch-daemon-XXXXXX".utf8CString)
        let isMade = unsafe template.withUnsafeMutableBufferPointer { buffer in
            guard let base = buffer.baseAddress else { return false }
            return unsafe mkdtemp(base) != nil
        }
        precondition(isMade, "no temporary folder")
        self.path = String(
            decoding: template.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    deinit { Self.remove(self.path) }

    func file(_ name: String) -> String { "\(self.path)/\(name)" }

    private static func remove(_ path: String) {
        for name in FileBytes.list(path) {
            let below = "\(path)/\(name)"
            if unsafe unlink(below) != 0 { Self.remove(below) }
        }
        unsafe rmdir(path)
    }
}

/// Waits until `condition` holds, ten seconds at most, and says whether it does.
func eventually(_ condition: () -> Bool) -> Bool {
    let pause = WakeWord()
    for _ in 0..<2_000 {
        if condition() { return true }
        pause.sleep(nanoseconds: 5_000_000)
    }
    return condition()
}

/// Delivery that has as much room as the test says, and remembers what it took.
final class StandInDelivery: AlertTaker {
    struct Seen {
        var room = 0
        var cursor: UInt64?
        var ids: [String] = []
        var ledgerNs: [UInt64] = []
        var readThrough: UInt64 = 0
        /// The highest record that the cursor passed.
        var passed: UInt64 { max(self.readThrough, self.ledgerNs.max() ?? 0) }
    }

    let seen: Mutex<Seen>

    init(room: Int, cursor: UInt64?) { self.seen = Mutex(Seen(room: room, cursor: cursor)) }

    func start() async -> UInt64? { self.seen.withLock { $0.cursor } }

    func offer(_ alert: Alert) -> OfferAnswer {
        self.seen.withLock { seen in
            guard seen.room > 0 else { return .inboxFull }
            seen.room -= 1
            seen.ids.append(alert.id)
            seen.ledgerNs.append(alert.ledgerN)
            return .accepted
        }
    }

    func ledgerRead(through n: UInt64) -> OfferAnswer {
        self.seen.withLock { $0.readThrough = max($0.readThrough, n) }
        return .accepted
    }

    func setRoom(_ room: Int) { self.seen.withLock { $0.room = room } }
    var ids: [String] { self.seen.withLock { $0.ids } }
    var passed: UInt64 { self.seen.withLock { $0.passed } }
}

/// A logger that says nothing.
enum Quiet {
    static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
}
