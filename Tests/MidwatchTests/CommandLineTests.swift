// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import MidwatchModel
import StateFolder
import Testing

@testable import midwatch

/// What holds for every command: times, exit codes, help, words that are no command.
@Suite struct CommandLineTests {
    @Test func `a time that is none is refused with the forms that are`() throws {
        #expect(throws: (any Error).self) { try MomentArgument.parse("yesterday") }
        do {
            _ = try MidwatchCommand.parseAsRoot(["history", "air/co", "--since", "yesterday"])
            Issue.record("it was taken")
        } catch {
            let message = MidwatchCommand.message(for: error)
            #expect(message.contains("yesterday") && message.contains(Moment.forms))
            #expect(MidwatchCommand.exitCode(for: error) == .validationFailure)
        }
    }

    @Test(arguments: [
        ["history", "air/co", "--since", "-2h", "--until", "1h"],
        ["incident", "export", "--from", "-2h", "--to", "1h"],
        ["replay", "--from", "2h", "--to", "-1h"], ["replay", "--at", "2026-11-21"],
        ["why", "air/co", "--at", "90s"], ["alarms", "kpi", "--since", "7d"],
        ["rules", "test", "x.yaml", "--since", "2026-11-21 03:00"],
        ["alerts", "log", "--since", "2026-11-21T03:00:00+01:00"],
    ])
    func `every command reads times alike`(words: [String]) throws {
        _ = try MidwatchCommand.parseAsRoot(words)
    }

    @Test(arguments: [
        ["top", "--json", "--view", "alarms"], ["top", "--json", "--glyphs", "ascii"],
        ["top", "--size", "80x24"], ["top", "--once", "--json", "--size", "80x24"],
    ])
    func `options of top that would do nothing are refused`(words: [String]) {
        #expect(throws: (any Error).self) { try MidwatchCommand.parseAsRoot(words) }
        #expect(throws: Never.self) { try MidwatchCommand.parseAsRoot(["top", "--json", "--utc"]) }
    }

    @Test func `a sentence's times are shown by the clock of this place`() {
        let instant = WallInstant(nanoseconds: 1_795_230_245_250_000_000)
        let long = instant.rfc3339
        let local = LocalTime.text(instant, digits: 3)
        #expect(
            LocalTime.replacingTimes(in: "raised \(long), and Zebra")
                == "raised \(local), and Zebra")
        #expect(LocalTime.replacingTimes(in: "in 2s (\(long)): x  y") == "in 2s (\(local)): x  y")
        let whole = "2026-11-21T03:04:05Z"
        let second = LocalTime.text(WallInstant(nanoseconds: 1_795_230_245_000_000_000))
        #expect(LocalTime.replacingTimes(in: "since \(whole): held") == "since \(second): held")
        #expect(
            LocalTime.replacingTimes(in: "Z 2026-11-21Z \(whole)x") == "Z 2026-11-21Z \(whole)x")
    }

    @Test func `the README says of the exit codes what the command says`() throws {
        let readme = try Self.text("README.md")
        let row = try #require(
            readme.split(separator: "\n").first { $0.hasPrefix("| `midwatch` |") })
        for (code, meaning) in ExitCodeTable.rows {
            #expect(row.contains("\(code.rawValue) \(meaning)"), "\(code.rawValue)")
        }
        #expect(ExitCodeTable.rows.map(\.code.rawValue) == [0, 1, 2, 3, 4, 5])
        let help = try #require(HelpTopic.answer(to: ["help", "exit-codes"]))
        #expect(help.contains(ExitCodeTable.text))
        #expect(HelpTopic.answer(to: ["help", "alarms"]) == nil)
    }

    @Test func `help is no wider than a terminal of 80 columns`() {
        for topic in HelpTopic.allCases {
            for line in topic.text.split(separator: "\n") {
                #expect(line.count <= 80, "\(topic.rawValue): \(line)")
            }
        }
    }

    @Test func `a word that is no command is answered with the one that is near`() {
        #expect(UnknownCommand.hint(about: ["staus"])?.hasSuffix("midwatch status?") == true)
        #expect(
            UnknownCommand.hint(about: ["config", "dif", "x"])?
                .hasSuffix("did you mean midwatch config diff?") == true)
        #expect(UnknownCommand.hint(about: ["xyzzy"])?.hasSuffix("no command xyzzy") == true)
        #expect(UnknownCommand.hint(about: ["alarms", "anything"]) == nil)
        #expect(UnknownCommand.hint(about: ["status", "--josn"]) == nil)
        #expect(UnknownCommand.hint(about: []) == nil)
    }

    @Test func `every command says what it does and how it is called`() {
        func visit(_ command: any ParsableCommand.Type, _ path: String, _ above: String) {
            let name = "\(path) \(UnknownCommand.name(of: command))"
            #expect(!command.configuration.abstract.isEmpty, "\(name)")
            let words = above + command.configuration.discussion
            let subcommands = command.configuration.subcommands
            if subcommands.isEmpty { #expect(words.contains("EXAMPLES:"), "\(name)") }
            // Names that the parser makes of Swift's are to be readable.
            #expect(!command.helpMessage(columns: 80).contains("-i-d"), "\(name)")
            for subcommand in subcommands { visit(subcommand, name, words) }
        }
        for command in MidwatchCommand.configuration.subcommands { visit(command, "midwatch", "") }
    }

    static func text(_ path: String) throws -> String {
        let root = "\(#filePath)".split(separator: "/").dropLast(3).joined(separator: "/")
        let bytes = try #require(FileBytes.read("/\(root)/\(path)"))
        return String(decoding: bytes, as: UTF8.self)
    }
}
