// SPDX-License-Identifier: Apache-2.0

package import JSONText

/// Which commands a daemon takes, by its own description (`/v1/openapi.json`).
///
/// A dashboard may be newer or older than the daemon: a key whose command is not in the set says
/// so instead of failing.
package struct CommandSet: Sendable, Equatable {
    /// `POST` addresses with their parameters replaced by `{}`.
    private let addresses: Set<String>

    package init(addresses: Set<String>) { self.addresses = addresses }

    /// Reads an OpenAPI description.
    package init(description: JSONValue) {
        var addresses: Set<String> = []
        if case .object(let paths) = description["paths"] ?? .null {
            for (path, operations) in paths where operations["post"] != nil {
                addresses.insert(Self.folded(path))
            }
        }
        self.addresses = addresses
    }

    package func contains(_ address: String) -> Bool { self.addresses.contains(address) }

    /// `/v1/alarms/{alarmID}/shelve` as `/v1/alarms/{}/shelve`.
    private static func folded(_ path: String) -> String {
        path.split(separator: "/").map { $0.hasPrefix("{") ? "/{}" : "/\($0)" }.joined()
    }
}
