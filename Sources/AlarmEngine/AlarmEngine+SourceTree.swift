// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

// The tree as the configuration draws it: what a source is behind, and which source a sensor is
// behind whatever its readings come through. What the configuration does not say stays as the
// registration said it.
extension AlarmEngine {
    /// The source that a sensor is behind, whose reading came through `source`.
    @inline(__always)
    func placed(_ index: Int, _ source: SourceIndex) -> SourceIndex {
        guard index < self.pins.count, self.pins[index] != .own else { return source }
        return self.pins[index]
    }

    /// Whether a sign of life of its source counts for a sensor.
    func trusts(_ declaration: SensorDeclaration, _ source: SourceIndex) -> Bool {
        guard declaration.supervision == .exception else { return false }
        if declaration.trustsSource { return true }
        let place = Int(source.rawValue)
        return place > 0 && place < self.sourceNames.count
            && self.rules.sourceTree.isTrusted(self.sourceNames[place])
    }

    /// A source was registered: the tree may put it behind another, and others behind it.
    mutating func linkSource(_ place: Int) {
        let tree = self.rules.sourceTree
        let name = self.sourceNames[place]
        if let behind = self.declaredBehind(place) { self.put(place, behind: behind) }
        for other in tree.sources where other.behind == name {
            guard let below = self.sourcePlaces[other.name], below != place else { continue }
            self.put(below, behind: SourceIndex(rawValue: UInt32(place)))
        }
        let source = SourceIndex(rawValue: UInt32(place))
        for sensor in self.pinsWaiting.removeValue(forKey: name) ?? [] {
            self.pin(Int(sensor), to: source)
        }
    }

    /// Takes in the name of the source that is registered next.
    mutating func addSourceName(_ name: String) {
        if !name.isEmpty, self.sourcePlaces[name] == nil {
            self.sourcePlaces[name] = self.sourceNames.count
        }
        self.sourceNames.append(name)
    }

    /// The tree of another revision: what it does not have any more is judged alone again.
    mutating func relinkSources(at time: MonotonicInstant) {
        let tree = self.rules.sourceTree
        for place in 0..<min(self.sources.count, self.sourceNames.count) where !tree.isEmpty {
            if let behind = self.declaredBehind(place) { self.put(place, behind: behind) }
            self.standAgain(place, at: time)
        }
        self.placeSensors()
        for index in 0..<self.sensors.count
        where self.lostSource(above: self.sensors[index].source) == nil {
            self.judgeAlone(index, at: time)
        }
    }

    /// A source that is not declared any more is not judged any more; one that is, is.
    private mutating func standAgain(_ place: Int, at time: MonotonicInstant) {
        let path = RuleBook.sourcePathPrefix + self.sourceNames[place]
        if self.rules.isJudged(source: self.sourceNames[place]) {
            guard let sensor = self.index(ofPath: path) else { return }
            self.stand(SensorIndex(rawValue: UInt32(sensor)), for: place)
        } else if self.sources[place].sensor != .none {
            // As if it were heard: what it kept back has a deadline, then speaks for itself.
            self.sourceIsBack(place, at: time)
            self.sources[place].sensor = .none
        }
    }

    /// The source that the tree puts one behind; nil if it does not say, or the other is not
    /// registered.
    private func declaredBehind(_ place: Int) -> SourceIndex? {
        let name = self.sourceNames[place]
        guard !name.isEmpty, let behind = self.rules.sourceTree.behind(name),
            let above = self.sourcePlaces[behind], above != place
        else { return nil }
        return SourceIndex(rawValue: UInt32(above))
    }

    /// Puts a source, and all sensors behind it, behind another.
    private mutating func put(_ place: Int, behind above: SourceIndex) {
        self.makeSource(place)
        let before = self.sources[place].behind
        guard before != above else { return }
        let moved = self.membersBehind(place)
        self.sources[place].behind = above
        if before == .own {
            self.members.put(place, behind: Int(above.rawValue))
        } else {
            self.gatherSources()
        }
        // Mostly it comes before its sensors.
        guard !moved.isEmpty else { return }
        for place in 0..<self.sources.count { self.sources[place].sensorCount = 0 }
        for index in 0..<self.sensors.count {
            self.countSensor(1, from: self.sensors[index].source)
        }
        // They may be behind a lost source now.
        if self.lostCount > 0 { for index in moved { self.armSensor(Int(index)) } }
    }

