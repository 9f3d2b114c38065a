// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import OperatorConsole
import Testing

/// A pseudo-terminal whose slave is standard input and output of this process.
private struct PseudoTerminal {
    let main: Int32
    let before: termios

    /// Only in the process of an exit test: it takes descriptors 0 and 1.
    init() {
        var main: Int32 = -1
        var slave: Int32 = -1
        precondition(unsafe clinux_pseudo_terminal_open(&main, &slave) == 0)
        precondition(dup2(slave, 0) == 0 && dup2(slave, 1) == 1)
        self.main = main
        var mode = termios()
        precondition(unsafe tcgetattr(0, &mode) == 0)
        self.before = mode
        _ = fcntl(self.main, F_SETFL, O_NONBLOCK)
    }

    static var isRaw: Bool {
        var mode = termios()
        _ = unsafe tcgetattr(0, &mode)
        return mode.c_lflag & tcflag_t(ICANON | ECHO | ISIG) == 0
    }

    /// What was written to the terminal, up to and with `end`, which may come more than once.
    ///
    /// The kernel hands it over in its own time and in pieces; this waits two seconds at most.
    func output(through end: String, times: Int = 1) -> String {
        var text = ""
        for _ in 0..<200 {
            var bytes = [UInt8](repeating: 0, count: 65_536)
            let count = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe read(self.main, buffer.baseAddress, buffer.count)
            }
            text += String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
            if text.hasSuffix(end), text.ranges(of: end).count >= times { break }
            var entry = pollfd(fd: self.main, events: Int16(POLLIN), revents: 0)
            _ = unsafe poll(&entry, 1, 10)
        }
        return text
    }
}

@Suite struct TerminalSessionTests {
    @Test func `without a terminal there is no session and the error says what to do`() async {
        await #expect(processExitsWith: .success) {
            let null = unsafe open("/dev/null", O_RDWR)
            _ = dup2(null, 0)
            _ = dup2(null, 1)
            do throws(TerminalSession.Failure) {
                _ = try TerminalSession()
                exit(10)
            } catch {
                exit(error == .notATerminal && error.description.contains("--once") ? 0 : 11)
            }
        }
    }

    @Test func `the terminal is raw while it is taken and as before afterwards`() async {
        await #expect(processExitsWith: .success) {
            let terminal = PseudoTerminal()
            do {
                let session = try TerminalSession()
                guard PseudoTerminal.isRaw, session.write(Array("frame".utf8)) else { exit(10) }
                let keys = "q"
                _ = unsafe keys.withCString { unsafe write(terminal.main, $0, 1) }
                guard session.read(milliseconds: 1_000, wakeDescriptor: -1) == [0x71] else {
                    exit(11)
                }
            } catch {
                exit(12)
            }
            let output = terminal.output(through: "\u{1B}[?1049l")
            guard !PseudoTerminal.isRaw, output.contains("\u{1B}[?1049h"),
                output.contains("frame"), output.hasSuffix("\u{1B}[?1049l")
            else { exit(13) }
            exit(0)
        }
    }

    @Test func `a stop gives the terminal back, and going on takes it again`() async {
        await #expect(processExitsWith: .exitCode(0)) {
            let terminal = PseudoTerminal()
            var unblocked = sigset_t()
            for number in [SIGTSTP, SIGCONT] { _ = unsafe sigaddset(&unblocked, number) }
            _ = unsafe pthread_sigmask(SIG_UNBLOCK, &unblocked, nil)
            do {
                let session = try TerminalSession()
                // Once this process stands still: its mode is looked at, then it goes on.
                let watch = """
                    p=$PPID; n=0
                    until grep -q '^State:.T' /proc/$p/status; do
                      n=$((n+1)); [ $n -lt 20000 ] || break
                    done
                    stty -a < /proc/$p/fd/0 | grep -q ' icanon' && : > "$0"
                    kill -CONT $p
                    """
                let mark = "/tmp/midwatch-stop-\(getpid())"
                var pid: pid_t = 0
                let words = ["sh", "-c", watch, mark]
                var arguments = unsafe words.map { unsafe strdup($0) } + [nil]
                guard unsafe posix_spawn(&pid, "/bin/sh", nil, nil, &arguments, nil) == 0
                else { _exit(10) }
                raise(SIGTSTP)
                // The handler of SIGCONT may run on another thread a moment later.
                var turns = 0
                while !session.takeChange(), turns < 1_000 {
                    _ = poll(nil, 0, 5)
                    turns += 1
                }
                var status: Int32 = 0
                _ = unsafe waitpid(pid, &status, 0)
                let wasGivenBack = unsafe unlink(mark) == 0
                guard wasGivenBack else { _exit(11) }
                // While the session lives: its end gives the terminal back once more.
                withExtendedLifetime(session) {
                    guard PseudoTerminal.isRaw else { _exit(12) }
                    let output = terminal.output(through: "\u{1B}[2J", times: 2)
                    let taken = output.ranges(of: "\u{1B}[?1049h").count
                    let given = output.ranges(of: "\u{1B}[?1049l").count
                    _exit(taken == 2 && given == 1 ? 0 : 14)
                }
            } catch {
                _exit(13)
            }
        }
    }

    @Test func `a stack that overflows has room left to give the terminal back`() async {
        await #expect(processExitsWith: .exitCode(0)) {
            let terminal = PseudoTerminal()
            var unblocked = sigset_t()
            _ = unsafe sigaddset(&unblocked, SIGSEGV)
            _ = unsafe pthread_sigmask(SIG_UNBLOCK, &unblocked, nil)
            var action = sigaction()
            action.__sigaction_handler = .init(sa_handler: { _ in
                _exit(PseudoTerminal.isRaw ? 20 : 0)
            })
            action.sa_flags = SA_ONSTACK
            _ = unsafe sigaction(SIGSEGV, &action, nil)
            do {
                let session = try TerminalSession()
                guard PseudoTerminal.isRaw else { _exit(10) }
                let sum = Self.descend(1)
                _ = session.takeChange()
                _exit(sum == 0 ? 11 : 12)
            } catch {
                _exit(13)
            }
            _exit(terminal.main > 0 ? 14 : 15)
        }
    }

    /// Goes down until the stack ends.
    @inline(never)
    private static func descend(_ depth: Int) -> Int {
        guard depth > 0 else { return 0 }
        let frame = InlineArray<512, Int>(repeating: depth)
        let sum = Self.descend(depth &+ 1)
        return sum &+ frame[sum & 511]
    }

    @Test(arguments: [SIGTERM, SIGHUP, SIGINT, SIGABRT, SIGSEGV, SIGTRAP])
    func `a signal gives the terminal back before it takes its course`(number: Int32) async {
        await #expect(processExitsWith: .exitCode(0)) { [number] in
            let terminal = PseudoTerminal()
            // What was installed before the session sees the terminal as it was.
            var unblocked = sigset_t()
            _ = unsafe sigaddset(&unblocked, number)
            // Threads of the pool that tests run in block signals; the main thread does not.
            _ = unsafe pthread_sigmask(SIG_UNBLOCK, &unblocked, nil)
            signal(number) { _ in _exit(PseudoTerminal.isRaw ? 20 : 0) }
            do {
                let session = try TerminalSession()
                guard PseudoTerminal.isRaw else { _exit(10) }
                raise(number)
                _ = session.takeChange()
            } catch {
                _exit(11)
            }
            _exit(terminal.main > 0 ? 12 : 13)
        }
    }
}
