// SPDX-License-Identifier: Apache-2.0

import AlertDelivery
import Logging
import MidwatchConfiguration
import MidwatchModel

/// Why an endpoint of the configuration cannot be used.
struct EndpointError: Error, CustomStringConvertible {
    var endpoint: String
    var reason: String

    var description: String { "alerts.endpoints \"\(self.endpoint)\": \(self.reason)" }
}

/// From the configuration's endpoints and routes to delivery.
enum AlertWiring {
    static func delivery(
        _ configuration: MidwatchConfiguration, outboxPath: String, clock: EngineClock,
        progress: StageProgress, logger: Logger, outcomes: OutcomeLog
    ) throws -> AlertDelivery {
        let routes = configuration.alerts.routes
        let endpoints = try configuration.alerts.endpoints.map { try Self.endpoint($0, routes) }
        return AlertDelivery(
            configuration: DeliveryConfiguration(
                endpoints: endpoints, outboxPath: outboxPath,
                seed: UInt64(bitPattern: EngineClock.wall().nanoseconds)),
            transport: try HTTPWebhookTransport(endpoints: endpoints),
            clock: DeliveryClock(monotonic: { clock.now() }, wall: { EngineClock.wall() }),
            progress: progress, logger: logger, outcomes: { outcomes.note($0) })
    }

    private static func endpoint(
        _ endpoint: AlertEndpointConfiguration, _ routes: [AlertRouteConfiguration]
    ) throws -> EndpointConfiguration {
        var secrets: [WebhookSecret] = []
        for reference in endpoint.secrets {
            guard let secret = WebhookSecret(try reference.resolve()) else {
                throw EndpointError(
                    endpoint: endpoint.name,
                    reason: "\(reference) holds no whsec_ secret of 24 to 64 bytes in base64")
            }
            secrets.append(secret)
        }
        let address: EndpointAddress
        do throws(EndpointAddress.Refusal) {
            address = try EndpointAddress(endpoint.url)
        } catch {
            throw EndpointError(endpoint: endpoint.name, reason: error.rawValue)
        }
        var result = EndpointConfiguration(
            name: endpoint.name, address: address, signer: WebhookSigner(secrets: secrets))
        result.concurrency = endpoint.inFlightMax
        result.authorityFile = endpoint.caFile
        let name = endpoint.name
        let mine = routes.filter { $0.endpoints.contains(name) }
        result.accepts = { alert in
            guard let colon = alert.alarmID.lastIndex(of: ":") else { return true }
            let path = String(alert.alarmID[..<colon])
            return mine.contains { $0.matches(path: path, priority: alert.priority) }
        }
        return result
    }
}
