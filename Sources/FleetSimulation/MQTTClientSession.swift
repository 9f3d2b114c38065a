// SPDX-License-Identifier: Apache-2.0

/// One publisher's session: what is unacknowledged, what goes out next; no socket, no clock.
///
/// States
///
///     idle ──connect──▶ connecting ──CONNACK 0──▶ publishing ──lost──▶ idle (keeps `inFlight`)
///
/// A publish keeps its packet identifier until it is acknowledged, over any number of connections;
/// after a reconnect all unacknowledged ones are sent again first, in order, with DUP
/// [MQTT-4.4.0-1].
struct MQTTClientSession {
    enum State: Equatable { case idle, connecting, publishing }

    /// One publish that the server has not acknowledged.
    struct Entry {
        var identifier: UInt16 = 0
        var isAcknowledged = false
        /// PUBREC came: it is PUBREL that goes out again, not the message [MQTT-4.3.3-5].
        var isReceived = false
        var sequence: UInt64 = 0
        var sentAt: UInt64 = 0
        /// The packet where it cannot be made again from `sequence`: a plant's readings.
        var packet: [UInt8] = []
    }

    /// What an acknowledgement was for.
    struct Acknowledgement {
        var sequence: UInt64
        var latencyNanoseconds: UInt64
        var reason: UInt8
    }

    let version: MQTTClientVersion
    let isAcknowledged: Bool
    let isExactlyOnce: Bool
    let clientIdentifier: String
    private let windowMax: Int
    private let templates: [MQTTClientPackets.Publish]

    private(set) var state = State.idle
    private(set) var window: Int
    private(set) var keepAliveSeconds: UInt16
    /// Sequence number of the next new publish.
    private(set) var nextSequence: UInt64
    private var lastIdentifier: UInt16 = 0
    /// Ring of the unacknowledged, oldest first.
    private var entries: [Entry]
    private var head = 0
    private(set) var inFlightCount = 0
    private var connectionCount = 0

    init(_ settings: MQTTFleetSender.Settings, client: Int, topics: [String]) {
        self.version = settings.version
        self.isAcknowledged = settings.isAcknowledged
        self.isExactlyOnce = settings.isExactlyOnce
        self.clientIdentifier = settings.clientPrefix + LoadPattern.padded(client, 5)
        self.windowMax = settings.window
        self.window = settings.window
        self.keepAliveSeconds = settings.keepAliveSeconds
        self.nextSequence = settings.firstSequence
        self.entries = [Entry](repeating: Entry(), count: settings.window)
        let payload = [UInt8](repeating: UInt8(ascii: "0"), count: LoadPattern.valueDigits)
        self.templates = topics.map {
            MQTTClientPackets.publish(
                version: settings.version, topic: $0, payload: payload,
                isAcknowledged: settings.isAcknowledged,
                isExactlyOnce: settings.isExactlyOnce)
        }
    }

    /// Publishes that may be sent now.
    var freeWindow: Int {
        guard self.state == .publishing else { return 0 }
        return self.isAcknowledged ? max(0, self.window - self.inFlightCount) : Int.max
    }

    // MARK: - Events

    /// The transport is up: CONNECT goes out.
    mutating func connect(into output: inout [UInt8]) {
        precondition(self.state == .idle, "connect in state \(self.state)")
        self.state = .connecting
        // The first connection starts afresh; later ones continue, or resending would be wrong.
        // With QoS 2 the first session has to be one that stays.
        output += MQTTClientPackets.connect(
            version: self.version, clientIdentifier: self.clientIdentifier,
            isClean: !self.isAcknowledged || self.connectionCount == 0 && !self.isExactlyOnce,
            keepAliveSeconds: self.keepAliveSeconds)
    }

    /// CONNACK: everything unacknowledged goes out again; gives how many that were.
    mutating func accepted(
        receiveMaximum: UInt16, keepAliveSeconds: UInt16?, now: UInt64, into output: inout [UInt8]
    ) -> Int {
        guard self.state == .connecting else { return 0 }
        self.state = .publishing
        self.connectionCount += 1
        self.window = min(self.windowMax, Int(receiveMaximum))
        if let keepAliveSeconds { self.keepAliveSeconds = keepAliveSeconds }
        var count = 0
        for offset in 0..<self.inFlightCount {
            let index = (self.head + offset) % self.entries.count
            guard !self.entries[index].isAcknowledged else { continue }
            if self.entries[index].isReceived {
                output += MQTTClientPackets.release(self.entries[index].identifier)
            } else {
                self.append(self.entries[index], isDuplicate: true, into: &output)
            }
            count += 1
        }
        return count
    }

