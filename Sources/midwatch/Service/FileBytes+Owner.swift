// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import StateFolder

extension FileBytes {
    /// Replaces a file in one step; whoever may read the old one may read the new one.
    static func replaceKeepingOwner(_ path: String, with bytes: [UInt8]) throws(FileError) {
        var status = stat()
        let isThere = unsafe stat(path, &status) == 0
        try self.replace(path, with: bytes)
        guard isThere else { return }
        guard unsafe chown(path, status.st_uid, status.st_gid) == 0,
            unsafe chmod(path, status.st_mode & 0o7777) == 0
        else {
            throw FileError(call: "keep owner and mode of the changed", path: path, code: errno)
        }
    }
}
