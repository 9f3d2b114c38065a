// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// Who may do what, as the daemon's configuration and its token file say.
///
/// Asked for every request, from any thread: no call may wait for a disk.
package protocol OperatorAccess: Sendable {
    /// What the account at the other end of the unix socket may do; nil: nothing.
    func role(of peer: PeerIdentity) -> OperatorRole?

    /// Whose token this is; nil if it is nobody's, or expired.
    func holder(ofToken token: String) -> TokenHolder?

    /// Whether tokens are in use: without one the loopback port then shows nothing.
    var takesTokens: Bool { get }
}

/// An account as the kernel saw it at `connect`.
package struct PeerIdentity: Sendable, Equatable {
    package var uid: UInt32
    /// The account's group, then those it is a member of besides.
    package var groups: [UInt32]

    package init(uid: UInt32, groups: [UInt32]) {
        self.uid = uid
        self.groups = groups
    }
}

/// Whoever has a token.
package struct TokenHolder: Sendable, Equatable {
    package var name: String
    package var role: OperatorRole

    package init(name: String, role: OperatorRole) {
        self.name = name
        self.role = role
    }
}
