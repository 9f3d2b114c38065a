// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

extension IntegrationTests {
    /// The system calls of the daemon, as the kernel sees them.
    @Suite struct TraceTests {
        /// One call: where in the trace it began and where it returned.
        private struct Call {
            var thread: Substring
            var text: String
            var began: Int
            var ended: Int

            var name: Substring { self.text.prefix { $0 != "(" } }
            var descriptor: Int? {
                Int(self.text.drop { $0 != "(" }.dropFirst().prefix { $0.isNumber })
            }
            var succeeded: Bool { !self.text.contains(" = -1 ") }
        }

        /// Puts calls together that other threads interrupted.
        private static func calls(of trace: String) -> [Call] {
            var calls: [Call] = []
            var open: [Substring: (text: String, began: Int)] = [:]
            for (place, line) in trace.split(separator: "\n").enumerated() {
                let thread = line.prefix { $0.isNumber }
                let text = line.dropFirst(thread.count).drop { $0 == " " }
                if text.hasSuffix("<unfinished ...>") {
                    open[thread] = (String(text.dropLast(16)), place)
                } else if text.hasPrefix("<... ") {
                    guard let begun = open.removeValue(forKey: thread) else { continue }
                    let rest = text.drop { $0 != ">" }.dropFirst()
                    calls.append(
                        Call(
                            thread: thread, text: begun.text + rest, began: begun.began,
                            ended: place))
                } else {
                    calls.append(
                        Call(thread: thread, text: String(text), began: place, ended: place))
                }
            }
            return calls
        }

        private static func hex(_ bytes: some Sequence<UInt8>) -> String {
            bytes.map { byte in
                let digits = String(byte, radix: 16)
                return "\\x" + (digits.utf8.count == 1 ? "0" : "") + digits
            }.joined()
        }

        @Test func `the sync that covers a reading returns before its acknowledgement is written`()
            async throws
        {
            let site = try Site(Site.Options(sensors: Site.limitSensor("traced/one")))
            let daemon = try await site.start()
            let trace = site.folder.file("strace.out")
            // Each sync is held up before it begins: an acknowledgement that does not wait for it
            // is always early, not only by bad luck.
            let tracer = try ChildProcess(
                [
                    try Places.tool("strace"), "-f", "-xx", "-s", "70000", "-o", trace, "-e",
                    "trace=pwrite64,pwritev,fdatasync,fsync,write,writev,sendto,sendmsg", "-e",
                    "inject=fdatasync:delay_enter=20000", "-p", "\(daemon.processID)",
                ], log: site.folder.file("strace.log"))
            let isAttached = try await waits(15) {
                tracer.logText.contains("attached") || tracer.exitStatus() != nil
            }
            try #require(
                isAttached && tracer.exitStatus() == nil,
                "strace must be allowed to attach (CAP_SYS_PTRACE): \(tracer.logText)")
            let values = (1...12).map { 1_234_567.5 + Double($0) }
            try ChildProcess.run(
                [
                    try Places.tool("python3"), Places.fixture("publish.py"), "\(site.mqttPort)",
                    "3", "1", "traced/one",
                ] + values.map { "\($0)" }, within: 60)
            tracer.send(SIGINT)
            _ = try await tracer.ends(15)
            let calls = Self.calls(of: File.text(trace))
            for (index, value) in values.enumerated() {
                let bits = value.bitPattern
                let bytes = Self.hex((0..<8).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) })
                let written = try #require(
                    calls.first { $0.name.hasPrefix("pwrite") && $0.text.contains(bytes) },
                    "the reading \(value) is not in the trace")
                let sync = try #require(
                    calls.first {
                        $0.name == "fdatasync" && $0.descriptor == written.descriptor
                            && $0.began >= written.ended
                    }, "nothing syncs \(value)")
                #expect(sync.succeeded)
                // PUBACK, two bytes, the packet identifier: this client counts from 1.
                let packet = "\"" + Self.hex([0x40, 2, 0, UInt8(index + 1)])
                let acknowledgement = try #require(
                    calls.first {
                        ["write", "writev", "sendto", "sendmsg"].contains($0.name)
                            && $0.text.contains(packet)
                    }, "no acknowledgement of \(value)")
                #expect(
                    sync.ended < acknowledgement.began,
                    "\(value) was acknowledged before its sync returned")
            }
            #expect(try await site.stop() == 0)
        }
    }
}
