// SPDX-License-Identifier: Apache-2.0

package import MidwatchModel

/// Who a journal is and what its indexes mean, for readers beside its writer or without one.
///
/// The registry file is as old as the newest segment: registrations from number `through` on stand
/// in the records only.
package struct JournalNames: Sendable {
    package let journal: JournalID?
    /// Paths by sensor index.
    package let sensors: [String]
    /// By source index.
    package let sources: [RegisteredSource]
    /// Registrations that ended below this number are here.
    package let through: UInt64

    /// Reads identity and registry; without a registry that is whole there are no names.
    package static func read(
        directory: String, disk: any JournalDisk = LinuxDisk()
    ) throws(JournalError) -> JournalNames {
        do throws(DiskError) {
            return try self.read(JournalFolder(path: directory), disk)
        } catch {
            throw .disk(error)
        }
    }

    private static func read(
        _ folder: JournalFolder, _ disk: any JournalDisk
    ) throws(DiskError) -> JournalNames {
        let identity = try self.file(folder.identity, disk).map {
            file throws(DiskError) in try IdentityFile.read(file)
        }
        // Between the two renames of a replacement only the one before is there.
        for path in [folder.registry, folder.registryBefore] {
            guard let file = try self.file(path, disk),
                let (registry, through) = try JournalRegistry.read(file)
            else { continue }
            return JournalNames(
                journal: identity ?? nil, sensors: registry.sensors, sources: registry.sources,
                through: through)
        }
        return JournalNames(journal: identity ?? nil, sensors: [], sources: [], through: 1)
    }

    /// nil if there is no such file.
    private static func file(
        _ path: String, _ disk: any JournalDisk
    ) throws(DiskError) -> (any DiskFile)? {
        do throws(DiskError) {
            return try disk.open(path, .read)
        } catch {
            guard error.isMissing else { throw error }
            return nil
        }
    }
}
