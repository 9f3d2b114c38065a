// SPDX-License-Identifier: Apache-2.0

package import JSONText
package import MidwatchModel

/// One record of the ledger as operators see it.
package struct EventView: OperatorView {
    /// Kind of the record that stands for ledger lines that cannot be read.
    package static let gapKind = "ledgerGap"

    /// One that stands for the records in `missing`; empty if only a link between two is broken.
    package static func gap(
        _ missing: Range<UInt64>, n: UInt64, written: WallInstant, reason: String
    ) -> EventView {
        EventView(
            n: n, written: written,
            body: .object([
                ("kind", .string(Self.gapKind)),
                ("from", .integer(Int64(clamping: missing.lowerBound))),
                ("through", .integer(Int64(clamping: missing.upperBound) - 1)),
                ("reason", .string(reason)),
            ]))
    }

    /// Number of the record in the ledger: the id by which a stream is resumed.
    package var n: UInt64
    /// When the record was written.
    package var written: WallInstant
    package var body: JSONValue

    package init(n: UInt64, written: WallInstant, body: JSONValue) {
        self.n = n
        self.written = written
        self.body = body
    }

    package func encode(to json: inout JSONWriter) {
        json.object { json in
            json.field("n", self.n)
            json.field("written", self.written.rfc3339)
            json.field("body", self.body)
        }
    }

    package init(json: JSONValue) throws(ViewError) {
        let reader = try ViewReader(json, place: "event")
        self.init(
            n: try reader.integer("n"), written: try reader.wall("written"),
            body: try reader.value("body"))
    }
}

/// Whether Midwatch does its work, and what is in the way.
package struct HealthView: OperatorView {
    package var level: HealthLevel
    /// Constant phrases, one per cause.
    package var reasons: [String]

    package init(level: HealthLevel, reasons: [String] = []) {
        self.level = level
        self.reasons = reasons
    }

    package func encode(to json: inout JSONWriter) {
        json.object { json in
            json.field("level", self.level.word)
            json.field("reasons", self.reasons)
        }
    }

    package init(json: JSONValue) throws(ViewError) {
        let reader = try ViewReader(json, place: "health")
        self.init(level: try reader.word("level"), reasons: try reader.texts("reasons"))
    }
}

/// One page of a list: `next` is what to pass as `after` for the page behind it, nil at the end.
package struct PageView<Element: OperatorView>: OperatorView {
    package var items: [Element]
    package var next: String?

    package init(items: [Element], next: String? = nil) {
        self.items = items
        self.next = next
    }

    package func encode(to json: inout JSONWriter) {
        json.object { json in
            json.field("items", self.items)
            json.fieldIfPresent("next", self.next)
        }
    }

    package init(json: JSONValue) throws(ViewError) {
        let reader = try ViewReader(json, place: "page")
        self.init(items: try reader.views("items"), next: try reader.textIfPresent("next"))
    }
}
