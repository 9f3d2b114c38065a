// SPDX-License-Identifier: Apache-2.0

/// Places in the vitals page, version 1.
///
/// Frozen: see `Format.md` of this target.
///
/// Every field from `epoch` on is one naturally aligned 64-bit cell with one writer.
package enum VitalsLayout {
    package static let magic: [UInt8] = Array("MWVITALS".utf8)
    package static let version: UInt32 = 1
    package static let pageBytes = 4_096
    package static let stageStrideBytes = 64

    /// Header, written once before the file gets its name.
    package enum Header {
        package static let magic = 0
        package static let version = 8
        package static let pageBytes = 12
        package static let stageCount = 16
        package static let stageStrideBytes = 20
        package static let checksum = 24
        package static let bootID = 32
        package static let processID = 48
        package static let processStartTicks = 56
        package static let startedBoottime = 64
        package static let startedWall = 72
        package static let end = 128
    }

    /// The run, written by the daemon.
    package static let epoch = 128
    package static let phase = 136
    package static let phaseProgress = 144
    package static let phaseDone = 152
    package static let phaseTotal = 160
    package static let phaseSince = 168
    package static let stagesInUse = 176
    package static let oldestUndeliveredCriticalSince = 184

    /// Counters of the run, written by the daemon: 7 cells, `RunCounter.rawValue` apart.
    package static let runCounters = 192
    /// Number up to which `RunCounter.durable` counts.
    package static let durableThrough = 248

    /// The watchdog's line, written by the watchdog.
    package static let wantedNonce = 256
    package static let wantedNonceSince = 264
    package static let watchdogBeat = 272
    package static let watchdogBeatAt = 280
    package static let watchdogProcessID = 288

    /// Answers to the canary, written by the daemon.
    package static let canaryPort = 320
    package static let evaluatedNonce = 328
    package static let journaledNonce = 336

    /// Stage lines, one cache line each: beat, backlog, attempts, disk, four
    /// spare cells.
    package static let stages = 512

    package static func stage(_ stage: Stage) -> Int {
        Self.stages + stage.rawValue * Self.stageStrideBytes
    }
}
