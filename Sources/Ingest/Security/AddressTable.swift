// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// What an endpoint remembers of addresses: how fast they connect, how often they fail to log in.
///
/// Bounded: when it is full, an address that may be forgotten without harm goes first, then the one
/// that was seen longest ago. Pure: time is an argument.
///
/// A failed login costs its address a pause that doubles with each failure. Attempts are let
/// through one per pause, in the order in which they came, so that many at once gain nothing; an
/// attempt that would wait longer than `waitNanosecondsMax` is refused. A quiet
/// `forgetNanoseconds` halves what is held against the address.
struct AddressTable {
    /// What a login attempt is told.
    enum Attempt: Equatable {
        case now
        /// Wait so long, then try without asking again.
        case after(nanoseconds: UInt64)
        case refused
    }

    /// Addresses remembered.
    static let countMax = 4_096
    /// Pause after the first failure; doubles with each further one.
    static let pauseNanosecondsMin: UInt64 = 250_000_000
    static let pauseNanosecondsMax: UInt64 = 60_000_000_000
    /// Longest time an attempt is held.
    static let waitNanosecondsMax: UInt64 = 8_000_000_000
    static let forgetNanoseconds: UInt64 = 60_000_000_000
    /// Addresses looked at for one that may be forgotten.
    private static let evictionLookCount = 16

    private struct Entry {
        var bucket: TokenBucket?
        var seenAt: MonotonicInstant
        var failureCount = 0
        var failedAt = MonotonicInstant.zero
        var nextAttemptAt = MonotonicInstant.zero
    }

    private let connectRate: Int
    private let connectBurst: Int
    private let countMax: Int
    private var entries: [AddressKey: Entry] = [:]

    /// `connectRate`: connections per second and address, 0 for any.
    init(connectRate: Int, connectBurst: Int, countMax: Int = Self.countMax) {
        precondition(countMax > 0, "a table has room")
        self.connectRate = connectRate
        self.connectBurst = connectBurst
        self.countMax = countMax
    }

    /// Addresses known now.
    var count: Int { self.entries.count }

    /// Whether `address` may connect once more.
    mutating func mayConnect(_ address: AddressKey, now: MonotonicInstant) -> Bool {
        guard self.connectRate > 0 else { return true }
        var entry = self.entry(address, now: now)
        let isTaken = entry.bucket?.take(now: now) ?? true
        self.entries[address] = entry
        return isTaken
    }

    /// Asks for a login attempt; the answer binds only the attempt it is given to.
    mutating func attempt(_ address: AddressKey, now: MonotonicInstant) -> Attempt {
        guard var entry = self.entries[address] else { return .now }
        Self.age(&entry, now: now)
        defer { self.entries[address] = entry }
        guard entry.failureCount > 0 else { return .now }
        let start = max(entry.nextAttemptAt, now)
        let wait = start.nanosecondsSince(now)
        guard wait <= Self.waitNanosecondsMax else { return .refused }
        entry.nextAttemptAt = start.advanced(
            byNanoseconds: Self.pause(afterFailures: entry.failureCount))
        return wait == 0 ? .now : .after(nanoseconds: wait)
    }

    /// A login failed; returns how many have, of this address, not yet forgotten.
    mutating func failed(_ address: AddressKey, now: MonotonicInstant) -> Int {
        var entry = self.entry(address, now: now)
        Self.age(&entry, now: now)
        entry.failureCount += 1
        entry.failedAt = now
        entry.nextAttemptAt = max(
            entry.nextAttemptAt,
            now.advanced(byNanoseconds: Self.pause(afterFailures: entry.failureCount)))
        self.entries[address] = entry
        return entry.failureCount
    }

    static func pause(afterFailures count: Int) -> UInt64 {
        precondition(count > 0, "a pause follows a failure")
        return min(Self.pauseNanosecondsMin << UInt64(min(count - 1, 10)), Self.pauseNanosecondsMax)
    }

    private static func age(_ entry: inout Entry, now: MonotonicInstant) {
        while entry.failureCount > 0,
            now.nanosecondsSince(entry.failedAt) >= Self.forgetNanoseconds
        {
            entry.failureCount /= 2
            entry.failedAt = entry.failedAt.advanced(byNanoseconds: Self.forgetNanoseconds)
        }
    }

    private mutating func entry(_ address: AddressKey, now: MonotonicInstant) -> Entry {
        if var known = self.entries[address] {
            known.seenAt = now
            return known
        }
        if self.entries.count >= self.countMax { self.evict(now: now) }
        let bucket =
            self.connectRate > 0
            ? TokenBucket(rate: self.connectRate, burst: self.connectBurst) : nil
        return Entry(bucket: bucket, seenAt: now)
    }

    /// Forgets one address: of a few, one without failures if possible, else the oldest.
    private mutating func evict(now: MonotonicInstant) {
        var victim: (address: AddressKey, isHarmless: Bool, seenAt: MonotonicInstant)?
        for (address, entry) in self.entries.prefix(Self.evictionLookCount) {
            let isHarmless =
                entry.failureCount == 0 && entry.bucket?.isFull(now: now) ?? true
            let isBetter =
                victim.map {
                    isHarmless != $0.isHarmless ? isHarmless : entry.seenAt < $0.seenAt
                } ?? true
            if isBetter { victim = (address, isHarmless, entry.seenAt) }
        }
        if let victim { self.entries[victim.address] = nil }
    }
}
