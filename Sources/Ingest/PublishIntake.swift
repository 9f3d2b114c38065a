// SPDX-License-Identifier: Apache-2.0

internal import Logging
internal import MidwatchModel
internal import ReadingRing
internal import TelemetryWire

/// One PUBLISH as its connection hands it over, beside topic and payload.
struct IncomingPublish: BitwiseCopyable {
    /// 0 with QoS 0.
    var packetIdentifier: UInt16
    var isDuplicate: Bool
    /// The reading is from the past, as far as the sender says.
    var isHistorical: Bool
    var source: SourceIndex
    var arrival: MonotonicInstant
    /// The record that the message is received; it goes before the readings, with them or not at
    /// all, and says in `sourceTime` how many they are.
    var receipt: Slot?

    var isAcknowledged: Bool { self.packetIdentifier != 0 }
}

/// Makes readings of PUBLISH messages and puts those of one message into the ring together.
///
/// One per event loop, and owned by it. Readings of topics and names already known cost no
/// allocation and no lock. Everything is counted when the message has its outcome: a message that has
/// to wait for room is offered again and counted once.
struct PublishIntake: ~Copyable {
    enum Outcome: Equatable {
        /// In the ring; the acknowledgement waits until record `last` is durable.
        case taken(last: UInt64)
        /// Nothing of it is kept; an acknowledgement says so where the version can.
        case refused(MQTTReasonCode)
        /// No room: the same message has to be offered again.
        case ringFull
    }

    /// Rule number of a topic that no rule matches.
    private static let noRule = UInt16.max

    let services: IngestServices
    private let router: TopicRouter
    let statistics: MQTTStatistics
    private var decoder = PayloadDecoder()
    private var readings: DecodedReadingBuffer
    /// Names of the readings where they are not in the payload; nil while they are lent.
    private var names: WireBuffer? = WireBuffer()
    /// The unit that readings of a sensor stated first: one sensor has one unit.
    private var units: [SensorIndex: String] = [:]
    private var slots: SlotBuffer
    private var cache: SeriesCache
    private var cacheRevision: UInt64
    private var nextScope: UInt32 = 1
    private let newSensors: (countMax: Int, exempt: SourceIndex)
    private let isDualHomed: Bool
    private var retainedWatch = RetainedWatch()
    private let retained: RetainedFindings
    private let logger: Logger

    init(
        router: TopicRouter, services: IngestServices, statistics: MQTTStatistics,
        topicCountMax: Int, newSensors: (countMax: Int, exempt: SourceIndex) = (0, .own),
        isDualHomed: Bool = false, retained: RetainedFindings, logger: Logger
    ) {
        // The ring takes a quarter of itself at once.
        let capacity = min(SystemLimits.readingsPerMessageMax, services.ring.capacity / 4 - 1)
        self.services = services
        self.router = router
        self.newSensors = newSensors
        self.isDualHomed = isDualHomed
        self.retained = retained
        self.logger = logger
        self.statistics = statistics
        self.readings = DecodedReadingBuffer(capacity: capacity)
        self.slots = SlotBuffer(capacity: capacity + 1)
        self.cache = SeriesCache(countMax: topicCountMax)
        self.cacheRevision = services.sensors.revision
    }

    /// Takes one message.
    mutating func take(
        _ publish: IncomingPublish, topic name: borrowing Span<UInt8>,
        payload: borrowing Span<UInt8>
    ) -> Outcome {
        var names = self.names.take() ?? WireBuffer()
        names.removeAll()
        let outcome = self.take(publish, topic: name, payload: payload, &names)
        self.names = consume names
        return outcome
    }

