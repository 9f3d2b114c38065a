// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import Logging
import MidwatchConfiguration
import MidwatchModel
import ServiceLifecycle
import UnixSignals

/// The daemon.
@main
struct Midwatchd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "midwatchd",
        abstract: "Watches sensors: takes readings, decides in time, keeps them, raises alarms.",
        discussion: """
            Runs in the foreground until SIGTERM or SIGINT, then stops in order: sockets first, \
            logs last. SIGHUP applies changed sensor rules, or says why not and changes nothing.

            EXAMPLES
              midwatchd --config /etc/midwatch/midwatch.yaml
              midwatchd --config ./site.yaml --check

            EXIT CODES
              0 stopped in order   1 could not start or failed   64 wrong flags
              78 the configuration is refused
            """,
        version: Build.version)

    /// sysexits(3): something in the configuration.
    private static let configurationRefused: Int32 = 78

    @Option(name: .shortAndLong, help: "The configuration file.")
    var config = "/etc/midwatch/midwatch.yaml"

    @Flag(help: "Check the configuration and exit.")
    var check = false

    func run() async throws {
        let result = MidwatchConfiguration.load(path: self.config)
        for line in result.report { Self.complain(line) }
        guard let configuration = result.configuration, result.errors.isEmpty else {
            throw ExitCode(Self.configurationRefused)
        }
        if self.check { return }
        let level = Logger.Level(rawValue: configuration.log.level.rawValue) ?? .info
        let format: LineLogHandler.Format =
            switch configuration.log.format {
            case .auto: isatty(STDERR_FILENO) == 1 ? .human : .json
            case .json: .json
            case .human: .human
            }
        let writer = LogWriter()
        LoggingSystem.bootstrap {
            LineLogHandler(label: $0, format: format, writer: writer, logLevel: level)
        }
        // The last lines say why it ended; a reader that hangs must not keep it from ending.
        defer { writer.flush(withinMilliseconds: 1_000) }
        let logger = Logger(label: "midwatchd")
        // A peer that goes away must not end the process.
        signal(SIGPIPE, SIG_IGN)
        // Nor a reload that is asked for before anyone listens: recovery may take minutes.
        signal(SIGHUP, SIG_IGN)
        umask(0o027)
        do {
            let topology = try await Topology.assemble(
                configuration, path: self.config, text: result.revisionText, logger: logger,
                log: writer)
            // At debug it would print whole states.
            var quiet = logger
            quiet.logLevel = max(logger.logLevel, .info)
            var group = ServiceGroupConfiguration(
                services: topology.services.map {
                    // Else it names a service by its description: all that it holds, every path.
                    ServiceGroupConfiguration.ServiceConfiguration(
                        service: $0, serviceName: "\(type(of: $0))")
                }, gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet)
            group.maximumGracefulShutdownDuration = .seconds(20)
            try await ServiceGroup(configuration: group).run()
            logger.notice("stopped")
        } catch {
            logger.critical("cannot run", metadata: ["error": "\(error)"])
            throw ExitCode.failure
        }
    }

    private static func complain(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        unsafe _ = bytes.withUnsafeBytes { unsafe write(2, $0.baseAddress, $0.count) }
    }
}
