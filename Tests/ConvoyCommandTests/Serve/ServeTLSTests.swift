import Foundation
import Glibc
import TestSupport
import Testing

/// `convoy serve` with TLS, as real clients see it.
@Suite(.timeLimit(.minutes(5)))
struct ServeTLSTests {
    private static let token = ServedDashboard.token

    private func withCertificates(_ body: (_ folder: String, _ certificates: TestCertificates) async throws -> Void) async throws {
        try await withTemporaryFolder(files: Files.fleet()) { folder in
            let certificates = try TestCertificates(in: folder)
            try await certificates.make("one")
            try await body(folder, certificates)
        }
    }

    private func serve(_ arguments: [String], token: String? = nil, in folder: String) async throws -> ServedDashboard {
        try await ServedDashboard.start(
            ["--listen", "127.0.0.1:0"] + arguments,
            environment: token.map { ["CONVOY_TOKEN": $0] } ?? [:],
            in: folder
        )
    }

    /// What `openssl s_client` says about a connection.
    private func client(_ dashboard: ServedDashboard, _ arguments: [String] = []) async throws -> String {
        let said = try await ServedDashboard.run(
            "/usr/bin/openssl",
            ["s_client", "-connect", "127.0.0.1:\(dashboard.port)"] + arguments,
            in: dashboard.folder
        )
        return said.output + said.error
    }

    @Test(arguments: [("1.2", "TLSv1.2"), ("1.3", "TLSv1.3")])
    func clientsOfBothVersionsAreServed(version: String, name: String) async throws {
        try await withCertificates { folder, certificates in
            let dashboard = try await serve(certificates.options("one"), in: folder)
            #expect(dashboard.url == "https://127.0.0.1:\(dashboard.port)")
            let said = try await dashboard.curl([
                "--tlsv\(version)", "--tls-max", version, "--cacert", certificates.certificate("one"),
                "https://localhost:\(dashboard.port)/healthz",
            ])
            #expect(said.output.hasPrefix("HTTP/1.1 200") && said.output.hasSuffix("\r\n\r\nok\n"), "\(said)")
            #expect(said.output.contains("\r\nDate: "))
            // It would hold for everything else that this machine serves.
            #expect(!said.output.lowercased().contains("strict-transport-security"))
            let option = "-tls" + version.replacing(".", with: "_")
            #expect(try await client(dashboard, [option, "-CAfile", certificates.certificate("one")]).contains(name))
            let end = try await dashboard.end()
            #expect(end.exitCode == 0 && end.standardError == "", "\(end.standardError)")
        }
    }

    @Test func anOlderVersionIsRefused() async throws {
        try await withCertificates { folder, certificates in
            let dashboard = try await serve(certificates.options("one"), in: folder)
            // Debian's own settings forbid the client to offer it.
            let said = try await client(dashboard, ["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"])
            #expect(said.contains("alert protocol version"), "\(said)")
            #expect(try await dashboard.end().exitCode == 0)
        }
    }

    @Test func theWholeChainIsSent() async throws {
        try await withCertificates { folder, certificates in
            try await certificates.make("root", isAuthority: true)
            try await certificates.make("middle", by: "root", isAuthority: true)
            try await certificates.make("leaf", by: "middle")
            try writeFile("\(folder)/tls/leaf.crt", try certificates.read("leaf.crt") + (try certificates.read("middle.crt")))
            let dashboard = try await serve(certificates.options("leaf"), in: folder)
            let said = try await dashboard.curl([
                "--cacert", certificates.certificate("root"), "https://localhost:\(dashboard.port)/healthz",
            ])
            #expect(said.output.hasPrefix("HTTP/1.1 200"), "\(said)")
            #expect(try await dashboard.end().exitCode == 0)
        }
    }

