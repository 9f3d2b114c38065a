// SPDX-License-Identifier: Apache-2.0

internal import CLinux
internal import MidwatchModel
internal import ReadingRing
internal import TelemetryWire

/// Makes readings of datagrams: all that a UDP listener's thread does between two receive calls.
///
/// Memory is taken once, in `init`. Per reading there is no allocation, no lock and no reference
/// count, as long as its series is known (`SeriesCache`).
///
/// Owned by one thread.
struct DatagramIntake: ~Copyable {
    /// Counts of one batch, added to the shared counters at its end.
    private struct Tally: BitwiseCopyable {
        var bytes: UInt64 = 0
        var lines: UInt64 = 0
        var linesRejected: UInt64 = 0
        var received: UInt64 = 0
        var rejected: UInt64 = 0
        var notBelieved: UInt64 = 0
        var timesIgnored: UInt64 = 0
        var queueDelayMax: UInt64 = 0
    }

    /// What is the same for every reading of one datagram.
    private struct Origin: BitwiseCopyable {
        var source: SourceIndex
        var arrival: MonotonicInstant
    }

    private let listener: UDPListener
    private let services: IngestServices
    private let nanosecondsPerUnit: Int64
    private let flags: ReadingFlags
    private var parser = LineProtocolParser()
    private var cache: SeriesCache
    private var cacheRevision: UInt64
    private var stage: ReadingStage
    private var arrivals = ArrivalClock()
    private var tally = Tally()
    private var rejectsLeft = RejectLog.perTurnMax
    private var lastSender: (high: UInt64, low: UInt64, row: Int)?
    private var kernelDrops: UInt32 = 0
    private var shedLoss = ObservationCoalescer(.sum)
    private var kernelLoss = ObservationCoalescer(.sum)
    private var truncationLoss = ObservationCoalescer(.sum)
    private var lag = ObservationCoalescer(.largest)

    init(_ listener: UDPListener) {
        self.listener = listener
        self.services = listener.services
        self.nanosecondsPerUnit = listener.configuration.timeUnit.nanosecondsPerUnit
        self.flags = listener.configuration.isDualHomed ? .dualHomed : []
        self.cache = SeriesCache(countMax: listener.configuration.seriesCountMax)
        self.cacheRevision = listener.services.sensors.revision
        self.stage = ReadingStage(ring: listener.services.ring)
    }

    /// Decodes one batch and offers all of it to the ring.
    mutating func take(_ datagrams: UnsafeBufferPointer<clinux_udp_datagram>) {
        let now = self.services.clock.now()
        self.arrivals.beginBatch(now: now, wall: self.services.clock.wall())
        self.forgetIfReclassified()
        self.rejectsLeft = RejectLog.perTurnMax
        for index in 0..<datagrams.count { unsafe self.take(datagrams[index]) }
        // The most urgent first: it finds the most room.
        self.offer(.critical)
        self.offer(.normal)
        self.offer(.low)
        self.publish(datagramCount: datagrams.count)
        // All of the batch count with what the oldest datagram waited.
        let latency = self.services.clock.now().nanosecondsSince(now)
        self.services.latencies[.arrivalToRing].record(
            latency &+ self.tally.queueDelayMax, count: self.tally.received)
        if self.tally.queueDelayMax > UDPListener.lagMinNanoseconds {
            self.lag.note(self.tally.queueDelayMax)
        }
        self.tally = Tally()
        self.recordObservations(now: now)
    }

    /// The socket is quiet: losses at the end of a burst show only here.
    mutating func idle(kernelDrops: UInt32?) {
        if let kernelDrops { self.noteKernelDrops(kernelDrops) }
        self.recordObservations(now: self.services.clock.now())
    }

    /// The thread ends: what was observed and not yet recorded is.
    mutating func finish() {
        let later = self.services.clock.now()
            .advanced(byNanoseconds: ObservationCoalescer.intervalNanoseconds)
        self.recordObservations(now: later)
    }

