// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

extension ConfigurationReader {
    /// Where operators' programs connect, and who may do what.
    func api(_ section: ConfigurationSection, runDirectory: String) -> APIConfiguration {
        let unixSocketPath = section.filePath("unixSocket")
        let tcp = section.bindAddress("tcp")
        let tokenFile = section.filePath("tokenFile")
        let roles = self.roles(section.section("roles"))
        section.finish()
        // sun_path holds 108 bytes with the terminating zero (unix(7)).
        if let unixSocketPath, unixSocketPath.utf8.count > 107 {
            section.report(.invalid, "unixSocket", "expected at most 107 bytes")
        }
        if let tcp, !tcp.isLoopback {
            section.report(
                .invalid, "tcp",
                "expected a loopback address (127.0.0.1 or [::1]), got \"\(tcp)\": whoever reaches "
                    + "the port may acknowledge alarms")
        }
        if tokenFile != nil, tcp == nil {
            section.report(
                .advice, "tokenFile", "has no effect without api.tcp: the socket needs no tokens")
        }
        return APIConfiguration(
            unixSocketPath: unixSocketPath ?? runDirectory + "/midwatch.sock", tcp: tcp,
            tokenFile: tokenFile, roles: roles)
    }

    private func roles(_ section: ConfigurationSection) -> RolesConfiguration {
        var roles = RolesConfiguration()
        for role in OperatorRole.allCases {
            roles.accounts[role] = section.texts(role.word + "s").map(\.text)
        }
        let choices: [(word: String, value: OperatorRole?)] =
            [("none", nil)] + OperatorRole.allCases.map { ($0.word, $0) }
        if let others = section.choice("others", of: choices) { roles.others = others }
        section.finish()
        for role in OperatorRole.allCases {
            for account in roles.accounts[role] ?? [] where !Self.isAccount(account) {
                section.report(
                    .invalid, role.word + "s",
                    "expected a user, or a group after @, got \(quoted(account))")
            }
        }
        return roles
    }

    /// `anna`, `@shift`, or numbers in their place.
    private static func isAccount(_ text: String) -> Bool {
        let name = text.hasPrefix("@") ? text.dropFirst() : text[...]
        return !name.isEmpty
            && name.utf8.allSatisfy { $0 > 0x20 && $0 != UInt8(ascii: ":") && $0 != 0x7F }
    }
}
