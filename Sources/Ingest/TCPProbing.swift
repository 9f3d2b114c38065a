// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import NIOCore
internal import NIOPosix

/// How the kernel finds out that the peer of a silent connection is gone.
///
/// A server may not shorten the keep alive of an MQTT 3.1.1 client, and one that asked for none is
/// never late. Whether anybody is at the other end is another question, and the kernel may ask it:
/// it probes a connection that is silent, and gives one up that answers nothing. A client that is
/// there and has nothing to say stays.
struct TCPProbing: Equatable {
    /// Where no keep alive is set.
    static let secondsDefault = 300
    /// Probes that go unanswered.
    static let probeCount = 4
    /// The kernel takes no longer times.
    static let secondsMax = 32_767

    /// Silence before the first probe.
    let idleSeconds: Int
    /// Between two probes.
    let intervalSeconds: Int

    /// Half of the time for silence, half for the probes.
    init(keepAliveSecondsMax: UInt16) {
        let wanted = keepAliveSecondsMax == 0 ? Self.secondsDefault : Int(keepAliveSecondsMax)
        let seconds = min(wanted, Self.secondsMax)
        self.idleSeconds = max(1, seconds / 2)
        self.intervalSeconds = max(1, seconds / (2 * Self.probeCount))
    }

    /// After so long what was written and never acknowledged, or asked and never answered, ends the
    /// connection.
    var secondsMax: Int { self.idleSeconds + Self.probeCount * self.intervalSeconds }
}

extension ServerBootstrap {
    /// Makes the kernel probe the connections that are accepted.
    func probing(_ probing: TCPProbing) -> ServerBootstrap {
        func option(_ name: CInt) -> ChannelOptions.Types.SocketOption {
            .tcpOption(NIOBSDSocket.Option(rawValue: name))
        }
        return self.childChannelOption(.socketOption(.so_keepalive), value: 1)
            .childChannelOption(option(TCP_KEEPIDLE), value: .init(probing.idleSeconds))
            .childChannelOption(option(TCP_KEEPINTVL), value: .init(probing.intervalSeconds))
            .childChannelOption(option(TCP_KEEPCNT), value: .init(TCPProbing.probeCount))
            .childChannelOption(
                option(TCP_USER_TIMEOUT), value: .init(probing.secondsMax * 1_000))
    }
}
