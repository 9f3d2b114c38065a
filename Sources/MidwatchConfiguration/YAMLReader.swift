// SPDX-License-Identifier: Apache-2.0

internal import CYAML

/// Reads one YAML document into nodes through libyaml's event API.
///
/// What makes YAML files surprising or dangerous is refused with its place: aliases and anchors
/// (a few lines can expand to gigabytes), tags, several documents, duplicate keys, keys that are
/// not text. Nodes and depth are capped (`ConfigurationLimits`).
@safe
struct YAMLReader: ~Copyable {
    /// On the heap: libyaml keeps a pointer to the parser inside the parser.
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private var nodeCount = 0

    private init() {
        unsafe self.parser = .allocate(capacity: 1)
        unsafe self.parser.initialize(to: yaml_parser_t())
    }

    deinit {
        unsafe yaml_parser_delete(self.parser)
        unsafe self.parser.deallocate()
    }

    /// The document in `text`; nil if it is empty.
    ///
    /// `reportDuplicate` hears of each key that its mapping already has; the first one counts.
    static func read(
        _ text: [UInt8], reportDuplicate: (YAMLNode.Entry, _ first: YAMLPosition) -> Void
    ) throws(YAMLError) -> YAMLNode? {
        guard text.count <= ConfigurationLimits.fileBytesMax else {
            throw YAMLError(
                message: "the file is longer than \(ConfigurationLimits.fileBytesMax) bytes",
                position: .none)
        }
        let outcome = unsafe text.withUnsafeBufferPointer {
            bytes -> Result<YAMLNode?, YAMLError> in
            var reader = YAMLReader()
            do throws(YAMLError) {
                guard unsafe yaml_parser_initialize(reader.parser) == 1 else {
                    throw YAMLError(message: "out of memory", position: .none)
                }
                unsafe yaml_parser_set_input_string(reader.parser, bytes.baseAddress, bytes.count)
                let node = try reader.document(reportDuplicate)
                return .success(node)
            } catch {
                return .failure(reader.located(error, in: text))
            }
        }
        return try outcome.get()
    }

    // MARK: - Events

    private enum Event {
        case scalar(String, isPlain: Bool)
        case sequenceStart, mappingStart, collectionEnd
        case documentStart, streamEnd, other
    }

    private mutating func next() throws(YAMLError) -> (event: Event, position: YAMLPosition) {
        var raw = unsafe yaml_event_t()
        guard unsafe yaml_parser_parse(self.parser, &raw) == 1 else { throw self.syntaxError() }
        defer { unsafe yaml_event_delete(&raw) }
        let position = unsafe Self.position(raw.start_mark)
        switch unsafe raw.type {
        case YAML_SCALAR_EVENT:
            let scalar = unsafe raw.data.scalar
            try unsafe Self.refuse(anchor: scalar.anchor, tag: scalar.tag, position)
            let bytes = unsafe UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            let text = unsafe String(decoding: bytes, as: UTF8.self)
            let isPlain = unsafe scalar.style == YAML_PLAIN_SCALAR_STYLE
            return (.scalar(text, isPlain: isPlain), position)
        case YAML_SEQUENCE_START_EVENT:
            let start = unsafe raw.data.sequence_start
            try unsafe Self.refuse(anchor: start.anchor, tag: start.tag, position)
            return (.sequenceStart, position)
        case YAML_MAPPING_START_EVENT:
            let start = unsafe raw.data.mapping_start
            try unsafe Self.refuse(anchor: start.anchor, tag: start.tag, position)
            return (.mappingStart, position)
        case YAML_ALIAS_EVENT:
            throw YAMLError(
                message: "aliases (*name) are refused; repeat the value", position: position)
        case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT: return (.collectionEnd, position)
        case YAML_DOCUMENT_START_EVENT: return (.documentStart, position)
        case YAML_STREAM_END_EVENT: return (.streamEnd, position)
        default: return (.other, position)
        }
    }

    private static func refuse(
        anchor: UnsafeMutablePointer<yaml_char_t>?, tag: UnsafeMutablePointer<yaml_char_t>?,
        _ position: YAMLPosition
    ) throws(YAMLError) {
        if unsafe anchor != nil {
            throw YAMLError(message: "anchors (&name) are refused; remove it", position: position)
        }
        if unsafe tag != nil {
            throw YAMLError(message: "tags (!name) are refused; remove it", position: position)
        }
    }

    // MARK: - Nodes

    private mutating func document(
        _ reportDuplicate: (YAMLNode.Entry, YAMLPosition) -> Void
    ) throws(YAMLError) -> YAMLNode? {
        var root: YAMLNode?
        while true {
            let (event, position) = try self.next()
            switch event {
            case .streamEnd: return root
            case .documentStart:
                guard root == nil else {
                    throw YAMLError(
                        message: "a second document begins here; one file holds one (remove ---)",
                        position: position)
                }
            case .other: continue
            case .scalar, .sequenceStart, .mappingStart, .collectionEnd:
                root = try self.node(event, position, depth: 1, reportDuplicate)
            }
        }
    }

