// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import MidwatchModel
import Vitals

/// The watchdog's one loop: looks, asks the machine, does what it says.
///
/// It never waits for anything but time, signals and the end of the daemon: messages leave on other
/// threads.
final class SupervisionLoop {
    /// Why the loop ended.
    enum End { case stopped }

    /// Fed this often at least; systemd asks for half its interval or sooner.
    private static let feedIntervalMax: UInt64 = 5_000_000_000
    /// At an ordered stop, messages have this long to leave.
    private static let flushNanoseconds: UInt64 = 2_000_000_000

    private let configurationPath: String
    private var configuration: WatchdogConfiguration
    private let bootID: BootID
    private let startedAt: MonotonicInstant
    private let link: DaemonLink
    private let ladderFile: LadderFile
    private var machine: SupervisionMachine
    private var routes: [RouteWorker] = []
    private var heartbeat: HeartbeatWorker?
    private var heartbeatAt: MonotonicInstant?
    private var wasHeartbeatSent = true
    private var hardware: HardwareWatchdog?
    private let notifier = SystemdNotifier()
    private let notifyInterval: UInt64?
    private var notifiedAt: MonotonicInstant = .zero
    private var statusText = ""
    private let canarySocket: Int32
    private let signals: Int32
    /// The daemon this watchdog started, while it runs.
    private var child: ChildProcess.Running?
    private var isStartWanted = false
    private var messageCount: UInt64 = 0

    init?(
        _ configuration: WatchdogConfiguration, path: String, bootID: BootID, signals: Int32
    ) {
        self.configuration = configuration
        self.configurationPath = path
        self.bootID = bootID
        self.signals = signals
        self.startedAt = BootClock.now()
        self.link = DaemonLink(path: configuration.pagePath, bootID: bootID)
        self.ladderFile = LadderFile(path: configuration.statePath)
        self.canarySocket = clinux_udp_socket()
        self.notifyInterval = SystemdWatchdog.interval(processID: getpid()).map {
            min($0 * 1_000 / 3, Self.feedIntervalMax)
        }
        let (ladder, damage) = self.ladderFile.load(
            restartCountMax: configuration.policy.restartCountMax,
            windowNanoseconds: configuration.policy.restartWindow)
        if let damage {
            Log.write(
                .error, "restart ladder lost",
                ["state": configuration.statePath, "reason": damage])
        }
        self.machine = SupervisionMachine(
            policy: configuration.policy, ladder: ladder, firstNonce: self.startedAt.nanoseconds,
            now: RestartLadder.Moment(
                bootID: bootID, at: self.startedAt,
                wall: WallInstant(nanoseconds: clinux_realtime_ns())))
        guard self.canarySocket >= 0 else { return nil }
    }

    private var moment: RestartLadder.Moment {
        RestartLadder.Moment(
            bootID: self.bootID, at: BootClock.now(),
            wall: WallInstant(nanoseconds: clinux_realtime_ns()))
    }

    // MARK: The loop

    func run() -> End {
        self.startWorkers(taking: [:])
        if let hardware = self.configuration.hardware {
            let watchdog = HardwareWatchdog(hardware, device: KernelWatchdogDevice())
            if watchdog.arm(now: BootClock.now()) { self.hardware = watchdog }
        }
        self.notifier?.ready(status: "watching")
        Log.write(
            .info, "watching",
            [
                "page": self.configuration.pagePath,
                "restart.count": "\(self.machine.ladder.recentCount(self.moment))",
                "routes": "\(self.routes.count)",
            ])
        var nextTick = BootClock.now()
        while true {
            self.look()
            nextTick = nextTick.advanced(byNanoseconds: self.configuration.policy.tickInterval)
            let now = BootClock.now()
            // After a delay go on from now: missed looks are not made up for.
            if nextTick < now { nextTick = now }
            if self.waitForTick(nextTick) {
                self.stop()
                return .stopped
            }
        }
    }

    /// Waits until `deadline`; acts on signals and on the end of the daemon meanwhile.
    ///
    /// - Returns: Whether an ordered stop was asked for.
    private func waitForTick(_ deadline: MonotonicInstant) -> Bool {
        while true {
            var entries = [
                pollfd(fd: self.signals, events: Int16(POLLIN), revents: 0),
                pollfd(fd: self.link.descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: self.child?.descriptor ?? -1, events: Int16(POLLIN), revents: 0),
            ]
            guard Poll.wait(&entries, until: deadline) > 0 else { return false }
            if entries[0].revents != 0 {
                while true {
                    let signal = clinux_signalfd_read(self.signals)
                    if signal == 0 { break }
                    if signal == SIGTERM || signal == SIGINT { return true }
                    if signal == SIGHUP { self.reload() }
                }
            }
            // An end of the daemon is told now, not at the next look.
            if entries[1].revents != 0 || entries[2].revents != 0 { self.attend() }
        }
    }

