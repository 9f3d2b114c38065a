// SPDX-License-Identifier: Apache-2.0

/// What the programs of this build call themselves.
package enum Build {
    package static let version = "0.1.0"
}