    private mutating func node(
        _ event: Event, _ position: YAMLPosition, depth: Int,
        _ reportDuplicate: (YAMLNode.Entry, YAMLPosition) -> Void
    ) throws(YAMLError) -> YAMLNode {
        self.nodeCount += 1
        guard self.nodeCount <= ConfigurationLimits.nodeCountMax else {
            throw YAMLError(
                message: "more than \(ConfigurationLimits.nodeCountMax) values", position: position)
        }
        guard depth <= ConfigurationLimits.depthMax else {
            throw YAMLError(
                message: "nested deeper than \(ConfigurationLimits.depthMax) levels",
                position: position)
        }
        switch event {
        case .scalar(let text, let isPlain):
            return YAMLNode(content: .scalar(text, isPlain: isPlain), position: position)
        case .sequenceStart:
            var items: [YAMLNode] = []
            while true {
                let (event, position) = try self.next()
                if case .collectionEnd = event { break }
                items.append(try self.node(event, position, depth: depth + 1, reportDuplicate))
            }
            return YAMLNode(content: .sequence(items), position: position)
        case .mappingStart:
            let entries = try self.entries(depth: depth, reportDuplicate)
            return YAMLNode(content: .mapping(entries), position: position)
        case .collectionEnd, .documentStart, .streamEnd, .other:
            throw YAMLError(message: "unexpected end", position: position)
        }
    }

    private mutating func entries(
        depth: Int, _ reportDuplicate: (YAMLNode.Entry, YAMLPosition) -> Void
    ) throws(YAMLError) -> [YAMLNode.Entry] {
        var entries: [YAMLNode.Entry] = []
        var places: [String: YAMLPosition] = [:]
        while true {
            let (keyEvent, keyPosition) = try self.next()
            if case .collectionEnd = keyEvent { return entries }
            guard case .scalar(let key, _) = keyEvent else {
                throw YAMLError(message: "a key must be text", position: keyPosition)
            }
            self.nodeCount += 1
            let (event, position) = try self.next()
            let value = try self.node(event, position, depth: depth + 1, reportDuplicate)
            let entry = YAMLNode.Entry(key: key, keyPosition: keyPosition, value: value)
            if let first = Self.first(key, in: entries, &places) {
                reportDuplicate(entry, first)
            } else {
                entries.append(entry)
            }
        }
    }

    /// Where `entries` has `key` already, if it does.
    ///
    /// Small mappings are searched: filling a table for each took a sixth of the time of a file with
    /// 100,000 sensors. Large ones get the table, or a hostile file would cost the square.
    private static func first(
        _ key: String, in entries: [YAMLNode.Entry], _ places: inout [String: YAMLPosition]
    ) -> YAMLPosition? {
        guard entries.count > Self.searchedEntriesMax else {
            return entries.first { $0.key == key }?.keyPosition
        }
        if places.isEmpty {
            for entry in entries { places[entry.key] = entry.keyPosition }
        } else if let last = entries.last {
            places[last.key] = last.keyPosition
        }
        return places[key]
    }

    private static let searchedEntriesMax = 32

    // MARK: - Errors

    private static func position(_ mark: yaml_mark_t) -> YAMLPosition {
        YAMLPosition(
            line: Int32(clamping: mark.line) &+ 1, column: Int32(clamping: mark.column) &+ 1)
    }

    private func syntaxError() -> YAMLError {
        let parser = unsafe self.parser.pointee
        var message = "not YAML"
        if let problem = unsafe parser.problem { unsafe message = String(cString: problem) }
        if let context = unsafe parser.context {
            let line = unsafe parser.context_mark.line + 1
            message += " (\(unsafe String(cString: context)) that began in line \(line))"
        }
        if message.contains("cannot start any token") {
            message += "; YAML allows no tab for indentation, and text that begins with one of"
            message += " @ ` % needs quotes"
        }
        return unsafe YAMLError(message: message, position: Self.position(parser.problem_mark))
    }

    /// Gives an error of libyaml's character reader, which has only a byte offset, its place.
    private borrowing func located(_ error: YAMLError, in text: [UInt8]) -> YAMLError {
        guard unsafe self.parser.pointee.error == YAML_READER_ERROR else { return error }
        let offset = unsafe min(self.parser.pointee.problem_offset, text.count)
        var position = YAMLPosition(line: 1, column: 1)
        for byte in text[..<offset] {
            if byte == UInt8(ascii: "\n") {
                position = YAMLPosition(line: position.line &+ 1, column: 1)
            } else if byte & 0xC0 != 0x80 {
                position.column &+= 1
            }
        }
        return YAMLError(message: error.message, position: position)
    }
}
