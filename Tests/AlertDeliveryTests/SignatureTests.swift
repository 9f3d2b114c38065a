// SPDX-License-Identifier: Apache-2.0

import Glibc
import JSONText
import MidwatchModel
import Testing

@testable import AlertDelivery

@Suite struct SignatureTests {
    let id = "msg_p5jXN8AQM9LWM0D4loKWxJek"
    let timestamp: Int64 = 1_614_265_330
    let body = Array(#"{"test": 2432232314}"#.utf8)
    let signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

    @Test func `the published vector is reproduced`() throws {
        let signer = try makeSigner(exampleSecret)
        let made = signer.signature(id: self.id, timestamp: self.timestamp, body: self.body)
        #expect(made == self.signature)
        #expect(self.verify(signer, self.body))
    }

    @Test func `without a secret there is no signature and nothing passes`() throws {
        let signer = WebhookSigner(secrets: [])
        #expect(signer.signature(id: self.id, timestamp: self.timestamp, body: self.body) == "")
        #expect(!self.verify(signer, self.body))
    }

    @Test func `a body that was parsed and written again does not pass`() throws {
        var json = JSONWriter()
        json.value(try JSONValue(parsing: String(decoding: self.body, as: UTF8.self)))
        #expect(json.bytes != self.body)
        #expect(!self.verify(try makeSigner(exampleSecret), json.bytes))
    }

    @Test func `during a rotation old and new secret both pass`() throws {
        let other = "whsec_" + Base64Text.encode([UInt8](repeating: 7, count: 32))
        let both = try makeSigner(other, exampleSecret)
        let made = both.signature(id: self.id, timestamp: self.timestamp, body: self.body)
        #expect(made.split(separator: " ").count == 2)
        for secret in [exampleSecret, other] {
            let receiver = try makeSigner(secret)
            #expect(
                receiver.verify(
                    id: self.id, timestamp: self.timestamp, body: self.body, signature: made,
                    now: self.timestamp))
        }
    }

    @Test(arguments: [(300, true), (-300, true), (301, false), (-301, false)])
    func `a timestamp counts within five minutes`(offset: Int64, passes: Bool) throws {
        let signer = try makeSigner(exampleSecret)
        #expect(self.verify(signer, self.body, now: self.timestamp + offset) == passes)
    }

    @Test func `other versions, rubbish and another id do not pass`() throws {
        let signer = try makeSigner(exampleSecret)
        for signature in ["", "v1", "v1,", "v1,AAAA", "v1a," + self.signature.dropFirst(3), "v2,x"]
        {
            let passes = signer.verify(
                id: self.id, timestamp: self.timestamp, body: self.body, signature: signature,
                now: self.timestamp)
            #expect(!passes)
        }
        #expect(
            !signer.verify(
                id: "other", timestamp: self.timestamp, body: self.body, signature: self.signature,
                now: self.timestamp))
    }

    @Test(arguments: [
        "", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_AAAA", "whsec_MfKQ*",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "whsec_" + String(repeating: "A", count: 88),
    ])
    func `what is no secret is refused`(text: String) {
        #expect(WebhookSecret(text) == nil)
    }

    @Test func `the public Python package verifies what is sent`() async throws {
        let folder = try TemporaryFolder()
        let sink = try await WebhookSink()
        let bench = try Bench(
            [try makeEndpoint("one", sink.url("one"))], outbox: folder.file("outbox.sqlite"))
        #expect(await bench.delivery.start() == 0)
        for key in 1...5 { _ = bench.delivery.offer(makeAlert(UInt64(key))) }
        #expect(await eventually { sink.requests().count == 5 })
        await bench.delivery.stop(withinNanoseconds: 2_000_000_000)
        await sink.stop()

        for (index, request) in sink.requests().enumerated() {
            try write(request.body, to: folder.file("\(index).body"))
            let head = ["webhook-id", "webhook-timestamp", "webhook-signature"]
                .map { "\($0)=\(request.headers[$0] ?? "")\n" }.joined()
            try write(Array(head.utf8), to: folder.file("\(index).head"))
        }
        try write(Array(Self.script.utf8), to: folder.file("verify.py"))
        let output = folder.file("out")
        let code = unsafe system(
            "python3 '\(folder.file("verify.py"))' '\(folder.path)' '\(exampleSecret)' "
                + "> '\(output)' 2>&1")
        let said = String(decoding: try read(output), as: UTF8.self)
        #expect(code == 0, "python3 with the package standardwebhooks must be there: \(said)")
        #expect(said.hasSuffix("verified 5, refused 5\n"), "\(said)")
    }

    /// Verifies every message and sees a changed one refused.
    static let script = """
        import sys, pathlib
        from standardwebhooks import Webhook, WebhookVerificationError
        folder, secret = pathlib.Path(sys.argv[1]), sys.argv[2]
        verified = refused = 0
        for head in sorted(folder.glob("*.head")):
            headers = dict(l.split("=", 1) for l in head.read_text().splitlines())
            body = head.with_suffix(".body").read_bytes()
            message = Webhook(secret).verify(body, headers)
            assert message is None or message["type"] == "alarm.raised", message
            verified += 1
            try:
                Webhook(secret).verify(body.replace(b"12.5", b"12.6"), headers)
            except WebhookVerificationError:
                refused += 1
        print(f"verified {verified}, refused {refused}")
        """

    private func verify(
        _ signer: WebhookSigner, _ body: [UInt8], now: Int64 = 1_614_265_330
    ) -> Bool {
        signer.verify(
            id: self.id, timestamp: self.timestamp, body: body, signature: self.signature, now: now)
    }
}

/// Writes a whole file.
func write(_ bytes: [UInt8], to path: String) throws {
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    try #require(descriptor >= 0)
    defer { close(descriptor) }
    let count = unsafe bytes.withUnsafeBytes {
        unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
    }
    try #require(count == bytes.count)
}

/// Reads a file of at most 64 KiB.
func read(_ path: String) throws -> [UInt8] {
    let descriptor = unsafe open(path, O_RDONLY)
    try #require(descriptor >= 0)
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 65_536)
    let count = unsafe bytes.withUnsafeMutableBytes {
        unsafe Glibc.read(descriptor, $0.baseAddress, $0.count)
    }
    return Array(bytes.prefix(max(count, 0)))
}