    // MARK: - Datagrams and lines

    private mutating func take(_ datagram: clinux_udp_datagram) {
        if unsafe datagram.has_drops != 0 { unsafe self.noteKernelDrops(datagram.drops) }
        guard unsafe datagram.is_truncated == 0 else {
            self.listener.counters.add(.datagramsTruncated)
            self.truncationLoss.note(1)
            return
        }
        let arrival = unsafe self.arrivals.arrival(stamp: datagram.stamp_ns)
        if !arrival.isBelieved { self.tally.notBelieved &+= 1 }
        self.tally.queueDelayMax = max(self.tally.queueDelayMax, arrival.queueDelayNanoseconds)
        let row = unsafe self.row(high: datagram.address_high, low: datagram.address_low)
        let origin = Origin(
            source: self.listener.senders.source(of: row), arrival: arrival.instant)
        let bytes = unsafe UnsafeBufferPointer(start: datagram.bytes, count: Int(datagram.length))
        self.tally.bytes &+= UInt64(bytes.count)
        unsafe self.decode(bytes.span, origin)
    }

    private mutating func decode(_ bytes: borrowing Span<UInt8>, _ origin: Origin) {
        var received = 0
        var rejected = 0
        var linesRejected: UInt64 = 0
        self.parser.start()
        lines: while true {
            switch self.parser.nextLine(bytes) {
            case .line(let line):
                self.tally.lines &+= 1
                rejected &+= self.take(line, bytes, origin, number: received)
                received &+= line.fieldCount &+ line.duplicateFieldCount
            case .rejected(let rejection):
                self.tally.lines &+= UInt64(rejection.lineCount)
                linesRejected &+= UInt64(rejection.lineCount)
                self.note(rejection, bytes, origin)
            case .end: break lines
            }
        }
        self.tally.received &+= UInt64(received)
        self.tally.rejected &+= UInt64(rejected)
        self.tally.linesRejected &+= linesRejected
        let tally = self.services.sources.tally
        tally.add(.received, UInt64(received), of: origin.source)
        tally.add(.rejected, UInt64(rejected), of: origin.source)
        tally.add(.linesRejected, linesRejected, of: origin.source)
    }

    /// Stages the readings of a line; returns how many were rejected.
    private mutating func take(
        _ line: LineProtocolLine, _ bytes: borrowing Span<UInt8>, _ origin: Origin, number: Int
    ) -> Int {
        var rejected = 0
        if line.duplicateFieldCount > 0 {
            rejected = line.duplicateFieldCount
            self.reject(.duplicateField, UInt64(rejected), bytes, line.seriesKey, origin)
        }
        var slot = Slot(kind: .reading, arrival: origin.arrival, source: origin.source)
        slot.flags = self.flags
        if let timestamp = line.timestamp {
            let (time, overflow) = timestamp.multipliedReportingOverflow(
                by: self.nanosecondsPerUnit)
            // A time that cannot be used is left out; the value stands.
            if overflow { self.tally.timesIgnored &+= 1 } else { slot.sourceTime = time }
        }
        let seriesHash = ByteHash.hash(bytes, in: line.seriesKey)
        for index in 0..<line.fieldCount {
            let field = self.parser.field(index)
            guard number &+ index < SystemLimits.readingsPerMessageMax else {
                rejected &+= line.fieldCount &- index
                self.reject(
                    .beyondMessageLimit, UInt64(line.fieldCount &- index), bytes, line.seriesKey,
                    origin)
                return rejected
            }
            guard let reading = field.reading else {
                rejected &+= 1
                self.reject(.textValue, 1, bytes, line.seriesKey, origin)
                continue
            }
            slot.valueBits = reading.bits
            slot.valueKindRaw = reading.kind.rawValue
            slot.qualityRaw = reading.quality.rawValue
            slot.aux = UInt64(number &+ index)
            let hash = ByteHash.hash(bytes, in: field.key, seed: seriesHash)
            if let hit = self.cache.find(hash: hash, bytes, line.seriesKey, field.key) {
                self.stage(slot, hit)
            } else {
                rejected &+= self.learn(slot, hash, bytes, line.seriesKey, field.key, origin)
            }
        }
        return rejected
    }

