// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import Synchronization

/// The checked addresses of one endpoint's name, and the one in use.
///
/// An answer of the resolver is used for `freshNanoseconds`. Then the name is looked up again; while
/// that fails or takes long, the addresses that were checked last go on serving, so that a name
/// server that is down silences nobody who could be reached.
final class AddressPins: Sendable {
    static let freshNanoseconds: UInt64 = 30_000_000_000
    /// With addresses in hand a new answer is waited for no longer than this.
    static let refreshWaitNanoseconds: UInt64 = 500_000_000

    /// Why there is no address to connect to.
    enum Failure: Error, Equatable, Sendable {
        case unresolved(String)
        /// No address of the answer may be used.
        case refused(NetworkAddress, AddressPolicy.Refusal)
    }

    private struct State {
        var addresses: [NetworkAddress] = []
        /// Place of the address in use.
        var inUse = 0
        var resolvedAt: UInt64?
        var failure: Failure?
        var isResolving = false
        var nextWaiter = 0
        var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
    }

    private let host: String
    private let policy: AddressPolicy
    private let resolver: any AddressResolver
    private let clock: @Sendable () -> UInt64
    private let state = Mutex(State())

    init(
        host: String, policy: AddressPolicy, resolver: any AddressResolver,
        clock: @escaping @Sendable () -> UInt64 = { clinux_boottime_ns() }
    ) {
        self.host = host
        self.policy = policy
        self.resolver = resolver
        self.clock = clock
    }

    /// The address to connect to now.
    func address(withinNanoseconds wait: UInt64) async -> Result<NetworkAddress, Failure> {
        if let literal = self.policy.literal {
            return self.policy.refusal(of: literal).map { .failure(.refused(literal, $0)) }
                ?? .success(literal)
        }
        let now = self.clock()
        let (isFresh, hasOld, mustAsk) = self.state.withLock { state in
            let isFresh = state.resolvedAt.map { now - min($0, now) < Self.freshNanoseconds }
            let mustAsk = isFresh != true && !state.isResolving
            if mustAsk { state.isResolving = true }
            return (isFresh == true, !state.addresses.isEmpty, mustAsk)
        }
        if !isFresh {
            if mustAsk { self.resolver.resolve(self.host) { [self] in self.take($0) } }
            await self.wait(hasOld ? min(wait, Self.refreshWaitNanoseconds) : wait)
        }
        return self.state.withLock { state in
            guard !state.addresses.isEmpty else {
                return .failure(state.failure ?? .unresolved("no answer in time"))
            }
            return .success(state.addresses[state.inUse % state.addresses.count])
        }
    }

    /// No connection to `address`: the next one of the name is tried.
    func failed(_ address: NetworkAddress) {
        self.state.withLock { state in
            guard !state.addresses.isEmpty,
                state.addresses[state.inUse % state.addresses.count] == address
            else { return }
            state.inUse = (state.inUse + 1) % state.addresses.count
        }
    }

    private func take(_ result: Result<[NetworkAddress], ResolutionFailure>) {
        let now = self.clock()
        let waiters = self.state.withLock { state in
            state.isResolving = false
            switch result {
            case .failure(.failed(let words)): state.failure = .unresolved(words)
            case .failure(.busy): state.failure = .unresolved("too many names are looked up")
            case .success(let found): self.accept(found, at: now, &state)
            }
            defer { state.waiters = [:] }
            return state.waiters.values.map { $0 }
        }
        for waiter in waiters { waiter.resume() }
    }

    /// What may be used of an answer replaces what was; an answer without any takes it away.
    private func accept(_ found: [NetworkAddress], at now: UInt64, _ state: inout State) {
        let inUse =
            state.addresses.isEmpty ? nil : state.addresses[state.inUse % state.addresses.count]
        state.addresses = found.filter { self.policy.refusal(of: $0) == nil }
        state.inUse = inUse.flatMap { state.addresses.firstIndex(of: $0) } ?? 0
        state.resolvedAt = now
        state.failure = nil
        guard state.addresses.isEmpty else { return }
        // Nothing usable: the next attempt asks again.
        state.resolvedAt = nil
        let refused = found.first.flatMap { address in
            self.policy.refusal(of: address).map { Failure.refused(address, $0) }
        }
        state.failure = refused ?? .unresolved("the name has no address")
    }

    /// Waits for the answer that is under way, at most so long.
    private func wait(_ nanoseconds: UInt64) async {
        await withCheckedContinuation { (waiter: CheckedContinuation<Void, Never>) in
            let number = self.state.withLock { state -> Int? in
                guard state.isResolving else { return nil }
                state.nextWaiter += 1
                state.waiters[state.nextWaiter] = waiter
                return state.nextWaiter
            }
            guard let number else { return waiter.resume() }
            Task {
                try? await Task.sleep(for: .nanoseconds(nanoseconds))
                self.state.withLock { $0.waiters.removeValue(forKey: number) }?.resume()
            }
        }
    }
}
