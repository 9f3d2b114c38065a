// SPDX-License-Identifier: Apache-2.0

import OperatorAPI

/// The thread that reads files for the operator API, so that no task of the pool hangs in a disk.
final class FileReadThread: Sendable {
    /// A stop waits this long for a read under way; a disk that hangs must not hold it up.
    private static let idleNanoseconds: UInt64 = 1_000_000_000

    let reads: FileReads
    private let bell: WakeWord
    private let stop = StopFlag()

    init() {
        let bell = WakeWord()
        self.bell = bell
        self.reads = FileReads(wake: { bell.wake() })
    }

    /// Starts the thread; it is never joined, because a disk may hold it beyond the process's end.
    func start() {
        _ = LoopThread("api-files") {
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
