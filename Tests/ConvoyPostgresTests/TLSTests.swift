import ConvoyPostgres
import TestSupport
import Testing

@Suite("TLS", .timeLimit(.minutes(2)))
struct TLSTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let mode: String
        var root: Root?
        var host = "localhost"
        /// For servers that take TLS, take nothing else, and take none: whether the session is encrypted, nil where none opens.
        let accepting, requiring, lacking: Bool?

        enum Root: Sendable { case right, wrong, missing }

        var testDescription: String { "\(mode), \(root.map { "\($0) root" } ?? "no root"), \(host)" }
    }

    static let cases = [
        Case(mode: "disable", accepting: false, requiring: nil, lacking: false),
        Case(mode: "allow", accepting: false, requiring: true, lacking: false),
        Case(mode: "prefer", accepting: true, requiring: true, lacking: false),
        Case(mode: "require", accepting: true, requiring: true, lacking: nil),
        Case(mode: "verify-ca", root: .right, accepting: true, requiring: true, lacking: nil),
        Case(mode: "verify-ca", root: .wrong, accepting: nil, requiring: nil, lacking: nil),
        Case(mode: "verify-ca", root: .missing, accepting: nil, requiring: nil, lacking: nil),
        Case(mode: "verify-ca", root: .right, host: "other.example", accepting: true, requiring: true, lacking: nil),
        Case(mode: "verify-full", root: .right, accepting: true, requiring: true, lacking: nil),
        Case(mode: "verify-full", root: .right, host: "127.0.0.1", accepting: true, requiring: true, lacking: nil),
        Case(mode: "verify-full", root: .right, host: "other.example", accepting: nil, requiring: nil, lacking: nil),
        Case(mode: "verify-full", root: .wrong, accepting: nil, requiring: nil, lacking: nil),
    ]

    @Test("every mode does what libpq's manual says")
    func modes() async throws {
        let accepting = try await PostgresServer.start(tls: .accepted)
        let requiring = try await PostgresServer.start(tls: .required)
        let lacking = try await PostgresServer.shared()
        for example in Self.cases {
            for (server, expected) in [(accepting, example.accepting), (requiring, example.requiring), (lacking, example.lacking)] {
                var parameters = server.superuser().with(["host": example.host, "sslmode": example.mode])
                // Names that stand in no DNS are reached by address; the certificate is checked against the name all the same.
                if example.host.hasSuffix(".example") { parameters["hostaddr"] = "127.0.0.1" }
                switch example.root {
                case .right: parameters["sslrootcert"] = server === lacking ? accepting.rootCertificate : server.rootCertificate
                case .wrong: parameters["sslrootcert"] = server === accepting ? requiring.rootCertificate : accepting.rootCertificate
                case .missing: parameters["sslrootcert"] = "/nonexistent/root.crt"
                case nil: break
                }
                do {
                    let connection = try await session(parameters, timeout: .seconds(20))
                    defer { connection.close() }
                    let row = try await connection.query("SELECT ssl FROM pg_catalog.pg_stat_ssl WHERE pid = pg_backend_pid()").onlyRow()
                    #expect(try row.bool("ssl") == expected, "\(example)")
                    // Longer than any buffer, both ways.
                    let text = String(repeating: "é", count: 300_000)
                    #expect(try await connection.query("SELECT $1::text AS t", [text]).onlyRow().text("t") == text)
                } catch {
                    #expect(expected == nil, "\(example): \(error)")
                    #expect(error.code == .connectFailed, "\(example): \(error)")
                }
            }
        }
    }

    @Test("an encrypted client key without its passphrase is an error, and nobody is asked on the terminal")
    func encryptedKey() async throws {
        let server = try await PostgresServer.start(tls: .accepted)
        try await withTemporaryFolder { folder in
            let arguments = ["req", "-x509", "-newkey", "rsa:2048", "-days", "2", "-subj", "/CN=postgres", "-passout", "pass:opensesame"]
            let openssl = try ChildProcess(
                "/usr/bin/openssl",
                arguments + ["-keyout", "\(folder)/key", "-out", "\(folder)/crt"],
                environment: [:]
            )
            #expect(await openssl.wait().status == .exited(0))
            _ = await (try ChildProcess("/bin/chmod", ["600", "\(folder)/key"], environment: [:])).wait()
            let parameters = server.superuser().with([
                "host": "localhost", "sslmode": "require", "sslcert": "\(folder)/crt", "sslkey": "\(folder)/key",
            ])
            let error = try await failure { _ = try await session(parameters) }
            #expect(error.code == .connectFailed)
            #expect(error.message.contains("private key"))
            let wrong = try await failure { _ = try await session(parameters.with(["sslpassword": "hunter2"])) }
            #expect(!wrong.message.contains("hunter2"))
            try await session(parameters.with(["sslpassword": "opensesame"])).close()
        }
    }
}
