// SPDX-License-Identifier: Apache-2.0

import AccessControl
import Glibc
import Logging
import MidwatchConfiguration
import MidwatchModel
import OperatorAPI
import StateFolder
import Synchronization

/// Who may do what with the operator API: roles of accounts, tokens of the TCP port.
///
/// Both are read at the start and on SIGHUP and then stand in memory. A token file that cannot be
/// used lets nobody in by that door; the unix socket stays open.
final class OperatorGate: OperatorAccess {
    /// Accounts by number.
    private struct Roles {
        var users: [UInt32: OperatorRole] = [:]
        var groups: [UInt32: OperatorRole] = [:]
        var others: OperatorRole?
    }

    private struct State {
        var roles = Roles()
        var tokens = TokenFile()
        /// Why no token is taken.
        var tokenProblem: String?
        var configuration: APIConfiguration
    }

    private let state: Mutex<State>
    private let logger: Logger

    init(_ configuration: APIConfiguration, logger: Logger) {
        self.logger = logger
        self.state = Mutex(State(configuration: configuration))
        self.load(configuration)
    }

    // MARK: OperatorAccess

    func role(of peer: PeerIdentity) -> OperatorRole? {
        if peer.uid == 0 || peer.uid == geteuid() { return .admin }
        return self.state.withLock { state in
            let roles = state.roles
            let named =
                [roles.users[peer.uid]].compactMap(\.self)
                + peer.groups.compactMap { roles.groups[$0] }
            return named.max() ?? roles.others
        }
    }

    func holder(ofToken token: String) -> TokenHolder? {
        let tokens = self.state.withLock { $0.tokens }
        let seconds = EngineClock.wall().nanoseconds / 1_000_000_000
        return tokens.holder(of: token, at: seconds).map {
            TokenHolder(name: $0.name, role: $0.role)
        }
    }

    var takesTokens: Bool { self.state.withLock { $0.configuration.tokenFile != nil } }

    /// What every screen says.
    var warnings: [String] {
        self.state.withLock { $0.tokenProblem }.map { ["operator API takes no token: \($0)"] } ?? []
    }

    // MARK: Files

    /// Reads the files of the configuration in force again.
    func reload() { self.load(self.state.withLock { $0.configuration }) }

    /// Takes a configuration and reads its files.
    ///
    /// Start and SIGHUP; not on a thread that others need.
    func load(_ configuration: APIConfiguration) {
        let roles = self.roles(configuration.roles)
        var tokens = TokenFile()
        var problem: String?
        if let path = configuration.tokenFile {
            do throws(TokenProblem) {
                tokens = try Self.tokens(path)
            } catch {
                problem = error.text
                self.logger.error("tokens not read", metadata: ["error": "\(error.text)"])
            }
        }
        self.state.withLock { [tokens, problem] state in
            state.roles = roles
            state.tokens = tokens
            state.tokenProblem = problem
            state.configuration = configuration
        }
    }

    private func roles(_ configuration: RolesConfiguration) -> Roles {
        var roles = Roles(others: configuration.others)
        // From the lowest on: the highest role stays.
        for role in OperatorRole.allCases {
            for account in configuration.accounts[role] ?? [] {
                let isGroup = account.hasPrefix("@")
                let name = isGroup ? String(account.dropFirst()) : account
                guard
                    let number = LocalAccounts.number(
                        of: name, file: isGroup ? "/etc/group" : "/etc/passwd")
                else {
                    self.logger.warning(
                        "account of api.roles not known here",
                        metadata: ["account": "\(account)", "role": "\(role.word)"])
                    continue
                }
                if isGroup { roles.groups[number] = role } else { roles.users[number] = role }
            }
        }
        return roles
    }

    private struct TokenProblem: Error {
        var text: String
    }

    private static func tokens(_ path: String) throws(TokenProblem) -> TokenFile {
        guard let status = FileStatus(path: path), let bytes = FileBytes.read(path) else {
            throw TokenProblem(text: "\(path): cannot be read")
        }
        guard status.mode & 0o027 == 0 else {
            throw TokenProblem(
                text: "\(path): others may read it or its group write it (chmod 640 it)")
        }
        guard status.owner == 0 || status.owner == geteuid() else {
            throw TokenProblem(text: "\(path): belongs neither to root nor to the daemon's user")
        }
        let (file, issues) = TokenFile.parse(bytes, file: path)
        guard let file else {
            throw TokenProblem(text: issues.first { $0.isError }?.description ?? path)
        }
        return file
    }
}
