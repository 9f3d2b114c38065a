// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import NIOCore
internal import OperatorViews
internal import Synchronization

/// Who is at the other end of a unix socket, as the kernel saw it at `connect`.
///
/// The layout is that of `struct ucred` (unix(7), SO_PEERCRED).
struct PeerCredentials: Sendable, Equatable {
    var pid: Int32
    var uid: UInt32
    var gid: UInt32

    /// Asks the kernel; nil if the channel is no unix socket.
    static func read(from channel: any Channel) async -> PeerCredentials? {
        guard let provider = channel as? any SocketOptionProvider else { return nil }
        let option = NIOBSDSocket.Option(rawValue: CInt(SO_PEERCRED))
        let credentials: PeerCredentials? =
            try? await provider.unsafeGetSocketOption(level: .socket, name: option).get()
        // A socket of another family answers with pid 0 and uid -1.
        guard let credentials, credentials.pid > 0 else { return nil }
        return credentials
    }

    /// Groups that the account at the other end is a member of besides its own.
    ///
    /// Those beyond `peerGroupsMax` make none: an account is not given less than it has by chance,
    /// its administrator sees that it has no role.
    static func groups(of channel: any Channel) async -> [UInt32] {
        guard let provider = channel as? any SocketOptionProvider else { return [] }
        let option = NIOBSDSocket.Option(rawValue: Self.peerGroups)
        let list: GroupList? =
            try? await provider.unsafeGetSocketOption(level: .socket, name: option).get()
        // The kernel does not say how many it wrote; root's group is never one of them here.
        return list.map { list in list.numbers.indices.map { list.numbers[$0] }.filter { $0 != 0 } }
            ?? []
    }

    /// Room for the answer, which is zero behind the last group.
    private struct GroupList {
        var numbers = InlineArray<64, UInt32>(repeating: 0)
    }

    /// SO_PEERGROUPS (asm-generic/socket.h); the C library's headers do not always have it.
    private static let peerGroups: CInt = 59

    var origin: String { "unix:pid=\(self.pid),uid=\(self.uid)" }
}

/// Names of local accounts, from `/etc/passwd` alone.
///
/// The resolver of the C library may ask a directory server and wait for it without a bound; the
/// name of who acknowledged an alarm must not hang on a network. Accounts that are not in the file
/// are shown as `uid:1000`.
package enum LocalAccounts {
    private static let fileBytesMax = 1 << 20

    /// Name of the account with this number, or `uid:` and the number.
    ///
    /// Reads a file: not on a thread that others need.
    package static func name(uid: UInt32, file: String = "/etc/passwd") -> String {
        let number = String(uid)
        for line in self.read(file).split(separator: UInt8(ascii: "\n")) {
            let fields = line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
            guard fields.count >= 3, fields[2].elementsEqual(number.utf8),
                let name = String(validating: fields[0], as: UTF8.self), !name.isEmpty
            else { continue }
            return name
        }
        return "uid:\(number)"
    }

    /// Number of the account or the group with this name, or that the name is; nil if neither.
    ///
    /// The files of accounts and of groups begin alike: a name, a password, a number.
    package static func number(of name: String, file: String = "/etc/passwd") -> UInt32? {
        if let number = UInt32(name) { return number }
        for line in self.read(file).split(separator: UInt8(ascii: "\n")) {
            let fields = line.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
            guard fields.count >= 3, fields[0].elementsEqual(name.utf8) else { continue }
            return UInt32(String(decoding: fields[2], as: UTF8.self))
        }
        return nil
    }

    private static func read(_ file: String) -> [UInt8] {
        let descriptor = unsafe open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [] }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        while bytes.count < self.fileBytesMax {
            var chunk = [UInt8](repeating: 0, count: 16_384)
            let count = unsafe chunk.withUnsafeMutableBytes { buffer in
                unsafe Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            bytes.append(contentsOf: chunk.prefix(count))
        }
        return bytes
    }
}

/// Names of accounts that were looked up lately: an acknowledgement does not wait for a disk.
package final class AccountNames: Sendable {
    private struct Entry {
        var name: String
        var readAt: ContinuousClock.Instant
    }

    private let reads: FileReads
    private let lookUp: @Sendable (UInt32) -> String
    private let known = Mutex<[UInt32: Entry]>([:])

    package init(
        _ reads: FileReads,
        lookUp: @escaping @Sendable (UInt32) -> String = { LocalAccounts.name(uid: $0) }
    ) {
        self.reads = reads
        self.lookUp = lookUp
    }

    /// The name; while the disk does not answer the one that was read last, or the number.
    package func name(uid: UInt32) async -> String {
        let entry = self.known.withLock { $0[uid] }
        let age = Duration.seconds(OperatorAPILimits.accountNameSecondsMax)
        if let entry, entry.readAt.duration(to: .now) < age { return entry.name }
        let lookUp = self.lookUp
        do throws(Problem) {
            let name = try await self.reads.read { lookUp(uid) }
            self.known.withLock { known in
                if known.count >= OperatorAPILimits.accountNamesMax { known.removeAll() }
                known[uid] = Entry(name: name, readAt: .now)
            }
            return name
        } catch {
            return entry?.name ?? "uid:\(uid)"
        }
    }
}
