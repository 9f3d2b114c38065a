// SPDX-License-Identifier: Apache-2.0

/// The paths of sensors about Midwatch itself: `midwatch/NODE/…`.
///
/// The root is reserved: nobody but the daemon writes there, and what counts or lists the sensors
/// of the plant leaves it out.
package enum OwnPath {
    /// What every path about Midwatch itself begins with.
    package static let root = "midwatch/"

    /// Whether `path` is about Midwatch itself and not about the plant.
    package static func isOwn(_ path: String) -> Bool { path.hasPrefix(self.root) }

    /// What a path about the way of alerts to people has behind the node.
    package static let delivery = "alerts"

    /// Whether `path` is about the way of alerts to people.
    ///
    /// The node may have several levels in it.
    package static func isDelivery(_ path: String) -> Bool {
        self.isOwn(path) && path.split(separator: "/").dropLast().last == self.delivery[...]
    }

    /// What the path of a test alarm has behind the node.
    package static let drill = "drill"

    /// Whether `path` is that of a test alarm: labelled, and left out where alarms are counted.
    package static func isDrill(_ path: String) -> Bool {
        self.isOwn(path) && path.split(separator: "/").dropLast().last == self.drill[...]
    }

    /// The path of `name` about the node `node`, well-formed whatever the node is called.
    package static func path(node: String, _ name: String) -> String {
        "\(self.root)\(self.levels(node))/\(name)"
    }

    /// `text` as levels of a path: without empty levels, wildcards and control characters.
    package static func levels(_ text: String) -> String {
        let levels = text.split(separator: "/").map { level in
            String(
                String.UnicodeScalarView(
                    level.unicodeScalars.map { scalar in
                        let isTaken = scalar.value >= 0x20 && scalar.value != 0x7F
                        return isTaken && scalar != "+" && scalar != "#" ? scalar : "_"
                    }))
        }
        return levels.isEmpty ? "_" : levels.joined(separator: "/")
    }
}
