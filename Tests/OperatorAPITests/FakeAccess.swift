// SPDX-License-Identifier: Apache-2.0

import MidwatchModel
import OperatorAPI

/// Roles and tokens of a test.
struct FakeAccess: OperatorAccess {
    /// Of whoever runs the tests.
    var peerRole: OperatorRole? = .admin
    var tokens: [String: TokenHolder] = [:]

    func role(of peer: PeerIdentity) -> OperatorRole? { self.peerRole }
    func holder(ofToken token: String) -> TokenHolder? { self.tokens[token] }
    var takesTokens: Bool { !self.tokens.isEmpty }

    /// One token for each role, named like it.
    static let withTokens = FakeAccess(
        tokens: [
            "v1": TokenHolder(name: "screen", role: .viewer),
            "o1": TokenHolder(name: "shift", role: .operator),
            "a1": TokenHolder(name: "chief", role: .admin),
        ])
}
