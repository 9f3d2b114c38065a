// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import MidwatchModel
import Testing
import Vitals

@Suite struct VitalsPageTests {
    let folder = TemporaryFolder()
    var path: String { self.folder.file("vitals") }

    static let owner = VitalsPage.Owner(
        process: ProcessIdentity(processID: 0x0102_0304, startTicks: 0x1112_1314_1516_1718),
        bootID: BootID(high: 0x2021_2223_2425_2627, low: 0x2829_2a2b_2c2d_2e2f),
        startedAt: MonotonicInstant(nanoseconds: 0x3132_3334_3536_3738),
        startedWall: WallInstant(nanoseconds: 0x4142_4344_4546_4748))

    @Test func `places in the page are frozen`() {
        #expect(Stage.allCases.map(\.rawValue) == Array(0..<8))
        #expect(
            Stage.allCases.map(\.word) == [
                "udp", "mqtt", "engine", "journal", "ledger", "historian", "delivery", "api",
            ])
        #expect(
            Stage.allCases.map(VitalsLayout.stage) == Array(stride(from: 512, to: 1_024, by: 64)))
        #expect(
            RunCounter.allCases.map(\.word) == [
                "received", "accepted", "rejected", "shed", "redelivered", "durable", "unrecorded",
            ])
        #expect(VitalsLayout.durableThrough == 248)
        #expect(VitalsLayout.epoch == 128)
        #expect(VitalsLayout.phase == 136)
        #expect(VitalsLayout.phaseProgress == 144)
        #expect(VitalsLayout.phaseDone == 152)
        #expect(VitalsLayout.phaseTotal == 160)
        #expect(VitalsLayout.phaseSince == 168)
        #expect(VitalsLayout.stagesInUse == 176)
        #expect(VitalsLayout.oldestUndeliveredCriticalSince == 184)
        #expect(VitalsLayout.runCounters == 192)
        #expect(VitalsLayout.wantedNonce == 256)
        #expect(VitalsLayout.watchdogBeat == 272)
        #expect(VitalsLayout.canaryPort == 320)
        #expect(VitalsLayout.evaluatedNonce == 328)
        #expect(VitalsLayout.journaledNonce == 336)
    }

    @Test func `a header has these bytes`() {
        let bytes = VitalsPage.header(Self.owner)
        #expect(bytes.count == 4_096)
        let expected: [UInt8] =
            Array("MWVITALS".utf8) + [1, 0, 0, 0, 0, 0x10, 0, 0, 8, 0, 0, 0, 64, 0, 0, 0]
        #expect(Array(bytes[0..<24]) == expected)
        // Computed by a separate program over the header with a zero checksum field.
        #expect(Array(bytes[24..<32]) == Self.checksum + [0, 0, 0, 0])
        #expect(Array(bytes[32..<48]) == Array(0x20...0x2f))
        #expect(Array(bytes[48..<56]) == [4, 3, 2, 1, 0, 0, 0, 0])
        #expect(Array(bytes[56..<64]) == Array((0x11...0x18).reversed()))
        #expect(Array(bytes[64..<72]) == Array((0x31...0x38).reversed()))
        #expect(Array(bytes[72..<80]) == Array((0x41...0x48).reversed()))
        #expect(bytes[80...].allSatisfy { $0 == 0 })
    }

    static let checksum: [UInt8] = [0xe8, 0x31, 0x44, 0xcb]

    @Test func `a header survives its bytes, and no changed bit does`() throws {
        let bytes = VitalsPage.header(Self.owner)
        #expect(try VitalsPage.owner(header: bytes) == Self.owner)
        for bit in 0..<(VitalsLayout.Header.end * 8) {
            var changed = bytes
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(throws: VitalsError.self) { try VitalsPage.owner(header: changed) }
        }
    }

    @Test func `two mappings of one page see the same cells`() throws {
        let made = try VitalsPage.create(path: self.path, wall: WallInstant(nanoseconds: 5))
        let opened = try VitalsPage.open(path: self.path)
        #expect(opened.owner == made.owner)
        #expect(opened.owner.process.processID == getpid())
        #expect(opened.fileIdentity == made.fileIdentity)
        #expect(opened.phase == .starting)
        #expect(opened.stagesInUse == Set(Stage.allCases))
        for (index, stage) in Stage.allCases.enumerated() {
            let progress = made.progress(of: stage)
            for _ in 0...index { progress.beat() }
            progress.setBacklog(UInt64(100 + index))
            progress.attempt()
        }
        let seen = opened.observe()
        #expect(seen.stages.map(\.beats) == Array(1...8))
        #expect(seen.stages.map(\.backlog) == Array(100..<108))
        #expect(seen.stages.map(\.attempts) == Array(repeating: 1, count: 8))
        opened.want(nonce: 77, now: MonotonicInstant(nanoseconds: 9))
        opened.beatFromWatchdog(processID: 123, now: MonotonicInstant(nanoseconds: 10))
        #expect(made.wantedNonce == 77)
        #expect(made.wantedNonceSince == MonotonicInstant(nanoseconds: 9))
        #expect(made.watchdogBeatCount == 1)
        #expect(made.watchdogProcessID == 123)
        made.evaluatedNonce = 77
        made.journaledNonce = 76
        made.canaryPort = 40_001
        made.epoch = 12
        made.stagesInUse = [.engine, .journal]
        made.oldestUndeliveredCriticalSince = MonotonicInstant(nanoseconds: 4)
        let later = opened.observe()
        #expect((later.evaluatedNonce, later.journaledNonce) == (77, 76))
        #expect(opened.canaryPort == 40_001)
        #expect(opened.epoch == 12)
        #expect(later.stagesInUse == [.engine, .journal])
        #expect(later.oldestUndeliveredCriticalSince == MonotonicInstant(nanoseconds: 4))
    }

    @Test func `phases survive the page and only movement is progress`() throws {
        let page = try VitalsPage.create(path: self.path, wall: WallInstant(nanoseconds: 5))
        let phases: [VitalsPhase] = [
            .recovering(done: 1, total: 9), .recovering(done: 2, total: 9), .running,
            .storageFailed, .suspended, .stopping, .starting,
        ]
        for (index, phase) in phases.enumerated() {
            page.phase = phase
            #expect(page.phase == phase)
            #expect(page.phaseProgress == UInt64(index + 1))
            page.phase = phase
            #expect(page.phaseProgress == UInt64(index + 1), "the same phase again does not move")
        }
        page.notePhaseProgress()
        #expect(page.phaseProgress == UInt64(phases.count + 1))
    }

    @Test func `a page is for its owner alone`() throws {
        let page = try VitalsPage.create(path: self.path, wall: WallInstant(nanoseconds: 5))
        var status = stat()
        #expect(unsafe stat(self.path, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
        #expect(TemporaryFolder.names(self.folder.path) == ["vitals"])
        #expect(VitalsPage.isHeld(path: self.path))
        #expect(throws: VitalsError.alreadyRunning(processID: getpid())) {
            try VitalsPage.create(path: self.path, wall: WallInstant(nanoseconds: 6))
        }
        withExtendedLifetime(page) {}
    }

    @Test func `the next start learns how the last run ended`() throws {
        do {
            let page = try VitalsPage.create(path: self.path, wall: WallInstant(nanoseconds: 5))
            page.epoch = 3
            page.phase = .running
            page.set(.received, 100)
            page.add(.accepted, 60)
            page.add(.accepted, 30)
            page.set(.durable, 88)
        }
        #expect(!VitalsPage.isHeld(path: self.path))
        let next = try VitalsPage.create(path: self.path, wall: WallInstant(nanoseconds: 6))
        let previous = try #require(next.previousRun)
        #expect(previous.epoch == 3)
        #expect(previous.phase == .running)
        #expect(previous.counters[.received] == 100)
        #expect(previous.counters[.accepted] == 90)
        #expect(previous.counters[.durable] == 88)
        #expect(previous.isSameBoot)
        #expect(previous.owner.startedWall == WallInstant(nanoseconds: 5))
        #expect(next.epoch == 0)
        #expect(next[.received] == 0)
    }

    @Test(arguments: [
        (0, 0, VitalsError.truncated(needBytes: 4_096, haveBytes: 0)),
        (4_095, 0, .truncated(needBytes: 4_096, haveBytes: 4_095)),
        (8_192, 0, .truncated(needBytes: 4_096, haveBytes: 8_192)),
        (4_096, 0x41, .foreign),
    ])
    func `a file that is no page is refused`(count: Int, byte: UInt8, error: VitalsError) {
        TemporaryFolder.write(self.path, Array(repeating: byte, count: count))
        #expect(throws: error) { try VitalsPage.open(path: self.path) }
        // A daemon starts over it all the same.
        let page = try? VitalsPage.create(path: self.path, wall: WallInstant(nanoseconds: 5))
        #expect(page != nil)
        #expect(page?.previousRun == nil)
    }

    @Test func `a missing page and one of another revision are told apart`() {
        #expect(throws: VitalsError.missing) { try VitalsPage.open(path: self.path) }
        var bytes = VitalsPage.header(Self.owner)
        bytes[8] = 2
        TemporaryFolder.write(self.path, bytes)
        #expect(throws: VitalsError.unsupportedVersion(2)) { try VitalsPage.open(path: self.path) }
    }

    @Test func `a boot identity and the start of a process are read`() throws {
        let id = try BootID.current()
        #expect(BootID(id.description) == id)
        #expect((ProcessIdentity.startTicks(of: getpid()) ?? 0) > 0)
        #expect(ProcessIdentity.startTicks(of: Int32.max) == nil)
    }
}