    /// Puts a source that was registered just now behind another; no sensor is behind it yet.
    mutating func put(newSource place: Int, behind above: SourceIndex) {
        self.sources[place].behind = above
        self.members.put(place, behind: Int(above.rawValue))
    }

    /// Finds out anew which sources are behind which.
    private mutating func gatherSources() {
        self.members.forgetSources()
        for place in 0..<self.sources.count {
            self.members.put(place, behind: Int(self.sources[place].behind.rawValue))
        }
    }

    /// Finds out anew which sensors are behind which source.
    mutating func gatherMembers() {
        self.members.removeAll()
        self.gatherSources()
        for index in 0..<self.sensors.count {
            self.members.add(index, to: Int(self.sensors[index].source.rawValue))
        }
    }

    /// The sensors behind a source, those of sources behind it included, ascending.
    func sensorsBehind(_ place: Int) -> [UInt32] {
        // To put a large part of all in order would take longer than to look at all.
        let isFew = Int(self.sources[place].sensorCount) < self.sensors.count / 8
        let found = isFew ? self.membersBehind(place) : self.sensorsFoundBehind(place)
        assert(found == (isFew ? self.sensorsFoundBehind(place) : self.membersBehind(place)))
        return found
    }

    private func membersBehind(_ place: Int) -> [UInt32] {
        self.members.sensors(behind: place, depth: SystemLimits.sourceDepthMax)
    }

    private func sensorsFoundBehind(_ place: Int) -> [UInt32] {
        (0..<UInt32(self.sensors.count)).filter { self.isBehind(Int($0), place) }
    }

    // MARK: - Sensors

    /// A sensor was registered that is behind a source before it speaks.
    mutating func pinSensor(_ index: Int, to name: String) {
        guard !name.isEmpty else { return }
        guard let place = self.sourcePlaces[name], place > 0 else {
            return self.pinsWaiting[name, default: []].append(UInt32(index))
        }
        self.pin(index, to: SourceIndex(rawValue: UInt32(place)))
    }

    private mutating func pin(_ index: Int, to source: SourceIndex) {
        while self.pins.count <= index { self.pins.append(.own) }
        self.pins[index] = source
        if self.sensors[index].source != source { self.move(index, to: source) }
    }

    /// Moves every sensor to where its declaration puts it.
    private mutating func placeSensors() {
        self.rebuildPins()
        for index in 0..<self.pins.count
        where self.pins[index] != .own && self.sensors[index].source != self.pins[index] {
            self.move(index, to: self.pins[index])
        }
    }

    /// Finds out anew where declarations put the sensors.
    mutating func rebuildPins() {
        self.pins.removeAll()
        self.pinsWaiting = [:]
        guard !self.rules.sourcesNamed.isEmpty else { return }
        for index in 0..<self.sensors.count {
            let name = self.rules.declaration(for: self.names[index]).behind
            let place = name.isEmpty ? 0 : self.sourcePlaces[name] ?? 0
            self.pins.append(SourceIndex(rawValue: UInt32(place)))
            if !name.isEmpty, place == 0 {
                self.pinsWaiting[name, default: []].append(UInt32(index))
            }
        }
    }

    /// No lost source is above a sensor any more: what one kept back speaks for itself.
    private mutating func judgeAlone(_ index: Int, at time: MonotonicInstant) {
        guard self.sensors[index].freshness == .stale else { return }
        for alarm in self.alarmRange(of: index) {
            guard let detail = self.knownDetail(of: alarm),
                self.details[detail].design.contains(.source),
                self.details[detail].heldUntil == .zero
            else { continue }
            self.details[detail].heldUntil = time.advanced(
                byNanoseconds: self.sensors[index].deadlineNanoseconds)
            self.rearm(detail)
        }
    }
}
