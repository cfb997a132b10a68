import Foundation
import TestSupport

/// Makes certificates for a test, with the program `openssl`.
struct TestCertificates: Sendable {
    /// When a certificate begins and ends, as `20260101000000Z`.
    struct Times: Sendable {
        var start: String
        var end: String

        /// From some days from now until some days from now; negative numbers are in the past.
        static func days(from start: Int = -1, until end: Int) -> Times { Times(start: text(start), end: text(end)) }

        private static func text(_ days: Int) -> String {
            let date = Date(timeIntervalSinceNow: Double(days) * 86_400)
            let digits = date.formatted(.iso8601).filter(\.isNumber)
            return digits.prefix(14) + "Z"
        }
    }

    private static let configuration = """
        [ca]
        default_ca = test
        [test]
        database = index.txt
        serial = serial
        rand_serial = yes
        new_certs_dir = .
        default_md = sha256
        policy = any
        unique_subject = no
        [any]
        commonName = supplied
        [server]
        subjectAltName = DNS:localhost,IP:127.0.0.1
        [authority]
        basicConstraints = critical,CA:TRUE
        subjectKeyIdentifier = hash

        """

    let folder: String

    init(in folder: String) throws {
        self.folder = "\(folder)/tls"
        try writeFile("\(self.folder)/ca.cnf", Self.configuration)
        try writeFile("\(self.folder)/index.txt", "")
    }

    /// The file of a certificate, relative to the test's folder.
    func certificate(_ name: String) -> String { "tls/\(name).crt" }
    /// That of its key.
    func key(_ name: String) -> String { "tls/\(name).key" }

    /// The options of `serve` for a pair.
    func options(_ name: String) -> [String] { ["--tls-cert", certificate(name), "--tls-key", key(name)] }

    /// Makes `NAME.crt` and `NAME.key` for localhost.
    ///
    /// - Parameters:
    ///   - issuer: whose certificate signs it; nil signs it with its own key.
    ///   - isAuthority: whether it may sign others.
    func make(_ name: String, by issuer: String? = nil, isAuthority: Bool = false, _ times: Times = .days(until: 365)) async throws {
        try await openssl([
            "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "\(name).key", "-out",
            "\(name).csr", "-subj", "/CN=\(name)",
        ])
        let signer = issuer.map { ["-cert", "\($0).crt", "-keyfile", "\($0).key"] } ?? ["-selfsign", "-keyfile", "\(name).key"]
        try await openssl(
            [
                "ca", "-batch", "-config", "ca.cnf", "-notext", "-extensions", isAuthority ? "authority" : "server", "-in", "\(name).csr",
                "-out", "\(name).crt", "-startdate", times.start, "-enddate", times.end,
            ] + signer
        )
    }

    /// Runs `openssl` in the folder.
    @discardableResult
    func openssl(_ arguments: [String]) async throws -> String {
        let process = try ChildProcess("/usr/bin/openssl", arguments, environment: [:], in: folder, timeLimit: .seconds(60))
        process.closeInput()
        let end = await process.wait()
        guard end.status == .exited(0) else { throw TestSupportError("openssl \(arguments): \(end.standardError)") }
        return end.standardOutput
    }

    func read(_ file: String) throws -> String { try String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8) }
}
