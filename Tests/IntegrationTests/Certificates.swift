// SPDX-License-Identifier: Apache-2.0

/// A certificate authority of one test, made with openssl.
struct Certificates {
    let folder: TemporaryFolder
    private let name: String

    var authority: String { self.folder.file("\(self.name)-ca.pem") }
    private var authorityKey: String { self.folder.file("\(self.name)-ca.key") }

    init(in folder: TemporaryFolder, named name: String) throws {
        self.folder = folder
        self.name = name
        try ChildProcess.run([
            try Places.tool("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=\(name) authority",
            "-keyout", self.authorityKey, "-out", self.authority,
        ])
    }

    func certificate(_ commonName: String) -> String { self.folder.file("\(commonName).pem") }
    func key(_ commonName: String) -> String { self.folder.file("\(commonName).key") }

    /// Makes a key and a certificate for `commonName`, for 127.0.0.1, in place of earlier ones.
    func issue(_ commonName: String, days: Int = 30) throws {
        let openssl = try Places.tool("openssl")
        let request = self.folder.file("\(commonName).csr")
        let extensions = self.folder.file("extensions")
        try File.write(extensions, "subjectAltName=IP:127.0.0.1\n")
        try ChildProcess.run([
            openssl, "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-subj", "/CN=\(commonName)", "-keyout", self.key(commonName), "-out",
            request,
        ])
        try ChildProcess.run([
            openssl, "x509", "-req", "-in", request, "-CA", self.authority, "-CAkey",
            self.authorityKey, "-CAcreateserial", "-days", "\(days)", "-extfile", extensions,
            "-out", self.certificate(commonName),
        ])
        try ChildProcess.run([try Places.tool("chmod"), "600", self.key(commonName)])
    }
}
