// SPDX-License-Identifier: Apache-2.0

import Glibc
import MidwatchModel
import Vitals

extension Transport {
    /// Sends `body` by this transport and waits for the answer, `timeout` nanoseconds at most.
    ///
    /// The calling thread waits; supervision runs on another one.
    package func send(
        _ body: [UInt8], method: String = "POST", curl: String, timeout: UInt64
    ) -> SendOutcome {
        let deadline = BootClock.now().advanced(byNanoseconds: timeout)
        switch self {
        case .http(let endpoint, let headers):
            let request = HTTPRequest.bytes(method, endpoint, headers: headers, body: body)
            return HTTPRequest.send(request, to: endpoint, deadline: deadline)
        case .curl(let endpoint, let headers):
            let settings = CurlSettings.text(
                method, endpoint, headers: headers, body: body, timeout: timeout)
            // `-q` comes first: no settings of the user's may change where an alert goes.
            let outcome = ChildProcess.run(
                [curl, "-q", "-K", "-"], input: Array(settings.utf8), deadline: deadline)
            return CurlSettings.outcome(outcome, curl: curl)
        case .command(let arguments):
            switch ChildProcess.run(arguments, input: body + [0x0A], deadline: deadline) {
            case .exited(0, _): return .delivered
            case .exited(let status, _): return .refused(status)
            case .timedOut: return .failed("\(arguments[0]) did not end in time")
            case .cannotStart(let number):
                return .failed("\(arguments[0]) cannot start: \(SystemError.text(number))")
            }
        }
    }
}

/// What `curl` is told on its standard input, so that no secret stands in a process list.
package enum CurlSettings {
    /// The text of a curl configuration (curl(1), `-K`).
    package static func text(
        _ method: String, _ endpoint: Endpoint, headers: [HeaderField], body: [UInt8],
        timeout: UInt64
    ) -> String {
        // Whole seconds, and a little less than the watchdog waits, so that curl says why.
        let seconds = max(1, timeout / 1_000_000_000)
        var lines = [
            "url = \(Self.quoted(endpoint.text))", "proto = \"=https\"",
            "request = \(Self.quoted(method))", "max-time = \(seconds)", "silent", "show-error",
            "output = \"/dev/null\"", "write-out = \"%{http_code}\"",
            "user-agent = \"midwatch-watchdog\"",
        ]
        // `if!`: the interface itself, never an address or a host of that name.
        if let interface = endpoint.interface {
            lines.append("interface = \(Self.quoted("if!\(interface)"))")
        }
        for field in headers {
            lines.append("header = \(Self.quoted("\(field.name): \(field.value)"))")
        }
        if method != "GET" {
            lines.append("header = \"Content-Type: application/json\"")
            lines.append("data-raw = \(Self.quoted(String(decoding: body, as: UTF8.self)))")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// What the end of curl says about the message.
    package static func outcome(_ outcome: ChildProcess.Outcome, curl: String) -> SendOutcome {
        switch outcome {
        case .exited(0, let output):
            guard let status = Int(output.suffix(3)) else { return .failed("curl gave no status") }
            return (200..<300).contains(status) ? .delivered : .refused(status)
        case .exited(let code, let output):
            let words = output.filter { !$0.isNewline }.prefix(200)
            return .failed("curl ended with \(code): \(words)")
        case .timedOut: return .failed("curl did not end in time")
        case .cannotStart(ENOENT):
            return .failed(
                "\(curl) is not installed: https routes need it (Debian: apt install curl)")
        case .cannotStart(let number):
            return .failed("\(curl) cannot start: \(SystemError.text(number))")
        }
    }

    /// Whether `curl` names a program that can be run.
    package static func isInstalled(_ curl: String) -> Bool {
        if curl.contains("/") { return unsafe access(curl, X_OK) == 0 }
        let folders = (Environment.value("PATH") ?? "/usr/bin:/bin").split(separator: ":")
        return folders.contains { unsafe access("\($0)/\(curl)", X_OK) == 0 }
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
