import ConvoyPostgres
import Foundation
import TestSupport
import Testing

/// `convoy history` and `convoy describe`, against real databases.
@Suite(.timeLimit(.minutes(3)))
struct InstanceCommandTests {
    @Test func historyHasEachRunAndTheRowsOfTheDatabase() async throws {
        try await PostgresServer.shared().withDatabases(2) { databases in
            try await withFleet(databases) { folder in
                #expect(try await runConvoy(["migrate", "--yes", "--to", "20200101000000", "-l", "name=alice"], in: folder).exitCode == 0)
                #expect(try await runConvoy(["migrate", "--yes"], in: folder).exitCode == 0)
                #expect(try await runConvoy(["rollback", "--yes", "--steps", "1", "-l", "name=alice"], in: folder).exitCode == 0)

                let json = try jsonObject(try await runConvoy(["history", "alice", "-o", "json"], in: folder))
                #expect(json["schema"] as? String == "convoy.history/1")
                let runs = try #require(json["runs"] as? [[String: Any]])
                #expect(runs.map { $0["outcome"] as? String } == ["rolled-back", "migrated", "migrated"])
                #expect(runs.map { $0["from"] as? String } == ["20200102000000", "20200101000000", nil])
                #expect(runs.map { $0["to"] as? String } == ["20200101000000", "20200102000000", "20200101000000"])
                #expect(runs.map { $0["direction"] as? String } == ["down", "up", "up"])
                #expect(runs.allSatisfy { $0["wave"] as? String == "all" && ($0["duration"] as? Double ?? -1) >= 0 })
                let audit = try #require(json["audit_log"] as? [String: Any])
                let rows = try #require(audit["rows"] as? [[String: Any]])
                #expect(rows.map { $0["direction"] as? String } == ["down", "up", "up"])
                #expect(rows.map { $0["run"] as? String } == runs.map { $0["run"] as? String })
                #expect(rows.allSatisfy { $0["of_this_database"] as? Bool == true })
                let bob = try jsonObject(try await runConvoy(["history", "bob", "-o", "json"], in: folder))
                #expect((bob["runs"] as? [[String: Any]])?.count == 1)

                let table = try await runConvoy(["history", "alice"], in: folder)
                #expect(table.exitCode == 0 && table.standardError == "")
                #expect(table.standardOutput.contains("rolled-back  20200102000000  20200101000000"), "\(table.standardOutput)")
                #expect(table.standardOutput.hasSuffix("alice of test: 3 runs in .convoy/journal.sqlite; 3 rows in convoy.migration_log\n"))
                let short = try await runConvoy(["history", "alice", "--limit", "1"], in: folder).standardOutput
                #expect(short.contains("older runs are left out") && short.contains("2 older rows left out"), "\(short)")
                let journal = try await runConvoy(["history", "alice", "--no-probe"], in: folder).standardOutput
                #expect(journal.hasSuffix("alice of test: 3 runs in .convoy/journal.sqlite\n") && !journal.contains("APPLIED"))

                for command in ["history", "describe"] {
                    let typo = try await runConvoy([command, "alcie"], in: folder)
                    #expect(typo.exitCode == 64)
                    #expect(typo.standardError.contains("no instance is called “alcie”"))
                    #expect(typo.standardError.contains("did you mean alice?"))
                }
                #expect(try await runConvoy(["history", "alice", "--limit", "0"], in: folder).exitCode == 64)
                #expect(try await runConvoy(["history"], in: folder).exitCode == 64)
            }
        }
    }

