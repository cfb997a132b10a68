import ConvoyPostgres
import Foundation
import TestSupport
import Testing

/// How a run shows itself, and whom it tells: on real databases, with the program as its user runs it.
@Suite(.timeLimit(.minutes(5)))
struct ProgressCommandTests {
    private func withFleet(
        _ databases: [TestDatabase],
        up: String = "CREATE TABLE cars (id bigint);",
        more: String = "",
        _ body: (_ folder: String) async throws -> Void
    ) async throws {
        var lines = ["version: 1", "fleet: test", "defaults: {connect_timeout: 30s}", "instances:"]
        for (index, database) in databases.enumerated() {
            lines.append(
                "  - {name: i\(index), host: \(database.server.socketFolder), port: \(database.server.port), "
                    + "user: \(database.ownerName), database: \(database.name)}"
            )
        }
        let files = [
            "Migrations/1_cars.sql": "-- migrate:up\n\(up)\n-- migrate:down\nDROP TABLE cars;\n",
            "fleet.yaml": lines.joined(separator: "\n") + "\n" + more + "\n",
        ]
        try await withTemporaryFolder(files: files, body)
    }

    @Test func plainWritesLinesAndNoneWritesNothing() async throws {
        try await PostgresServer.shared().withDatabases(2) { databases in
            try await withFleet(databases) { folder in
                let plain = try await runConvoy(["migrate", "--select", "name=i0", "--progress", "plain", "--yes"], in: folder)
                #expect(plain.exitCode == 0, "\(plain.standardError)")
                #expect(plain.standardError.contains("i0: migrated"))
                let none = try await runConvoy(["migrate", "--yes", "--progress", "none"], in: folder)
                #expect(none.exitCode == 0)
                #expect(none.standardError == "")
                #expect(none.standardOutput.contains("migrated"))
            }
        }
    }

    /// systemd names the stream that it reads in JOURNAL_STREAM; a redirected one is another, and keeps its times.
    @Test func linesForJournaldHaveAPriorityAndNoTime() async throws {
        try await PostgresServer.shared().withDatabases(2) { databases in
            try await withFleet(databases) { folder in
                let convoy = try ConvoyProcess.executable()
                let script = """
                    exec 2>journal
                    JOURNAL_STREAM=$(stat -L -c %d:%i journal); export JOURNAL_STREAM
                    "$0" migrate --yes --progress plain --select name=i0 || exit
                    "$0" migrate --yes --progress plain --select name=i1 2>file
                    """
                let run = try await ConvoyProcess(["-c", script, convoy], program: "/bin/sh", in: folder).result()
                let journal = try String(contentsOfFile: "\(folder)/journal", encoding: .utf8)
                let file = try String(contentsOfFile: "\(folder)/file", encoding: .utf8)
                #expect(run.exitCode == 0, "\(journal)\(file)")
                #expect(journal.contains(#/(?m)^<6>run \S+ of test: /#), "\(journal)")
                #expect(file.contains(#/(?m)^\d\d:\d\d:\d\d run \S+ of test: /#), "\(file)")
                #expect(!journal.contains(#/(?m)^\d\d:\d\d/#) && !file.contains("<6>"))
            }
        }
    }

