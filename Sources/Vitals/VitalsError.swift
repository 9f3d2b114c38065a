// SPDX-License-Identifier: Apache-2.0

/// Why a vitals page could not be made or opened.
package enum VitalsError: Error, Equatable, Sendable {
    /// No file has this name (yet).
    case missing
    /// A call of the operating system failed.
    case system(call: String, errno: Int32)
    /// The file is not one whole page.
    case truncated(needBytes: Int, haveBytes: Int)
    /// The file is something else.
    case foreign
    /// The page was made by a revision with another format.
    case unsupportedVersion(UInt32)
    /// The header is damaged: its checksum or a constant in it is wrong.
    case damagedHeader
    /// A living process owns the page with this name.
    case alreadyRunning(processID: Int32)
    /// The kernel's boot identity could not be read.
    case noBootID

    /// What the caller may do about an error.
    package enum Disposition: Sendable, Equatable { case retry, fatal }

    /// What the caller may do about this error.
    package var disposition: Disposition {
        switch self {
        case .missing, .truncated, .foreign, .damagedHeader: .retry
        case .system, .unsupportedVersion, .alreadyRunning, .noBootID: .fatal
        }
    }
}
