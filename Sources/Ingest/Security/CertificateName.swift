// SPDX-License-Identifier: Apache-2.0

/// Finds the common name in the subject of a certificate (RFC 5280, 4.1; X.690, DER).
///
/// The certificate was verified by the TLS library before; still nothing here trusts its bytes.
enum CertificateName {
    /// Bytes of a name at most.
    static let bytesMax = 256

    private static let sequence: UInt8 = 0x30
    private static let set: UInt8 = 0x31
    private static let version: UInt8 = 0xA0
    private static let objectIdentifier: UInt8 = 0x06
    /// 2.5.4.3, commonName.
    private static let commonName: [UInt8] = [0x55, 0x04, 0x03]
    /// UTF8String, PrintableString, IA5String.
    private static let textTags: Set<UInt8> = [0x0C, 0x13, 0x16]

    /// The one common name; nil if there is none, more than one, or one that is no plain text.
    static func commonName(ofDER bytes: [UInt8]) -> String? {
        var outer = Reader(bytes[...])
        guard var certificate = outer.enter(Self.sequence),
            var body = certificate.enter(Self.sequence)
        else { return nil }
        if body.nextTag == Self.version { _ = body.next() }
        // Serial number, signature algorithm, issuer, validity; then the subject.
        for _ in 0..<4 { guard body.next() != nil else { return nil } }
        guard var subject = body.enter(Self.sequence) else { return nil }
        var found: String?
        while !subject.isEmpty {
            guard var attributes = subject.enter(Self.set) else { return nil }
            while !attributes.isEmpty {
                guard var attribute = attributes.enter(Self.sequence),
                    let type = attribute.next(), type.tag == Self.objectIdentifier,
                    let value = attribute.next()
                else { return nil }
                guard type.content.elementsEqual(Self.commonName) else { continue }
                guard found == nil, let text = Self.text(value) else { return nil }
                found = text
            }
        }
        return found
    }

    private static func text(_ value: (tag: UInt8, content: ArraySlice<UInt8>)) -> String? {
        guard Self.textTags.contains(value.tag), (1...Self.bytesMax).contains(value.content.count),
            !value.content.contains(where: { $0 < 0x20 || $0 == 0x7F })
        else { return nil }
        return String(validating: value.content, as: UTF8.self)
    }

    /// Walks elements that lie side by side.
    private struct Reader {
        private var bytes: ArraySlice<UInt8>

        init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }

        var isEmpty: Bool { self.bytes.isEmpty }
        var nextTag: UInt8? { self.bytes.first }

        /// Takes an element; nil if what is left is none.
        mutating func next() -> (tag: UInt8, content: ArraySlice<UInt8>)? {
            guard let tag = self.bytes.popFirst(), tag & 0x1F != 0x1F,
                let first = self.bytes.popFirst()
            else { return nil }
            var count = Int(first)
            if first >= 0x80 {
                let digits = Int(first & 0x7F)
                guard (1...3).contains(digits), self.bytes.count >= digits else { return nil }
                count = self.bytes.prefix(digits).reduce(0) { $0 << 8 | Int($1) }
                self.bytes.removeFirst(digits)
            }
            guard count <= self.bytes.count else { return nil }
            let content = self.bytes.prefix(count)
            self.bytes.removeFirst(count)
            return (tag, content)
        }

        /// Takes an element of the kind wanted and walks what is in it.
        mutating func enter(_ tag: UInt8) -> Self? {
            guard let element = self.next(), element.tag == tag else { return nil }
            return Self(element.content)
        }
    }
}