    @Test func aBrowserKeepsItsSessionToTLS() async throws {
        try await withCertificates { folder, certificates in
            let dashboard = try await serve(certificates.options("one"), token: Self.token, in: folder)
            try writeFile("\(folder)/form", "next=%2Fruns&token=\(Self.token)")
            let base = "https://localhost:\(dashboard.port)"
            func logIn(_ headers: [String]) async throws -> String {
                try await dashboard.curl(
                    ["--cacert", certificates.certificate("one"), "--data", "@form"] + headers.flatMap { ["-H", $0] } + ["\(base)/login"]
                ).output
            }
            let answer = try await logIn(["Origin: \(base)"])
            #expect(answer.hasPrefix("HTTP/1.1 303"), "\(answer)")
            let cookie = try #require(answer.split(whereSeparator: \.isNewline).first { $0.lowercased().hasPrefix("set-cookie: ") })
            #expect(cookie.hasSuffix("; HttpOnly; SameSite=Strict; Secure"), "\(cookie)")
            // A page that came without TLS could have been changed on its way.
            #expect(try await logIn(["Origin: http://localhost:\(dashboard.port)"]).hasPrefix("HTTP/1.1 403"))
            #expect(try await logIn(["Origin: https://evil.example"]).hasPrefix("HTTP/1.1 403"))
            #expect(try await logIn(["Host: evil.example"]).hasPrefix("HTTP/1.1 421"))
            #expect(try await dashboard.end().standardError == "")
        }
    }

    @Test func whatOthersCanReachNeedsNoWarningWithTLS() async throws {
        try await withCertificates { folder, certificates in
            let dashboard = try await ServedDashboard.start(
                ["--listen", "0.0.0.0:0"] + certificates.options("one"),
                environment: ["CONVOY_TOKEN": Self.token],
                in: folder
            )
            #expect(dashboard.url.hasPrefix("https://0.0.0.0:"))
            #expect(try await dashboard.end().standardError == "")
        }
    }

    // MARK: Reloading