    @Test func whatATenantWroteIntoItsAuditLogIsOnlyText() async throws {
        try await withDatabase { database in
            try await withFleet([database]) { folder in
                #expect(try await runConvoy(["migrate", "--yes"], in: folder).exitCode == 0)
                try await database.execute([
                    """
                    INSERT INTO convoy.migration_log VALUES
                    (gen_random_uuid(), -5, E'\\x1b[2J' || repeat('x', 100000), 'sideways', 'c', E'run\\nerror: all is lost', 'infinity',
                        9223372036854775807, 'me', '0', '1', 1)
                    """
                ])
                let table = try await runConvoy(["history", "alice"], in: folder)
                #expect(table.exitCode == 0)
                #expect(!table.standardOutput.contains("\u{1B}") && !table.standardOutput.contains("\nerror: all is lost"))
                #expect(table.standardOutput.contains("run\\nerror: all is lost"))
                #expect(table.standardOutput.contains("1 row marked * names another database"), "\(table.standardOutput)")
                #expect(table.standardOutput.utf8.count < 4000)
                let json = try jsonObject(try await runConvoy(["history", "alice", "-o", "json"], in: folder))
                let rows = try #require((json["audit_log"] as? [String: Any])?["rows"] as? [[String: Any]])
                let odd = try #require(rows.first { $0["version"] as? String == "-5" })
                #expect(odd["direction"] is NSNull && odd["started_at"] is NSNull)
                #expect((odd["name"] as? String)?.count == 120)
                #expect(odd["of_this_database"] as? Bool == false)

                // A view in the table's place runs as who reads it.
                try await database.execute([
                    "DROP TABLE convoy.migration_log",
                    "CREATE VIEW convoy.migration_log AS SELECT 1/0 AS id",
                ])
                let view = try await runConvoy(["history", "alice"], in: folder)
                #expect(view.exitCode == 0)
                #expect(
                    view.standardOutput.contains("the audit log cannot be read: convoy.migration_log is not a table"),
                    "\(view.standardOutput)"
                )
                try await database.execute(["DROP VIEW convoy.migration_log"])
                #expect(try await runConvoy(["history", "alice"], in: folder).standardOutput.contains("no audit log in the database"))
            }
        }
    }

    @Test func anInstanceOnOnePage() async throws {
        try await PostgresServer.shared().withDatabases(2) { databases in
            let migrations = SmallSet.files.merging(SmallSet.narrowing) { first, _ in first }
            try await withFleet(databases, migrations: migrations) { folder in
                try await databases[0].execute(["SELECT 1"])
                #expect(try await runConvoy(["migrate", "--yes", "--to", "20200102000000"], in: folder).exitCode == 0)
                try await databases[0].execute(["INSERT INTO cars (id) VALUES (9000000000)"])
                // bob takes the last migration, on which alice fails.
                #expect(try await runConvoy(["migrate", "--yes"], in: folder).exitCode == 1)

                let page = try await runConvoy(["describe", "alice"], in: folder)
                #expect(page.exitCode == 0, "\(page.standardError)")
                for text in [
                    "alice  pending\n", "  database  \(databases[0].name), PostgreSQL ", "  labels    ring=r0\n", "  wave      all\n",
                    "  version   20200102000000 (add_plates), since ", "  newest    20200103000000 (narrow_ids)\n",
                    "  due       1 migration, usually ", "  lock      free\n", "DUE             NAME        USUALLY\n",
                    "20200103000000  narrow_ids  ", "failed: alice\n", "integer out of range (SQLSTATE 22003)",
                ] {
                    #expect(page.standardOutput.contains(text), "\(text): \(page.standardOutput)")
                }

                let holder = try await databases[0].connect()
                try await holder.query("SELECT pg_advisory_lock(7165066987125145601)")
                let json = try jsonObject(try await runConvoy(["describe", "alice", "-o", "json"], in: folder))
                holder.close()
                #expect(json["schema"] as? String == "convoy.instance/1")
                #expect((json["locked_by"] as? [[String: Any]])?.count == 1)
                #expect((json["pending"] as? [[String: Any]])?.compactMap { $0["usual_duration"] as? Double }.count == 1)
                #expect((json["last_failure"] as? [String: Any])?["run"] is String)
                #expect((json["runs"] as? [[String: Any]])?.map { $0["outcome"] as? String } == ["failed", "migrated"])
                let bob = try jsonObject(try await runConvoy(["describe", "bob", "-o", "json"], in: folder))
                #expect(bob["outcome"] as? String == "up-to-date" && bob["last_failure"] is NSNull)
                #expect((bob["locked_by"] as? [Any])?.isEmpty == true)

                // Advice about a cause that is gone would be wrong.
                try await databases[0].execute(["DELETE FROM cars"])
                #expect(try await runConvoy(["migrate", "--failed", "--yes"], in: folder).exitCode == 0)
                let later = try await runConvoy(["describe", "alice"], in: folder)
                #expect(later.standardOutput.contains("  last failure  failed in run "), "\(later.standardOutput)")
                #expect(later.standardOutput.contains("it has ended well since, in run "))
                #expect(!later.standardOutput.contains("integer out of range"))
                let resolved = try jsonObject(try await runConvoy(["describe", "alice", "-o", "json"], in: folder))
                #expect((resolved["last_failure"] as? [String: Any])?["resolved_by"] is String)
            }
        }
    }

    @Test func anInstanceThatCannotBeReachedHasAPageToo() async throws {
        let port = try RefusedPort()
        let text = Files.fleetText.replacingOccurrences(of: "port: 1", with: "port: \(port.port)")
        try await withTemporaryFolder(files: Files.fleet(text)) { folder in
            let page = try await runConvoy(["describe", "alice"], in: folder)
            #expect(page.exitCode == 69)
            #expect(page.standardOutput.hasPrefix("alice  unreachable\n") && page.standardOutput.contains("\(port.port)"))
            #expect(!page.standardOutput.contains("s3cret"))
            let history = try await runConvoy(["history", "alice"], in: folder)
            #expect(history.exitCode == 0)
            #expect(history.standardOutput.contains("alice of test: no run in .convoy/journal.sqlite; the audit log cannot be read: "))
            #expect(try await runConvoy(["history", "alice", "--no-probe"], in: folder).exitCode == 0)
            #expect(try await runConvoy(["history", "zed", "--no-probe"], in: folder).exitCode == 64)
        }
    }
}
