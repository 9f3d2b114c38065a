// SPDX-License-Identifier: Apache-2.0

/// Hides what must not leave the node with a configuration.
enum SecretText {
    /// Names in connection strings whose values are secret.
    private static let names = ["password", "sslpassword"]

    /// `text` with webhook secrets, passwords and credentials in addresses replaced.
    static func hidden(_ text: String) -> String {
        text.split(separator: "\n", omittingEmptySubsequences: false).map(self.hiddenLine)
            .joined(separator: "\n")
    }

    private static func hiddenLine(_ line: Substring) -> String {
        var line = String(line)
        for mark in ["whsec_", "whsk_"] {
            line = self.replacing(in: line, after: mark) {
                $0.isLetter || $0.isNumber || "+/=".contains($0)
            }
        }
        for name in self.names {
            line = self.replacing(in: line, after: name + "=") { !" \"'&".contains($0) }
        }
        // scheme://user:secret@host
        return self.replacing(
            in: line, after: "://", while: { !"/ \"'".contains($0) },
            keepingFrom: { $0.lastIndex(of: "@") })
    }

    /// Replaces the characters behind each `mark` for as long as `isPart` holds; with
    /// `keepingFrom`, only those before the index it gives, and nothing where it gives none.
    private static func replacing(
        in line: String, after mark: String, while isPart: (Character) -> Bool,
        keepingFrom: ((Substring) -> String.Index?)? = nil
    ) -> String {
        var result = ""
        var rest = line[...]
        while let found = rest.firstRange(of: mark) {
            result += rest[..<found.upperBound]
            let tail = rest[found.upperBound...]
            let part = tail.prefix(while: isPart)
            if let keepingFrom {
                guard let end = keepingFrom(part) else {
                    rest = tail
                    continue
                }
                result += "HIDDEN"
                rest = tail[end...]
            } else {
                if !part.isEmpty { result += "HIDDEN" }
                rest = tail[part.endIndex...]
            }
        }
        return result + rest
    }
}
