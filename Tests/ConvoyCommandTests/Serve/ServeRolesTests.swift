import ConvoyJournal
import ConvoyPostgres
import ConvoyRun
import Foundation
import Glibc
import TestSupport
import Testing

/// `convoy serve --tokens` as its user runs it.
@Suite(.timeLimit(.minutes(5)))
struct ServeRolesTests {
    private static func token(_ name: String) -> String { "\(name)-has-a-long-token" }

    private func serve(_ arguments: [String] = [], in folder: String) async throws -> ServedDashboard {
        try await ServedDashboard.start(["--listen", "127.0.0.1:0", "--tokens", "tokens"] + arguments, in: folder)
    }

    private func ask(_ path: String, _ name: String, _ dashboard: ServedDashboard, method: String = "GET") async throws -> HTTPAnswer {
        try await askHTTP(path, port: dashboard.port, method: method, headers: ["Authorization": "Bearer \(Self.token(name))"])
    }

    /// The one-liner of the documentation, run as it stands there.
    @Test func theHashOfTheDocumentationOpensTheDashboard() async throws {
        let page = try String(contentsOfFile: "\(repositoryRoot)/docs/dashboard.md", encoding: .utf8)
        let line = try #require(page.split(separator: "\n").first { $0.contains("sha256sum") && $0.hasPrefix("(umask 077") })
        try await withTemporaryFolder(files: Files.fleet()) { folder in
            let said = try await ServedDashboard.run("/bin/bash", ["-c", "set -e; export PATH=/usr/bin:/bin; \(line)"], in: folder)
            #expect(said.code == 0, "\(said)")
            let token = try String(contentsOfFile: "\(folder)/ann.token", encoding: .utf8).trimmingCharacters(in: .newlines)
            let hash = try #require(said.output.firstMatch(of: #/^[0-9a-f]{64}/#)?.0, "\(said)")
            #expect(!said.output.contains(token))
            try writeFile("\(folder)/tokens", "ann operator sha256:\(hash)\n")
            let dashboard = try await serve(in: folder)
            func status(_ token: String) async throws -> Int {
                try await askHTTP("/api/v1/fleet", port: dashboard.port, headers: ["Authorization": "Bearer \(token)"]).status
            }
            #expect(try await status(token) == 200)
            #expect(try await status(String(hash)) == 401)
            #expect(try await status("sha256:\(hash)") == 401)
            #expect(try await dashboard.end().standardError.contains("warning: without --allow-actions no run can be stopped"))
        }
    }

