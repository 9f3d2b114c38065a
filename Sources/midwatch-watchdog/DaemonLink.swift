// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc
import MidwatchModel
package import Vitals

/// The watchdog's hold on the daemon: its page and its process.
///
/// One thread. The page of a dead daemon stays mapped, so that its last words can be read.
package final class DaemonLink {
    private let path: String
    private let bootID: BootID
    package private(set) var page: VitalsPage?
    /// Descriptor of the living process; -1 while there is none.
    package private(set) var descriptor: Int32 = -1
    /// The last file that was looked at and found to be no living daemon's.
    private var dismissed: FileIdentity?

    package init(path: String, bootID: BootID) {
        self.path = path
        self.bootID = bootID
    }

    deinit { if self.descriptor >= 0 { close(self.descriptor) } }

    /// Looks for the end of the daemon and for a new one.
    package func poll() -> [SupervisionEvent] {
        var events: [SupervisionEvent] = []
        if self.descriptor >= 0, self.hasEnded {
            self.release()
            events.append(.daemonExited)
        }
        guard let identity = FileIdentity(path: self.path), identity != self.dismissed,
            self.descriptor < 0 || identity != self.page?.fileIdentity
        else { return events }
        switch self.attach() {
        case .attached:
            self.dismissed = nil
            events.append(.daemonFound)
        case .stale: self.dismissed = identity
        case .unusable(let error):
            self.dismissed = identity
            Log.write(
                .error, "vitals page unusable", ["page": self.path, "reason": "\(error)"])
            events.append(.pageUnusable)
        }
        return events
    }

    /// Ends the daemon at once.
    ///
    /// False if there is nothing to end or it is not allowed.
    package func kill() -> Bool {
        guard self.descriptor >= 0 else { return false }
        let rc = clinux_pidfd_send_signal(self.descriptor, SIGKILL)
        if rc != 0 {
            Log.write(.critical, "daemon not killed", ["reason": SystemError.text(-rc)])
        }
        return rc == 0
    }

    private var hasEnded: Bool {
        Poll.wait(self.descriptor, for: Int16(POLLIN), until: .zero)
    }

    private func release() {
        if self.descriptor >= 0 { close(self.descriptor) }
        self.descriptor = -1
    }

    private enum Attachment {
        case attached
        /// The page of a process that is gone.
        case stale
        case unusable(VitalsError)
    }

    private func attach() -> Attachment {
        let page: VitalsPage
        do throws(VitalsError) {
            page = try VitalsPage.open(path: self.path)
        } catch {
            return error == .missing ? .stale : .unusable(error)
        }
        guard page.owner.bootID == self.bootID else { return .stale }
        let process = page.owner.process
        let fd = clinux_pidfd_open(process.processID)
        guard fd >= 0 else { return .stale }
        // The number may be another process's by now: the start time tells, or, where /proc hides
        // it, the lock that the maker of the page holds.
        let ticks = ProcessIdentity.startTicks(of: process.processID)
        let isMaker = ticks.map { $0 == process.startTicks } ?? VitalsPage.isHeld(path: self.path)
        guard isMaker, !Poll.wait(fd, for: Int16(POLLIN), until: .zero) else {
            close(fd)
            return .stale
        }
        self.release()
        self.page = page
        self.descriptor = fd
        return .attached
    }
}
