// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// Sensors of which the present is not known: silent, not verified, never seen.
package struct UnknownSensors: Sendable, Equatable {
    /// One of them.
    package struct Sensor: Sendable, Equatable {
        package var path: String
        package var freshness: Freshness

        package init(path: String, freshness: Freshness) {
            self.path = path
            self.freshness = freshness
        }
    }

    /// Sensors of one freshness that are asked for.
    package static let countMax = 250

    package var sensors: [Sensor] = []
    /// Whether there are more than were asked for: a level may have some that are not here.
    package var isCut = false

    package init(_ sensors: [Sensor] = [], isCut: Bool = false) {
        self.sensors = sensors
        self.isCut = isCut
    }
}
