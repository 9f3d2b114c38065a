// SPDX-License-Identifier: Apache-2.0

/// The command line, read by hand: the usual parser would bring FoundationEssentials with it.
package struct Flags: Equatable, Sendable {
    package enum Mode: Equatable, Sendable { case watch, once, checkConfiguration, help, version }

    package enum Fault: Error, Equatable, Sendable {
        case unknown(String)
        case missingValue(String)
        case twoModes

        package var text: String {
            switch self {
            case .unknown(let flag): "unknown argument \"\(flag)\""
            case .missingValue(let flag): "\(flag) needs a value"
            case .twoModes: "only one of --once, --check-config, --help, --version"
            }
        }
    }

    package var mode: Mode = .watch
    package var configurationPath = "/etc/midwatch/watchdog.conf"

    /// Reads the arguments after the program's name.
    package init(_ arguments: [String]) throws(Fault) {
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            switch argument {
            case "--config", "-c":
                guard let value = rest.popFirst() else { throw .missingValue(argument) }
                self.configurationPath = value
            case let text where text.hasPrefix("--config="):
                self.configurationPath = String(text.dropFirst("--config=".count))
            case "--once": try self.choose(.once)
            case "--check-config": try self.choose(.checkConfiguration)
            case "--help", "-h": try self.choose(.help)
            case "--version": try self.choose(.version)
            default: throw .unknown(argument)
            }
        }
    }

    private mutating func choose(_ mode: Mode) throws(Fault) {
        guard self.mode == .watch || self.mode == mode else { throw .twoModes }
        self.mode = mode
    }

    package static let help = """
        midwatch-watchdog watches midwatchd from outside and tells people when it does not work.

        USAGE: midwatch-watchdog [--config FILE] [--once | --check-config | --help | --version]

          -c, --config FILE  Configuration (default /etc/midwatch/watchdog.conf).
          --once             Look for a few seconds, print what was found, change nothing.
          --check-config     Read the configuration, name every fault, and end.
          -h, --help         This text.
          --version          The version.

        EXAMPLES
          midwatch-watchdog --check-config --config Deploy/watchdog.conf.example
          midwatch-watchdog --config /etc/midwatch/watchdog.conf
          midwatch-watchdog --once && echo "the monitor sees"

        SIGNALS
          SIGHUP   Read the configuration again; a faulty one changes nothing.
          SIGTERM  Stop: deliver what waits (2 s at most), disarm the hardware watchdog only if
                   `hardware.disarm_on_stop = yes`, stop a daemon started with `supervisor = self`.

        EXIT CODES
          0   ordered stop, or everything asked for is well
          3   --once found a problem
          64  wrong flags
          71  the operating system refused something without which there is no watchdog
          75  another watchdog uses the same state file
          78  the configuration is faulty or cannot be read
        """
}
