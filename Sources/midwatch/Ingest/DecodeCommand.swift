// SPDX-License-Identifier: Apache-2.0

internal import ArgumentParser
internal import Glibc
internal import JSONText
internal import MidwatchConfiguration
internal import MidwatchModel
internal import OperatorConsole
internal import StateFolder
internal import TelemetryWire

/// The command `midwatch decode`.
struct DecodeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "decode",
        abstract: "Shows how a payload decodes, one JSON object per reading.",
        discussion: """
            With --config and --topic the topic rules of the configuration choose the format and \
            name the sensors, as midwatchd does. Without, --format says how to read the payload.

            EXAMPLES:
              echo 21.5 | midwatch decode --format number
              midwatch decode --format senml pack.json
              midwatch decode --format json --value 'data.*.v' --name 'data.*.id' report.json
              midwatch decode --format lineProtocol --time-unit ms lines.txt
              midwatch decode --format number --state open=1 --state closed=0 door.txt
              midwatch decode --config site.yaml --topic plant/west/raw/fan payload.json

            EXIT CODES:
              0  everything was read
              1  the payload, a line or a reading of it is refused, or no rule maps the topic
              2  wrong usage
            """)

    /// Bytes of one payload: what an MQTT packet may carry at most.
    static let payloadBytesMax = 16 << 20

    @Option(help: "number, boolean, json, lineProtocol or senml.")
    var format: String?

    @Option(help: ArgumentHelp("json: path of the value; * is each element.", valueName: "path"))
    var value: String?

    @Option(help: ArgumentHelp("json: path of an element's name.", valueName: "path"))
    var name: String?

    @Option(help: ArgumentHelp("json: path of the time.", valueName: "path"))
    var time: String?

    @Option(help: "Unit of times: ns, us, ms, s, rfc3339.")
    var timeUnit: String?

    @Option(help: ArgumentHelp("A text that stands for a value.", valueName: "text=value"))
    var state: [String] = []

    @Option(help: "The configuration whose topic rules apply.")
    var config: String?

    @Option(help: "The topic of the message.")
    var topic: String?

    @Argument(help: "The payload; - is standard input.")
    var file = "-"

    func validate() throws {
        guard (self.config == nil) == (self.topic == nil) else {
            throw ValidationError("--config and --topic go together")
        }
        guard (self.config == nil) != (self.format == nil) else {
            throw ValidationError("expected --format, or --config and --topic")
        }
    }

    func run() throws {
        var router: TopicRouter?
        let topic = self.topic ?? ""
        var rule = 0
        if let config = self.config {
            (router, rule) = try self.rules(config, topic)
        }
        let plan = try router.map { $0.routes[rule].plan } ?? self.plan()
        let payload = try self.payload()
        var report = DecodeReport(payload: payload, plan: plan)
        report.route = router.map { (topic, rule, $0.routes[rule]) }
        if !report.run() { throw ExitCode.failure }
    }

    // MARK: Private

    private func payload() throws -> [UInt8] {
        let path = self.file == "-" ? "/dev/stdin" : self.file
        guard let payload = FileBytes.read(path) else {
            CommandOutput.complain("midwatch: cannot read \(TerminalText.clean(path))")
            throw ExitCode.failure
        }
        guard payload.count <= Self.payloadBytesMax else {
            CommandOutput.complain("midwatch: more than \(Self.payloadBytesMax) bytes")
            throw ExitCode.failure
        }
        return payload
    }

    /// The rules that decide about the topic: those of the first listener that maps it.
    private func rules(_ path: String, _ topic: String) throws -> (TopicRouter, Int) {
        let result = MidwatchConfiguration.load(path: path, isStrict: false)
        guard let configuration = result.configuration else {
            for line in result.report { CommandOutput.complain(TerminalText.clean(line)) }
            throw ExitCode.failure
        }
        for listener in configuration.ingest.mqtt {
            guard let router = try? TopicRouter(listener.topics.compactMap(\.rule)),
                let rule = router.rule(for: topic)
            else { continue }
            return (router, rule)
        }
        var json = JSONWriter()
        json.object { json in
            json.field("error", "noTopicRule")
            json.field("topic", topic)
        }
        CommandOutput.line(json.text)
        throw ExitCode.failure
    }

    private func plan() throws -> PayloadPlan {
        guard let word = self.format, let format = MQTTPayloadFormat(rawValue: word) else {
            let words = MQTTPayloadFormat.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--format: expected one of \(words)")
        }
        var topic = MQTTTopicConfiguration(filter: "#", path: "{name}", format: format)
        topic.valuePath = self.value ?? ""
        topic.namePath = self.name
        topic.timePath = self.time
        topic.timeIsText = self.timeUnit == "rfc3339"
        if let unit = self.timeUnit, !topic.timeIsText {
            guard let precision = TimePrecision(rawValue: unit) else {
                throw ValidationError("--time-unit: expected one of ns, us, ms, s, rfc3339")
            }
            topic.timeUnit = precision
        } else if format == .lineProtocol {
            topic.timeUnit = .nanoseconds
        }
        for state in self.state {
            guard let equals = state.lastIndex(of: "="),
                let value = Int64(state[state.index(after: equals)...]), equals > state.startIndex
            else { throw ValidationError("--state: expected text=value, \"open=1\"") }
            topic.states[String(state[..<equals])] = value
        }
        guard let rule = topic.rule else {
            throw ValidationError("--value, --name, --time or --state: not a path, or not together")
        }
        return PayloadPlan(rule.payload, states: rule.states)
    }
}