    private mutating func take(
        _ publish: IncomingPublish, topic name: borrowing Span<UInt8>,
        payload: borrowing Span<UInt8>, _ names: inout WireBuffer
    ) -> Outcome {
        let topicHash = ByteHash.hash(name)
        var topic = self.cache.find(hash: topicHash, name, ByteRange(0, name.count), .empty)
        if topic == nil {
            switch self.learn(publish, topicHash, name) {
            case .known(let hit): topic = hit
            case .rejected(let cause): return self.refuse(cause, publish, name, payload)
            case .ringFull: return .ringFull
            }
        }
        guard let topic, topic.rule != Self.noRule else {
            return self.refuse(.noTopicRule, publish, name, payload)
        }
        self.readings.truncate()
        let summary: PayloadSummary
        do throws(PayloadFault) {
            // The plan of a rule is an object: the common case does without counting references.
            summary =
                self.router.routes[Int(topic.rule)].isPlain
                ? try self.decoder.decodePlain(payload, into: &self.readings)
                : try self.decode(publish, payload, topic.rule, &names)
        } catch {
            return self.refuse(error, publish, name, payload)
        }
        var template = self.slot(publish)
        template.payloadHash =
            publish.isAcknowledged ? ByteHash.hash(payload, seed: topicHash) : 0
        var tally = MQTTStatistics.MessageTally(summary)
        self.slots.removeAll()
        if let receipt = publish.receipt { self.slots.append(receipt) }
        if topic.scope == 0 {
            template.sensor = topic.sensor
            self.slots.append(Self.filled(template, self.readings[0], topic, number: 0))
        } else if !self.resolve(publish, name, payload, names, topic, template, &tally) {
            return .ringFull
        }
        let outcome = self.offer(publish, tally)
        // A message that is offered again is remembered once.
        if summary.isOdd || tally.firstRejection != nil, outcome != .ringFull {
            self.note(summary, tally, publish, name, payload)
        }
        return outcome
    }

    /// Refuses a message whose client may not publish to its topic.
    mutating func deny(
        _ publish: IncomingPublish, topic: borrowing Span<UInt8>, payload: borrowing Span<UInt8>
    ) -> Outcome {
        self.refuse(.accessDenied, publish, topic, payload)
    }

    /// Forgets what was learnt if classes may have changed; once per read.
    mutating func forgetIfReclassified() {
        let revision = self.services.sensors.revision
        guard revision != self.cacheRevision else { return }
        self.cacheRevision = revision
        self.cache.removeAll()
    }

    // MARK: - Steps

    @inline(never)
    private mutating func decode(
        _ publish: IncomingPublish, _ payload: borrowing Span<UInt8>, _ rule: UInt16,
        _ names: inout WireBuffer
    ) throws(PayloadFault) -> PayloadSummary {
        let plan = self.router.routes[Int(rule)].plan
        var arrival = WallInstant(nanoseconds: 0)
        if plan.needsArrival {
            // What waited in a pause arrived when the pause began.
            let clock = self.services.clock
            let age = clock.now().nanosecondsSince(publish.arrival)
            arrival = WallInstant(nanoseconds: clock.wall().nanoseconds &- Int64(clamping: age))
        }
        return try self.decoder.decode(
            payload, by: plan, arrivedAt: arrival, into: &self.readings, names: &names)
    }

    /// Names are in the payload with line protocol, else in `names`.
    private mutating func resolve(
        _ publish: IncomingPublish, _ name: borrowing Span<UInt8>,
        _ payload: borrowing Span<UInt8>, _ names: borrowing WireBuffer,
        _ topic: SeriesCache.Hit, _ template: Slot, _ tally: inout MQTTStatistics.MessageTally
    ) -> Bool {
        if self.router.routes[Int(topic.rule)].isLineProtocol {
            return self.resolveSeries(publish, name, payload, topic, template, &tally)
        }
        return names.withBytes {
            self.resolveSeries(publish, name, $0, topic, template, &tally)
        }
    }

    private func slot(_ publish: IncomingPublish) -> Slot {
        var slot = Slot(kind: .reading, arrival: publish.arrival, source: publish.source)
        slot.packetIdentifier = publish.packetIdentifier
        if publish.isAcknowledged { slot.flags.insert(.acknowledgedDelivery) }
        if publish.isDuplicate { slot.flags.insert(.duplicateDelivery) }
        if publish.isHistorical { slot.flags.insert(.historical) }
        if self.isDualHomed { slot.flags.insert(.dualHomed) }
        return slot
    }

