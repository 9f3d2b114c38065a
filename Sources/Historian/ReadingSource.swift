// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// Consecutive journal records of one epoch, control records included.
///
/// The historian owns one and hands it to its source again and again, so that the array's memory is
/// used again.
package struct HistorianInput: Sendable {
    package var epoch: UInt32 = 0
    /// Number of `slots[0]`; `slots[i]` is record `firstN + i`.
    package var firstN: UInt64 = 0
    package var slots: [Slot] = []

    package init() {}
}

/// Where journal records come from.
///
/// Called on the historian's thread only.
package protocol ReadingSource {
    /// What `next` did.
    typealias Yield = ReadingSourceYield

    var journalID: JournalID { get }
    /// The first record that is still kept; nil while the journal has none.
    var oldestPosition: Position? { get }
    /// The last durable record; nil while there is none.
    var newestPosition: Position? { get }

    /// Fills `input` with the durable records that follow `after`.
    ///
    /// The first one given is the earliest durable record whose position is greater than `after`
    /// (`Position.zero`: the oldest kept). All are of one epoch, with consecutive numbers; a hole in
    /// the numbers or a new epoch ends the answer.
    ///
    /// - Parameters:
    ///   - after: Position of the last record already taken.
    ///   - max: Records to give at most, 1 or more.
    ///   - input: Receives 1 ... `max` slots, or none when the answer is `caughtUp`.
    /// - Returns: Whether `input` holds records.
    /// - Throws: When the journal cannot be read; the historian backs off and asks again.
    mutating func next(
        after: Position, max: Int, into input: inout HistorianInput
    ) throws -> ReadingSourceYield

    /// A position from which `next` starts at least `records` records before `position`.
    ///
    /// Or as far back as the journal reaches. `Position.zero` is always a right answer, if slow.
    func rewound(from position: Position, records: UInt64) -> Position
}

/// What a source answered.
package enum ReadingSourceYield: Equatable, Sendable {
    /// `input` holds at least one slot.
    case slots
    /// Nothing durable follows `after` now.
    case caughtUp
}
