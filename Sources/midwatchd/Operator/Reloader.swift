// SPDX-License-Identifier: Apache-2.0

import AlarmEngine
import Ingest
import Logging
import MidwatchConfiguration
import MidwatchModel
import ReadingRing
import ServiceLifecycle
import StateFolder
import Synchronization
import UnixSignals

/// SIGHUP: the rules of the configuration file take effect, or nothing changes.
///
/// The new text is kept, then named in a configuration record: the engine binds every sensor anew
/// at that place in the sequence, and replay does the same. Sockets, stores and endpoints keep what
/// they started with; a change there is said to need a restart. Certificates, password and access
/// files are read again, each for itself: one that is bad leaves what it had in force.
struct Reloader: Service {
    let path: String
    let started: MidwatchConfiguration
    let revisions: Revisions
    let ring: ReadingRing
    let clock: EngineClock
    let ingest: SensorIngest
    let gate: OperatorGate
    let logger: Logger

    func run() async throws {
        let signals = await UnixSignalsSequence(trapping: .sighup)
        for await _ in signals.cancelOnGracefulShutdown() { await self.reload() }
    }

    private func reload() async {
        // First, and whatever becomes of the rest: a certificate does not wait for a typing error.
        for problem in self.ingest.reloadSecurity() {
            self.logger.error("not reloaded", metadata: ["listener.problem": "\(problem)"])
        }
        self.gate.reload()
        let result = MidwatchConfiguration.load(path: self.path)
        guard let configuration = result.configuration, result.errors.isEmpty else {
            for line in result.report { self.logger.error("\(line)") }
            self.logger.error("configuration not reloaded: the one in force stays")
            return
        }
        do {
            let revision = try self.revisions.keep(result.revisionText)
            let rules = Revisions.rules(of: configuration, revision: revision)
            let slots = ControlRecord.slots(
                head: Slot(kind: .configuration, arrival: self.clock.now()),
                payload: HexDigits.bytes(revision) ?? [])
            guard case .accepted = self.ring.offer(slots.span, criticality: .own) else {
                return self.logger.error("configuration not reloaded: the ring is full, try again")
            }
            // After the record: what was refused has changed nothing.
            self.ingest.sensors.reclassify(SensorIngest.classifier(rules))
            try await self.ingest.register(rules.declaredPaths)
            self.logger.notice(
                "configuration reloaded",
                metadata: ["configuration.revision": "\(revision.prefix(16))"])
        } catch {
            return self.logger.error("configuration not reloaded", metadata: ["error": "\(error)"])
        }
        self.gate.load(configuration.api)
        var comparable = configuration
        comparable.api.roles = self.started.api.roles
        comparable.api.tokenFile = self.started.api.tokenFile
        comparable.sensors = self.started.sensors
        if comparable != self.started {
            self.logger.warning("settings other than sensors changed: restart to apply them")
        }
    }
}
