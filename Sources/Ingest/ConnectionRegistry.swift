// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Who is connected to one MQTT endpoint, over all its event loops.
///
/// Holds the limits (connections in all and per address) and the client identifiers: a second
/// connection with the same identifier takes the first one's place [MQTT-3.1.4-3].
final class ConnectionRegistry: Sendable {
    /// Why a connection is not taken.
    enum Refusal: Error, Equatable { case beyondLimit, beyondAddressLimit }

    private struct Holder {
        var connection: UInt64
        var evict: @Sendable () -> Void
    }

    private struct State {
        var connectionCount = 0
        var addressCounts: [AddressKey: Int] = [:]
        var holders: [String: Holder] = [:]
        var nextConnection: UInt64 = 1
    }

    private let state = Mutex(State())
    private let connectionCountMax: Int
    private let addressConnectionCountMax: Int

    init(connectionCountMax: Int, addressConnectionCountMax: Int) {
        precondition(connectionCountMax > 0 && addressConnectionCountMax > 0, "connection limits")
        self.connectionCountMax = connectionCountMax
        self.addressConnectionCountMax = addressConnectionCountMax
    }

    /// Connections that are open.
    var count: Int { self.state.withLock { $0.connectionCount } }

    /// Takes a connection from `address`, or says which limit forbids it; the number is its own.
    func open(address: String) throws(Refusal) -> UInt64 {
        let address = AddressKey(address)
        let result = self.state.withLock { state -> Result<UInt64, Refusal> in
            guard state.connectionCount < self.connectionCountMax else {
                return .failure(.beyondLimit)
            }
            let sameAddress = state.addressCounts[address, default: 0]
            guard sameAddress < self.addressConnectionCountMax else {
                return .failure(.beyondAddressLimit)
            }
            state.connectionCount += 1
            state.addressCounts[address] = sameAddress + 1
            defer { state.nextConnection += 1 }
            return .success(state.nextConnection)
        }
        return try result.get()
    }

    /// Gives a connection up, once.
    func close(address: String) {
        let address = AddressKey(address)
        self.state.withLock { state in
            state.connectionCount -= 1
            let left = state.addressCounts[address, default: 1] - 1
            state.addressCounts[address] = left > 0 ? left : nil
        }
    }

    /// Makes `connection` the holder of a client identifier; the one before it is evicted.
    ///
    /// `evict` is called from any thread, at most once.
    func claim(
        _ clientIdentifier: String, by connection: UInt64, evict: @escaping @Sendable () -> Void
    ) {
        let before = self.state.withLock { state -> Holder? in
            let before = state.holders[clientIdentifier]
            state.holders[clientIdentifier] = Holder(connection: connection, evict: evict)
            return before
        }
        // Outside the lock: foreign code.
        before?.evict()
    }

    /// Gives a client identifier up; false if `connection` does not hold it any more.
    func release(_ clientIdentifier: String, by connection: UInt64) -> Bool {
        self.state.withLock { state in
            guard state.holders[clientIdentifier]?.connection == connection else { return false }
            state.holders[clientIdentifier] = nil
            return true
        }
    }
}
