import ConvoyPostgres
import Foundation
import Glibc
import TestSupport
import Testing

/// No command and no format shows a secret, and files are opened and written with care.
@Suite(.timeLimit(.minutes(3))) struct SecretCommandTests {
    private static let tail = "ss-wordTAIL1"

    /// A password with an `@`, not encoded: what follows it would be taken for the host, and shown and stored as such.
    @Test func nothingShowsTheRestOfAPassword() async throws {
        var files = SmallSet.files
        files["fleet.yaml"] = "version: 1\nfleet: test\ninstances: [{name: alice, url: \"${env:DB_URL}\"}]\n"
        try await withTemporaryFolder(files: files) { folder in
            let environment = ["DB_URL": "postgres://teslamate:p@\(Self.tail)@127.0.0.1:5999/tm"]
            for arguments in [
                ["validate"], ["status"], ["status", "--output", "json"], ["plan"], ["migrate", "--yes"],
                ["migrate", "--yes", "--output", "json"],
                ["migrate", "--yes", "--output", "html"], ["migrate", "--yes", "--output", "csv"],
                ["migrate", "--yes", "--output", "markdown"],
                ["migrate", "--yes", "--output", "junit"], ["report", "--output", "prometheus"], ["report", "--no-probe"],
            ] {
                let result = try await runConvoy(arguments, environment: environment, in: folder)
                #expect(!(result.standardOutput + result.standardError).contains(Self.tail), "\(arguments)")
                guard arguments == ["validate"] else { continue }
                #expect(result.exitCode == 78)
                #expect(result.standardError.contains("hint: percent-encode a password in a URL: “@” is %40"))
            }
            for file in (try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/.convoy")) ?? [] {
                let data = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/.convoy/\(file)"))
                #expect(data.firstRange(of: Data(Self.tail.utf8)) == nil, "\(file)")
            }
        }
    }

    @Test func aKeyWithAByteOrderMarkIsRefusedBeforeAnythingIsTouched() async throws {
        try await PostgresServer.shared().withDatabases(1) { databases in
            try await withFleet(databases) { folder in
                try writeFile("\(folder)/alice.key", "\u{FEFF}hunter2")
                let path = "\(folder)/fleet.yaml"
                let text = try String(contentsOfFile: path, encoding: .utf8)
                try writeFile(path, text.replacing("labels:", with: "secrets: {encryption_key: \"${file:alice.key}\"}, labels:"))
                for command in [["validate"], ["migrate", "--yes"]] {
                    let result = try await runConvoy(command, in: folder)
                    #expect(result.exitCode == 78)
                    #expect(result.standardError.contains("secret `encryption_key` (from file “alice.key”) begins with a byte order mark"))
                    #expect(!result.standardError.contains("hunter2"))
                }
                #expect(try await databases[0].query("SELECT 1 FROM pg_class WHERE relname = 'schema_migrations'").rows.isEmpty)
            }
        }
    }

    @Test func aPasswordThatEndsWithALineBreakIsTold() async throws {
        try await withDatabase(owner: .password("s3cret")) { database in
            var files = SmallSet.files
            files["fleet.yaml"] = """
                version: 1
                fleet: test
                instances:
                  - name: alice
                    host: 127.0.0.1
                    port: \(database.server.port)
                    user: \(database.ownerName)
                    database: \(database.name)
                    password: "${env:PW}"

                """
            try await withTemporaryFolder(files: files) { folder in
                let good = try await runConvoy(["status"], environment: ["PW": "s3cret"], in: folder)
                #expect(good.exitCode == 0 && good.standardError == "", "\(good)")
                let validated = try await runConvoy(["validate"], environment: ["PW": "s3cret\n"], in: folder)
                #expect(validated.exitCode == 0)
                #expect(
                    validated.standardError.contains("fleet.yaml:9:15: warning: `password` (from variable PW) ends with a line break\n")
                )
                let refused = try await runConvoy(["status"], environment: ["PW": "s3cret\n"], in: folder)
                #expect(
                    refused.standardOutput.contains("hint: the password ends with a line break: remove what does not belong to it"),
                    "\(refused)"
                )
                #expect(!(refused.standardOutput + refused.standardError).contains("s3cret"))
            }
        }
    }

    @Test(arguments: [
        ("token-12345678901\n\n", "ends with a line break"), ("\u{FEFF}token-12345678901", "begins with a byte order mark"),
        ("CONVOY_TOKEN=token-12345678901\n", "begins with a name"), ("\"token-12345678901\"", "stands in quotation marks"),
    ]) func aTokenThatLooksWrongIsRefused(_ token: String, _ words: String) async throws {
        try await withTemporaryFolder(files: ["token": token]) { folder in
            for (arguments, environment, place) in [
                (["serve", "--token-file", "token"], [:], "token"), (["serve"], ["CONVOY_TOKEN": token], "CONVOY_TOKEN"),
            ] as [([String], [String: String], String)] {
                let result = try await runConvoy(arguments, environment: environment, in: folder)
                #expect(result.exitCode == 64)
                #expect(result.standardError.contains("the token in \(place) "), "\(result.standardError)")
                #expect(result.standardError.contains(words), "\(result.standardError)")
                #expect(!result.standardError.contains("12345"))
            }
        }
    }

    // MARK: Files

    @Test func noOutputFollowsALink() async throws {
        try await PostgresServer.shared().withDatabases(1) { databases in
            try await withFleet(databases) { folder in
                try writeFile("\(folder)/precious", "precious")
                for (link, target) in [("link", "precious"), ("dangling", "none-yet"), ("device", "/dev/null")] {
                    try FileManager.default.createSymbolicLink(atPath: "\(folder)/\(link)", withDestinationPath: target)
                    for arguments in [
                        ["status", "--output-file", link], ["plan", "--out", link], ["migrate", "--yes", "--output-file", link],
                        ["report", "--output", "html", "--output-file", link],
                    ] {
                        let result = try await runConvoy(arguments, in: folder)
                        #expect(result.exitCode == 64, "\(arguments)")
                        #expect(result.standardError.contains("symbolic link"), "\(result.standardError)")
                    }
                    #expect(try FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\(link)") == target)
                }
                #expect(try String(contentsOfFile: "\(folder)/precious", encoding: .utf8) == "precious")
                #expect(!FileManager.default.fileExists(atPath: "\(folder)/none-yet"))
                #expect(try await databases[0].query("SELECT 1 FROM pg_class WHERE relname = 'schema_migrations'").rows.isEmpty)
                let drafts = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasPrefix("link.") }
                #expect(drafts == [])
            }
        }
    }

    /// A pipe whose writer is slow would hold Convoy for as long as it likes.
    @Test(.timeLimit(.minutes(1))) func whatIsNoFileIsNotRead() async throws {
        try await PostgresServer.shared().withDatabases(1) { databases in
            try await withFleet(databases) { folder in
                #expect(mkfifo("\(folder)/pipe", 0o600) == 0)
                let writer = open("\(folder)/pipe", O_RDWR)
                defer { close(writer) }
                #expect(mkfifo("\(folder)/pipe.sql", 0o600) == 0)
                for (arguments, code) in [
                    (["status", "--fleet", "pipe"], 78), (["migrate", "--yes", "--plan", "pipe"], 64),
                    (["serve", "--token-file", "pipe"], 64),
                    (["migrate", "--yes", "--plan", "/dev/zero"], 64), (["status", "--fleet", "/dev/zero"], 78),
                    (["migrate", "--yes", "--plan", "Migrations"], 64), (["serve", "--token-file", "Migrations"], 64),
                ] as [([String], Int32)] {
                    let result = try await runConvoy(arguments, in: folder)
                    #expect(result.exitCode == code, "\(arguments): \(result)")
                    #expect(
                        result.standardError.contains("not a regular file") || result.standardError.contains("is a directory"),
                        "\(result)"
                    )
                }
            }
        }
    }

    // MARK: Hooks

    @Test func aHookGetsNoSecretAndShowsNone() async throws {
        try await PostgresServer.shared().withDatabases(1) { databases in
            try await withFleet(databases) { folder in
                let path = "\(folder)/fleet.yaml"
                let text = try String(contentsOfFile: path, encoding: .utf8)
                    .replacing(
                        "rollout:\n",
                        with: "rollout:\n  hooks:\n    before_run: [/bin/sh, -c, \"env; echo $0\", \"from-the-hook\"]\n"
                    )
                try writeFile(
                    path,
                    text
                        + "notifications: [{url: \"http://127.0.0.1:1/${env:HOOK_TOKEN}\", retries: 0, headers: {X-Key: \"${env:HOOK_TOKEN}\"}}]\n"
                )
                let environment = ["HOOK_TOKEN": "from-the-hook", "CONVOY_TOKEN": "0123456789abcdef-token", "OTHER": "not-needed"]
                let result = try await runConvoy(["migrate", "--yes"], environment: environment, in: folder)
                #expect(result.exitCode == 0)
                #expect(result.standardError.contains("hook: •••\n"), "\(result.standardError)")
                #expect(result.standardError.contains("hook: CONVOY_FLEET_NAME=test"))
                for word in ["from-the-hook", "0123456789abcdef", "not-needed", "CONVOY_TOKEN"] {
                    #expect(!(result.standardOutput + result.standardError).contains(word), "\(word)")
                }
            }
        }
    }
}