    @inline(__always)
    private mutating func stage(_ slot: Slot, _ hit: SeriesCache.Hit) {
        var slot = slot
        slot.sensor = hit.sensor
        slot.criticalityRaw = hit.criticality.rawValue
        if self.stage.append(slot, hit.criticality) { self.offer(hit.criticality) }
    }

    /// Resolves a series that the cache does not know; returns 1 if the reading is rejected.
    @inline(never)
    private mutating func learn(
        _ slot: Slot, _ hash: UInt64, _ bytes: borrowing Span<UInt8>, _ series: ByteRange,
        _ field: ByteRange, _ origin: Origin
    ) -> Int {
        let sensor: SensorID
        do {
            sensor = try self.listener.configuration.pathTemplate.path(
                seriesKey: series, fieldKey: field, in: bytes)
        } catch {
            self.reject(ReadingRejection(error), 1, bytes, series, origin)
            return 1
        }
        switch self.services.sensors.resolve(sensor, from: origin.source) {
        case .known(_, .own):
            self.reject(.reservedSensor, 1, bytes, series, origin)
            return 1
        case .known(let index, let criticality):
            let hit = SeriesCache.Hit(sensor: index, criticality: criticality)
            self.cache.insert(hash: hash, bytes, series, field, hit)
            self.stage(slot, hit)
            return 0
        case .rejected(let cause):
            self.reject(ReadingRejection(cause), 1, bytes, series, origin)
            return 1
        case .ringFull(let criticality):
            self.listener.counters.add(UDPCounter.shed(criticality))
            self.services.run.receive(1)
            self.services.run.shed(1)
            self.services.sources.tally.add(.shed, 1, of: origin.source)
            self.shedLoss.note(1)
            return 0
        }
    }

    // MARK: - Into the ring

    @inline(never)
    private mutating func offer(_ criticality: SensorCriticality) {
        let tally = self.services.sources.tally
        // Readings of one sender stand in runs: one addition a run.
        var accepted = (source: SourceIndex.own, count: UInt64(0))
        var shed = (source: SourceIndex.own, count: UInt64(0))
        // Before they enter the ring: a crash in between counts them as lost, not as never seen.
        let run = self.services.run
        run.receive(UInt64(self.stage.count(criticality)))
        let outcome = self.stage.empty(
            criticality,
            onAccepted: { slot in
                if slot.source != accepted.source {
                    tally.add(.accepted, accepted.count, of: accepted.source)
                    accepted = (slot.source, 0)
                }
                accepted.count &+= 1
            },
            onShed: { slot in
                if slot.source != shed.source {
                    tally.add(.shed, shed.count, of: shed.source)
                    shed = (slot.source, 0)
                }
                shed.count &+= 1
            })
        tally.add(.accepted, accepted.count, of: accepted.source)
        tally.add(.shed, shed.count, of: shed.source)
        self.listener.counters.add(.readingsAccepted, UInt64(outcome.acceptedCount))
        guard outcome.shedCount > 0 else { return }
        run.shed(UInt64(outcome.shedCount))
        self.listener.counters.add(UDPCounter.shed(criticality), UInt64(outcome.shedCount))
        self.shedLoss.note(UInt64(outcome.shedCount))
    }

    private mutating func recordObservations(now: MonotonicInstant) {
        let ring = self.services.ring
        var loss = Slot(kind: .lossObserved, arrival: now, source: self.listener.source)
        loss.aux = LossCause.ringFull.rawValue
        Self.record(&self.shedLoss, as: loss, in: ring)
        loss.aux = LossCause.kernelBuffer.rawValue
        Self.record(&self.kernelLoss, as: loss, in: ring)
        loss.aux = LossCause.truncatedDatagram.rawValue
        Self.record(&self.truncationLoss, as: loss, in: ring)
        let lag = Slot(kind: .lagObserved, arrival: now, source: self.listener.source)
        Self.record(&self.lag, as: lag, in: ring)
    }

