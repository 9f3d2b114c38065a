// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

extension RuleBook {
    /// The declaration of a sensor with the limits that hold while areas are in these modes, and
    /// the name of the mode they are of; empty for the limits that hold in the others.
    package func effective(
        _ declaration: SensorDeclaration, at path: String, mode: (AreaDeclaration) -> Int
    ) -> (declaration: SensorDeclaration, mode: String) {
        var declaration = declaration
        guard !declaration.limitSets.isEmpty else { return (declaration, "") }
        for area in self.areas where area.holds(path) {
            let name = area.modes[mode(area)]
            guard let set = declaration.limitSets.first(where: { $0.mode == name }) else {
                continue
            }
            declaration.lowLow = set.lowLow
            declaration.low = set.low
            declaration.high = set.high
            declaration.highHigh = set.highHigh
            return (declaration, name)
        }
        return (declaration, "")
    }
}

extension AlarmEngine {
    /// The declaration of a sensor with the limits that hold in the mode of its area, and the name
    /// of that mode; empty for the limits that hold in the others.
    func effective(_ declaration: SensorDeclaration, at path: String) -> (
        declaration: SensorDeclaration, mode: String
    ) {
        self.rules.effective(declaration, at: path) { self.mode(of: $0) }
    }

    /// Number of the mode that an area is in; the first until another is known.
    private func mode(of area: AreaDeclaration) -> Int {
        let mode = Int(self.areaModes[area.name] ?? 0)
        return mode < area.modes.count ? mode : 0
    }

    /// The sensor of an area spoke: a value that is one of its modes is its mode.
    ///
    /// Any other value says nothing, and the last mode stays: unknown never changes a limit.
    mutating func followMode(_ index: Int, at time: MonotonicInstant) {
        guard case .known(let value) = self.sample(of: UInt32(index)) else { return }
        for (number, area) in self.rules.areas.enumerated()
        where area.sensor == self.names[index] {
            guard value >= 0, value < Double(area.modes.count), Double(Int(value)) == value else {
                continue
            }
            self.enter(Int(value), area: number, sensor: index, at: time)
        }
    }

    /// An operator puts an area into a mode.
    ///
    /// What a fresh sensor says is not overruled: its next reading would undo it. A sensor that is
    /// silent leaves the choice to people until it speaks again.
    mutating func applyMode(_ command: OperatorCommand, at time: MonotonicInstant) {
        guard let number = self.rules.areas.firstIndex(where: { $0.name == command.path }) else {
            return self.decide(Decision(.commandRefused, cause: .unknownArea, time: time))
        }
        let area = self.rules.areas[number]
        guard let mode = area.modes.firstIndex(of: command.mode) else {
            return self.decide(Decision(.commandRefused, cause: .unknownMode, time: time))
        }
        let sensor = area.sensor.flatMap { self.index(ofPath: $0) }
        if let sensor, self.sensors[sensor].freshness == .fresh {
            return self.decide(Decision(.commandRefused, cause: .modeFollowsSensor, time: time))
        }
        guard self.mode(of: area) != mode else {
            return self.decide(Decision(.commandRefused, cause: .alreadyInMode, time: time))
        }
        self.enter(mode, area: number, sensor: nil, at: time)
    }

    /// `sensor` is the one that says so; nil for an operator.
    private mutating func enter(
        _ mode: Int, area number: Int, sensor: Int?, at time: MonotonicInstant
    ) {
        let area = self.rules.areas[number]
        guard self.mode(of: area) != mode else { return }
        self.areaModes[area.name] = UInt8(mode)
        var decision = Decision(
            .areaModeChanged, cause: sensor == nil ? .operatorCommand : .readingArrived,
            time: time)
        if let sensor {
            decision.sensor = SensorIndex(rawValue: UInt32(sensor))
            decision.source = self.sensors[sensor].source
        }
        decision.name = self.nameNumber(area.name)
        decision.amount = Int64(mode)
        self.decide(decision)
        let members = (0..<self.sensors.count).filter {
            area.holds(self.names[$0])
                && !self.rules.declaration(for: self.names[$0]).limitSets.isEmpty
        }
        self.rebind(members, at: time)
        for index in members { self.conditions.queueDependents(of: index) }
        self.unsettleAll()
        self.drainRules(at: time)
    }

    /// Whether people have put the area into that mode; false for an area whose mode a sensor says,
    /// or that the rules in force do not have.
    func isArea(_ name: String, in mode: String) -> Bool {
        guard let area = self.rules.areas.first(where: { $0.name == name }), area.sensor == nil
        else { return false }
        return area.modes[self.mode(of: area)] == mode
    }

    /// Name of the mode that an area is in; empty if the rules in force do not have the area.
    func modeName(ofArea name: String) -> String {
        guard let area = self.rules.areas.first(where: { $0.name == name }) else { return "" }
        return area.modes[self.mode(of: area)]
    }

    /// The mode of every area of the rules in force, in their order.
    package var areaModeNumbers: [Int] { self.rules.areas.map { self.mode(of: $0) } }

    /// Name of the mode that a decision is about.
    func modeName(of decision: Decision) -> String {
        let area = self.alarmNames[Int(decision.name)]
        let modes = self.rules.areas.first { $0.name == area }?.modes ?? []
        return decision.amount < modes.count ? modes[Int(decision.amount)] : "\(decision.amount)"
    }
}

extension AreaDeclaration {
    /// Whether the sensor at `path` belongs to the area.
    func holds(_ path: String) -> Bool {
        self.sensors.contains { PathTemplate.matches($0, path) }
    }
}
