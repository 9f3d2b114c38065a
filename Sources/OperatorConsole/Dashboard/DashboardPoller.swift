// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
internal import NamedThread
internal import OperatorViews
internal import Synchronization

/// Asks the daemon once a second on a thread of its own, so that a daemon that hangs never hangs
/// the keyboard.
///
/// It asks for what the screen shows and nothing else (`DashboardNeed`). The dashboard's thread
/// puts needs and actions in and takes answers out; both queues are bounded. `wakeDescriptor`
/// becomes readable when an answer waits.
package final class DashboardPoller: Sendable {
    /// What the daemon said, or that it did not.
    package enum Answer: Sendable {
        case seen(DashboardAnswer)
        case failed(String)
        /// An action was done.
        case done(OperatorAction.Done)
        case refused(String)
    }

    static let intervalNanoseconds: UInt64 = 1_000_000_000
    private static let actionsMax = 16
    private static let answersMax = 64

    private struct State {
        var need = DashboardNeed()
        var wantsNow = false
        var actions: [OperatorAction] = []
        var answers: [Answer] = []
        var isStopped = false
    }

    private let client: OperatorClient
    private let state = Mutex(State())
    /// Bytes in it wake the dashboard's thread; written by the poller's.
    private let wakePipe: (read: Int32, write: Int32)
    /// Bytes in it wake the poller's thread; written by the dashboard's.
    private let askPipe: (read: Int32, write: Int32)

    /// Starts the thread; nil if the system has no descriptors or threads left.
    package init?(client: OperatorClient) {
        self.client = client
        guard let wakePipe = Self.makePipe() else { return nil }
        guard let askPipe = Self.makePipe() else {
            close(wakePipe.read)
            close(wakePipe.write)
            return nil
        }
        self.wakePipe = wakePipe
        self.askPipe = askPipe
        do throws(ThreadRefusal) {
            try NamedThread.detach("poller") { self.run() }
        } catch {
            return nil
        }
    }

    deinit {
        for descriptor in [
            self.wakePipe.read, self.wakePipe.write, self.askPipe.read, self.askPipe.write,
        ] { close(descriptor) }
    }

    package var wakeDescriptor: Int32 { self.wakePipe.read }

    /// Asks for this from now on; at once if it is another need than before.
    package func want(_ need: DashboardNeed) {
        let isNew = self.state.withLock { state in
            guard state.need != need else { return false }
            state.need = need
            state.wantsNow = true
            return true
        }
        if isNew { Self.ring(self.askPipe.write) }
    }

    /// Sends an action; false if too many wait already.
    package func send(_ action: OperatorAction) -> Bool {
        let isTaken = self.state.withLock { state in
            guard state.actions.count < Self.actionsMax else { return false }
            state.actions.append(action)
            return true
        }
        Self.ring(self.askPipe.write)
        return isTaken
    }

    /// Answers since the last call.
    package func takeAnswers() -> [Answer] {
        self.state.withLock { state in
            let answers = state.answers
            state.answers = []
            return answers
        }
    }

    /// The thread ends after the request it is at.
    package func stop() {
        self.state.withLock { $0.isStopped = true }
        Self.ring(self.askPipe.write)
    }

    // MARK: The poller's thread

    private func run() {
        var nextAt: UInt64 = 0
        var round = DashboardRound(client: self.client)
        while true {
            let (isStopped, wantsNow, need, actions) = self.state.withLock { state in
                let taken = (state.isStopped, state.wantsNow, state.need, state.actions)
                state.wantsNow = false
                state.actions = []
                return taken
            }
            if isStopped { return }
            for action in actions { self.perform(action) }
            if !actions.isEmpty { round.lookAgain() }
            let now = clinux_boottime_ns()
            if wantsNow || !actions.isEmpty || now >= nextAt {
                nextAt = now + Self.intervalNanoseconds
                do throws(ClientError) {
                    self.put(.seen(try round.ask(need)))
                } catch {
                    round.forget()
                    self.put(.failed(error.description))
                }
                // A directory that is not read to its end goes on soon.
                if round.hasMore { nextAt = clinux_boottime_ns() + Self.intervalNanoseconds / 10 }
            }
            Self.wait(self.askPipe.read, until: nextAt)
        }
    }

    private func perform(_ action: OperatorAction) {
        do throws(ClientError) {
            self.put(.done(try action.perform(self.client)))
        } catch {
            self.put(.refused("\(action.subject): \(error.description)"))
        }
    }

    private func put(_ answer: Answer) {
        self.state.withLock { state in
            if state.answers.count == Self.answersMax { state.answers.removeFirst() }
            state.answers.append(answer)
        }
        Self.ring(self.wakePipe.write)
    }

    // MARK: Pipes

    private static func makePipe() -> (read: Int32, write: Int32)? {
        var ends: [Int32] = [0, 0]
        guard unsafe pipe(&ends) == 0 else { return nil }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        return (ends[0], ends[1])
    }

    private static func ring(_ descriptor: Int32) {
        // A full pipe is as good as a byte in it.
        var byte: UInt8 = 1
        _ = unsafe write(descriptor, &byte, 1)
    }

    private static func wait(_ descriptor: Int32, until instant: UInt64) {
        let now = clinux_boottime_ns()
        guard now < instant else { return }
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard unsafe poll(&entry, 1, Int32((instant - now) / 1_000_000 + 1)) > 0 else { return }
        var bytes = [UInt8](repeating: 0, count: 64)
        _ = unsafe bytes.withUnsafeMutableBytes { buffer in
            unsafe read(descriptor, buffer.baseAddress, buffer.count)
        }
    }
}
