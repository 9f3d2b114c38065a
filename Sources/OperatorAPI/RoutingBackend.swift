// SPDX-License-Identifier: Apache-2.0

package import JSONText
package import OperatorViews

/// What the operator API asks about routes, silences, tests and links to acknowledge.
///
/// A backend that is none has no such addresses. Answers are JSON objects as they go out.
package protocol RoutingBackend: Sendable {
    /// The routes; with `sensor`, `PATH` or `PATH:ALARM`, those that its alarms would take.
    func routes(explaining sensor: String?) async throws(Problem) -> [UInt8]
    /// Silences and maintenance, those that hold now and those to come.
    func silences() async throws(Problem) -> [UInt8]
    func addSilence(
        _ wanted: JSONValue, author: String, origin: String
    ) async throws(Problem) -> [UInt8]
    func removeSilence(
        _ id: String, author: String, origin: String
    ) async throws(Problem) -> [UInt8]
    /// Sends a labelled test alarm; its id is in the answer.
    func beginTest(
        _ wanted: JSONValue, author: String, origin: String
    ) async throws(Problem) -> [UInt8]
    /// What became of a test so far.
    func test(_ id: String) async throws(Problem) -> [UInt8]
    /// What a link is about; changes nothing.
    func link(_ token: String) async -> LinkAnswer
    /// Acknowledges what a link is about.
    func acknowledge(link token: String, comment: String, address: String) async -> LinkAnswer
}

/// What the page behind a link shows.
package enum LinkAnswer: Sendable, Equatable {
    /// The alarm of a link, in words.
    package struct Alarm: Sendable, Equatable {
        package var alarmID: String
        package var message: String
        package var priority: String
        package var raisedAt: String

        package init(alarmID: String, message: String, priority: String, raisedAt: String) {
            self.alarmID = alarmID
            self.message = message
            self.priority = priority
            self.raisedAt = raisedAt
        }
    }

    /// It waits for an acknowledgement.
    case open(Alarm)
    /// Acknowledged by this request.
    case done(Alarm)
    /// Used before, or acknowledged by other means.
    case acknowledged(Alarm)
    /// The alarm was raised anew since, or is over.
    case superseded(alarmID: String)
    case expired(alarmID: String)
    case forged
    /// The engine did not answer, or said no.
    case failed(reason: String)
}
