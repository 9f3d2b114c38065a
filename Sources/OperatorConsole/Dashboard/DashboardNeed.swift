// SPDX-License-Identifier: Apache-2.0

/// What the screen shows, and so what is asked of the daemon: nothing else is.
///
/// The status is asked for always: health and counts stand on every view.
package struct DashboardNeed: Sendable, Equatable {
    /// Sensors in the order of paths, behind one of them.
    package struct Window: Sendable, Equatable {
        package var filter: String
        package var after: String?
        package var limit: Int

        package init(filter: String, after: String?, limit: Int) {
            self.filter = filter
            self.after = after
            self.limit = limit
        }
    }

    /// Windows of one screen: closed levels of the tree lie between them.
    package static let windowsMax = 8

    package var alarmFilter = ""
    package var alarmLimit = 50
    /// Sensors that need attention most; 0: none.
    package var worstLimit = 0
    package var windows: [Window] = []
    /// Sensors by their paths, where no window over the order of paths has them.
    package var paths: [String] = []
    /// Sensors that are silent, not verified or never seen, for the levels they stand in.
    package var wantsUnknown = false
    package var wantsDirectory = false
    /// Of a plant too large for the directory only what fits this is read.
    package var directoryFilter = ""
    package var wantsAreas = false
    package var wantsEvents = false
    package var wantsRejects = false
    package var wantsMetrics = false
    /// The alarm whose sheet is open: its document, why, who is told, its ledger records.
    package var alarmID: String?
    /// The sensor whose sheet is open: why, and its history.
    package var sensorPath: String?
    /// How far back the sheet of a sensor looks.
    package var historySeconds: UInt64 = 0
    /// Dead letters, routes and silences.
    package var wantsDelivery = false
    /// How many dead letters, the newest first.
    package var deadLetterLimit = 0
    /// The test alert that is followed.
    package var testID: String?

    package init() {}
}