    private static func record(
        _ observation: inout ObservationCoalescer, as record: Slot, in ring: ReadingRing
    ) {
        guard let value = observation.due(now: record.arrival) else { return }
        var slot = record
        slot.valueKindRaw = ValueKind.int64.rawValue
        slot.valueBits = value
        if ring.offer(slot, criticality: .own) != .ringFull {
            observation.recorded(now: slot.arrival)
        }
    }

    // MARK: - Counting

    private mutating func publish(datagramCount: Int) {
        let counters = self.listener.counters
        counters.add(.datagramsReceived, UInt64(datagramCount))
        counters.add(.bytesReceived, self.tally.bytes)
        counters.add(.linesReceived, self.tally.lines)
        counters.add(.readingsReceived, self.tally.received)
        if self.tally.linesRejected > 0 { counters.add(.linesRejected, self.tally.linesRejected) }
        if self.tally.rejected > 0 {
            counters.add(.readingsRejected, self.tally.rejected)
            self.services.run.receive(self.tally.rejected)
            self.services.run.reject(self.tally.rejected)
        }
        if self.tally.notBelieved > 0 { counters.add(.stampsNotBelieved, self.tally.notBelieved) }
        if self.tally.timesIgnored > 0 {
            counters.add(.sourceTimesIgnored, self.tally.timesIgnored)
        }
        counters.set(.seriesCacheOverflows, self.cache.overflowCount)
    }

    // Kept out of line, so that the code for good lines is free of reference counting.
    @inline(never)
    private mutating func note(
        _ rejection: LineProtocolRejection, _ bytes: borrowing Span<UInt8>, _ origin: Origin
    ) {
        self.listener.lineErrors.add(rejection.error, UInt64(rejection.lineCount))
        self.log(
            RejectLog.Cause(String(describing: rejection.error), offset: rejection.offset), bytes,
            rejection.bytes, origin)
    }

    @inline(never)
    private mutating func reject(
        _ cause: ReadingRejection, _ count: UInt64, _ bytes: borrowing Span<UInt8>,
        _ range: ByteRange, _ origin: Origin
    ) {
        self.listener.rejections.add(cause, count)
        self.log(
            RejectLog.Cause(cause.word, offset: range.lowerBound), bytes, range, origin)
    }

    private mutating func log(
        _ cause: @autoclosure () -> RejectLog.Cause, _ bytes: borrowing Span<UInt8>,
        _ range: ByteRange,
        _ origin: Origin
    ) {
        guard self.rejectsLeft > 0 else { return }
        self.rejectsLeft -= 1
        self.listener.rejects.append(
            at: origin.arrival, source: origin.source, cause: cause(), topic: Span<UInt8>(),
            input: bytes.extracting(range.range))
    }

    // MARK: - Helpers

    private mutating func row(high: UInt64, low: UInt64) -> Int {
        if let last = self.lastSender, last.low == low, last.high == high { return last.row }
        let row = self.listener.senders.row(high: high, low: low)
        // Row 0 is not remembered: the sender may get a row of its own when there is room.
        self.lastSender = row > 0 ? (high, low, row) : nil
        return row
    }

    private mutating func forgetIfReclassified() {
        let revision = self.services.sensors.revision
        guard revision != self.cacheRevision else { return }
        self.cacheRevision = revision
        self.cache.removeAll()
    }

    private mutating func noteKernelDrops(_ total: UInt32) {
        // The counter of the kernel wraps.
        let delta = total &- self.kernelDrops
        self.kernelDrops = total
        guard delta > 0 else { return }
        self.listener.counters.add(.datagramsDroppedByKernel, UInt64(delta))
        self.kernelLoss.note(UInt64(delta))
    }
}