    /// Takes in ends and beginnings of the daemon.
    private func attend() {
        // A child that made a page ends twice: as the page's process and as the child. The machine
        // hears of it once.
        let wasAttached = self.link.descriptor >= 0
        var events = self.link.poll()
        if let child = self.child, Poll.wait(child.descriptor, for: Int16(POLLIN), until: .zero) {
            var status: Int32 = 0
            _ = unsafe clinux_pidfd_reap(child.descriptor, &status)
            close(child.descriptor)
            self.child = nil
            Log.write(
                .notice, "daemon ended",
                ["daemon.pid": "\(child.processID)", "status": "\(status)"])
            let isTold = wasAttached && self.link.page?.owner.process.processID == child.processID
            if !isTold { events.insert(.daemonExited, at: 0) }
        }
        for event in events {
            if event == .daemonFound, let owner = self.link.page?.owner {
                Log.write(
                    .info, "daemon found", ["daemon.pid": "\(owner.process.processID)"])
            }
            self.perform(self.machine.handle(event, now: self.moment))
        }
    }

    private func look() {
        self.attend()
        let now = BootClock.now()
        self.link.page?.beatFromWatchdog(processID: getpid(), now: now)
        let observation = self.link.descriptor >= 0 ? self.link.page?.observe() : nil
        let lateBefore = self.machine.lateTickCount
        self.perform(self.machine.handle(.tick(observation), now: self.moment))
        if self.machine.lateTickCount != lateBefore {
            Log.write(.warning, "look came late, no verdict")
        }
        if self.isStartWanted { self.startDaemon() }
        self.feed(now: now)
        self.beat(now: now)
    }

    // MARK: Doing

    private func perform(_ actions: [SupervisionAction]) {
        for action in actions {
            switch action {
            case .report(let report): self.tell(report)
            case .storeLadder:
                if let failure = self.ladderFile.store(self.machine.ladder) {
                    Log.write(
                        .error, "restart ladder not stored",
                        ["state": self.configuration.statePath, "reason": failure])
                }
            case .kill(let problem):
                Log.write(.critical, "daemon killed", ["problem": problem.word])
                if !self.link.kill() { self.killChild() }
            case .start: self.isStartWanted = true
            case .sendCanary(let nonce): self.sendCanary(nonce)
            }
        }
    }

    private func tell(_ report: ProblemReport) {
        let moment = self.moment
        self.messageCount &+= 1
        let page = self.link.page
        let message = AlertMessage(
            report, number: self.messageCount, startedAt: self.startedAt,
            AlertMessage.Circumstances(
                node: self.configuration.node, bootID: self.bootID, now: moment.at,
                wall: moment.wall,
                phase: self.link.descriptor >= 0 ? page?.phase.word ?? "absent" : "absent",
                daemonProcessID: page?.owner.process.processID, epoch: page?.epoch,
                restartCount: self.machine.ladder.recentCount(moment),
                restartTotal: self.machine.ladder.totalCount))
        for route in self.routes { route.offer(message) }
        Log.write(
            report.occasion == .cleared ? .notice : .critical, "problem",
            [
                "problem": report.problem.word, "occasion": "\(report.occasion)",
                "alert.id": message.id,
            ])
    }

    private func sendCanary(_ nonce: UInt64) {
        guard let page = self.link.page else { return }
        page.want(nonce: nonce, now: BootClock.now())
        let port = page.canaryPort
        guard port != 0 else { return }
        let bytes = (0..<8).map { UInt8(truncatingIfNeeded: nonce >> UInt64(56 - 8 * $0)) }
        _ = unsafe bytes.withUnsafeBytes {
            unsafe clinux_udp_send_loopback(self.canarySocket, port, $0.baseAddress, $0.count)
        }
    }

    private func startDaemon() {
        guard self.child == nil else { return self.killChild() }
        self.isStartWanted = false
        let started = ChildProcess.spawn(
            self.configuration.daemonArguments, input: -1, output: -1, isNewSession: true)
        switch started {
        case .success(let child):
            self.child = child
            Log.write(.notice, "daemon started", ["daemon.pid": "\(child.processID)"])
        case .failure(let error):
            Log.write(
                .critical, "daemon not started", ["reason": SystemError.text(error.number)])
        }
    }

    private func killChild() {
        guard let child = self.child else { return }
        _ = clinux_pidfd_send_signal(child.descriptor, SIGKILL)
    }

    private func feed(now: MonotonicInstant) {
        let isFeeding = self.machine.isFeeding
        self.hardware?.feed(
            isFeeding: isFeeding, blindSince: self.machine.blindSince, now: now)
        if let interval = self.notifyInterval, isFeeding,
            now.nanosecondsSince(self.notifiedAt) >= interval
        {
            self.notifiedAt = now
            self.notifier?.watchdog()
        }
        let words = self.machine.standing.keys.map(\.word).sorted().joined(separator: " ")
        let text = words.isEmpty ? "watching, no problem" : "problems: \(words)"
        if text != self.statusText {
            self.statusText = text
            self.notifier?.status(text)
        }
    }

