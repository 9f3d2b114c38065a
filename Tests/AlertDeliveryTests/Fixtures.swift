// SPDX-License-Identifier: Apache-2.0

import AlertDelivery
import CLinux
import Glibc
import Logging
import MidwatchModel
import Synchronization
import Testing

let exampleSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func makeSigner(_ secrets: String...) throws -> WebhookSigner {
    WebhookSigner(secrets: try secrets.map { try #require(WebhookSecret($0)) })
}

func makeEndpoint(_ name: String, _ url: String) throws -> EndpointConfiguration {
    EndpointConfiguration(
        name: name, address: try EndpointAddress(url), signer: try makeSigner(exampleSecret))
}

/// Alert number `sequence` of alarm `key`; its ledger number is the one given.
func makeAlert(
    _ key: UInt64, _ sequence: UInt64 = 1, priority: AlarmPriority = .high, n: UInt64 = 0,
    occurredAt: WallInstant = WallInstant(nanoseconds: 1_700_000_000_000_000_000)
) -> Alert {
    Alert(
        id: "alert_1_\(key)_\(sequence)", alarmKey: key, alarmID: "plant/sensor-\(key)/high",
        sequence: sequence, priority: priority,
        type: sequence % 2 == 1 ? "alarm.raised" : "alarm.cleared", occurredAt: occurredAt,
        ledgerN: n, isRecorded: n > 0,
        body: Array(#"{"sensor":"plant/sensor-\#(key)","value":12.5}"#.utf8))
}

func makeItem(
    _ order: UInt64, _ key: UInt64, _ sequence: UInt64 = 1, priority: AlarmPriority = .high,
    at: MonotonicInstant = seconds(0)
) -> QueuedAlert {
    QueuedAlert(order: order, alert: makeAlert(key, sequence, priority: priority), takenAt: at)
}

/// An instant this long after an arbitrary first one.
func seconds(_ seconds: Double) -> MonotonicInstant {
    MonotonicInstant(nanoseconds: 1_000_000_000_000 + UInt64(seconds * 1e9))
}

let testWall = WallInstant(nanoseconds: 1_700_000_000_000_000_000)

/// A new folder that goes away with the fixture.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/midwatch-delivery-XXXXXX".utf8CString)
        let made = unsafe template.withUnsafeMutableBufferPointer { buffer in
            unsafe buffer.baseAddress.flatMap { unsafe mkdtemp($0) }
                .map { unsafe String(cString: $0) }
        }
        self.path = try #require(made)
    }

    deinit { _ = unsafe system("rm -rf '\(self.path)'") }

    func file(_ name: String) -> String { self.path + "/" + name }
}

/// Waits until `isTrue`; false if that takes longer than the bound.
func eventually(within seconds: Double = 20, _ isTrue: () async -> Bool) async -> Bool {
    let deadline = clinux_boottime_ns() + UInt64(seconds * 1e9)
    while clinux_boottime_ns() < deadline {
        if await isTrue() { return true }
        try? await Task.sleep(for: .milliseconds(2))
    }
    return await isTrue()
}

/// What a dispatcher reported, in order.
final class OutcomeLog: Sendable {
    private let outcomes = Mutex<[DeliveryOutcome]>([])

    var all: [DeliveryOutcome] { self.outcomes.withLock { $0 } }

    func append(_ outcome: DeliveryOutcome) { self.outcomes.withLock { $0.append(outcome) } }

    func deliveredIDs(_ endpoint: String) -> [String] {
        self.all.compactMap { outcome in
            guard case .delivered(let report, _) = outcome, report.endpoint == endpoint else {
                return nil
            }
            return report.alertID
        }
    }
}

/// Time that passes only when the test says so.
final class VirtualClock: Sendable {
    private struct State {
        var nanoseconds: UInt64 = 1_000_000_000_000
        var nextSleeper = 0
        var sleepers: [Int: (until: UInt64, waiter: CheckedContinuation<Void, Never>)] = [:]
        var cancelled: Set<Int> = []
    }

    private let state = Mutex(State())

    var clock: DeliveryClock {
        DeliveryClock(
            monotonic: { MonotonicInstant(nanoseconds: self.state.withLock { $0.nanoseconds }) },
            wall: {
                let passed = self.state.withLock { $0.nanoseconds } - 1_000_000_000_000
                return WallInstant(nanoseconds: testWall.nanoseconds + Int64(passed))
            },
            pause: { await self.sleep($0) })
    }

    func advance(bySeconds seconds: Double) {
        let due = self.state.withLock { state in
            state.nanoseconds += UInt64(seconds * 1e9)
            let due = state.sleepers.filter { $0.value.until <= state.nanoseconds }
            for key in due.keys { state.sleepers[key] = nil }
            return due.values.map(\.waiter)
        }
        for waiter in due { waiter.resume() }
    }

    private func sleep(_ nanoseconds: UInt64) async {
        let number = self.state.withLock { state in
            state.nextSleeper += 1
            return state.nextSleeper
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let goesOn = self.state.withLock { state in
                    let until = state.nanoseconds + nanoseconds
                    if nanoseconds == 0 || state.cancelled.remove(number) != nil { return true }
                    state.sleepers[number] = (until, waiter)
                    return false
                }
                if goesOn { waiter.resume() }
            }
        } onCancel: {
            let waiter = self.state.withLock { state in
                let sleeper = state.sleepers.removeValue(forKey: number)
                if sleeper == nil { state.cancelled.insert(number) }
                return sleeper?.waiter
            }
            waiter?.resume()
        }
    }
}

let realClock = DeliveryClock(
    monotonic: { MonotonicInstant(nanoseconds: clinux_boottime_ns()) },
    wall: { WallInstant(nanoseconds: clinux_realtime_ns()) })

/// A dispatcher over real HTTP with its log.
struct Bench: Sendable {
    let delivery: AlertDelivery
    let log: OutcomeLog
    let progress: StageProgress

    init(
        _ endpoints: [EndpointConfiguration], outbox: String, clock: DeliveryClock = realClock,
        adjust: (inout DeliveryConfiguration) -> Void = { _ in }
    ) throws {
        var configuration = DeliveryConfiguration(
            endpoints: endpoints, outboxPath: outbox, seed: 7)
        adjust(&configuration)
        let log = OutcomeLog()
        self.log = log
        self.progress = StageProgress.standalone()
        self.delivery = AlertDelivery(
            configuration: configuration,
            transport: HTTPWebhookTransport(endpoints: endpoints), clock: clock,
            progress: self.progress,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            outcomes: { log.append($0) })
    }

    /// Lets virtual time pass, unless a call is under way: those take real time.
    @discardableResult
    func pass(_ seconds: Double, of time: VirtualClock) -> Bool {
        guard self.delivery.status().endpoints.allSatisfy({ $0.underWayCount == 0 }) else {
            return false
        }
        time.advance(bySeconds: seconds)
        return true
    }
}