    @Test func aHangUpBringsTheNewPairToNewConnectionsAndABadOneChangesNothing() async throws {
        try await withCertificates { folder, certificates in
            try await certificates.make("two")
            try await certificates.make("old", .days(from: -20, until: -10))
            for kind in ["crt", "key"] { try writeFile("\(folder)/tls/live.\(kind)", try certificates.read("one.\(kind)")) }
            let dashboard = try await serve(certificates.options("live"), in: folder)
            func subject() async throws -> String {
                String(try await client(dashboard).firstMatch(of: #/subject=CN ?= ?(\w+)/#)?.1 ?? "none")
            }
            #expect(try await subject() == "one")
            try writeFile("\(folder)/tls/live.crt", try certificates.read("two.crt"))
            var said = try await dashboard.reload()
            #expect(said.contains("warning: the certificate stays as it was: the private key in tls/live.key does not belong"), "\(said)")
            #expect(try await subject() == "one")

            try writeFile("\(folder)/tls/live.key", try certificates.read("two.key"))
            said = try await dashboard.reload()
            #expect(said == "the certificate was read again; new connections get it\n")
            #expect(try await subject() == "two")

            for kind in ["crt", "key"] { try writeFile("\(folder)/tls/live.\(kind)", try certificates.read("old.\(kind)")) }
            #expect(try await dashboard.reload().contains("the certificate stays as it was: the certificate in tls/live.crt expired at"))
            try FileManager.default.removeItem(atPath: "\(folder)/tls/live.crt")
            #expect(try await dashboard.reload().contains("the file of the certificate, tls/live.crt, does not exist"))
            #expect(try await subject() == "two")
            let end = try await dashboard.end()
            #expect(end.exitCode == 0 && !end.standardError.contains("PRIVATE KEY"))
        }
    }

    @Test func withoutAFileToReadAgainAHangUpEndsNothing() async throws {
        try await withTemporaryFolder(files: Files.fleet()) { folder in
            let dashboard = try await serve([], in: folder)
            #expect(try await dashboard.reload() == "SIGHUP: there is no file to read again\n")
            #expect(try await askHTTP("/healthz", port: dashboard.port).status == 200)
            #expect(try await dashboard.end().exitCode == 0)
        }
    }

    // MARK: What is refused before it listens

    struct Mistake: Sendable, CustomTestStringConvertible {
        var testDescription: String
        /// Makes it in the folder `tls`, where `one.crt` and `one.key` are a valid pair.
        var make: @Sendable (_ folder: String, _ certificates: TestCertificates) async throws -> Void
        var words: String
        var hint: String
        var options: [String]?
    }

    static let mistakes = [
        Mistake(
            testDescription: "a missing certificate",
            make: { folder, _ in try FileManager.default.removeItem(atPath: "\(folder)/one.crt") },
            words: "the file of the certificate, tls/one.crt, does not exist",
            hint: "name the certificate's file in PEM"
        ),
        Mistake(
            testDescription: "a missing key",
            make: { folder, _ in try FileManager.default.removeItem(atPath: "\(folder)/one.key") },
            words: "the file of the private key, tls/one.key, does not exist",
            hint: "name the private key's file in PEM"
        ),
        Mistake(
            testDescription: "a folder",
            make: { _, _ in },
            words: "the file of the certificate, tls, is a directory",
            hint: "name the file in it",
            options: ["--tls-cert", "tls", "--tls-key", "tls/one.key"]
        ),
        Mistake(
            testDescription: "an empty certificate",
            make: { folder, _ in try writeFile("\(folder)/one.crt", "") },
            words: "the file of the certificate, tls/one.crt, is empty",
            hint: "in PEM"
        ),
        Mistake(
            testDescription: "an empty key",
            make: { folder, _ in try writeFile("\(folder)/one.key", "\n\n") },
            words: "the file of the private key, tls/one.key, is empty",
            hint: "in PEM"
        ),
        Mistake(
            testDescription: "a certificate of megabytes",
            make: { folder, certificates in
                try writeFile("\(folder)/one.crt", String(repeating: try certificates.read("one.crt"), count: 8000))
            },
            words: "the file of the certificate, tls/one.crt, is larger than 256 KiB",
            hint: "in PEM"
        ),
        Mistake(
            testDescription: "a key of megabytes",
            make: { folder, _ in try writeFile("\(folder)/one.key", String(repeating: "x", count: 3 << 20)) },
            words: "the file of the private key, tls/one.key, is larger than 256 KiB",
            hint: "in PEM"
        ),
        Mistake(
            testDescription: "a certificate that is not PEM",
            make: { folder, _ in try writeFile("\(folder)/one.crt", "version: 1\n") },
            words: "tls/one.crt does not hold a certificate chain in PEM",
            hint: "use a file with -----BEGIN CERTIFICATE-----"
        ),
        Mistake(
            testDescription: "a certificate whose second half is damaged",
            make: { folder, certificates in
                let text = try certificates.read("one.crt")
                try writeFile("\(folder)/one.crt", text + text.replacing(#/[A-Za-z0-9]{20}/#, with: "?"))
            },
            words: "tls/one.crt does not hold a certificate chain in PEM",
            hint: "followed by the intermediate ones"
        ),
        Mistake(
            testDescription: "a certificate in DER",
            make: { _, certificates in
                try await certificates.openssl(["x509", "-in", "one.crt", "-outform", "DER", "-out", "one.der"])
            },
            words: "tls/one.der does not hold a certificate chain in PEM",
            hint: "openssl x509 -inform DER",
            options: ["--tls-cert", "tls/one.der", "--tls-key", "tls/one.key"]
        ),
        Mistake(
            testDescription: "a key that is not PEM",
            make: { folder, _ in try writeFile("\(folder)/one.key", "correct-horse-battery-staple\n") },
            words: "tls/one.key does not hold a private key in PEM",
            hint: "use a file with -----BEGIN PRIVATE KEY-----"
        ),
        Mistake(
            testDescription: "a key in DER",
            make: { folder, certificates in
                try await certificates.openssl(["pkey", "-in", "one.key", "-outform", "DER", "-out", "der.key"])
                chmod("\(folder)/der.key", 0o600)
            },
            words: "tls/der.key does not hold a private key in PEM",
            hint: "openssl pkey -inform DER",
            options: ["--tls-cert", "tls/one.crt", "--tls-key", "tls/der.key"]
        ),
        Mistake(
            testDescription: "an encrypted key",
            make: { folder, certificates in
                try await certificates.openssl(["pkey", "-in", "one.key", "-aes256", "-passout", "pass:secret", "-out", "locked.key"])
                chmod("\(folder)/locked.key", 0o600)
            },
            words: "the private key in tls/locked.key is encrypted",
            hint: "openssl pkey -in",
            options: ["--tls-cert", "tls/one.crt", "--tls-key", "tls/locked.key"]
        ),
        Mistake(
            testDescription: "the two options exchanged",
            make: { folder, _ in chmod("\(folder)/one.crt", 0o600) },
            words: "tls/one.key does not hold a certificate chain in PEM",
            hint: "it holds a private key",
            options: ["--tls-cert", "tls/one.key", "--tls-key", "tls/one.crt"]
        ),
        Mistake(
            testDescription: "a certificate as the key",
            make: { folder, _ in chmod("\(folder)/one.crt", 0o600) },
            words: "tls/one.crt does not hold a private key in PEM",
            hint: "it holds a certificate",
            options: ["--tls-cert", "tls/one.crt", "--tls-key", "tls/one.crt"]
        ),
        Mistake(
            testDescription: "the key of another certificate",
            make: { _, certificates in try await certificates.make("two") },
            words: "the private key in tls/two.key does not belong to the certificate in tls/one.crt",
            hint: "must be the first in its file",
            options: ["--tls-cert", "tls/one.crt", "--tls-key", "tls/two.key"]
        ),
        Mistake(
            testDescription: "an expired certificate",
            make: { _, certificates in try await certificates.make("one", .days(from: -20, until: -1)) },
            words: "the certificate in tls/one.crt expired at 20",
            hint: "renew the certificate"
        ),
        Mistake(
            testDescription: "a certificate of the future",
            make: { _, certificates in try await certificates.make("one", .days(from: 2, until: 20)) },
            words: "the certificate in tls/one.crt is not valid before 20",
            hint: "check the clock of this machine"
        ),
        Mistake(
            testDescription: "a key that the group can read",
            make: { folder, _ in chmod("\(folder)/one.key", 0o640) },
            words: "the private key in tls/one.key can be read by its group or by other users",
            hint: "chmod 600"
        ),
        Mistake(
            testDescription: "a key that others can read",
            make: { folder, _ in chmod("\(folder)/one.key", 0o604) },
            words: "the private key in tls/one.key can be read by its group or by other users",
            hint: "chmod 600"
        ),
    ]

    @Test(arguments: mistakes)
    func aMistakeIsNamedBeforeItListens(_ mistake: Mistake) async throws {
        try await withCertificates { folder, certificates in
            try await mistake.make(certificates.folder, certificates)
            let options = mistake.options ?? certificates.options("one")
            let result = try await runConvoy(["serve", "--listen", "127.0.0.1:0"] + options, in: folder)
            #expect(result.exitCode == 78, "\(result.standardError)")
            #expect(result.standardError.contains("error: ") && result.standardError.contains(mistake.words), "\(result.standardError)")
            let hint = result.standardError.firstMatch(of: #/hint: (.+)/#)?.1 ?? ""
            #expect(hint.contains(mistake.hint), "\(result.standardError)")
            #expect(result.standardOutput == "")
            #expect(!result.standardError.contains("correct-horse"))
        }
    }

    @Test(arguments: [(["--tls-cert", "a"], "--tls-cert requires --tls-key"), (["--tls-key", "a"], "--tls-key requires --tls-cert")])
    func oneOfTheTwoOptionsIsNotEnough(options: [String], words: String) async throws {
        try await withTemporaryFolder(files: Files.fleet()) { folder in
            let result = try await runConvoy(["serve"] + options, in: folder)
            #expect(result.exitCode == 64)
            #expect(result.standardError.contains(words) && result.standardError.contains("hint: name the file"), "\(result.standardError)")
        }
    }

    @Test(.enabled(if: geteuid() == 0, "only root can give a file away"))
    func anUnreadableKeyAndOneOfRootForTheOwnGroupAreDistinguished() async throws {
        try await withCertificates { folder, certificates in
            let nobody = try #require(getpwnam("nobody")).pointee
            for path in [folder, certificates.folder] { chmod(path, 0o755) }
            for file in ["fleet.yaml", "tls/one.crt"] { chmod("\(folder)/\(file)", 0o644) }
            let unreadable = try await runConvoyUnprivileged(["serve"] + certificates.options("one"), in: folder)
            #expect(unreadable.exitCode == 78)
            #expect(unreadable.standardError.contains("the file of the private key, tls/one.key, may not be read"), "\(unreadable)")
            // As a service gets it: the key is right, and the certificate is what is wrong.
            try #require(
                chown("\(certificates.folder)/one.key", 0, nobody.pw_gid) == 0 && chmod("\(certificates.folder)/one.key", 0o640) == 0
            )
            try await certificates.make("two")
            chmod("\(certificates.folder)/two.crt", 0o644)
            let options = ["--tls-cert", "tls/two.crt", "--tls-key", "tls/one.key"]
            let readable = try await runConvoyUnprivileged(["serve"] + options, in: folder)
            #expect(readable.standardError.contains("does not belong to the certificate"), "\(readable)")
        }
    }

    @Test(arguments: [(13, "expires in 12 days"), (1, "in less than a day"), (15, nil)] as [(Int, String?)])
    func aCertificateThatEndsSoonIsWarnedOf(days: Int, words: String?) async throws {
        try await withCertificates { folder, certificates in
            try await certificates.make("one", .days(until: days))
            let dashboard = try await serve(certificates.options("one"), in: folder)
            let said = try await dashboard.end().standardError
            if let words {
                #expect(said.hasPrefix("warning: the certificate in tls/one.crt ") && said.contains(words), "\(said)")
                #expect(said.contains("renew it, then send SIGHUP"), "\(said)")
            } else {
                #expect(said == "")
            }
        }
    }

    // MARK: Clients that hold the server up

    @Test(arguments: ["GET", "POST"])
    func plainHTTPIsToldToUseTLS(method: String) async throws {
        try await withCertificates { folder, certificates in
            let dashboard = try await serve(certificates.options("one"), token: Self.token, in: folder)
            let said = try await dashboard.curl(["-X", method, "http://localhost:\(dashboard.port)/healthz"])
            #expect(said.output.hasPrefix("HTTP/1.1 400 Bad Request"), "\(said)")
            #expect(said.output.hasSuffix("\r\n\r\nthis port speaks TLS: use https://\n"), "\(said)")
            let end = try await dashboard.end()
            #expect(end.exitCode == 0 && end.standardError == "", "\(end.standardError)")
        }
    }

    @Test func whoDoesNotSpeakTLSIsClosed() async throws {
        try await withCertificates { folder, certificates in
            let dashboard = try await serve(certificates.options("one"), token: Self.token, in: folder)
            let plain = try HTTPConnection(port: dashboard.port)
            try plain.send("GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:\(dashboard.port)\r\n\r\n")
            try await eventually("plain HTTP is closed") { plain.isOver }
            #expect(!plain.received.contains("HTTP/1.1 200"))
            let halfway = try HTTPConnection(port: dashboard.port)
            // A record of TLS that does not go on.
            try halfway.send("\u{16}\u{3}\u{1}")
            let silent = try HTTPConnection(port: dashboard.port)
            try await eventually("a handshake that does not end is closed", within: .seconds(20)) { halfway.isOver && silent.isOver }
            let end = try await dashboard.end()
            #expect(end.exitCode == 0 && end.standardError == "", "\(end.standardError)")
        }
    }

    @Test func hundredsOfUnfinishedHandshakesShutNoOneOut() async throws {
        try await withCertificates { folder, certificates in
            let dashboard = try await serve(certificates.options("one"), token: Self.token, in: folder)
            var slow: [HTTPConnection] = []
            for number in 0..<600 {
                let connection = try HTTPConnection(port: dashboard.port)
                if number.isMultiple(of: 2) { try? connection.send("\u{16}\u{3}\u{1}") }
                slow.append(connection)
            }
            let begin = ContinuousClock.now
            let said = try await dashboard.curl([
                "--cacert", certificates.certificate("one"), "https://localhost:\(dashboard.port)/healthz",
            ])
            #expect(said.output.hasPrefix("HTTP/1.1 200"), "\(said)")
            #expect(ContinuousClock.now - begin < .seconds(8))
            try await eventually("at most the share of one address stays", within: .seconds(20)) { slow.count { !$0.isOver } <= 64 }
            let end = try await dashboard.end()
            #expect(end.exitCode == 0 && end.standardError == "", "\(end.standardError)")
        }
    }
}