    @Test(
        arguments: [
            (
                "ann viewer short\nbob boss bob-has-a-long-token\n", 0o600,
                ["tokens:1: error: the token is shorter", "tokens:2: error: the role is"]
            ),
            ("", 0o600, ["tokens: error: the file has no token"]),
            ("ann viewer ann-has-a-long-token\n", 0o640, ["tokens: error: the file of tokens can be read by its group or by other users"]),
            ("ann viewer ann-has-a-long-token\n", 0o604, ["tokens: error: the file of tokens can be read by its group or by other users"]),
            (String(repeating: "# a comment\n", count: 30_000), 0o600, ["tokens: error: the file of tokens is larger than 256 KiB"]),
        ] as [(String, UInt32, [String])]
    )
    func aMistakeIsNamedBeforeItListens(text: String, mode: UInt32, words: [String]) async throws {
        try await withTemporaryFolder(files: Files.fleet()) { folder in
            try writeFile("\(folder)/tokens", text, mode: mode)
            let result = try await runConvoy(["serve", "--tokens", "tokens"], in: folder)
            #expect(result.exitCode == 78, "\(result.standardError)")
            for word in words { #expect(result.standardError.contains(word), "\(result.standardError)") }
            #expect(result.standardError.contains("hint: ") && !result.standardError.contains("long-token"))
            #expect(result.standardOutput == "")
        }
    }

    @Test(
        arguments: [
            (["--tokens", "tokens", "--token-file", "token"], [:], 64, "--tokens and --token-file exclude each other"),
            (["--tokens", "tokens"], ["CONVOY_TOKEN": "one-more-long-token"], 64, "--tokens is given, and CONVOY_TOKEN is set"),
            (["--tokens", "missing"], [:], 78, "missing: error: the file of tokens does not exist"),
            (["--tokens", "."], [:], 78, ".: error: the file of tokens is a directory"),
        ] as [([String], [String: String], Int32, String)]
    )
    func whatDoesNotFitIsRefused(options: [String], environment: [String: String], code: Int32, words: String) async throws {
        try await withTemporaryFolder(files: Files.fleet()) { folder in
            let result = try await runConvoy(["serve"] + options, environment: environment, in: folder)
            #expect(result.exitCode == code)
            #expect(result.standardError.contains(words) && result.standardError.contains("hint: "), "\(result.standardError)")
            #expect(!result.standardError.contains("long-token"))
        }
    }

    /// What does not begin needs no advice on what it would do.
    @Test func aFatalErrorComesWithoutTheWarningOfActions() async throws {
        try await withTemporaryFolder(files: Files.fleet()) { folder in
            try writeFile("\(folder)/tokens", "ann operator \(Self.token("ann"))\n")
            for options in [["--socket", "fleet.yaml"], ["--tls-cert", "nowhere", "--tls-key", "nowhere"]] {
                let result = try await runConvoy(["serve", "--tokens", "tokens"] + options, in: folder)
                #expect(result.exitCode == 78 && !result.standardError.contains("warning: "), "\(result.standardError)")
            }
        }
    }

    @Test func theHintForAMissingFileIsToMakeIt() async throws {
        try await withTemporaryFolder(files: Files.fleet()) { folder in
            let result = try await runConvoy(["serve", "--tokens", "missing"], in: folder)
            #expect(result.standardError.contains("hint: make the file, readable by this user only"), "\(result.standardError)")
            try writeFile("\(folder)/tokens", "ann viewer \(Self.token("ann"))\n")
            let dashboard = try await serve(in: folder)
            try FileManager.default.removeItem(atPath: "\(folder)/tokens")
            let said = try await dashboard.reload()
            #expect(said.contains("tokens: the file of tokens does not exist (make the file, "), "\(said)")
            #expect(try await ask("/api/v1/fleet", "ann", dashboard).status == 200)
            #expect(try await dashboard.end().exitCode == 0)
        }
    }

    @Test func aHangUpBringsTheNewTokensAndABadFileChangesNothing() async throws {
        try await withTemporaryFolder(files: Files.fleet()) { folder in
            try writeFile("\(folder)/tokens", "ann viewer \(Self.token("ann"))\nbea viewer \(Self.token("bea"))\n")
            let dashboard = try await serve(in: folder)
            func statuses() async throws -> [Int] {
                var found: [Int] = []
                for name in ["ann", "bea", "cleo"] { found.append(try await ask("/api/v1/fleet", name, dashboard).status) }
                return found
            }
            #expect(try await statuses() == [200, 200, 401])
            try writeFile("\(folder)/tokens", "ann viewer \(Self.token("ann"))\ncleo viewer\n")
            var said = try await dashboard.reload()
            #expect(said.contains("warning: the tokens stay as they were: tokens:2: the line has 2 words"), "\(said)")
            #expect(try await statuses() == [200, 200, 401])
            try writeFile("\(folder)/tokens", "ann viewer \(Self.token("ann"))\ncleo viewer \(Self.token("cleo"))\n")
            said = try await dashboard.reload()
            #expect(said == "the tokens were read again: 2 tokens; 1 added, 1 removed (its sessions have ended)\n")
            #expect(try await statuses() == [200, 401, 200])
            #expect(try await dashboard.reload() == "the tokens were read again: 2 tokens; nothing changed\n")
            let end = try await dashboard.end()
            #expect(end.exitCode == 0 && !end.standardError.contains("long-token"))
        }
    }

    @Test func theFileOfOneTokenIsReadAgainToo() async throws {
        try await withTemporaryFolder(files: Files.fleet()) { folder in
            try writeFile("\(folder)/token", Self.token("ann") + "\n")
            let dashboard = try await ServedDashboard.start(["--listen", "127.0.0.1:0", "--token-file", "token"], in: folder)
            #expect(try await ask("/api/v1/fleet", "ann", dashboard).status == 200)
            try writeFile("\(folder)/token", Self.token("bea") + "\n")
            #expect(try await dashboard.reload().hasPrefix("the tokens were read again: 1 token; 1 added, 1 removed"))
            #expect(try await ask("/api/v1/fleet", "ann", dashboard).status == 401)
            #expect(try await ask("/api/v1/fleet", "bea", dashboard).status == 200)
            #expect(try await dashboard.end().exitCode == 0)
        }
    }

    /// One resumes and another approves, and the journal says who, also after the end of the dashboard.
    @Test func whoResumedAndWhoApprovedStandsInTheJournal() async throws {
        try await GatedFleet.with { folder, last in
            let first = try ConvoyProcess(["migrate", "--yes"], in: folder)
            first.closeInput()
            try writeFile("\(folder)/tokens", "ann operator \(Self.token("ann"))\nbea approver \(Self.token("bea"))\n")
            let dashboard = try await serve(["--allow-actions"], in: folder)
            func waitForGate(_ run: String) async throws {
                try await eventually("the run waits at its gate", within: .seconds(60)) {
                    try await ask("/api/v1/runs/\(run)", "bea", dashboard).body.contains(#""actions":["approve"]"#)
                }
            }
            var run = ""
            try await eventually("the run is in the journal", within: .seconds(60)) {
                run = try await ask("/api/v1/runs", "ann", dashboard).body.firstMatch(of: #/"run":"([^"]+)"/#).map { String($0.1) } ?? ""
                return !run.isEmpty
            }
            try await waitForGate(run)
            first.kill()
            _ = try? await first.result()
            let path = "/api/v1/runs/\(run)"
            try await eventually("it is cut off") {
                try await ask(path, "ann", dashboard).body.contains(#""actions":["resume","abandon"]"#)
            }
            #expect(try await ask(path, "bea", dashboard).body.contains(#""actions":[]"#))
            #expect(try await ask("\(path)/resume", "bea", dashboard, method: "POST").status == 403)
            let resumed = try await ask("\(path)/resume", "ann", dashboard, method: "POST")
            #expect(resumed.status == 202, "\(resumed.body)")
            try await waitForGate(run)
            let refused = try await ask("\(path)/approve", "ann", dashboard, method: "POST")
            #expect(
                refused.status == 403 && refused.body.contains("this requires the role approver; your token has: operator"),
                "\(refused.body)"
            )
            #expect(try await ask("\(path)/approve", "bea", dashboard, method: "POST").status == 202)
            try await eventually("the run succeeds", within: .seconds(60)) {
                try await ask(path, "ann", dashboard).body.contains(#""status":"succeeded""#)
            }
            #expect(try await last.query("SELECT count(*) AS rows FROM schema_migrations").onlyRow().int64("rows") == 1)
            #expect(try await dashboard.end().exitCode == 0)
            let journal = try #require(try await SQLiteJournal.open(readingAt: "\(folder)/.convoy/journal.sqlite"))
            var people: [String] = []
            for event in try await journal.events(of: RunID(run), after: 0, limit: 1000) {
                switch event.event?.kind {
                case .runResumed(let by): people.append("resumed: \(by)")
                case .approved(_, let by): people.append("approved: \(by)")
                default: break
                }
            }
            let user = people.first?.firstMatch(of: #/^resumed: (.+@.+) for /#)?.1 ?? ""
            #expect(people == ["resumed: \(user) for ann via dashboard", "approved: bea via dashboard (\(user))"])
        }
    }
}
