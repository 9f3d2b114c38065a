// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A real terminal: tmux, driven by the keys that somebody types.
///
/// It has a server of its own, which ends with the test.
final class Terminal {
    private let tmux: String
    private let socket: String
    private let folder: TemporaryFolder
    private var size: (columns: Int, rows: Int)

    /// Starts the program in a terminal of a size, with these settings of its environment.
    init(
        _ command: [String], columns: Int, rows: Int, environment: [String] = [],
        in folder: TemporaryFolder
    ) throws {
        self.tmux = try Places.tool("tmux")
        self.folder = folder
        self.socket = folder.file("tmux.sock")
        self.size = (columns, rows)
        let words = (["env", "LANG=C.UTF-8"] + environment + command).map { "'\($0)'" }
        // The shell stays behind the program: what it leaves on the screen can be read.
        let line = words.joined(separator: " ") + "; echo status=$?; exec cat"
        try self.run(
            [
                "-f", "/dev/null", "new-session", "-d", "-x", "\(columns)", "-y", "\(rows)",
                "sh", "-c", line,
            ])
    }

    deinit { _ = try? self.run(["kill-server"]) }

    @discardableResult
    private func run(_ words: [String]) throws -> String {
        try ChildProcess.run([self.tmux, "-S", self.socket] + words, within: 20)
    }

    /// Presses keys: names of tmux such as `Enter`, or text that is typed as it is.
    func press(_ keys: String...) throws {
        for key in keys {
            let names = ["Enter", "Escape", "Tab", "Up", "Down", "Left", "Right", "Home", "End"]
            try self.run(
                names.contains(key)
                    ? ["send-keys", key] : ["send-keys", "-l", key])
            // What follows Escape at once is a key with Alt; nobody types that fast.
            if key == "Escape" { usleep(200_000) }
        }
    }

    func resize(columns: Int, rows: Int) throws {
        self.size = (columns, rows)
        try self.run(["resize-window", "-x", "\(columns)", "-y", "\(rows)"])
    }

    /// What stands on the screen.
    func screen() throws -> String { try self.run(["capture-pane", "-p"]) }

    /// Process number of what runs in the terminal: the shell's youngest child.
    func program() throws -> Int32? {
        let shell = try self.run(["display-message", "-p", "#{pane_pid}"])
        let pid = shell.split(separator: "\n").first.map(String.init) ?? ""
        let children = File.text("/proc/\(pid)/task/\(pid)/children")
        return children.split(separator: " ").last.flatMap { Int32($0) }
    }

    /// Waits until the screen has all of these texts.
    func shows(_ texts: [String], within seconds: Double = 10) async throws -> Bool {
        let isThere = try await waits(seconds) {
            let screen = try self.screen()
            return texts.allSatisfy { screen.contains($0) }
        }
        guard !isThere else { return true }
        throw Trouble("the screen has not all of \(texts):\n\(try self.screen())")
    }

    func shows(_ text: String, within seconds: Double = 10) async throws -> Bool {
        try await self.shows([text], within: seconds)
    }
}
