// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Glibc
package import OperatorViews
internal import Synchronization

/// Asks the daemon once a second on a thread of its own, so that a daemon that hangs never hangs
/// the keyboard.
///
/// The dashboard's thread puts requests in and takes answers out; both queues are bounded.
/// `wakeDescriptor` becomes readable when an answer waits.
package final class DashboardPoller: Sendable {
    /// What the daemon said, or that it did not.
    package enum Answer: Sendable {
        case snapshot(DashboardSnapshot, askedAt: UInt64)
        case failed(String)
        case acknowledged(AcknowledgementView)
        case refused(alarmID: String, reason: String)
    }

    /// Sensors asked for: more than any screen has rows.
    package static let sensorsMax = 250
    package static let alarmsMax = 500
    private static let intervalNanoseconds: UInt64 = 1_000_000_000
    private static let commandsMax = 16
    private static let answersMax = 64

    private struct Command {
        var alarmID: String
        var activation: String
        var comment: String
    }

    private struct State {
        var filter = ""
        var wantsNow = false
        var commands: [Command] = []
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
        var thread = pthread_t()
        let context = unsafe Unmanaged.passRetained(self)
        let result = unsafe pthread_create(
            &thread, nil,
            { context in
                guard let context = unsafe context else { return nil }
                unsafe Unmanaged<DashboardPoller>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, context.toOpaque())
        guard result == 0 else {
            unsafe context.release()
            return nil
        }
        pthread_detach(thread)
    }

    deinit {
        for descriptor in [
            self.wakePipe.read, self.wakePipe.write, self.askPipe.read, self.askPipe.write,
        ] { close(descriptor) }
    }

    package var wakeDescriptor: Int32 { self.wakePipe.read }

    /// Asks at once, with this filter from now on.
    package func refresh(filter: String) {
        self.state.withLock { state in
            state.filter = filter
            state.wantsNow = true
        }
        Self.ring(self.askPipe.write)
    }

    /// Sends an acknowledgement; false if too many wait already.
    package func acknowledge(alarmID: String, activation: String, comment: String) -> Bool {
        let isTaken = self.state.withLock { state in
            guard state.commands.count < Self.commandsMax else { return false }
            state.commands.append(
                Command(alarmID: alarmID, activation: activation, comment: comment))
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
        while true {
            let (isStopped, wantsNow, filter, commands) = self.state.withLock { state in
                let taken = (state.isStopped, state.wantsNow, state.filter, state.commands)
                state.wantsNow = false
                state.commands = []
                return taken
            }
            if isStopped { return }
            for command in commands { self.perform(command) }
            let now = clinux_boottime_ns()
            if wantsNow || !commands.isEmpty || now >= nextAt {
                nextAt = now + Self.intervalNanoseconds
                self.put(self.ask(filter: filter))
            }
            Self.wait(self.askPipe.read, until: nextAt)
        }
    }

    private func perform(_ command: Command) {
        do throws(ClientError) {
            let view = try self.client.acknowledge(
                alarmID: command.alarmID, activation: command.activation,
                comment: command.comment)
            self.put(.acknowledged(view))
        } catch {
            self.put(.refused(alarmID: command.alarmID, reason: error.description))
        }
    }

    private func ask(filter: String) -> Answer {
        let askedAt = clinux_boottime_ns()
        do throws(ClientError) {
            return .snapshot(
                try Self.snapshot(self.client, filter: filter), askedAt: askedAt)
        } catch {
            return .failed(error.description)
        }
    }

    /// One snapshot of what the dashboard shows.
    package static func snapshot(
        _ client: OperatorClient, filter: String
    ) throws(ClientError) -> DashboardSnapshot {
        let status = try client.status()
        let alarms = try client.alarms(AlarmQuery(limit: self.alarmsMax))
        var query = SensorQuery(limit: self.sensorsMax)
        query.order = .worst
        query.filter = filter
        let sensors = try client.sensors(query)
        return DashboardSnapshot(status: status, sensors: sensors.items, alarms: alarms.items)
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