    private static func filled(
        _ template: Slot, _ reading: DecodedReading, _ hit: SeriesCache.Hit, number: Int
    ) -> Slot {
        var slot = template
        slot.sensor = hit.sensor
        slot.criticalityRaw = hit.criticality.rawValue
        slot.valueBits = reading.valueBits
        slot.valueKindRaw = reading.valueKind.rawValue
        slot.qualityRaw = reading.quality.rawValue
        slot.sourceTime = reading.sourceTime
        slot.promisedInterval = reading.promisedInterval
        slot.aux = UInt64(number)
        return slot
    }

    /// Finds the sensor of every reading by its name; false: no room to register one.
    private mutating func resolveSeries(
        _ publish: IncomingPublish, _ name: borrowing Span<UInt8>,
        _ payload: borrowing Span<UInt8>, _ topic: SeriesCache.Hit, _ template: Slot,
        _ tally: inout MQTTStatistics.MessageTally
    ) -> Bool {
        for number in 0..<self.readings.count {
            let reading = self.readings[number]
            let series = ByteHash.hash(payload, in: reading.series, seed: UInt64(topic.scope))
            let hash = ByteHash.hash(payload, in: reading.fieldKey, seed: series)
            var hit = self.cache.find(
                hash: hash, scope: topic.scope, payload, reading.series, reading.fieldKey)
            if hit == nil {
                switch self.learn(publish, hash, name, payload, topic, reading) {
                case .known(let found): hit = found
                case .rejected(let cause):
                    tally.reject(cause)
                    if tally.firstRejection == nil {
                        tally.firstRejection = (cause, Int(reading.offset))
                    }
                case .ringFull: return false
                }
            }
            if let hit { self.slots.append(Self.filled(template, reading, hit, number: number)) }
        }
        return true
    }

    private mutating func offer(
        _ publish: IncomingPublish, _ tally: MQTTStatistics.MessageTally
    ) -> Outcome {
        let count = self.slots.count - (publish.receipt == nil ? 0 : 1)
        guard count > 0 else {
            self.statistics.record(tally, acceptedCount: 0, of: publish, self.services)
            return .refused(tally.reasonCode)
        }
        if publish.receipt != nil { self.slots.fillReceipt(readingCount: count) }
        // All or none, so the most urgent reading decides for the message.
        switch self.slots.offer(to: self.services.ring) {
        case .ringFull: return .ringFull
        case .accepted(let first):
            self.statistics.record(tally, acceptedCount: count, of: publish, self.services)
            if publish.isHistorical || !self.retainedWatch.isEmpty { self.watch(publish) }
            return .taken(last: first &+ UInt64(self.slots.count) &- 1)
        }
    }

    /// Looks for sensors that retained messages alone speak of.
    @inline(never)
    private mutating func watch(_ publish: IncomingPublish) {
        for index in (publish.receipt == nil ? 0 : 1)..<self.slots.count {
            let sensor = self.slots.sensor(at: index)
            guard publish.isHistorical else {
                if self.retainedWatch.live(sensor) { self.retained.remove(sensor) }
                continue
            }
            guard self.retainedWatch.retained(sensor, at: publish.arrival),
                self.retained.add(sensor)
            else { continue }
            // The first, then what the status says.
            self.logger.warning(
                "sensor has retained readings only; if its device sends so, set retained: live",
                metadata: ["sensor.path": "\(self.services.sensors.path(of: sensor) ?? "")"])
        }
    }

    // MARK: - The cold paths

    private enum Learnt {
        case known(SeriesCache.Hit)
        case rejected(ReadingRejection)
        case ringFull
    }

