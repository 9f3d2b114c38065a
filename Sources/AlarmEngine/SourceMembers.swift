// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// Which sensors spoke through which source last, and which sources are behind which.
///
/// What becomes of a source then costs what is behind it, not what the plant has: a thousand
/// connections that break at once are a thousand losses. Lists in flat memory, changed in place.
///
/// Not part of a checkpoint: made again of the tables of sensors and sources. A source beyond
/// `SystemLimits.sourceCountMax` has no list, as it has no state.
struct SourceMembers: ~Copyable, Sendable {
    static var none: UInt32 { .max }

    struct Member: BitwiseCopyable, Sendable {
        var next = SourceMembers.none
        var previous = SourceMembers.none
    }

    struct Place: BitwiseCopyable, Sendable {
        var firstMember = SourceMembers.none
        var firstBelow = SourceMembers.none
        /// The next source that is behind the same one.
        var nextBeside = SourceMembers.none
    }

    private var members = FlatTable<Member>(reserving: 16)
    private var places = FlatTable<Place>(reserving: 16)

    /// Sensor `sensor`, which is in no list, spoke through source `place`; 0 is none.
    mutating func add(_ sensor: Int, to place: Int) {
        guard Self.isPlace(place) else { return }
        self.makeRoom(sensor: sensor, place: place)
        let next = self.places[place].firstMember
        self.members[sensor] = Member(next: next)
        if next != Self.none { self.members[Int(next)].previous = UInt32(sensor) }
        self.places[place].firstMember = UInt32(sensor)
    }

    /// Sensor `sensor` speaks through source `place` no more.
    mutating func remove(_ sensor: Int, from place: Int) {
        guard Self.isPlace(place) else { return }
        let member = self.members[sensor]
        if member.next != Self.none {
            self.members[Int(member.next)].previous = member.previous
        }
        if member.previous != Self.none {
            self.members[Int(member.previous)].next = member.next
        } else {
            self.places[place].firstMember = member.next
        }
        self.members[sensor] = Member()
    }

    /// Source `place`, which is behind none, is behind `above` from now on; 0 is none.
    mutating func put(_ place: Int, behind above: Int) {
        guard Self.isPlace(place), Self.isPlace(above), above != place else { return }
        self.makeRoom(sensor: 0, place: max(place, above))
        self.places[place].nextBeside = self.places[above].firstBelow
        self.places[above].firstBelow = UInt32(place)
    }

    /// Forgets which sources are behind which.
    mutating func forgetSources() {
        for place in 0..<self.places.count {
            self.places[place].firstBelow = Self.none
            self.places[place].nextBeside = Self.none
        }
    }

    /// Forgets everything.
    mutating func removeAll() {
        self.members.removeAll()
        self.places.removeAll()
    }

    /// The sensors behind source `place` by at most `depth` steps, ascending.
    func sensors(behind place: Int, depth: Int) -> [UInt32] {
        var found: [UInt32] = []
        // The sources of one step after the other. A tree that goes round in a circle comes by
        // again, until its steps are used up.
        var level = [place]
        for _ in 0..<depth where !level.isEmpty {
            var below: [Int] = []
            for place in level where place < self.places.count {
                var member = self.places[place].firstMember
                while member != Self.none {
                    found.append(member)
                    member = self.members[Int(member)].next
                }
                var next = self.places[place].firstBelow
                while next != Self.none {
                    below.append(Int(next))
                    next = self.places[Int(next)].nextBeside
                }
            }
            level = below
        }
        found.sort()
        var count = 0
        for sensor in found where count == 0 || found[count - 1] != sensor {
            found[count] = sensor
            count += 1
        }
        found.removeLast(found.count - count)
        return found
    }

    private static func isPlace(_ place: Int) -> Bool {
        place > 0 && place < SystemLimits.sourceCountMax
    }

    private mutating func makeRoom(sensor: Int, place: Int) {
        while self.members.count <= sensor { self.members.append(Member()) }
        while self.places.count <= place { self.places.append(Place()) }
    }
}
