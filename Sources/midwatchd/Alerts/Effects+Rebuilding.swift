// SPDX-License-Identifier: Apache-2.0

import AlertDelivery
import Journal
import MidwatchModel
import Synchronization

extension Effects {
    /// Finds what delivery lost with its outbox: what the ledger has without an outcome.
    ///
    /// As a start does without an outbox, but beside what happens: nothing new waits for it. Where
    /// the disk does not give the ledger, at least the alarms that stand are told.
    func rebuild() {
        let state = self.attached.withLock { attached in
            attached.isStarted && attached.again == nil ? attached.ledger : nil
        }
        guard let ledger = state, self.delivery.takeWantsLedger() else { return }
        let newest = ledger.newest()
        let lost = RoutingDesk.Lost(
            alarms: self.delivery.takeLostAlarms(),
            from: newest > Self.rebuildMax ? newest - Self.rebuildMax : 0)
        let from = newest > Self.repeatMax ? newest - Self.repeatMax : 0
        let alerts = self.routing?.again(
            ledger.folder, owedFrom: from, through: newest, lost: lost
        ) { self.tell($0) }
        self.attached.withLock { $0.again = ((alerts ?? [])[...], newest) }
    }

    /// Offers it, behind what waits, as far as delivery has room.
    func offerAgain(_ attached: inout Attached) {
        guard var again = attached.again else { return }
        while let alert = again.alerts.first, self.delivery.offer(alert) != .inboxFull {
            again.alerts.removeFirst()
        }
        let isDone =
            again.alerts.isEmpty && self.delivery.rebuilt(through: again.through) != .inboxFull
        attached.again = isDone ? nil : again
    }
}