    /// Finds rule and sensor of a topic for the first time.
    @inline(never)
    private mutating func learn(
        _ publish: IncomingPublish, _ hash: UInt64, _ topic: borrowing Span<UInt8>
    ) -> Learnt {
        guard let name = Self.text(topic) else { return .rejected(.notUTF8) }
        var hit = SeriesCache.Hit(sensor: .none, criticality: .low, rule: Self.noRule)
        if let rule = self.router.rule(for: name) {
            hit.rule = UInt16(rule)
            let route = self.router.routes[rule]
            if route.hasNames {
                // Never given twice while an entry of it can exist: the cache is emptied long
                // before four thousand million topics were learnt.
                hit.scope = self.nextScope
                self.nextScope = self.nextScope == UInt32.max ? 1 : self.nextScope + 1
            } else {
                switch self.resolve(route.sensor(for: name), publish.source) {
                case .known(let found):
                    hit.sensor = found.sensor
                    hit.criticality = found.criticality
                case let other: return other
                }
            }
        }
        self.cache.insert(hash: hash, topic, ByteRange(0, topic.count), .empty, hit)
        return .known(hit)
    }

    /// Finds the sensor of a name for the first time.
    @inline(never)
    private mutating func learn(
        _ publish: IncomingPublish, _ hash: UInt64, _ topicName: borrowing Span<UInt8>,
        _ payload: borrowing Span<UInt8>, _ topic: SeriesCache.Hit, _ reading: DecodedReading
    ) -> Learnt {
        guard let name = Self.text(topicName) else { return .rejected(.notUTF8) }
        let route = self.router.routes[Int(topic.rule)]
        var unit = ""
        let sensor: SensorID
        do {
            if route.isLineProtocol {
                let below = try route.rule.seriesPath.path(
                    seriesKey: reading.series, fieldKey: reading.fieldKey, in: payload)
                sensor = try route.sensor(for: name, name: below.path, unit: "")
            } else {
                guard let below = Self.text(payload.extracting(reading.series.range)),
                    let stated = Self.text(payload.extracting(reading.fieldKey.range))
                else { return .rejected(.notUTF8) }
                unit = stated
                sensor = try route.sensor(for: name, name: below, unit: unit)
            }
        } catch {
            return .rejected(ReadingRejection(error))
        }
        guard route.takes(unit: unit) else { return .rejected(.otherUnit) }
        let learnt = self.resolve(sensor, publish.source)
        if case .known(let hit) = learnt {
            guard route.hasUnit || self.isUnit(unit, of: hit.sensor) else {
                return .rejected(.otherUnit)
            }
            self.cache.insert(
                hash: hash, scope: topic.scope, payload, reading.series, reading.fieldKey, hit)
        }
        return learnt
    }

    /// Whether a reading that states `unit` belongs to the sensor: the first unit stated is its.
    ///
    /// A pack may give one name to humidity, longitude and latitude (RFC 8428, 5.1.3): a limit on
    /// one must not see the others.
    private mutating func isUnit(_ unit: String, of sensor: SensorIndex) -> Bool {
        if unit.isEmpty { return true }
        if let known = self.units[sensor] { return known == unit }
        // As many sensors as the registry takes at most.
        self.units[sensor] = unit
        return true
    }

    private func resolve(_ sensor: SensorID?, _ source: SourceIndex) -> Learnt {
        guard let sensor else { return .rejected(.malformedPath) }
        // Clients beyond those that are sources share one, which cannot be held to a client's bound.
        let isBounded = self.newSensors.countMax > 0 && source != self.newSensors.exempt
        let newMax = isBounded ? self.newSensors.countMax : Int.max
        switch self.services.sensors.resolve(sensor, from: source, newMax: newMax) {
        case .known(_, .own): return .rejected(.reservedSensor)
        case .known(let index, let criticality):
            return .known(SeriesCache.Hit(sensor: index, criticality: criticality))
        case .rejected(let cause): return .rejected(ReadingRejection(cause))
        case .ringFull: return .ringFull
        }
    }

    private static func text(_ bytes: borrowing Span<UInt8>) -> String? {
        guard let utf8 = try? UTF8Span(validating: copy bytes) else { return nil }
        return String(copying: utf8)
    }
}
