// SPDX-License-Identifier: Apache-2.0

/// Every sensor's path and title, in the order of paths: what the tree is made of.
///
/// It is read page by page and seldom; values come for what is on the screen only.
package struct SensorDirectory: Sendable, Equatable {
    /// One sensor.
    package struct Entry: Sendable, Equatable {
        package var path: String
        package var title: String

        package init(path: String, title: String) {
            self.path = path
            self.title = title
        }
    }

    /// Entries kept; of a larger plant the filter reads the rest.
    package static let entriesMax = 20_000

    package var entries: [Entry]
    /// Whether there are more than were kept.
    package var isCut: Bool
    /// The filter it was read with; empty unless the plant is larger than `entriesMax`.
    package var filter: String
    /// Changes with every directory: what was made of another one is out of date.
    package var version: Int

    package init(entries: [Entry], isCut: Bool = false, filter: String = "", version: Int = 0) {
        self.entries = entries
        self.isCut = isCut
        self.filter = filter
        self.version = version
    }

    /// Whether a directory names the same sensors as another one that was read.
    package func names(sameAs other: SensorDirectory) -> Bool {
        other.version > 0 && self.isCut == other.isCut && self.filter == other.filter
            && self.entries == other.entries
    }
}
