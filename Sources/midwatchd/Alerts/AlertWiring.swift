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
        let endpoints = try configuration.alerts.endpoints.map {
            try Self.endpoint($0, keys, logger)
        }
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
        folders: Folders, epoch: UInt32, clock: EngineClock, logger: Logger
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
                live: live, clock: clock, epoch: epoch, picturePath: folders.routing, links: links),
            logger: logger)
    }

    private static func endpoint(
        _ endpoint: AlertEndpointConfiguration, _ keys: EndpointKeys, _ logger: Logger
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
        result.interface = endpoint.via
        result.allowed = endpoint.allowed.compactMap { AddressBlock($0) }
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
