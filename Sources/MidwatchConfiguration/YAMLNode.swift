// SPDX-License-Identifier: Apache-2.0

/// A place in a file: 1-based line and column, the column in characters.
struct YAMLPosition: Equatable {
    var line: Int32
    var column: Int32

    /// The file as a whole.
    static var none: Self { Self(line: 0, column: 0) }
}

/// A value of a YAML document with the place it was read from.
struct YAMLNode {
    struct Entry {
        var key: String
        var keyPosition: YAMLPosition
        var value: YAMLNode
    }

    enum Content {
        /// `isPlain`: written without quotes, so that it may be a number, a boolean or nothing.
        case scalar(String, isPlain: Bool)
        case sequence([YAMLNode])
        case mapping([Entry])
    }

    var content: Content
    var position: YAMLPosition

    /// What this is, as messages name it.
    var found: String {
        switch self.content {
        case .scalar("", isPlain: true): "nothing"
        case .scalar(let text, _): quoted(text)
        case .sequence: "a list"
        case .mapping: "a mapping"
        }
    }
}

/// A file that is not the YAML we accept, and where it stops being it.
struct YAMLError: Error {
    var message: String
    var position: YAMLPosition
}
