// SPDX-License-Identifier: Apache-2.0

package import JSONText

/// An error of the operator API (RFC 9457, `application/problem+json`).
package struct Problem: OperatorView, Error {
    /// What went wrong, for programs: a name under `typePrefix` that never changes.
    package enum Kind: String, Sendable, CaseIterable {
        case badRequest = "bad-request"
        case notFound = "not-found"
        case methodNotAllowed = "method-not-allowed"
        case bodyTooLarge = "body-too-large"
        case unsupportedMediaType = "unsupported-media-type"
        case unauthorized
        case forbidden
        case unknownActivation = "unknown-activation"
        case alreadyAcknowledged = "already-acknowledged"
        case notActive = "not-active"
        case mustAcknowledgeFirst = "must-acknowledge-first"
        case conditionNotOver = "condition-not-over"
        case notLatched = "not-latched"
        case shelvingNotAllowed = "shelving-not-allowed"
        case shelvingTimeOutOfRange = "shelving-time-out-of-range"
        case reasonMissing = "reason-missing"
        case notShelved = "not-shelved"
        case alreadyOutOfService = "already-out-of-service"
        case notOutOfService = "not-out-of-service"
        case unknownMode = "unknown-mode"
        case alreadyInMode = "already-in-mode"
        case modeFollowsSensor = "mode-follows-sensor"
        case idempotencyKeyReused = "idempotency-key-reused"
        case busy
        case refused
        case timedOut = "timed-out"
        case tooManyRequests = "too-many-requests"
        case misdirected
        case tooManySubscribers = "too-many-subscribers"
        case notReady = "not-ready"
        case filesNotAnswering = "files-not-answering"
        case internalError = "internal-error"

        /// Status code of the response (RFC 9110, section 15).
        package var status: Int {
            switch self {
            case .badRequest: 400
            case .unauthorized: 401
            case .forbidden: 403
            case .notFound: 404
            case .methodNotAllowed: 405
            case .unknownActivation, .alreadyAcknowledged, .notActive, .mustAcknowledgeFirst,
                .conditionNotOver, .notLatched, .notShelved, .alreadyOutOfService,
                .notOutOfService, .alreadyInMode, .modeFollowsSensor:
                409
            case .bodyTooLarge: 413
            case .misdirected: 421
            case .tooManyRequests: 429
            case .unsupportedMediaType: 415
            case .refused, .shelvingNotAllowed, .shelvingTimeOutOfRange, .reasonMissing,
                .unknownMode, .idempotencyKeyReused:
                422
            case .internalError: 500
            case .tooManySubscribers, .notReady, .filesNotAnswering, .busy: 503
            case .timedOut: 504
            }
        }

        /// The summary of the kind: the same for every occurrence (RFC 9457, section 3.1.3).
        package var title: String {
            switch self {
            case .badRequest: "The request cannot be understood"
            case .notFound: "There is nothing at this address"
            case .methodNotAllowed: "This address does not take this method"
            case .bodyTooLarge: "The request body is too large"
            case .unsupportedMediaType: "The request body must be JSON"
            case .unauthorized: "A bearer token is needed"
            case .forbidden: "You may not do that"
            case .unknownActivation: "The alarm has no such activation"
            case .alreadyAcknowledged: "The activation is already acknowledged"
            case .notActive: "The alarm is not active"
            case .mustAcknowledgeFirst: "The alarm must be acknowledged before it is reset"
            case .conditionNotOver: "The condition of the alarm is not known to be over"
            case .notLatched: "The alarm is not latched"
            case .shelvingNotAllowed: "The alarm may not be shelved"
            case .shelvingTimeOutOfRange: "The alarm may not be shelved for that long"
            case .reasonMissing: "A reason is needed"
            case .notShelved: "The alarm is not shelved"
            case .alreadyOutOfService: "The alarm is out of service already"
            case .notOutOfService: "The alarm is not out of service"
            case .unknownMode: "The area has no such mode"
            case .alreadyInMode: "The area is in that mode already"
            case .modeFollowsSensor: "A sensor says which mode the area is in"
            case .idempotencyKeyReused: "The idempotency key belongs to another request"
            case .busy: "Too many commands wait for an answer"
            case .refused: "The command was refused"
            case .timedOut: "The engine did not answer in time"
            case .tooManyRequests: "Too many requests in a short time"
            case .misdirected: "This is not the host that was asked for"
            case .tooManySubscribers: "Too many event streams are open"
            case .notReady: "Midwatch is not ready"
            case .filesNotAnswering: "The disk does not answer"
            case .internalError: "Midwatch failed to answer"
            }
        }
    }

    /// Every type is a relative reference under this.
    package static let typePrefix = "/problems/"

    package var type: String
    package var title: String
    package var status: Int
    package var detail: String
    package var instance: String?
    /// The activation that would be accepted, with `unknownActivation`.
    package var currentActivation: String?

    package init(
        _ kind: Kind, detail: String, instance: String? = nil, currentActivation: String? = nil
    ) {
        self.type = Self.typePrefix + kind.rawValue
        self.title = kind.title
        self.status = kind.status
        self.detail = detail
        self.instance = instance
        self.currentActivation = currentActivation
    }

    /// The kind that `type` names; nil for one that is not known here.
    package var kind: Kind? {
        guard self.type.hasPrefix(Self.typePrefix) else { return nil }
        return Kind(rawValue: String(self.type.dropFirst(Self.typePrefix.count)))
    }

    package func encode(to json: inout JSONWriter) {
        json.object { json in
            json.field("type", self.type)
            json.field("title", self.title)
            json.field("status", self.status)
            json.field("detail", self.detail)
            if let instance = self.instance { json.field("instance", instance) }
            if let current = self.currentActivation { json.field("currentActivation", current) }
        }
    }

    package init(json: JSONValue) throws(ViewError) {
        let reader = try ViewReader(json, place: "problem")
        self.init(.internalError, detail: try reader.textIfPresent("detail") ?? "")
        self.type = try reader.textIfPresent("type") ?? "about:blank"
        self.title = try reader.textIfPresent("title") ?? ""
        self.status = try reader.integer("status")
        self.instance = try reader.textIfPresent("instance")
        self.currentActivation = try reader.textIfPresent("currentActivation")
    }
}
