// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel
package import OperatorViews

/// What a value is worth, in the letters of NAMUR NE 107.
package enum NamurSignal: Sendable, Equatable {
    /// F: the value is not valid.
    case failure
    /// C: somebody works on it; for the time being the value is not valid.
    case functionCheck
    /// S: outside its specification, or not verified: the value is uncertain.
    case outOfSpecification
    /// M: valid, and the instrument asks for care.
    case maintenance
    /// Nothing is known: nothing came yet, or nothing can be seen now.
    case unknown
    case good

    package var letter: Character {
        switch self {
        case .failure: "F"
        case .functionCheck: "C"
        case .outOfSpecification: "S"
        case .maintenance: "M"
        case .unknown: "?"
        case .good: "-"
        }
    }

    package var meaning: String {
        switch self {
        case .failure: "failure: the value is not valid"
        case .functionCheck: "function check: somebody works on it, the value is not valid"
        case .outOfSpecification: "out of specification or not verified: the value is uncertain"
        case .maintenance: "maintenance required: the value is valid, the instrument wants care"
        case .unknown: "nothing is known"
        case .good: "in order"
        }
    }

    /// OPC UA codes that mean a hand on the instrument: BadOutOfService, GoodLocalOverride.
    private static let checkCodes: Set<UInt32> = [0x808D_0000, 0x0096_0000]
    /// Kinds of alarms about the instrument rather than what it measures.
    private static let diagnosticKinds: Set<String> = [
        "flatLine", "drift", "clockSkew", "clockDrift", "sequence", "discrepancy", "badQuality",
    ]

    /// The signal of a sensor; a hand on the instrument explains what it says meanwhile.
    package init(_ sensor: SensorView, alarms: [AlarmView]) {
        let own = alarms.filter { $0.path == sensor.path }
        let isOut = own.contains { $0.suppression.contains(.outOfService) }
        if isOut || Self.checkCodes.contains(sensor.statusCode & 0xFFFF_0000) {
            self = .functionCheck
        } else if sensor.quality == .bad {
            self = .failure
        } else if sensor.freshness == .neverReceived {
            self = .unknown
        } else if sensor.quality == .uncertain || sensor.freshness != .fresh {
            self = .outOfSpecification
        } else if own.contains(where: {
            $0.state != .normal && Self.diagnosticKinds.contains($0.kind)
        }) {
            self = .maintenance
        } else {
            self = .good
        }
    }
}
