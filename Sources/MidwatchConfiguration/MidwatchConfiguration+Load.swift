// SPDX-License-Identifier: Apache-2.0

internal import Glibc

extension MidwatchConfiguration {
    /// Reads and checks one file.
    ///
    /// - Parameters:
    ///   - path: As issues name it.
    ///   - isStrict: Also refuses what would leave an operator without help: sensors without an
    ///     explicit `supervision`, and every issue of kind `incomplete`.
    /// - Returns: Values or errors, never both; warnings in both cases. A file that cannot be read
    ///   is an error like any other.
    package static func load(path: String, isStrict: Bool = false) -> ConfigurationResult {
        switch self.bytes(ofFile: path) {
        case .success(let bytes):
            return self.parse(bytes: bytes, fileName: path, isStrict: isStrict)
        case .failure(let failure):
            let issues = IssueLog(file: path, isStrict: isStrict)
            issues.add(.invalid, failure.message, key: "", at: .none)
            return self.result(nil, [], issues)
        }
    }

    /// Checks a text as if it stood in the file `fileName`.
    package static func parse(
        text: String, fileName: String, isStrict: Bool = false
    ) -> ConfigurationResult {
        self.parse(bytes: Array(text.utf8), fileName: fileName, isStrict: isStrict)
    }

    /// Checks bytes as if they stood in the file `fileName`.
    package static func parse(
        bytes: [UInt8], fileName: String, isStrict: Bool = false
    ) -> ConfigurationResult {
        let issues = IssueLog(file: fileName, isStrict: isStrict, source: bytes)
        do throws(YAMLError) {
            let document = try YAMLReader.read(bytes) { entry, first in
                issues.add(
                    .invalid, "duplicate key \(quoted(entry.key)), first in line \(first.line)",
                    key: "", at: entry.keyPosition)
            }
            let root = self.root(document, issues)
            var reader = ConfigurationReader(issues)
            let configuration = reader.read(root)
            return self.result(configuration, bytes, issues)
        } catch {
            issues.add(.invalid, error.message, key: "", at: error.position)
            return self.result(nil, bytes, issues)
        }
    }

    private static func root(_ document: YAMLNode?, _ issues: IssueLog) -> ConfigurationSection {
        var entries: [YAMLNode.Entry] = []
        let start = YAMLPosition(line: 1, column: 1)
        switch document?.content {
        case .mapping(let found): entries = found
        case nil, .scalar("", isPlain: true): break
        case .scalar, .sequence:
            issues.add(
                .invalid, "expected a mapping (node: …), got \(document?.found ?? "nothing")",
                key: "", at: document?.position ?? start)
        }
        return ConfigurationSection(
            entries, path: "", at: document?.position ?? start, issues: issues)
    }

    private static func result(
        _ configuration: MidwatchConfiguration?, _ bytes: [UInt8], _ issues: IssueLog
    ) -> ConfigurationResult {
        var configuration = issues.errors.isEmpty ? configuration : nil
        configuration?.unsafeSettings = issues.warnings.filter { $0.kind == .unsafe }.map {
            "\($0.key): \($0.message)"
        }
        return ConfigurationResult(
            configuration: configuration, revisionText: bytes, errors: self.sorted(issues.errors),
            warnings: self.sorted(issues.warnings),
            suppressedErrorCount: issues.suppressedErrorCount,
            suppressedWarningCount: issues.suppressedWarningCount)
    }

    private static func sorted(_ issues: [ConfigurationIssue]) -> [ConfigurationIssue] {
        issues.enumerated().sorted { left, right in
            (left.element.line, left.element.column, left.offset)
                < (right.element.line, right.element.column, right.offset)
        }.map(\.element)
    }

    // MARK: - File

    private struct FileError: Error {
        var message: String
    }

    private static func bytes(ofFile path: String) -> Result<[UInt8], FileError> {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return .failure(self.fileError("cannot open")) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 * 1_024)
        while true {
            let count = unsafe chunk.withUnsafeMutableBytes {
                unsafe read(descriptor, $0.baseAddress, $0.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return .failure(self.fileError("cannot read")) }
            if count == 0 { return .success(bytes) }
            bytes += chunk[..<count]
            guard bytes.count <= ConfigurationLimits.fileBytesMax else {
                return .failure(
                    FileError(
                        message: "longer than \(ConfigurationLimits.fileBytesMax) bytes"))
            }
        }
    }

    private static func fileError(_ action: String) -> FileError {
        let text = unsafe String(cString: strerror(errno))
        return FileError(message: "\(action): \(text)")
    }
}
