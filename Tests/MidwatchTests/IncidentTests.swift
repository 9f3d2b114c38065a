// SPDX-License-Identifier: Apache-2.0

import Glibc
import JSONText
import Journal
import MidwatchModel
import StateFolder
import Testing

@testable import midwatch

/// A folder of one test, removed with everything in it at the end.
final class Scratch: Sendable {
    let path: String

    init() {
        var template = Array("/tmp/midwatch-command-XXXXXX".utf8CString)
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

/// The archive file: what is written is read back, and a change is found.
@Suite struct TarTests {
    private static let members: [(String, [UInt8])] = [
        ("a.txt", Array("hello\n".utf8)), ("empty", []),
        ("folder/big", [UInt8](repeating: 7, count: 200_000)),
        ("block", [UInt8](repeating: 1, count: 512)),
    ]

    private static func write(_ path: String, modified: Int64 = 1_800_000_000) throws {
        let tar = try TarWriter(path: path, modified: modified)
        for (name, bytes) in self.members {
            try tar.begin(name)
            for start in stride(from: 0, to: bytes.count, by: 999) {
                try tar.write(Array(bytes[start..<min(start + 999, bytes.count)]))
            }
            try tar.end()
        }
        let sums = tar.members.map { "\($0.sum)  \($0.name)\n" }.joined()
        try tar.begin(IncidentArchive.manifestName)
        try tar.write(sums)
        try tar.end()
        try tar.finish()
    }

    @Test func `members come back as they were written, the same bytes every time`() throws {
        let scratch = Scratch()
        try Self.write(scratch.file("one.tar"))
        try Self.write(scratch.file("two.tar"))
        #expect(
            FileBytes.read(scratch.file("one.tar")) == FileBytes.read(scratch.file("two.tar")))
        #expect(FileBytes.list(scratch.path).count == 2, "nothing else is left")
        let reader = try TarReader(path: scratch.file("one.tar"))
        var read: [String: [UInt8]] = [:]
        while let member = try reader.next({ name, bytes in read[name, default: []] += bytes }) {
            if member.bytes == 0 { read[member.name] = [] }
        }
        for (name, bytes) in Self.members { #expect(read[name] == bytes, "\(name)") }
        #expect(read.count == Self.members.count + 1)
        let check = try IncidentCheck.faults(path: scratch.file("one.tar"))
        #expect(check.faults.isEmpty)
        #expect(check.count == Self.members.count)
    }

    @Test func `a changed, a cut and a foreign file are found`() throws {
        let scratch = Scratch()
        let path = scratch.file("one.tar")
        try Self.write(path)
        let whole = try #require(FileBytes.read(path))
        var changed = whole
        changed[512] ^= 1
        try FileBytes.replace(path, with: changed)
        #expect(try IncidentCheck.faults(path: path).faults == ["a.txt is CHANGED"])
        // A name in a header: the header's own sum does not fit any more.
        changed = whole
        changed[0] ^= 1
        try FileBytes.replace(path, with: changed)
        #expect(throws: TarReader.Problem.self) { try IncidentCheck.faults(path: path) }
        for length in [0, 100, 512, 700, 100_000] {
            try FileBytes.replace(path, with: Array(whole[..<length]))
            #expect(throws: TarReader.Problem.self) { try IncidentCheck.faults(path: path) }
        }
        try FileBytes.replace(path, with: [UInt8](repeating: 0x41, count: 4_096))
        #expect(throws: TarReader.Problem.self) { try IncidentCheck.faults(path: path) }
    }

    @Test func `a manifest that does not name what is there is a fault`() throws {
        let scratch = Scratch()
        let path = scratch.file("one.tar")
        let tar = try TarWriter(path: path, modified: 0)
        try tar.begin("extra")
        try tar.end()
        try tar.begin(IncidentArchive.manifestName)
        try tar.write("00  gone\nnonsense\n")
        try tar.end()
        try tar.finish()
        let faults = try IncidentCheck.faults(path: path).faults
        #expect(faults.count == 3)
        #expect(faults.contains("gone is missing"))
        #expect(faults.contains("extra is not named in SHA256SUMS"))
    }
}

/// What a span of time holds, in time order, and what must not leave the node.
@Suite struct IncidentTests {
    private static let start: Int64 = 1_800_000_000_000_000_000

    private static func at(_ second: Int64) -> WallInstant {
        WallInstant(nanoseconds: self.start + second * 1_000_000_000)
    }

    private static func log(_ folder: String, _ bodies: [(written: Int64, body: String)]) throws {
        let writer = try LedgerWriter.open(directory: folder).writer
        for (second, body) in bodies {
            _ = try writer.append(body: Array(body.utf8), written: self.at(second))
        }
        _ = writer.commit(now: .zero)
    }

    private static func raise(_ n: Int, at second: Int64) -> String {
        #"""
        {"decision":"1:\#(n).0","kind":"alarmRaised","cause":"valueBeyondLimit",\#
        "at":"\#(self.at(second).rfc3339)","revision":"0123456789abcdef","sensor":"a/\#(n)",\#
        "alarm":"high","priority":"high","activation":"1:\#(n).0","from":"normal",\#
        "to":"unacknowledged","value":70,"setpoint":60}
        """#
    }

    private static func folders(_ scratch: Scratch) throws -> Folders {
        let folders = Folders(stateDirectory: scratch.path)
        try self.log(
            folders.ledger,
            [
                (0, self.raise(1, at: 0)), (10, self.raise(2, at: 10)),
                (
                    20,
                    #"""
                    {"kind":"alarmAcknowledged","at":"\#(self.at(20).rfc3339)","sensor":"a/2",\#
                    "alarm":"high","to":"acknowledged","command":{"verb":"acknowledge",\#
                    "alarm":"a/2:high","user":"anna","origin":"unix","comment":"=1+1, \"so\""}}
                    """#
                ),
                // Kept from the ledger by a crash, written after the next start.
                (300, self.raise(3, at: 15)),
                (310, #"{"kind":"runStarted","at":"\#(self.at(310).rfc3339)"}"#),
            ])
        try self.log(
            folders.accessLog,
            [
                (
                    11,
                    #"""
                    {"kind":"deliveryAttempt","alert":"alert_1_2_0","alarmID":"a/2:high",\#
                    "endpoint":"desk","attempt":1,"status":503,"failure":"status",\#
                    "latencyNanoseconds":1500000,"at":"\#(self.at(11).rfc3339)"}
                    """#
                )
            ])
        return folders
    }

    @Test func `ledger and access log become one sequence in time order`() throws {
        let scratch = Scratch()
        let folders = try Self.folders(scratch)
        var timeline = try Timeline(
            ledgerFolder: folders.ledger, accessFolder: folders.accessLog, from: Self.at(5),
            to: Self.at(100))
        var seen: [String] = []
        while let event = try timeline.next() {
            seen.append(
                "\(event.log.rawValue) \((event.at.nanoseconds - Self.start) / 1_000_000_000)")
        }
        #expect(seen == ["ledger 10", "access 11", "ledger 15", "ledger 20"])
        #expect(timeline.damage.isEmpty)
    }

    @Test func `a record that stands in the ledger is given as it stands there`() throws {
        let scratch = Scratch()
        let folders = try Self.folders(scratch)
        var events = try LedgerEvents(
            .ledger, folder: folders.ledger, from: Self.at(0), to: Self.at(1_000))
        let bytes = try #require(FileBytes.read("\(folders.ledger)/00000001.ledger"))
        var count = 0
        while let event = try events.next() {
            count += 1
            let line = Array(event.text.utf8)
            #expect(
                bytes.split(separator: UInt8(ascii: "\n")).contains { $0.elementsEqual(line) })
        }
        #expect(count == 5)
    }

    @Test func `the timeline reads as sentences`() throws {
        let scratch = Scratch()
        let folders = try Self.folders(scratch)
        var timeline = try Timeline(
            ledgerFolder: folders.ledger, accessFolder: folders.accessLog, from: Self.at(5),
            to: Self.at(100))
        var lines: [String] = []
        while let event = try timeline.next() { lines.append(TimelineText.line(event)) }
        let texts = lines.map { String($0.dropFirst(31)) }
        #expect(
            texts == [
                "ALARM     raised, high: a/2:high (value 70; limit 60; value beyond limit; "
                    + "normal -> unacknowledged)",
                "DELIVERY  attempt at desk failed (status): a/2:high, alert_1_2_0, attempt 1, "
                    + "status 503, 1.50ms",
                "ALARM     raised, high: a/3:high (value 70; limit 60; value beyond limit; "
                    + "normal -> unacknowledged)",
                "ACTION    anna (unix): acknowledge a/2:high, now acknowledged, saying "
                    + "\"=1+1, \"so\"\"",
            ])
        #expect(lines.allSatisfy { $0.dropFirst(19).first == "." })
    }

    @Test func `what is ordered about alerts is an action, and what became of them is told`()
        throws
    {
        let scratch = Scratch()
        let folders = Folders(stateDirectory: scratch.path)
        try Self.log(
            folders.ledger,
            [
                #"""
                "kind":"silenceAdded","silence":{"id":"silence-1-1","author":"anna",\#
                "reason":"fan works","includesCritical":true,"from":"x","until":"y",\#
                "match":{"assets":["west"]}},"origin":"unix"
                """#,
                #""kind":"silenceRemoved","id":"silence-1-1","user":"jo","origin":"unix""#,
                #""kind":"alertDrill","alert":"drill_1_2","route":"route all","user":"jo""#,
                #"""
                "kind":"alertRouted","alert":"alert_1_2_0_r1s1","alarmID":"a/2:high",\#
                "route":"all","level":1,"reason":"unacknowledged","endpoints":["pager"]
                """#,
                #"""
                "kind":"alertDeadLettered","alert":"alert_1_2_0","alarmID":"a/2:high",\#
                "endpoint":"desk","reason":"refused","status":400,"answer":"no"
                """#,
                #"""
                "kind":"alertWithheld","alert":"alert_1_3_0","alarmID":"a/3:high",\#
                "reason":"silence silence-1-1"
                """#,
            ].map { (10, "{\($0),\"at\":\"\(Self.at(10).rfc3339)\"}") })
        var events = try LedgerEvents(
            .ledger, folder: folders.ledger, from: Self.at(5), to: Self.at(100))
        var texts: [String] = []
        while let event = try events.next() {
            texts.append(String(TimelineText.line(event).dropFirst(31)))
        }
        #expect(
            texts == [
                "ACTION    anna (unix): silence silence-1-1 until y, CRITICAL ALARMS AS WELL for "
                    + "{\"assets\":[\"west\"]}, saying \"fan works\"",
                "ACTION    jo (unix): end silence-1-1",
                "ACTION    jo: test of route all, drill_1_2",
                "DELIVERY  goes on to pager, level 1, because unacknowledged: a/2:high, "
                    + "alert_1_2_0_r1s1",
                "DELIVERY  GIVEN UP for desk: a/2:high, alert_1_2_0, refused, status 400, "
                    + "answer \"no\"",
                "DELIVERY  KEPT BACK by silence silence-1-1: a/3:high, alert_1_3_0",
            ])
    }

    private static func export(_ folders: Folders, _ path: String) throws -> IncidentArchive {
        let tar = try TarWriter(path: path, modified: 0)
        var archive = IncidentArchive(
            IncidentArchive.Settings(
                folders: folders, from: self.at(5), to: self.at(100), sensors: []), tar: tar)
        try archive.write(status: nil)
        try tar.finish()
        return archive
    }

    @Test func `an export holds everything, is whole, and is the same every time`() throws {
        let scratch = Scratch()
        let folders = try Self.folders(scratch)
        _ = try Journal.open(directory: folders.journal)
        let archive = try Self.export(folders, scratch.file("one.tar"))
        _ = try Self.export(folders, scratch.file("two.tar"))
        #expect(
            FileBytes.read(scratch.file("one.tar")) == FileBytes.read(scratch.file("two.tar")))
        let check = try IncidentCheck.faults(path: scratch.file("one.tar"))
        #expect(check.faults.isEmpty)
        #expect(archive.counts.events == 4)
        #expect(archive.counts.alarms == 2)
        #expect(archive.counts.actions == 1)
        #expect(archive.counts.deliveries == 1)
        #expect(
            archive.notes.contains { $0.contains("configuration 0123456789abcdef is not kept") })
        var members: [String: String] = [:]
        let reader = try TarReader(path: scratch.file("one.tar"))
        while try reader.next({ name, bytes in
            members[name, default: ""] += String(decoding: bytes, as: UTF8.self)
        }) != nil {}
        #expect(members["actions.csv"]?.contains("\"'=1+1, \"\"so\"\"\"") == true)
        #expect(members["deliveries.csv"]?.contains(",503,status,") == true)
        #expect(members["alarms.csv"]?.split(separator: "\r\n").count == 4)
        let timeline = try JSONValue(parsing: members["timeline.json"] ?? "")
        #expect(
            timeline.array?.map { $0["sort"]?.string } == ["alarm", "delivery", "alarm", "action"])
        #expect(members["ledger.jsonl"]?.split(separator: "\n").count == 3)
        #expect(members["timeline.txt"]?.contains("ACTION    anna (unix)") == true)
    }

    @Test func `tables quote what needs it and start no formula`() {
        #expect(
            CSV.row(["a", "b,c", "say \"x\"", "=1+1"]) == "a,\"b,c\",\"say \"\"x\"\"\",'=1+1\r\n")
        #expect(CSV.text(.null) == "")
        #expect(CSV.text(.number(-1.5)) == "-1.5")
    }

    @Test(arguments: [
        ("secrets: [\"whsec_MfKQ9r8GKYqrTwjU+/==\"]", "secrets: [\"whsec_HIDDEN\"]"),
        (
            "connection: \"host=x password=geheim dbname=y\"",
            "connection: \"host=x password=HIDDEN dbname=y\""
        ),
        ("connection: postgresql://u:p@h/db", "connection: postgresql://HIDDEN@h/db"),
        ("url: https://alerts.example/midwatch", "url: https://alerts.example/midwatch"),
        ("- {file: /etc/midwatch/secret}", "- {file: /etc/midwatch/secret}"),
    ])
    func `secrets of a configuration stay here`(text: String, hidden: String) {
        #expect(SecretText.hidden("a: b\n\(text)\n") == "a: b\n\(hidden)\n")
    }
}
