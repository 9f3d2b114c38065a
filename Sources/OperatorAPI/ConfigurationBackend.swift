// SPDX-License-Identifier: Apache-2.0

package import OperatorViews

/// What the operator API asks about the configuration.
package protocol ConfigurationBackend: Sendable {
    /// Reads the configuration file again and puts it in force, or says what would change.
    ///
    /// - Throws: `timedOut` if it is not done in time; it may still take effect.
    func reload(_ request: ReloadRequest) async throws(Problem) -> ReloadView

    /// The configuration in force: `limit` of its sensors behind the first `after`, and with the
    /// first page everything else.
    func configuration(after: Int, limit: Int) async throws(Problem) -> ConfigurationView
}

/// An operator asks for a reload.
package struct ReloadRequest: Sendable, Equatable {
    /// Nothing takes effect.
    package var isDryRun: Bool
    package var user: String
    package var origin: String

    package init(isDryRun: Bool, user: String, origin: String) {
        self.isDryRun = isDryRun
        self.user = user
        self.origin = origin
    }
}
