// SPDX-License-Identifier: Apache-2.0

internal import HTTPTypes
internal import Hummingbird
internal import MidwatchModel
internal import NIOCore
internal import OperatorViews

/// Who is at the other end of a request, and what they may do.
struct Caller: Sendable {
    /// On a unix socket, by the kernel's word.
    var peer: PeerCredentials?
    /// Network address, or `uid=1000` on a unix socket; `unknown` if nobody says.
    var address: String
    /// `unix:pid=123,uid=1000` or `tcp:127.0.0.1:40312`, and the terminal that the client names.
    var origin: String
    /// Whose token came with the request.
    var holder: TokenHolder?
    /// Whether a token came that is nobody's.
    var hasBadToken = false
    /// nil: may do nothing but look at health and metrics.
    var role: OperatorRole?

    /// Name for the access log; accounts of the unix socket stand in the address.
    var user: String { self.holder?.name ?? "" }
}

extension OperatorResponder {
    /// Finds out who sends a request.
    func caller(of request: Request, _ channel: any Channel) async -> Caller {
        var caller: Caller
        switch self.kind {
        case .unixSocket:
            let peer = await PeerCredentials.read(from: channel)
            caller = Caller(
                peer: peer, address: peer.map { "uid=\($0.uid)" } ?? "unknown",
                origin: peer?.origin ?? "unix:unknown")
            if let peer {
                let groups = await PeerCredentials.groups(of: channel)
                caller.role = self.access.role(
                    of: PeerIdentity(uid: peer.uid, groups: [peer.gid] + groups))
            }
        case .loopback:
            let address = channel.remoteAddress?.ipAddress ?? "unknown"
            caller = Caller(
                address: address, origin: "tcp:\(address):\(channel.remoteAddress?.port ?? 0)")
            if let header = request.headers[.authorization] {
                caller.holder = Self.token(in: header).flatMap { self.access.holder(ofToken: $0) }
                caller.hasBadToken = caller.holder == nil
                caller.role = caller.holder?.role
            } else if !self.access.takesTokens {
                caller.role = .viewer
            }
        }
        if let terminal = Self.terminal(of: request) { caller.origin += ",terminal=\(terminal)" }
        return caller
    }

    /// Throws for those who may not ask for this.
    func authorize(_ caller: Caller, _ operation: APIOperation) throws {
        guard let needed = operation.role else { return }
        if case .loopback = self.kind {
            let wantsToken = caller.holder == nil && self.access.takesTokens
            if caller.hasBadToken || wantsToken {
                throw Problem(
                    .unauthorized,
                    detail: "send the header Authorization: Bearer TOKEN; midwatch token add makes "
                        + "one")
            }
            guard caller.holder != nil || needed == .viewer else {
                throw Problem(
                    .forbidden,
                    detail: "without a token only the unix socket takes commands: use midwatch")
            }
        }
        guard let role = caller.role else {
            throw Problem(
                .forbidden,
                detail: "\(caller.address) has no role; see api.roles in the configuration")
        }
        guard role >= needed else {
            throw Problem(
                .forbidden, detail: "this needs the role \(needed.word); yours is \(role.word)")
        }
    }

    /// A page of a browser may name this machine by a name of its own; what it asks by that name is
    /// not answered.
    func checkHost(_ request: Request) throws {
        guard case .loopback = self.kind, let authority = request.head.authority else { return }
        let host: Substring =
            authority.hasPrefix("[")
            ? authority.prefix { $0 != "]" } : authority.prefix { $0 != ":" }
        guard ["127.0.0.1", "localhost", "[::1"].contains(host.lowercased()) else {
            throw Problem(.misdirected, detail: "ask for 127.0.0.1, localhost or [::1]")
        }
    }

    private static func token(in header: String) -> String? {
        let words = header.split(separator: " ")
        guard words.count == 2, words[0].lowercased() == "bearer" else { return nil }
        return String(words[1])
    }

    /// The terminal of the client as the client says: letters, digits and `/.:-_` of it.
    private static func terminal(of request: Request) -> String? {
        guard let name = HTTPField.Name("Midwatch-Terminal"), let text = request.headers[name]
        else {
            return nil
        }
        let kept = text.utf8.prefix(OperatorAPILimits.terminalBytesMax).filter { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "/"), UInt8(ascii: "."),
                UInt8(ascii: ":"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "@"):
                true
            default: false
            }
        }
        return kept.isEmpty ? nil : String(decoding: kept, as: UTF8.self)
    }
}