    @Test func jsonWritesTheEventsOfTheJournalAndNothingElse() async throws {
        try await PostgresServer.shared().withDatabases(2) { databases in
            let hook = "rollout: {hooks: {before_run: [/bin/echo, hello]}}"
            try await withFleet(databases, more: hook) { folder in
                try await databases[1].execute(["CREATE TABLE cars (name text)"])
                let run = try await runConvoy(["migrate", "--yes", "--progress", "json", "-o", "json"], in: folder)
                #expect(run.exitCode == 1)
                let lines = run.standardError.split(separator: "\n").map(String.init)
                let objects = try lines.map { try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any] ?? [:] }
                let isMessage = objects.map { $0["type"] as? String == "message" }
                let events = zip(lines, isMessage).filter { !$0.1 }.map(\.0)
                let recorded = try await runConvoy(["runs", "show", "--events", "-o", "json"], in: folder)
                #expect(events == recorded.standardOutput.split(separator: "\n").map(String.init))
                let messages = zip(objects, isMessage).filter(\.1).map { $0.0["text"] as? String ?? "" }
                #expect(messages.contains { $0.contains("hello") }, "\(messages)")
                #expect(try jsonObject(run)["schema"] as? String == "convoy.run/1")

                let late = try await runConvoy(["resume", "--yes", "--progress", "json"], in: folder)
                #expect(late.exitCode == 64)
                #expect(late.standardError.contains(#""level":"error","text":"there is no resumable run"#))
                #expect(late.standardError.hasPrefix("{") && late.standardError.hasSuffix("}\n"))
                let asking = try await runConvoy(["migrate", "--progress", "json"], in: folder)
                #expect(asking.exitCode == 64)
                #expect(asking.standardError.contains("add --yes"))
            }
        }
    }

    @Test(arguments: [["migrate"], ["rollback", "--steps", "1"], ["resume"]])
    func liveNeedsATerminal(_ command: [String]) async throws {
        try await withFleet([]) { folder in
            let result = try await runConvoy(command + ["--yes", "--progress", "live"], in: folder)
            #expect(result.exitCode == 64)
            #expect(result.standardError.contains("--progress live: standard error is not a terminal that can be redrawn"))
        }
    }

    @Test func theTableFollowsTheViewOnOneTerminal() async throws {
        try await PostgresServer.shared().withDatabases(2) { databases in
            try await withFleet(databases, up: "CREATE TABLE cars (id bigint);\nSELECT pg_sleep(0.5);") { folder in
                let live = try await onTerminal(["migrate", "--yes"], in: folder)
                #expect(live.status == .exited(0), "\(live.screen)")
                #expect(live.screen.contains("█") || live.screen.contains("░"))
                // Nothing is drawn after the view was taken off.
                let rest = live.screen.components(separatedBy: "\u{1B}[J").last ?? ""
                #expect(rest.contains("2 migrated") && !rest.contains("\u{1B}[?7l") && !rest.contains("░"))
                let plain = try await onTerminal(["migrate", "--yes", "--progress", "plain"], in: folder)
                #expect(!plain.screen.contains("\u{1B}[J"))
            }
        }
    }

    @Test func aLongMigrationTellsWhatItsServerDoes() async throws {
        try await withDatabase { database in
            try await database.execute(["CREATE TABLE cars (id bigint)"])
            let up = "CREATE INDEX CONCURRENTLY IF NOT EXISTS cars_id ON cars (id);"
            try await withFleet([database], up: "SELECT 1;") { folder in
                try await database.execute(["CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0))"])
                try await database.execute(["INSERT INTO schema_migrations VALUES (1, now())"])
                try writeFile(
                    "\(folder)/Migrations/2_index.sql",
                    "-- migrate:up transaction:false\n\(up)\n-- migrate:down transaction:false\nDROP INDEX CONCURRENTLY IF EXISTS cars_id;\n"
                )
                let writer = try await database.connect()
                try await writer.query("BEGIN")
                try await writer.query("INSERT INTO cars VALUES (1)")
                let convoy = try ConvoyProcess(["migrate", "--yes"], in: folder)
                let seen = await convoy.wait { $0.standardError.contains("CREATE INDEX CONCURRENTLY cars") }
                #expect(seen.standardError.contains("i0: CREATE INDEX CONCURRENTLY cars 0 %, waiting for writers before build"))
                try await writer.query("COMMIT")
                writer.close()
                let result = try await convoy.result()
                #expect(result.exitCode == 0, "\(result.standardError)")
                // An older journal lacks such events, and every reader takes them.
                let shown = try await runConvoy(["runs", "show"], in: folder)
                #expect(shown.exitCode == 0, "\(shown.standardError)")
            }
        }
    }

    @Test func aWebhookThatNeverAnswersHoldsNothingUp() async throws {
        let port = try SilentPort()
        let notifications = """
            notifications:
              - {url: "http://127.0.0.1:\(port.port)/${env:HOOK}", timeout: 5m, headers: {Authorization: "${env:HOOK}"}}
            """
        try await PostgresServer.shared().withDatabases(3) { databases in
            try await withFleet(databases, more: notifications) { folder in
                let convoy = try ConvoyProcess(["migrate", "--yes", "--output", "json"], environment: ["HOOK": "hunter2"], in: folder)
                // The first message is still under way when the run has ended.
                _ = await convoy.wait { $0.standardError.contains("waiting up to") }
                convoy.interrupt()
                let result = try await convoy.result()
                #expect(result.exitCode == 0)
                #expect(result.standardOutput.contains(#""status": "succeeded""#))
                #expect(result.standardError.contains("warning: the notification of run-started did not arrive: no time was left"))
                #expect(result.standardError.contains("warning: 1 more notification was not sent"))
                let journal = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/.convoy/journal.sqlite"))
                for text in [result.standardError, result.standardOutput, String(decoding: journal, as: UTF8.self)] {
                    #expect(!text.contains("hunter2"))
                }
            }
        }
    }

    @Test func aWebhookIsToldOfARun() async throws {
        let responder = try HTTPResponder { _ in .status(200) }
        let notifications = """
            notifications:
              - {url: "http://127.0.0.1:\(responder.port)/hook", on: [run-started, run-finished]}
              - {url: "http://127.0.0.1:\(responder.port)/slack", on: run-finished, format: slack}
            """
        try await PostgresServer.shared().withDatabases(2) { databases in
            try await withFleet(databases, more: notifications) { folder in
                let result = try await runConvoy(["migrate", "--yes", "--progress", "none"], in: folder)
                #expect(result.exitCode == 0)
                #expect(result.standardError == "")
                let json = responder.requests.filter { $0.hasPrefix("POST /hook ") }
                #expect(json.count == 2)
                #expect(json.first?.contains(#""event":"run-started""#) == true)
                #expect(json.last?.contains(#""status":"succeeded""#) == true)
                let slack = responder.requests.filter { $0.hasPrefix("POST /slack ") }
                #expect(slack.count == 1 && slack[0].contains("of `test` succeeded after"))
            }
        }
    }
}
