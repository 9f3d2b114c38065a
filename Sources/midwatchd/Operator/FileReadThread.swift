// SPDX-License-Identifier: Apache-2.0

import OperatorAPI

/// A thread that reads for the operator API, so that no task of the pool hangs in a disk: `api-files`
/// reads the ledger, `api-archive` the archive, so that a database that hangs holds up no event.
final class FileReadThread: Sendable {
    /// A stop waits this long for a read under way; a disk that hangs must not hold it up.
    private static let idleNanoseconds: UInt64 = 1_000_000_000

    let reads: FileReads
    private let name: String
    private let bell: WakeWord
    private let stop = StopFlag()

    init(
        _ name: String = "api-files",
        limit: Duration = .milliseconds(OperatorAPILimits.fileReadMillisecondsMax)
    ) {
        let bell = WakeWord()
        self.name = name
        self.bell = bell
        self.reads = FileReads(limit: limit, wake: { bell.wake() })
    }

    /// Starts the thread; it is never joined, because a disk may hold it beyond the process's end.
    func start() {
        LoopThread.detach(self.name) {
            while !self.stop.isSet {
                while self.reads.turn() {}
                self.bell.sleep(nanoseconds: Self.idleNanoseconds)
            }
        }
    }

    func requestStop() {
        self.stop.set()
        self.reads.close()
        self.bell.wake()
    }
}
