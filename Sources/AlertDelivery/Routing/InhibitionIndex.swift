// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

/// Which alarms keep which others back, found by what they have in common.
///
/// A *place* is one inhibition with one set of values of the labels that must be equal: the sources
/// and the targets of a place belong together. So neither an alert nor a change of one inhibitor
/// looks at alarms that have nothing to do with it, however many there are.
struct InhibitionIndex: Sendable {
    struct Place: Hashable, Sendable {
        var inhibition: Int
        var values: [String]
    }

    private let inhibitions: [InhibitionDeclaration]
    /// Alarms that inhibit now, in the order of their ids.
    private var sources: [Place: [String]] = [:]
    /// Places of each alarm that inhibits now.
    private var inhibitors: [String: [Place]] = [:]
    /// Followed alarms that can be kept back.
    private var targets: [Place: Set<String>] = [:]
    /// Places whose targets may have to be told or kept back.
    private var changed: Set<Place> = []

    init(_ inhibitions: [InhibitionDeclaration]) { self.inhibitions = inhibitions }

    var isEmpty: Bool { self.inhibitions.isEmpty }

    /// Alarms that inhibit others now.
    var inhibitorCount: Int { self.inhibitors.count }

    /// Whether an alarm would inhibit others if it may.
    func isSource(_ subject: AlertSubject) -> Bool {
        self.inhibitions.contains { $0.source.matches(subject) }
    }

    func isInhibitor(_ alarmID: String) -> Bool { self.inhibitors[alarmID] != nil }

    // MARK: Sources

    mutating func insert(inhibitor subject: AlertSubject) {
        guard self.inhibitors[subject.alarmID] == nil else { return }
        let places = self.places(of: subject) { $0.source }
        self.inhibitors[subject.alarmID] = places
        for place in places {
            var list = self.sources[place] ?? []
            // Where two inhibit already, one more changes nothing for anybody; the second does, for
            // the first may be a target itself.
            if list.count < 2 { self.changed.insert(place) }
            list.insert(subject.alarmID, at: Self.position(of: subject.alarmID, in: list))
            self.sources[place] = list
        }
    }

    mutating func remove(inhibitor alarmID: String) {
        for place in self.inhibitors.removeValue(forKey: alarmID) ?? [] {
            self.changed.insert(place)
            guard var list = self.sources.removeValue(forKey: place) else { continue }
            let position = Self.position(of: alarmID, in: list)
            if position < list.count, list[position] == alarmID { list.remove(at: position) }
            if !list.isEmpty { self.sources[place] = list }
        }
    }

    // MARK: Targets

    mutating func insert(target subject: AlertSubject) {
        for place in self.places(of: subject, \.target) {
            self.targets[place, default: []].insert(subject.alarmID)
        }
    }

    mutating func remove(target subject: AlertSubject) {
        for place in self.places(of: subject, \.target) {
            self.targets[place]?.remove(subject.alarmID)
            if self.targets[place]?.isEmpty == true { self.targets[place] = nil }
        }
    }

    /// Alarms for which something may have changed since the last call.
    mutating func takeChanged() -> Set<String> {
        guard !self.changed.isEmpty else { return [] }
        defer { self.changed = [] }
        return self.changed.reduce(into: []) { $0.formUnion(self.targets[$1] ?? []) }
    }

    // MARK: Who keeps back

    /// What keeps an alarm back; `reason` is what did before, and stays as long as it is true.
    func reason(for subject: AlertSubject, before reason: WithholdReason? = nil) -> WithholdReason?
    {
        if case .inhibition(let name, let by)? = reason,
            self.inhibitors[by]?.contains(where: { place in
                let inhibition = self.inhibitions[place.inhibition]
                return inhibition.name == name && inhibition.target.matches(subject)
                    && place.values == inhibition.equal.map { subject.label($0) }
            }) == true
        {
            return reason
        }
        for place in self.places(of: subject, \.target) {
            // One of the first two is another alarm.
            guard let by = self.sources[place]?.first(where: { $0 != subject.alarmID }) else {
                continue
            }
            return .inhibition(name: self.inhibitions[place.inhibition].name, by: by)
        }
        return nil
    }

    private func places(
        of subject: AlertSubject, _ matcher: (InhibitionDeclaration) -> AlertMatcher
    ) -> [Place] {
        self.inhibitions.indices.compactMap { number in
            let inhibition = self.inhibitions[number]
            guard matcher(inhibition).matches(subject) else { return nil }
            return Place(
                inhibition: number, values: inhibition.equal.map { subject.label($0) })
        }
    }

    /// Where an id stands, or would, in a list that is in order.
    private static func position(of alarmID: String, in list: [String]) -> Int {
        var (low, high) = (0, list.count)
        while low < high {
            let middle = (low + high) / 2
            if list[middle] < alarmID { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
