// SPDX-License-Identifier: Apache-2.0

/// One difference between two configurations.
package struct SettingChange: Equatable, Sendable, CustomStringConvertible {
    package enum Kind: String, Sendable {
        case added, removed, changed
        /// The same items in another order, where the order counts.
        case moved
    }

    package var kind: Kind
    /// Dotted key; list items are named by what they are about: `sensors[air/co].limits.high`.
    package var key: String
    /// The value on one line; nil if there was none.
    package var before: String?
    package var after: String?

    package init(_ kind: Kind, _ key: String, before: String? = nil, after: String? = nil) {
        self.kind = kind
        self.key = key
        self.before = before
        self.after = after
    }

    package var description: String {
        switch self.kind {
        case .added: "+ \(self.key): \(self.after ?? "")"
        case .removed: "- \(self.key): \(self.before ?? "")"
        case .changed: "~ \(self.key): \(self.before ?? "") -> \(self.after ?? "")"
        case .moved: "~ \(self.key): in another order"
        }
    }
}

extension Setting {
    /// Keys by which an item of a list is found again.
    private static let identities = [
        "path", "template", "name", "filter", "mode", "equipment", "area", "site",
    ]

    /// What must change in this value to become `other`, in the order of the schema.
    package func changes(to other: Setting) -> [SettingChange] {
        var changes: [SettingChange] = []
        Self.compare(self, other, key: "", into: &changes)
        return changes
    }

    private static func compare(
        _ old: Setting, _ new: Setting, key: String, into changes: inout [SettingChange]
    ) {
        switch (old, new) {
        case (.mapping(let before), .mapping(let after)):
            self.compare(before, after, key: key, into: &changes)
        case (.list(let before), .list(let after)):
            self.compare(before, after, key: key, into: &changes)
        default:
            guard !self.isSame(old, new) else { return }
            changes.append(
                SettingChange(.changed, key, before: old.inline, after: new.inline))
        }
    }

    private static func compare(
        _ before: [Entry], _ after: [Entry], key: String, into changes: inout [SettingChange]
    ) {
        let prefix = key.isEmpty ? "" : key + "."
        let left = Self.table(before.map { ($0.key, $0.value) })
        let right = Self.table(after.map { ($0.key, $0.value) })
        for entry in before where right[entry.key] == nil {
            changes.append(
                SettingChange(.removed, prefix + entry.key, before: entry.value.inline))
        }
        for entry in after {
            guard let old = left[entry.key] else {
                changes.append(
                    SettingChange(.added, prefix + entry.key, after: entry.value.inline))
                continue
            }
            self.compare(old, entry.value, key: prefix + entry.key, into: &changes)
        }
    }

    private static func compare(
        _ before: [Setting], _ after: [Setting], key: String, into changes: inout [SettingChange]
    ) {
        let oldNames = before.compactMap(\.identity)
        let newNames = after.compactMap(\.identity)
        guard oldNames.count == before.count, newNames.count == after.count,
            Set(oldNames).count == before.count, Set(newNames).count == after.count
        else {
            guard !self.isSame(.list(before), .list(after)) else { return }
            changes.append(
                SettingChange(
                    .changed, key, before: Setting.list(before).inline,
                    after: Setting.list(after).inline))
            return
        }
        let left = Self.table(Array(zip(oldNames, before)))
        let right = Self.table(Array(zip(newNames, after)))
        for (name, item) in zip(oldNames, before) where right[name] == nil {
            changes.append(SettingChange(.removed, "\(key)[\(name)]", before: item.inline))
        }
        for (name, item) in zip(newNames, after) {
            guard let old = left[name] else {
                changes.append(SettingChange(.added, "\(key)[\(name)]", after: item.inline))
                continue
            }
            self.compare(old, item, key: "\(key)[\(name)]", into: &changes)
        }
        // Of templates and topics the first that fits wins.
        if oldNames.filter({ right[$0] != nil }) != newNames.filter({ left[$0] != nil }) {
            changes.append(SettingChange(.moved, key))
        }
    }

    /// What an item of a list is about; nil if nothing says so.
    private var identity: String? {
        for key in Self.identities {
            switch self[key] {
            case .text(let text), .word(let text): return text
            case .number, .flag, .hidden, .list, .mapping, nil: continue
            }
        }
        return nil
    }

    private static func table(_ items: [(String, Setting)]) -> [String: Setting] {
        Dictionary(items, uniquingKeysWith: { first, _ in first })
    }

    /// Whether both say the same; a secret that is not shown counts as the same.
    private static func isSame(_ left: Setting, _ right: Setting) -> Bool {
        switch (left, right) {
        case (.hidden(let a, _), .hidden(let b, _)): a == b
        case (.hidden(_, let shown), .text(let text)), (.text(let text), .hidden(_, let shown)):
            shown == text
        case (.word(let a), .text(let b)), (.text(let a), .word(let b)): a == b
        case (.list(let a), .list(let b)):
            a.count == b.count && zip(a, b).allSatisfy { self.isSame($0, $1) }
        case (.mapping(let a), .mapping(let b)):
            a.count == b.count
                && zip(a, b).allSatisfy { $0.key == $1.key && self.isSame($0.value, $1.value) }
        default: left == right
        }
    }
}
