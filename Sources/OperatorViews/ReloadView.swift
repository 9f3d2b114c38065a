// SPDX-License-Identifier: Apache-2.0

package import JSONText

/// What a reload of the configuration did, or would do.
package struct ReloadView: OperatorView {
    package enum Outcome: String, Sendable, CaseIterable {
        /// The file is in force.
        case applied
        /// It was in force already.
        case unchanged
        /// A dry run: the file would be taken.
        case accepted
        /// The file has errors; the one before stays in force.
        case refused
    }

    package var outcome: Outcome
    /// The file that was read.
    package var file: String
    /// Hashes of the configurations; `revisionAfter` is empty if the file was refused.
    package var revisionBefore: String
    package var revisionAfter = ""
    /// What was wrong, or stands to be said; of a refused file every error.
    package var issues: [ConfigurationIssueView] = []
    /// Differences between what was in force and the file.
    package var changes: [ConfigurationChangeView] = []
    /// Differences that are not listed.
    package var changesLeftOut = 0
    /// Top keys whose changes wait for a restart.
    package var needRestart: [String] = []

    package init(outcome: Outcome, file: String, revisionBefore: String) {
        self.outcome = outcome
        self.file = file
        self.revisionBefore = revisionBefore
    }

    package func encode(to json: inout JSONWriter) {
        json.object { json in
            json.field("outcome", self.outcome.rawValue)
            json.field("file", self.file)
            json.field("revisionBefore", self.revisionBefore)
            json.field("revisionAfter", self.revisionAfter)
            json.arrayField("issues") { json in
                for issue in self.issues { issue.encode(to: &json) }
            }
            json.arrayField("changes") { json in
                for change in self.changes { change.encode(to: &json) }
            }
            json.field("changesLeftOut", self.changesLeftOut)
            json.arrayField("needRestart") { json in
                for key in self.needRestart { json.value(key) }
            }
        }
    }

    package init(json: JSONValue) throws(ViewError) {
        let reader = try ViewReader(json, place: "reload")
        guard let outcome = Outcome(rawValue: try reader.text("outcome")) else {
            throw reader.error("outcome", "an outcome known here")
        }
        self.init(
            outcome: outcome, file: try reader.text("file"),
            revisionBefore: try reader.text("revisionBefore"))
        self.revisionAfter = try reader.text("revisionAfter")
        self.issues = try reader.views("issues")
        self.changes = try reader.views("changes")
        self.changesLeftOut = try reader.integer("changesLeftOut")
        self.needRestart = try reader.texts("needRestart")
    }
}

/// One thing to say about a configuration file.
package struct ConfigurationIssueView: OperatorView {
    /// `invalid`, `unsafe`, `incomplete` or `advice`.
    package var kind: String
    package var refused: Bool
    /// 1-based; 0 when it is about the file as a whole.
    package var line: Int
    package var column: Int
    package var key: String
    package var message: String

    package init(
        kind: String, refused: Bool, line: Int, column: Int, key: String, message: String
    ) {
        self.kind = kind
        self.refused = refused
        self.line = line
        self.column = column
        self.key = key
        self.message = message
    }

    package func encode(to json: inout JSONWriter) {
        json.object { json in
            json.field("kind", self.kind)
            json.field("refused", self.refused)
            json.field("line", self.line)
            json.field("column", self.column)
            json.field("key", self.key)
            json.field("message", self.message)
        }
    }

    package init(json: JSONValue) throws(ViewError) {
        let reader = try ViewReader(json, place: "configuration issue")
        self.init(
            kind: try reader.text("kind"), refused: try reader.flag("refused"),
            line: try reader.integer("line"), column: try reader.integer("column"),
            key: try reader.text("key"), message: try reader.text("message"))
    }
}

/// One difference between two configurations.
package struct ConfigurationChangeView: OperatorView {
    /// `added`, `removed`, `changed` or `moved`.
    package var kind: String
    package var key: String
    /// The values on one line; empty if there was none.
    package var before: String
    package var after: String

    package init(kind: String, key: String, before: String, after: String) {
        self.kind = kind
        self.key = key
        self.before = before
        self.after = after
    }

    package func encode(to json: inout JSONWriter) {
        json.object { json in
            json.field("kind", self.kind)
            json.field("key", self.key)
            json.field("before", self.before)
            json.field("after", self.after)
        }
    }

    package init(json: JSONValue) throws(ViewError) {
        let reader = try ViewReader(json, place: "configuration change")
        self.init(
            kind: try reader.text("kind"), key: try reader.text("key"),
            before: try reader.text("before"), after: try reader.text("after"))
    }
}

/// The configuration in force, with its defaults in and without its secrets.
package struct ConfigurationView: OperatorView {
    package var revision: String
    package var file: String
    /// The keys of the file; an object.
    ///
    /// Of a page behind the first one the sensors alone.
    package var settings: JSONValue
    /// The `after` of the next page of sensors; nil behind the last one.
    package var next: String?

    package init(revision: String, file: String, settings: JSONValue, next: String? = nil) {
        self.revision = revision
        self.file = file
        self.settings = settings
        self.next = next
    }

    package func encode(to json: inout JSONWriter) {
        json.object { json in
            json.field("revision", self.revision)
            json.field("file", self.file)
            json.field("settings", self.settings)
            json.fieldIfPresent("next", self.next)
        }
    }

    package init(json: JSONValue) throws(ViewError) {
        let reader = try ViewReader(json, place: "configuration")
        self.init(
            revision: try reader.text("revision"), file: try reader.text("file"),
            settings: try reader.value("settings"), next: try reader.textIfPresent("next"))
    }
}
