// SPDX-License-Identifier: Apache-2.0

internal import Glibc

// Checkpoints that stay for replay: of days that a start no longer cares for.
extension CheckpointFile {
    /// Where they stay, below the folder of the others.
    static let replayFolder = "replay"
    /// One is kept this often.
    static let replayIntervalSeconds = 12 * 3_600
    /// With the interval they reach back over eight days; the journal may reach less far.
    static let replayCountMax = 16

    /// A checkpoint on disk, by the number of the last record that it holds.
    struct Place: Equatable, Sendable {
        var n: UInt64
        var name: String
        var folder: String
    }

    /// All checkpoints of a folder, those for replay included, oldest first.
    static func places(_ folder: String) -> [Place] {
        let kept = "\(folder)/\(self.replayFolder)"
        var found: [UInt64: Place] = [:]
        for folder in [kept, folder] {
            for name in self.names(folder) {
                guard let n = UInt64(name.prefix { $0 != "." }) else { continue }
                found[n] = Place(n: n, name: name, folder: folder)
            }
        }
        return found.values.sorted { $0.n < $1.n }
    }

    /// Keeps the checkpoint `name` for replay if the last one kept is old enough.
    ///
    /// It is the same file under a second name and costs its bytes once the first is gone. If that
    /// fails the start has all it needs all the same.
    static func keepForReplay(_ name: String, folder: String) {
        let kept = "\(folder)/\(self.replayFolder)"
        let names = self.names(kept)
        if let newest = names.last, let age = self.ageSeconds("\(kept)/\(newest)"),
            age < self.replayIntervalSeconds, newest < name
        {
            return
        }
        guard (try? FileBytes.makeFolder(kept)) != nil else { return }
        unsafe _ = link("\(folder)/\(name)", "\(kept)/\(name)")
        for old in self.names(kept).dropLast(self.replayCountMax) {
            unsafe unlink("\(kept)/\(old)")
        }
    }

    /// Seconds since a file was written, by the file's own clock; nil if there is none.
    ///
    /// Never negative: a clock that was set back keeps one more checkpoint, not none.
    private static func ageSeconds(_ path: String) -> Int? {
        var facts = stat()
        guard unsafe stat(path, &facts) == 0 else { return nil }
        let age = time(nil) - facts.st_mtim.tv_sec
        return age < 0 ? nil : age
    }
}