    /// The transport is gone.
    mutating func lost() { self.state = .idle }

    /// Sends the next reading of the load pattern; the caller has seen `freeWindow`.
    mutating func publishNext(now: UInt64, into output: inout [UInt8]) {
        let entry = Entry(
            identifier: self.takeIdentifier(), sequence: self.nextSequence, sentAt: now)
        self.append(entry, isDuplicate: false, into: &output)
        self.remember(entry)
    }

    /// Sends one message of its own; the caller has seen `freeWindow`.
    mutating func publish(
        topic: String, payload: [UInt8], now: UInt64, into output: inout [UInt8]
    ) {
        var packet = MQTTClientPackets.publish(
            version: self.version, topic: topic, payload: payload,
            isAcknowledged: self.isAcknowledged, isExactlyOnce: self.isExactlyOnce)
        let identifier = self.takeIdentifier()
        if let offset = packet.identifierOffset {
            packet.bytes[offset] = UInt8(truncatingIfNeeded: identifier >> 8)
            packet.bytes[offset + 1] = UInt8(truncatingIfNeeded: identifier)
        }
        output += packet.bytes
        self.remember(
            Entry(
                identifier: identifier, sequence: self.nextSequence, sentAt: now,
                packet: self.isAcknowledged ? packet.bytes : []))
    }

    /// PUBREC that takes the message over: PUBREL goes out; false if nothing waits for it.
    mutating func received(identifier: UInt16, into output: inout [UInt8]) -> Bool {
        for offset in 0..<self.inFlightCount {
            let index = (self.head + offset) % self.entries.count
            guard self.entries[index].identifier == identifier,
                !self.entries[index].isAcknowledged
            else { continue }
            self.entries[index].isReceived = true
            output += MQTTClientPackets.release(identifier)
            return true
        }
        return false
    }

    /// PUBACK, PUBCOMP, or a PUBREC that refuses; nil if nothing with this identifier waits.
    mutating func acknowledged(
        identifier: UInt16, reason: UInt8, now: UInt64
    ) -> Acknowledgement? {
        for offset in 0..<self.inFlightCount {
            let index = (self.head + offset) % self.entries.count
            guard self.entries[index].identifier == identifier,
                !self.entries[index].isAcknowledged
            else { continue }
            self.entries[index].isAcknowledged = true
            let result = Acknowledgement(
                sequence: self.entries[index].sequence,
                latencyNanoseconds: now &- self.entries[index].sentAt, reason: reason)
            while self.inFlightCount > 0, self.entries[self.head].isAcknowledged {
                self.entries[self.head].packet = []
                self.head = (self.head + 1) % self.entries.count
                self.inFlightCount -= 1
            }
            return result
        }
        return nil
    }

    // MARK: - Helpers

    private mutating func takeIdentifier() -> UInt16 {
        guard self.isAcknowledged else { return 0 }
        // Always free: the ring holds at most `windowMax` consecutive identifiers, far fewer than
        // there are, and an entry leaves it only after every older one.
        self.lastIdentifier = self.lastIdentifier == UInt16.max ? 1 : self.lastIdentifier + 1
        return self.lastIdentifier
    }

    private mutating func remember(_ entry: Entry) {
        self.nextSequence += 1
        guard self.isAcknowledged else { return }
        precondition(self.inFlightCount < self.entries.count, "publish beyond the window")
        self.entries[(self.head + self.inFlightCount) % self.entries.count] = entry
        self.inFlightCount += 1
    }

    private func append(_ entry: Entry, isDuplicate: Bool, into output: inout [UInt8]) {
        let start = output.count
        if !entry.packet.isEmpty {
            output += entry.packet
        } else {
            let template = self.templates[Int(entry.sequence % UInt64(self.templates.count))]
            output += template.bytes
            var span = output.mutableSpan
            if let offset = template.identifierOffset {
                span[start + offset] = UInt8(truncatingIfNeeded: entry.identifier >> 8)
                span[start + offset + 1] = UInt8(truncatingIfNeeded: entry.identifier)
            }
            Digits.put(
                LoadPattern.valueBase &+ entry.sequence, count: LoadPattern.valueDigits,
                into: &span, at: start + template.payloadOffset)
        }
        if isDuplicate { output[start] |= MQTTClientPackets.Publish.duplicateFlag }
    }
}
