// SPDX-License-Identifier: Apache-2.0

internal import JSONText
package import MidwatchModel

/// The language an endpoint is spoken to in.
///
/// A format is a pure function from an alert to a request, and from an answer to a verdict. What
/// goes beyond a receiver's limits is cut, and the text says so at the place of the cut.
package enum AlertFormat: Sendable {
    /// The JSON of this project, `Deploy/schema/alert.schema.json`.
    case native
    /// The payload that an Alertmanager sends to its webhook receivers, version 4.
    case alertmanagerWebhook
    /// The API of an Alertmanager, which is told again and again of what stands.
    case alertmanagerAPI(AlertmanagerOptions)
    /// PagerDuty's Events API, version 2.
    case pagerDuty
    /// CloudEvents 1.0, structured, with the native data.
    case cloudEvents
    /// Any text, made from the native JSON.
    case template(AlertTemplate)

    /// One request: what is signed and sent.
    package struct Request: Sendable, Equatable {
        package var method = "POST"
        package var url: String
        package var contentType = "application/json"
        /// Fields beside content type and signature.
        package var headers: [(name: String, value: String)] = []
        package var body: [UInt8]

        package static func == (lhs: Self, rhs: Self) -> Bool {
            lhs.method == rhs.method && lhs.url == rhs.url && lhs.contentType == rhs.contentType
                && lhs.body == rhs.body
                && lhs.headers.elementsEqual(rhs.headers) {
                    $0.name == $1.name && $0.value == $1.value
                }
        }
    }

    /// What a request is made of.
    package struct Input: Sendable {
        package var item: QueuedAlert
        /// Counts attempts from 1 over all runs.
        package var number: UInt32
        /// The wall clock at this attempt.
        package var now: WallInstant
        /// Name of the endpoint.
        package var endpoint: String
        package var address: EndpointAddress
        package var credentials: EndpointCredentials
        /// The priority under which the receiver knows the alarm already; labels keep it.
        package var knownPriority: AlarmPriority?

        package init(
            item: QueuedAlert, number: UInt32, now: WallInstant, endpoint: String,
            address: EndpointAddress, credentials: EndpointCredentials
        ) {
            self.item = item
            self.number = number
            self.now = now
            self.endpoint = endpoint
            self.address = address
            self.credentials = credentials
        }
    }

    /// Word used in the configuration.
    package var word: String {
        switch self {
        case .native: "native"
        case .alertmanagerWebhook: "alertmanager-webhook"
        case .alertmanagerAPI: "alertmanager-api"
        case .pagerDuty: "pagerduty"
        case .cloudEvents: "cloudevents"
        case .template: "template"
        }
    }

    /// The request of one attempt.
    package func request(_ input: Input) -> Request {
        let native = AlertEnvelope.body(of: input.item, number: input.number, now: input.now)
        var request = Request(url: self.url(input.address, input.credentials), body: native)
        switch self {
        case .native: break
        case .alertmanagerWebhook:
            request.body = AlertmanagerText.webhook(NativeAlert(input, native: native))
        case .alertmanagerAPI(let options):
            request.body = AlertmanagerText.posting(
                [NativeAlert(input, native: native)], options, now: input.now)
        case .pagerDuty:
            request.body = PagerDutyText.event(
                NativeAlert(input, native: native),
                routingKey: input.credentials.routingKey ?? "")
        case .cloudEvents:
            request.contentType = "application/cloudevents+json; charset=utf-8"
            request.body = CloudEventText.event(NativeAlert(input, native: native))
        case .template(let template):
            request.contentType = template.contentType
            request.body = template.text(of: NativeAlert(input, native: native))
        }
        if let parent = AttemptTrace.parent(
            of: input.item.alert, endpoint: input.endpoint, number: input.number)
        {
            request.headers.append((name: "traceparent", value: parent))
        }
        return request.authorized(by: input.credentials)
    }

    /// The request that reminds an Alertmanager of several alarms.
    func posting(
        _ alarms: [NativeAlert], _ options: AlertmanagerOptions, now: WallInstant,
        address: EndpointAddress, credentials: EndpointCredentials
    ) -> Request {
        Request(
            url: self.url(address, credentials),
            body: AlertmanagerText.posting(alarms, options, now: now)
        ).authorized(by: credentials)
    }

    /// What an answer means for the alert and for its endpoint.
    ///
    /// `answer` is the beginning of the answer's body.
    package func verdict(status: UInt16, answer: [UInt8]) -> AttemptVerdict {
        switch self {
        case .native, .alertmanagerWebhook, .alertmanagerAPI, .cloudEvents:
            return RetryLadder.verdict(status: status)
        case .pagerDuty:
            // It answers 202 and nothing else: another 2xx is somebody in between, who took
            // nothing.
            if status == 202 { return .delivered }
            if (200..<300).contains(status) { return .retry(throttles: false) }
            return RetryLadder.verdict(status: status)
        case .template(let template): return template.verdict(status: status, answer: answer)
        }
    }

    /// The address with the path that the format or a secret gives.
    private func url(_ address: EndpointAddress, _ credentials: EndpointCredentials) -> String {
        let url = address.url
        if let path = credentials.urlPath { return Self.trimmed(url) + path }
        guard !address.hasPath else { return url }
        return switch self {
        case .alertmanagerAPI: Self.trimmed(url) + "/api/v2/alerts"
        case .pagerDuty: Self.trimmed(url) + "/v2/enqueue"
        case .native, .alertmanagerWebhook, .cloudEvents, .template: url
        }
    }

    private static func trimmed(_ url: String) -> String {
        url.hasSuffix("/") ? String(url.dropLast()) : url
    }
}

extension AlertFormat.Request {
    fileprivate func authorized(by credentials: EndpointCredentials) -> Self {
        guard let authorization = credentials.authorization else { return self }
        var request = self
        request.headers.append((name: "authorization", value: authorization))
        return request
    }
}