    private func beat(now: MonotonicInstant) {
        guard let heartbeat = self.heartbeat, let settings = self.configuration.heartbeat else {
            return
        }
        if let last = self.heartbeatAt, now.nanosecondsSince(last) < settings.intervalNanoseconds {
            return
        }
        switch self.machine.heartbeat(now: now) {
        case .send:
            self.heartbeatAt = now
            self.wasHeartbeatSent = true
            heartbeat.beat(
                node: self.configuration.node, bootID: self.bootID, now: now,
                wall: WallInstant(nanoseconds: clinux_realtime_ns()))
        case .withhold(let reason):
            if self.wasHeartbeatSent {
                Log.write(.warning, "heartbeat withheld", ["reason": "\(reason)"])
            }
            self.wasHeartbeatSent = false
        }
    }

    // MARK: Configuration

    /// Starts a worker per route; what the earlier workers had left goes to those of the same name.
    private func startWorkers(taking left: [String: [AlertMessage]]) {
        self.routes = []
        for route in self.configuration.routes {
            guard let worker = RouteWorker(route, curl: self.configuration.curl), worker.start()
            else {
                Log.write(.critical, "route not started", ["route.name": route.name])
                continue
            }
            for message in left[route.name] ?? [] { worker.offer(message) }
            self.routes.append(worker)
        }
        for (name, messages) in left
        where !messages.isEmpty && !self.routes.contains(where: { $0.name == name }) {
            Log.write(
                .error, "alerts of a removed route dropped",
                ["route.name": name, "alert.count": "\(messages.count)"])
        }
        self.heartbeat = nil
        if let settings = self.configuration.heartbeat {
            if let worker = HeartbeatWorker(settings, curl: self.configuration.curl), worker.start()
            {
                self.heartbeat = worker
            } else {
                Log.write(.critical, "heartbeat not started")
            }
        }
        if self.configuration.needsCurl, !CurlSettings.isInstalled(self.configuration.curl) {
            Log.write(
                .error, "curl is not installed: https routes will fail",
                ["curl": self.configuration.curl])
        }
    }

    /// Takes the file as it is now; a faulty one changes nothing.
    private func reload() {
        guard
            let text = SmallFile.read(
                self.configurationPath, bytesMax: ConfigurationParser.bytesMax)
        else {
            Log.write(
                .error, "configuration not read, the old one stays",
                ["file": self.configurationPath])
            return
        }
        let fresh: WatchdogConfiguration
        do throws(ConfigurationFaults) {
            fresh = try ConfigurationParser.parse(text, file: self.configurationPath)
        } catch {
            for fault in error.faults {
                Log.write(
                    .error, "configuration faulty, the old one stays",
                    ["fault": fault.description])
            }
            return
        }
        let old = self.configuration
        if fresh.pagePath != old.pagePath || fresh.statePath != old.statePath
            || fresh.hardware != old.hardware || fresh.isRealtime != old.isRealtime
        {
            Log.write(.warning, "page, state, hardware and realtime change at the next start only")
        }
        self.configuration = fresh
        self.configuration.pagePath = old.pagePath
        self.configuration.statePath = old.statePath
        self.configuration.hardware = old.hardware
        self.machine.adopt(fresh.policy)
        var left: [String: [AlertMessage]] = [:]
        for route in self.routes { left[route.name] = route.retire() }
        self.heartbeat?.retire()
        self.startWorkers(taking: left)
        Log.write(.notice, "configuration loaded", ["routes": "\(self.routes.count)"])
    }

    // MARK: The end

    private func stop() {
        Log.write(.info, "stopping")
        self.notifier?.stopping()
        if let child = self.child { self.stopChild(child) }
        self.hardware?.stop()
        let deadline = BootClock.now().advanced(byNanoseconds: Self.flushNanoseconds)
        while self.routes.contains(where: { $0.pendingCount > 0 }), BootClock.now() < deadline {
            usleep(10_000)
        }
        let left = self.routes.reduce(0) { $0 + $1.retire().count }
        if left > 0 {
            Log.write(.error, "alerts not delivered at stop", ["alert.count": "\(left)"])
        }
        self.heartbeat?.retire()
    }

    /// A daemon that this watchdog started stops with it.
    private func stopChild(_ child: ChildProcess.Running) {
        _ = clinux_pidfd_send_signal(child.descriptor, SIGTERM)
        let deadline = BootClock.now().advanced(
            byNanoseconds: self.configuration.policy.stopDeadline)
        if !Poll.wait(child.descriptor, for: Int16(POLLIN), until: deadline) {
            Log.write(.error, "daemon does not stop, killed")
            _ = clinux_pidfd_send_signal(child.descriptor, SIGKILL)
        }
        close(child.descriptor)
        self.child = nil
    }
}
