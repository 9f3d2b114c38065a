// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import OperatorViews

/// The thin shell of the dashboard: keys in, frames out, until the operator leaves.
package struct DashboardLoop {
    /// A frame at least this often, because ages count also when nothing else happens.
    private static let frameMilliseconds: Int32 = 250

    private let poller: DashboardPoller
    private let glyphs: GlyphSet
    private var model: DashboardModel
    private var state = DashboardState()
    private var keys = KeyParser()
    private var renderer: ScreenRenderer

    package init(poller: DashboardPoller, glyphs: GlyphSet, colors: ColorLevel) {
        self.poller = poller
        self.glyphs = glyphs
        self.model = DashboardModel(startedAt: clinux_boottime_ns())
        self.renderer = ScreenRenderer(colors: colors)
    }

    /// Runs until the operator quits or the terminal is gone.
    package mutating func run(_ terminal: borrowing TerminalSession) {
        while true {
            if terminal.takeChange() { self.renderer.invalidate() }
            // The size is asked for every frame: a lost SIGWINCH must not leave a torn screen.
            let size = TerminalSession.size() ?? ScreenSize(columns: 80, rows: 24)
            let screen = Dashboard.draw(
                self.model, self.state, glyphs: self.glyphs, now: clinux_boottime_ns(), size: size)
            guard terminal.write(self.renderer.render(screen)) else { return }
            let wait =
                self.keys.awaitsTimeout
                ? Int32(KeyParser.escapeTimeoutNanoseconds / 1_000_000) : Self.frameMilliseconds
            guard
                let bytes = terminal.read(
                    milliseconds: wait, wakeDescriptor: self.poller.wakeDescriptor)
            else { return }
            var pressed = self.keys.feed(bytes)
            if bytes.isEmpty, let key = self.keys.timeOut() { pressed.append(key) }
            for key in pressed where self.perform(key) { return }
            for answer in self.poller.takeAnswers() { self.take(answer) }
        }
    }

    /// Whether the operator leaves.
    private mutating func perform(_ key: Key) -> Bool {
        let now = clinux_boottime_ns()
        switch self.state.handle(key, model: self.model, now: now) {
        case nil: break
        case .quit: return true
        case .repaint: self.renderer.invalidate()
        case .refresh: self.poller.refresh(filter: self.state.filter)
        case .acknowledge(let alarmID, let activation, let comment):
            let isSent = self.poller.acknowledge(
                alarmID: alarmID, activation: activation, comment: comment)
            self.state.show(
                isSent ? "acknowledging \(alarmID)" : "too many commands wait; try again",
                isFailure: !isSent, now: now)
        }
        return false
    }

    private mutating func take(_ answer: DashboardPoller.Answer) {
        let now = clinux_boottime_ns()
        switch answer {
        case .snapshot(let snapshot, let askedAt): self.model.receive(snapshot, askedAt: askedAt)
        case .failed(let reason): self.model.fail(reason)
        case .acknowledged(let view):
            let note = view.recorded ? "" : ", not yet recorded on disk"
            self.state.show(
                "\(view.alarmID) acknowledged\(note)", isFailure: false, now: now)
        case .refused(let alarmID, let reason):
            self.state.show("\(alarmID): \(reason)", isFailure: true, now: now)
        }
    }
}
