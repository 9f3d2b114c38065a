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

/// From the configuration's endpoints to delivery; routes are `RoutingDesk`'s.
enum AlertWiring {
    static func delivery(
        _ configuration: MidwatchConfiguration, keys: EndpointKeys, outboxPath: String,
        clock: EngineClock, progress: StageProgress, logger: Logger, outcomes: OutcomeLog
    ) throws -> AlertDelivery {
        let endpoints = try configuration.alerts.endpoints.map { try Self.endpoint($0, keys) }
        return AlertDelivery(
            configuration: DeliveryConfiguration(
                endpoints: endpoints, outboxPath: outboxPath,
                seed: UInt64(bitPattern: EngineClock.wall().nanoseconds)),
            transport: HTTPWebhookTransport(endpoints: endpoints),
            clock: DeliveryClock(monotonic: { clock.now() }, wall: { EngineClock.wall() }),
            progress: progress, logger: logger, outcomes: { outcomes.note($0) })
    }

    /// The router's shell, with the secret of its links if links are wanted.
    static func routing(
        _ configuration: MidwatchConfiguration, builder: AlertBuilder, live: LiveState,
        folders: Folders, clock: EngineClock, logger: Logger
    ) -> RoutingDesk {
        let settings = configuration.alerts.policy.links
        var links: AcknowledgeLinks?
        if !settings.baseURL.isEmpty {
            do {
                links = AcknowledgeLinks(
                    secret: try LinkSecret.load(folders.linkSecret), baseURL: settings.baseURL,
                    validNanoseconds: settings.validNanoseconds)
            } catch {
                logger.critical(
                    "alerts carry no links to acknowledge", metadata: ["error": "\(error)"])
            }
        }
        return RoutingDesk(
            RoutingDesk.Parts(
                policy: configuration.alerts.policy,
                endpoints: configuration.alerts.endpoints.map(\.name), builder: builder,
                live: live, clock: clock, picturePath: folders.routing, links: links),
            logger: logger)
    }

    private static func endpoint(
        _ endpoint: AlertEndpointConfiguration, _ keys: EndpointKeys
    ) throws -> EndpointConfiguration {
        let address: EndpointAddress
        do throws(EndpointAddress.Refusal) {
            address = try EndpointAddress(endpoint.url)
        } catch {
            throw EndpointError(endpoint: endpoint.name, reason: error.rawValue)
        }
        let name = endpoint.name
        var result = EndpointConfiguration(
            name: name, address: address, signingWith: { keys.signer(of: name) })
        result.concurrency = endpoint.inFlightMax
        result.authorityFile = endpoint.caFile
        return result
    }
}
