// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import OperatorViews

/// The thin shell of the dashboard: keys in, frames out, until the operator leaves.
package struct DashboardLoop {
    private let poller: DashboardPoller
    private let glyphs: GlyphSet
    private let times: TimeText
    private var model: DashboardModel
    private var state: DashboardState
    private var keys = KeyParser()
    private var renderer: ScreenRenderer
    private var pacer = FramePacer()
    private var bell = Bell()
    private var size = ScreenSize(columns: 80, rows: 24)

    package init(
        poller: DashboardPoller, glyphs: GlyphSet, colors: ColorLevel, times: TimeText,
        state: DashboardState = DashboardState()
    ) {
        self.poller = poller
        self.glyphs = glyphs
        self.times = times
        self.state = state
        self.model = DashboardModel(startedAt: clinux_boottime_ns())
        self.renderer = ScreenRenderer(colors: colors)
    }

    /// Runs until the operator quits or the terminal is gone.
    package mutating func run(_ terminal: borrowing TerminalSession) {
        while true {
            guard self.showFrame(terminal) else { return }
            var wait = self.pacer.wait(now: clinux_boottime_ns())
            if self.keys.awaitsTimeout { wait = min(wait, KeyParser.escapeTimeoutNanoseconds) }
            guard
                let bytes = terminal.read(
                    milliseconds: Int32(clamping: wait / 1_000_000 + 1),
                    wakeDescriptor: self.poller.wakeDescriptor)
            else { return }
            var pressed = self.keys.feed(bytes)
            if bytes.isEmpty, let key = self.keys.timeOut() { pressed.append(key) }
            for key in pressed where self.perform(key) { return }
            for answer in self.poller.takeAnswers() { self.take(answer) }
        }
    }

    /// Draws if a frame is due; false if the terminal is gone.
    private mutating func showFrame(_ terminal: borrowing TerminalSession) -> Bool {
        if terminal.takeChange() {
            self.renderer.invalidate()
            self.pacer.wantFrame()
        }
        // The size is asked for every time: a lost SIGWINCH must not leave a torn screen.
        let size = TerminalSession.size() ?? self.size
        if size != self.size { self.pacer.wantFrame() }
        self.size = size
        let now = clinux_boottime_ns()
        guard self.pacer.isDue(now: now, isDrained: terminal.isDrained) else { return true }
        self.state.sync(self.model)
        self.poller.want(Dashboard.need(self.model, self.state, now: now, size: size))
        let screen = Dashboard.draw(
            self.model, self.state, glyphs: self.glyphs, times: self.times, now: now, size: size)
        var bytes = self.renderer.render(screen)
        if self.bell.rings(self.model, now: now), !self.state.isMuted { bytes.append(0x07) }
        self.pacer.drawn(bytes: bytes.count, now: now)
        return terminal.write(bytes)
    }

    /// Whether the operator leaves.
    private mutating func perform(_ key: Key) -> Bool {
        let now = clinux_boottime_ns()
        self.pacer.wantFrame()
        self.state.sync(self.model)
        switch self.state.handle(key, model: self.model, now: now, size: self.size) {
        case nil: break
        case .quit: return true
        case .repaint: self.renderer.invalidate()
        case .send(let action):
            if !self.poller.send(action) {
                self.state.show(
                    "too many commands wait; nothing was done", isFailure: true, now: now)
            }
        }
        return false
    }

    private mutating func take(_ answer: DashboardPoller.Answer) {
        let now = clinux_boottime_ns()
        self.pacer.wantFrame()
        switch answer {
        case .seen(let seen): self.model.receive(seen, now: now)
        case .failed(let reason): self.model.fail(reason)
        case .done(let done):
            self.state.show(done.text(self.times), isFailure: false, now: now)
            if let test = done.testID { self.state.follow(test: test) }
        case .refused(let text): self.state.show(text, isFailure: true, now: now)
        }
    }
}
