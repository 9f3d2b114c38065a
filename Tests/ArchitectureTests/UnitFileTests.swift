// SPDX-License-Identifier: Apache-2.0

import Testing

/// What the two units of systemd must agree on.
struct UnitFileTests {
    /// The settings of a unit; of one that is given more than once all values.
    private static func unit(_ name: String) throws -> [String: [String]] {
        let file = try SourceTree.file("Deploy/systemd/\(name).service")
        var settings: [String: [String]] = [:]
        for line in file.lines where !line.hasPrefix("#") {
            guard let sign = line.firstIndex(of: "=") else { continue }
            settings[String(line[..<sign]), default: []].append(
                String(line[line.index(after: sign)...]))
        }
        return settings
    }

    private static let daemon = "midwatchd"
    private static let watchdog = "midwatch-watchdog"

    @Test func `both units leave the folder they share as the other one needs it`() throws {
        let units = [try Self.unit(Self.daemon), try Self.unit(Self.watchdog)]
        for unit in units {
            #expect(unit["RuntimeDirectory"] == ["midwatch"])
            // Whichever starts last sets the mode: the operators' group must get to the socket.
            #expect(unit["RuntimeDirectoryMode"] == ["0750"])
            #expect(unit["RuntimeDirectoryPreserve"] == ["yes"])
            #expect(unit["User"] == ["midwatch"])
            #expect(unit["Group"] == ["midwatch"])
        }
    }

    @Test func `the watchdog has every capability of the daemon, or it could not see it`() throws {
        func capabilities(_ name: String) throws -> Set<Substring> {
            Set(
                try Self.unit(name)["AmbientCapabilities", default: []].joined().split(
                    separator: " "))
        }
        #expect(
            try capabilities(Self.daemon).isSubset(of: capabilities(Self.watchdog)),
            "ProtectProc=invisible hides a process with more rights")
    }

    @Test func `no start limit keeps either down, and systemd waits for a sign of life`() throws {
        for name in [Self.daemon, Self.watchdog] {
            let unit = try Self.unit(name)
            #expect(unit["Restart"] == ["always"])
            #expect(unit["StartLimitIntervalSec"] == ["0"])
            #expect(unit["Type"] == ["notify"])
            #expect(unit["NotifyAccess"] == ["main"])
            #expect(unit["WatchdogSec"]?.count == 1)
        }
    }

    @Test func `the monitor does not wait for a network that may not come`() throws {
        let unit = try Self.unit(Self.daemon)
        #expect(unit["After"] == ["network.target"])
    }
}
