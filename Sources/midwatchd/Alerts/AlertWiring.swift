// SPDX-License-Identifier: Apache-2.0

import AlertDelivery
import Logging
import MidwatchConfiguration
import MidwatchModel
import StateFolder

/// Why an endpoint of the configuration cannot be used.
struct EndpointError: Error, CustomStringConvertible {
    var endpoint: String
    var reason: String

    var description: String { "alerts.endpoints \"\(self.endpoint)\": \(self.reason)" }
}

/// From the configuration's endpoints and routes to delivery.
enum AlertWiring {
    static func delivery(
        _ configuration: MidwatchConfiguration, keys: EndpointKeys, outboxPath: String,
        clock: EngineClock, progress: StageProgress, logger: Logger, outcomes: OutcomeLog
    ) throws -> AlertDelivery {
        let routes = configuration.alerts.routes
        let endpoints = try configuration.alerts.endpoints.map {
            try Self.endpoint($0, routes, keys, logger)
        }
        return AlertDelivery(
            configuration: DeliveryConfiguration(
                endpoints: endpoints, outboxPath: outboxPath,
                seed: UInt64(bitPattern: EngineClock.wall().nanoseconds)),
            transport: HTTPWebhookTransport(endpoints: endpoints),
            clock: DeliveryClock(monotonic: { clock.now() }, wall: { EngineClock.wall() }),
            progress: progress, logger: logger, outcomes: { outcomes.note($0) })
    }

    private static func endpoint(
        _ endpoint: AlertEndpointConfiguration, _ routes: [AlertRouteConfiguration],
        _ keys: EndpointKeys, _ logger: Logger
    ) throws -> EndpointConfiguration {
        let address: EndpointAddress
        do throws(EndpointAddress.Refusal) {
            address = try EndpointAddress(endpoint.url)
        } catch {
            throw EndpointError(endpoint: endpoint.name, reason: error.rawValue)
        }
        let name = endpoint.name
        var result = EndpointConfiguration(
            name: name, address: address, credentials: { keys.credentials(of: name) })
        result.format = Self.format(endpoint, logger)
        result.concurrency = endpoint.inFlightMax
        result.callsPerSecondMax = endpoint.ratePerSecond
        result.timeoutNanoseconds = endpoint.timeoutNanoseconds
        result.authorityFile = endpoint.caFile
        result.clientCertificate = endpoint.clientCertificate.map { ($0.chainFile, $0.keyFile) }
        result.allowed = endpoint.allowed.compactMap { AddressBlock($0) }
        let routing = AlertRouting(routes: routes, endpoint: name)
        result.accepts = { routing.takes(alarmID: $0.alarmID, priority: $0.priority) }
        return result
    }

    private static func format(
        _ endpoint: AlertEndpointConfiguration, _ logger: Logger
    ) -> AlertFormat {
        switch endpoint.format {
        case .native: return .native
        case .cloudEvents: return .cloudEvents
        case .alertmanagerWebhook: return .alertmanagerWebhook
        case .pagerDuty: return .pagerDuty
        case .alertmanagerAPI:
            var options = AlertmanagerOptions()
            options.repeatNanoseconds = endpoint.repeatNanoseconds
            options.holdNanoseconds = endpoint.holdNanoseconds
            return .alertmanagerAPI(options)
        case .template:
            return .template(Self.template(endpoint.templateFile ?? "", of: endpoint.name, logger))
        }
    }

    /// A template that cannot be read keeps nobody from being told: the sentence alone is sent.
    private static func template(
        _ path: String, of name: String, _ logger: Logger
    ) -> AlertTemplate {
        let reason: String
        if let bytes = FileBytes.read(path), bytes.count <= AlertTemplate.bytesMax,
            let text = String(validating: bytes, as: UTF8.self)
        {
            do throws(AlertTemplate.Fault) {
                return try AlertTemplate(text)
            } catch {
                reason = error.description
            }
        } else {
            reason = "cannot be read, or is longer than \(AlertTemplate.bytesMax) bytes"
        }
        logger.critical(
            "template not used, alerts carry their sentence only",
            metadata: [
                "endpoint.name": "\(name)", "template.file": "\(path)",
                "template.reason": "\(reason)",
            ])
        return .fallback
    }
}

/// Which alerts go to one endpoint.
struct AlertRouting: Sendable {
    private let routes: [AlertRouteConfiguration]
    private let mine: [AlertRouteConfiguration]

    init(routes: [AlertRouteConfiguration], endpoint: String) {
        self.routes = routes
        self.mine = routes.filter { $0.endpoints.contains(endpoint) }
    }

    /// Whether the alert goes here: a route to this endpoint fits it.
    ///
    /// A site that routes by the paths of its plant names no path of Midwatch's own. So that nobody
    /// is left untold that the monitor is ill, an alert about Midwatch itself that no route's paths
    /// fit goes to every endpoint of a route for its priority.
    func takes(alarmID: String, priority: AlarmPriority) -> Bool {
        guard let colon = alarmID.lastIndex(of: ":") else { return true }
        let path = String(alarmID[..<colon])
        if self.mine.contains(where: { $0.matches(path: path, priority: priority) }) {
            return true
        }
        guard OwnPath.isOwn(path) else { return false }
        let isNamed = self.routes.contains { route in
            route.paths.contains { PathTemplate.matches($0, path) }
        }
        return !isNamed && self.mine.contains { $0.priorities.contains(priority) }
    }
}
