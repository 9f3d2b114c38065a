// SPDX-License-Identifier: Apache-2.0

internal import JSONText

/// Comma-separated values, RFC 4180.
enum CSV {
    static func row(_ cells: [String]) -> String {
        cells.map(self.quoted).joined(separator: ",") + "\r\n"
    }

    static func text(_ value: JSONValue?) -> String {
        guard let value else { return "" }
        if let text = value.string { return text }
        if case .null = value { return "" }
        var json = JSONWriter()
        json.value(value)
        return json.text
    }

    /// A text that a table program would take for a formula is kept from being one.
    private static func quoted(_ cell: String) -> String {
        var cell = cell
        if let first = cell.utf8.first, "=@\t".utf8.contains(first) { cell = "'" + cell }
        guard cell.utf8.contains(where: { ",\"\r\n".utf8.contains($0) }) else { return cell }
        return "\""
            + cell.split(separator: "\"", omittingEmptySubsequences: false)
            .joined(separator: "\"\"") + "\""
    }
}
