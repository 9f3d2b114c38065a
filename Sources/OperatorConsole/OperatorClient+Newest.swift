// SPDX-License-Identifier: Apache-2.0

internal import CLinux

extension OperatorClient {
    /// Number of the newest durable ledger record: the stream says it before anything else.
    package func newestEvent() throws(ClientError) -> UInt64 {
        let connection = try self.connect()
        try self.send("GET", "/v1/stream", body: nil, on: connection)
        var parser = ResponseParser(bodyBytesMax: Self.bodyBytesMax)
        var text: [UInt8] = []
        let deadline = clinux_boottime_ns() + self.timeoutNanoseconds
        while true {
            let isOver = try self.receive(on: connection, deadline: deadline, into: &parser)
            text += parser.takeBody()
            if parser.hasHead, parser.status != 200 {
                if isOver { throw self.failure(parser.status, text) }
                continue
            }
            for line in text.split(separator: UInt8(ascii: "\n")) {
                let words = String(decoding: line, as: UTF8.self).split(separator: " ")
                if words.count == 2, words[0] == "id:", let n = UInt64(words[1]) { return n }
            }
            guard !isOver else { throw .malformed(reason: "a stream without an id") }
        }
    }
}
