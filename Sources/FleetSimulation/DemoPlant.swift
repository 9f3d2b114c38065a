// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// The plant of `midwatch demo`: a road tunnel of 40 sensors that misbehaves on purpose.
///
/// Within the first 15 seconds one sensor falls silent, one drifts over its high limit, one sends
/// NaN and one sends times from 1970, so that a newcomer sees alarms; everything returns, and the
/// script repeats every two minutes.
package enum DemoPlant {
    /// One sensor with what the configuration says about it.
    package struct Row: Sendable {
        package var sensor: VirtualSensor
        package var title: String
        package var unit: String
        package var deadlineSeconds: Int
        package var high: Double?
        package var highHigh: Double?
        package var deadband: Double = 0
        package var priority = AlarmPriority.medium
        package var consequence = ""
        package var operatorAction = ""
        package var firstCheck = ""
    }

    /// The script repeats after this long.
    package static let cycleSeconds = 120.0

    package static let rows: [Row] = Self.sections() + Self.drainage() + Self.portal()

    /// The plant, from its seed.
    package static func plant(seed: UInt64 = 1, wallStart: WallInstant) -> VirtualPlant {
        VirtualPlant(seed: seed, sensors: self.rows.map(\.sensor), wallStart: wallStart)
    }

    /// Paths of the sensors whose faults a newcomer is shown, by fault.
    package static let silentPath = "tunnel/section-2/fan/vibration"
    package static let driftPath = "tunnel/section-3/air/co"
    package static let notANumberPath = "tunnel/drainage/pump-1/pressure"
    package static let epochTimePath = "tunnel/section-1/air/visibility"

    // MARK: - Rows

    private static func row(
        _ path: String, _ title: String, _ unit: String, form: VirtualSensor.Form = .number,
        period: Double = 1, deadline: Int = 5, _ waveform: Waveform
    ) -> Row {
        Row(
            sensor: VirtualSensor(
                path: "tunnel/" + path, form: form, periodNanoseconds: UInt64(period * 1e9),
                waveform: waveform, faults: self.script["tunnel/" + path] ?? []),
            title: title, unit: unit, deadlineSeconds: deadline)
    }

    private static let script: [String: [ScriptedFault]] = [
        Self.silentPath: [ScriptedFault(.silent, from: 4, until: 40, every: Self.cycleSeconds)],
        Self.driftPath: [
            ScriptedFault(.drift(by: 60), from: 3, until: 33, every: Self.cycleSeconds)
        ],
        Self.notANumberPath: [
            ScriptedFault(.notANumber, from: 6, until: 30, every: Self.cycleSeconds)
        ],
        Self.epochTimePath: [
            ScriptedFault(.epochTime, from: 2, until: 60, every: Self.cycleSeconds)
        ],
        "tunnel/section-4/air/temperature": [
            ScriptedFault(.stuck, from: 8, until: 50, every: Self.cycleSeconds)
        ],
        "tunnel/section-1/traffic/vehicles": [
            ScriptedFault(.burst(factor: 20), from: 10, until: 14, every: Self.cycleSeconds)
        ],
        "tunnel/section-2/traffic/speed": [
            ScriptedFault(
                .clockSkew(nanoseconds: -90_000_000_000), from: 5, until: 45,
                every: Self.cycleSeconds)
        ],
        "tunnel/section-3/traffic/speed": [
            ScriptedFault(.outOfOrder, from: 5, until: 25, every: Self.cycleSeconds)
        ],
        "tunnel/section-4/traffic/speed": [
            ScriptedFault(.duplicate, from: 5, until: 25, every: Self.cycleSeconds)
        ],
    ]

    /// Seven sensors for each of four sections.
    private static func sections() -> [Row] {
        (1...4).flatMap { number in
            let name = "section-\(number)"
            var co = self.row(
                "\(name)/air/co", "CO, section \(number)", "ppm", deadline: 4,
                Waveform(offset: 18, amplitude: 4, periodSeconds: 45, noise: 0.8, decimals: 1))
            co.high = 50
            co.highHigh = 100
            co.deadband = 5
            co.priority = .high
            co.consequence = "Above 100 ppm people in the tunnel are harmed within minutes."
            co.operatorAction =
                "Raise the fans of the section to full; close the tunnel at 100 ppm."
            co.firstCheck = "Does the visibility meter of the same section agree?"
            var visibility = self.row(
                "\(name)/air/visibility", "Dimming by smoke, section \(number)", "1/km",
                Waveform(offset: 3, amplitude: 0.5, periodSeconds: 60, noise: 0.1, decimals: 2))
            visibility.high = 9
            visibility.deadband = 1
            let temperature = self.row(
                "\(name)/air/temperature", "Air, section \(number)", "degC", period: 2,
                deadline: 10,
                Waveform(offset: 21, amplitude: 1, periodSeconds: 300, noise: 0.1, decimals: 1))
            var vibration = self.row(
                "\(name)/fan/vibration", "Fan bearing, section \(number)", "mm/s", period: 0.5,
                deadline: 3,
                Waveform(offset: 2.2, amplitude: 0.3, periodSeconds: 12, noise: 0.15, decimals: 2))
            vibration.high = 7.1
            vibration.deadband = 0.5
            vibration.priority = .high
            vibration.consequence = "The fan may fail; smoke would then stay in the section."
            vibration.operatorAction = "Switch to the second fan and send a mechanic."
            vibration.firstCheck = "Is the fan running, and at which speed?"
            var fire = self.row(
                "\(name)/fire/detector", "Fire detector, section \(number)", "", form: .boolean,
                Waveform(offset: 0))
            fire.high = 0.5
            fire.priority = .critical
            fire.consequence = "A fire in the tunnel threatens everyone in it."
            fire.operatorAction = "Look at the cameras, close the tunnel, call the fire brigade."
            fire.firstCheck = "What do the cameras of this section show?"
            let vehicles = self.row(
                "\(name)/traffic/vehicles", "Vehicles a minute, section \(number)", "1/min",
                form: .integer, period: 2, deadline: 10,
                Waveform(offset: 42, amplitude: 12, periodSeconds: 90, noise: 4))
            let speed = self.row(
                "\(name)/traffic/speed", "Mean speed, section \(number)", "km/h", deadline: 10,
                Waveform(offset: 78, amplitude: 6, periodSeconds: 80, noise: 2, decimals: 1))
            return [co, visibility, temperature, vibration, fire, vehicles, speed]
        }
    }

    private static func drainage() -> [Row] {
        let pumps = (1...3).flatMap { number in
            var pressure = self.row(
                "drainage/pump-\(number)/pressure", "Drainage pump \(number)", "bar", deadline: 5,
                Waveform(offset: 4.2, amplitude: 0.3, periodSeconds: 20, noise: 0.05, decimals: 2))
            pressure.high = 6
            pressure.deadband = 0.2
            let current = self.row(
                "drainage/pump-\(number)/current", "Drainage pump \(number), motor", "A",
                deadline: 5,
                Waveform(offset: 11, amplitude: 0.6, periodSeconds: 20, noise: 0.1, decimals: 1))
            return [pressure, current]
        }
        var level = self.row(
            "drainage/sump/level", "Water in the sump", "m", period: 2, deadline: 10,
            Waveform(offset: 0.9, amplitude: 0.2, periodSeconds: 200, noise: 0.01, decimals: 2))
        level.high = 1.8
        level.highHigh = 2.4
        level.deadband = 0.1
        return pumps + [level]
    }

    private static func portal() -> [Row] {
        [
            self.row(
                "portal/wind", "Wind at the west portal", "m/s",
                Waveform(offset: 4, amplitude: 2, periodSeconds: 70, noise: 0.6, decimals: 1)),
            self.row(
                "portal/luminance", "Daylight at the west portal", "cd/m2", period: 2, deadline: 10,
                Waveform(offset: 3_200, amplitude: 300, periodSeconds: 240, noise: 20, decimals: 0)),
            self.row(
                "portal/power/voltage", "Supply A", "V", period: 0.5, deadline: 3,
                Waveform(offset: 400, amplitude: 2, periodSeconds: 30, noise: 0.5, decimals: 1)),
            self.row(
                "portal/power/frequency", "Supply A", "Hz", period: 0.5, deadline: 3,
                Waveform(offset: 50, amplitude: 0.02, periodSeconds: 25, noise: 0.005, decimals: 3)),
            self.row(
                "portal/ups/charge", "Battery of the control cabinet", "%", period: 5, deadline: 20,
                Waveform(offset: 98, amplitude: 1, periodSeconds: 600, noise: 0.1, decimals: 1)),
        ]
    }
}
