// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// Gaps and duplicates of a source that numbers what it sends.
///
/// The sensor's value is the number. A number that is missing and one that comes twice are faults;
/// the condition is met while the window holds `limit` of them. A counter that starts again is none.
struct SequenceCheck: BitwiseCopyable, Sendable {
    enum Outcome: BitwiseCopyable, Sendable, Equatable {
        case first
        case inOrder
        case missing(UInt64)
        /// The number came already, or late.
        case duplicate
        /// Far back: the source began to count anew.
        case restarted
        /// Not a number that a counter can have.
        case malformed
    }

    static var paneCount: Int { 11 }
    static var partCount: UInt64 { 10 }
    /// A number that is back by no more than this is late, not a new start.
    static var lateMax: UInt64 { 64 }
    /// Largest number that a float64 holds exactly.
    static var numberMax: UInt64 { 1 << 53 }

    /// Faults in the window from which on the condition is met; more than 0.
    var limit: UInt64
    var windowNanoseconds: UInt64
    /// Numbers run 0 ..< modulus; 0: they do not wrap.
    var modulus: UInt64
    private var faults: [11 of UInt64] = .init(repeating: 0)
    private var paneNumber: UInt64 = 0
    private var last: UInt64 = 0
    private var lastTime = MonotonicInstant.zero
    /// The reading that was taken last, of those that another sensor carries.
    private var taken = (n: Slot.noPrevious, arrival: MonotonicInstant.zero)
    private var hasLast = false

    init(limit: UInt64, windowNanoseconds: UInt64, modulus: UInt64) {
        precondition(windowNanoseconds >= Self.partCount && limit > 0, "sequence")
        self.limit = limit
        self.windowNanoseconds = windowNanoseconds
        self.modulus = modulus
    }

    /// Faults that the window holds.
    var faultCount: UInt64 {
        var sum: UInt64 = 0
        for index in 0..<Self.paneCount {
            let (total, overflow) = sum.addingReportingOverflow(self.faults[index])
            sum = overflow ? .max : total
        }
        return sum
    }

    /// Takes a live reading.
    @_noLocks
    mutating func judge(_ value: Double, at time: MonotonicInstant) -> ConditionResult {
        let time = max(time, self.lastTime)
        self.lastTime = time
        self.roll(to: time)
        let index = Int(self.paneNumber % UInt64(Self.paneCount))
        switch self.follow(value) {
        case .malformed: return .error
        case .first, .inOrder, .restarted: break
        case .duplicate: self.count(1, in: index)
        case .missing(let missing): self.count(missing, in: index)
        }
        return self.judge(at: time)
    }

    /// Whether a reading was not taken yet; it counts as taken from now on.
    @_noLocks
    mutating func isNew(_ n: UInt64, arrival: MonotonicInstant) -> Bool {
        guard self.taken.n != n || self.taken.arrival.nanoseconds != arrival.nanoseconds else {
            return false
        }
        self.taken = (n, arrival)
        return true
    }

    /// The condition at `time` without a new reading.
    @_noLocks
    mutating func judge(at time: MonotonicInstant) -> ConditionResult {
        self.roll(to: max(time, self.lastTime))
        guard self.hasLast else { return .stale }
        var sum: UInt64 = 0
        for index in 0..<Self.paneCount {
            let (total, overflow) = sum.addingReportingOverflow(self.faults[index])
            sum = overflow ? .max : total
        }
        return sum >= self.limit ? .met : .notMet
    }

    /// The end of the first pane at which faults that left the window end the condition; the end of
    /// a pane after `limit` that may be sooner; nil if time alone ends nothing.
    func nextChange(from result: ConditionResult, upTo limit: MonotonicInstant)
        -> MonotonicInstant?
    {
        guard case .met = result else { return nil }
        var ahead = self
        for _ in 0..<Self.paneCount {
            let end = MonotonicInstant(
                nanoseconds: (ahead.paneNumber &+ 1)
                    &* (self.windowNanoseconds / Self.partCount))
            guard end <= limit, case .met = ahead.judge(at: end) else { return end }
        }
        return nil
    }

    /// What the next number says.
    @_noLocks
    mutating func follow(_ value: Double) -> Outcome {
        guard value >= 0, value <= Double(Self.numberMax), Double(UInt64(value)) == value else {
            return .malformed
        }
        let number = UInt64(value)
        guard self.modulus == 0 || number < self.modulus else { return .malformed }
        guard self.hasLast else {
            self.hasLast = true
            self.last = number
            return .first
        }
        let last = self.last
        if self.modulus > 0 {
            // Round the circle: the shorter way says whether it went on or back.
            let ahead = (number &+ self.modulus &- last) % self.modulus
            if ahead == 0 || self.modulus &- ahead <= min(Self.lateMax, self.modulus / 4) {
                return .duplicate
            }
            self.last = number
            return ahead == 1 ? .inOrder : .missing(ahead &- 1)
        }
        if number > last {
            self.last = number
            return number == last &+ 1 ? .inOrder : .missing(number &- last &- 1)
        }
        guard number <= 1 && last > 1 || last &- number > Self.lateMax else { return .duplicate }
        self.last = number
        return .restarted
    }

    @_noLocks
    private mutating func count(_ amount: UInt64, in index: Int) {
        let (sum, overflow) = self.faults[index].addingReportingOverflow(amount)
        self.faults[index] = overflow ? .max : sum
    }

    @_noLocks
    private mutating func roll(to time: MonotonicInstant) {
        let number = time.nanoseconds / (self.windowNanoseconds / Self.partCount)
        guard number > self.paneNumber else { return }
        let steps = min(number &- self.paneNumber, UInt64(Self.paneCount))
        for step in 0..<steps {
            self.faults[Int((number &- step) % UInt64(Self.paneCount))] = 0
        }
        self.paneNumber = number
    }

    static var byteFields: [ByteField] { [ByteField(\Self.hasLast)] }
}
