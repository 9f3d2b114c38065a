// SPDX-License-Identifier: Apache-2.0

import Glibc
import OperatorConsole
import Testing

/// Frames as people see them, in the files of `Golden`.
///
/// `MIDWATCH_GOLDEN=write swift test --filter GoldenTests` writes them anew: read the difference
/// before you keep it.
@Suite struct GoldenTests {
    static let sizes = [(80, 24), (120, 40), (200, 60)]
    /// Name of the file, and the keys that lead to the screen.
    static let screens = [
        ("overview", ""), ("alarms", "2"), ("sensors", "3"), ("events", "4"), ("delivery", "5"),
        ("ingest", "6"), ("alarm", "2\r"), ("sensor", "3j\r"), ("history", "3j\r-"),
        ("dead-letter", "5jj"), ("help", "?"),
        ("filter", "3/temp-0"), ("acknowledge", "2aon my way"),
    ]

    private static func screen(
        _ keys: String, _ columns: Int, _ rows: Int, model: DashboardModel = Plant.model,
        glyphs: GlyphSet = .braille
    ) -> Screen {
        let size = ScreenSize(columns: columns, rows: rows)
        let now = Plant.at + Plant.second / 5
        let state = Keys.pressed(keys, model: model, now: now, size: size)
        return Dashboard.draw(model, state, glyphs: glyphs, now: now, size: size)
    }

    @Test(arguments: Self.screens, Self.sizes)
    func `each screen at each size is its golden frame`(
        screen: (name: String, keys: String), size: (columns: Int, rows: Int)
    ) throws {
        let drawn = Self.screen(screen.keys, size.columns, size.rows)
        try Golden.check(drawn, "\(screen.name)-\(size.columns)x\(size.rows)")
    }

    @Test(arguments: Self.sizes)
    func `the tree of assets at each size is its golden frame`(
        size: (columns: Int, rows: Int)
    ) throws {
        let drawn = Self.screen("3", size.columns, size.rows, model: Plant.assetModel)
        try Golden.check(drawn, "assets-\(size.columns)x\(size.rows)")
    }

    @Test func `a blind overview and an ASCII one are their golden frames`() throws {
        var blind = Plant.model
        blind.fail("midwatchd is not running")
        let size = ScreenSize(columns: 80, rows: 24)
        let late = Plant.at + 62 * Plant.second
        try Golden.check(
            Dashboard.draw(
                blind, DashboardState(), glyphs: .braille, now: late, size: size), "blind-80x24")
        let ascii = Self.screen("", 80, 24, glyphs: .ascii)
        try Golden.check(ascii, "ascii-80x24")
        #expect(ascii.text.replacing("°", with: "").utf8.allSatisfy { $0 < 0x80 })
    }
}

/// Reads and writes golden frames.
enum Golden {
    private static func path(_ name: String, file: String = #filePath) -> String {
        let folder = file.split(separator: "/").dropLast().joined(separator: "/")
        return "/\(folder)/Golden/\(name).txt"
    }

    static func check(_ screen: Screen, _ name: String) throws {
        let path = Self.path(name)
        if let wish = unsafe getenv("MIDWATCH_GOLDEN"), unsafe String(cString: wish) == "write" {
            try #require(Self.write(screen.text, path), "cannot write \(path)")
        }
        let golden = try #require(Self.read(path), "\(path) is missing")
        #expect(screen.text == golden, "\(name)")
    }

    private static func read(_ path: String) -> String? {
        guard let file = unsafe fopen(path, "r") else { return nil }
        defer { unsafe fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = unsafe fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }

    private static func write(_ text: String, _ path: String) -> Bool {
        guard let file = unsafe fopen(path, "w") else { return false }
        defer { unsafe fclose(file) }
        return unsafe fputs(text, file) >= 0
    }
}

/// Keys as somebody types them.
enum Keys {
    static func of(_ text: String) -> [Key] {
        var parser = KeyParser()
        var keys = parser.feed(Array(text.utf8))
        if let key = parser.timeOut() { keys.append(key) }
        return keys
    }

    /// The state after keys.
    static func pressed(
        _ text: String, from state: DashboardState = DashboardState(),
        model: DashboardModel = Plant.model, now: UInt64 = Plant.at,
        size: ScreenSize = ScreenSize(columns: 80, rows: 24)
    ) -> DashboardState {
        var state = state
        state.sync(model)
        for key in Self.of(text) {
            _ = state.handle(key, model: model, now: now, size: size)
            state.sync(model)
        }
        return state
    }
}
