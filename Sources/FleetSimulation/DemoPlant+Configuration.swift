// SPDX-License-Identifier: Apache-2.0

internal import MidwatchModel

extension DemoPlant {
    /// Where the demo daemon keeps and offers things.
    package struct Places: Sendable {
        package var stateDirectory: String
        package var runDirectory: String
        /// Port of the UDP listener on 127.0.0.1.
        package var udpPort: UInt16
        /// Port of the MQTT listener on 127.0.0.1.
        package var mqttPort: UInt16
        /// Port of the canary socket on 127.0.0.1.
        package var canaryPort: UInt16
        /// Where alerts go; nil: nowhere.
        package var alertURL: String?
        /// File with the secret that signs alerts; nil: one that everybody can read here.
        package var alertSecretFile: String?

        package init(
            stateDirectory: String, runDirectory: String, udpPort: UInt16 = 8094,
            mqttPort: UInt16 = 1883, canaryPort: UInt16 = 8095, alertURL: String? = nil,
            alertSecretFile: String? = nil
        ) {
            self.stateDirectory = stateDirectory
            self.runDirectory = runDirectory
            self.udpPort = udpPort
            self.mqttPort = mqttPort
            self.canaryPort = canaryPort
            self.alertURL = alertURL
            self.alertSecretFile = alertSecretFile
        }
    }

    /// The configuration under which the daemon watches this plant.
    package static func configurationText(_ places: Places) -> String {
        var text = """
            # The demo plant: written by midwatch demo.
            node:
              name: demo-tunnel
              site: Demo Tunnel
            stateDirectory: \(self.quoted(places.stateDirectory))
            runDirectory: \(self.quoted(places.runDirectory))
            ingest:
              udp:
                - name: plant
                  bind: "127.0.0.1:\(places.udpPort)"
              mqtt:
                - name: mqtt
                  bind: "127.0.0.1:\(places.mqttPort)"
            vitals:
              canary: "127.0.0.1:\(places.canaryPort)"
            log:
              level: warning
            sensors:

            """
        for row in self.rows { text += self.sensorText(row) }
        text += self.assetsText
        if let url = places.alertURL {
            text += "alerts:\n  endpoints:\n    - name: demo\n      url: \(self.quoted(url))\n"
            // Public on purpose: the demo's alerts go to the demo.
            let secret = places.alertSecretFile.map { "{file: \(self.quoted($0))}" }
            text += "      secrets: [\(secret ?? "whsec_bWlkd2F0Y2gtZGVtby1zZWNyZXQtMDAwMDAw")]\n"
        }
        return text
    }

    /// Sections with their fans, and pumps: what the dashboard's tree follows.
    private static var assetsText: String {
        var text = "assets:\n"
        func add(_ area: String, _ equipment: String, _ sensors: String) {
            text += "  - area: \(area)\n"
            if !equipment.isEmpty { text += "    equipment: \(equipment)\n" }
            text += "    sensors: [\"\(sensors)\"]\n"
        }
        for number in 1...4 {
            add("Section \(number)", "", "tunnel/section-\(number)/#")
            add("Section \(number)", "Fan \(number)", "tunnel/section-\(number)/fan/+")
        }
        for number in 1...3 {
            add("Drainage", "Pump \(number)", "tunnel/drainage/pump-\(number)/+")
        }
        return text
    }

    private static func sensorText(_ row: Row) -> String {
        var text = "  - path: \(self.quoted(row.sensor.path))\n"
        text += "    title: \(self.quoted(row.title))\n"
        if !row.unit.isEmpty { text += "    unit: \(self.quoted(row.unit))\n" }
        text += "    supervision: periodic\n    deadline: \(row.deadlineSeconds)s\n"
        text += "    stalePriority: \(row.priority.word)\n"
        // Short, so that a newcomer sees "cannot verify" soon.
        text += "    unknownGrace: 3s\n"
        if row.high != nil || row.highHigh != nil { text += "    limits:\n" }
        for (name, setpoint, priority) in [
            ("high", row.high, row.priority), ("highHigh", row.highHigh, .critical),
        ] {
            guard let setpoint else { continue }
            text += "      \(name):\n        setpoint: \(setpoint)\n"
            text += "        deadband: \(row.deadband)\n        onDelay: 1s\n"
            text += "        priority: \(priority.word)\n"
        }
        let isUrgent = row.highHigh != nil || row.priority >= .high
        for (key, words, fallback) in [
            ("consequence", row.consequence, "The tunnel may have to be closed."),
            ("operatorAction", row.operatorAction, "Call the duty engineer."),
        ] {
            guard isUrgent || !words.isEmpty else { continue }
            text += "    \(key): \(self.quoted(words.isEmpty ? fallback : words))\n"
        }
        if isUrgent { text += "    timeToRespond: 2m\n" }
        if !row.firstCheck.isEmpty {
            text += "    firstChecks:\n      - \(self.quoted(row.firstCheck))\n"
        }
        return text
    }

    /// A text as a double-quoted YAML scalar.
    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": quoted += "\\" + String(scalar)
            case "\n": quoted += "\\n"
            case "\t": quoted += "\\t"
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
