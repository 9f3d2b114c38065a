// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Who may do what with a file.
package struct FileStatus: Sendable, Equatable {
    /// Permission bits.
    package var mode: UInt32
    /// Number of the account that it belongs to.
    package var owner: UInt32

    /// Asks the file system; nil if there is no such file, or no way to it.
    package init?(path: String) {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else { return nil }
        self.mode = UInt32(status.st_mode) & 0o7777
        self.owner = UInt32(status.st_uid)
    }
}
