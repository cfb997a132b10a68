import ConvoyPostgres
import Foundation
import TestSupport
import Testing

/// The commands against real databases: a small migration set, one to three instances.
@Suite(.timeLimit(.minutes(2)))
struct DatabaseCommandTests {
    private func versions(_ database: TestDatabase) async throws -> [String] {
        try await database.query("SELECT version::text AS v FROM schema_migrations ORDER BY version").rows.map { try $0.text("v") }
    }

    @Test func fromStatusToMigrateAndBack() async throws {
        try await PostgresServer.shared().withDatabases(2) { databases in
            try await withFleet(databases) { folder in
                let before = try await runConvoy(["status"], in: folder)
                #expect(before.exitCode == 0)
                #expect(before.standardOutput.contains("alice     pending  -"))
                #expect(try await runConvoy(["status", "--check"], in: folder).exitCode == 3)

                let plan = try await runConvoy(["plan"], in: folder)
                #expect(plan.exitCode == 0)
                #expect(plan.standardOutput.contains("20200102000000  add_plates           2"))
                let checked = try await runConvoy(["plan", "--check"], in: folder)
                #expect(checked.exitCode == 3)
                #expect(checked.standardOutput == plan.standardOutput)
                #expect(plan.standardOutput.hasSuffix("test: apply 4 migrations to get to 20200102000000 on 2 of 2 instances in 1 wave\n"))

                let partial = try await runConvoy(["migrate", "--yes", "--to", "20200101000000", "--select", "name=alice"], in: folder)
                #expect(partial.exitCode == 0)
                #expect(try await versions(databases[0]) == ["20200101000000"])

                let full = try await runConvoy(["migrate", "--yes", "--concurrency", "1"], in: folder)
                #expect(full.exitCode == 0)
                #expect(full.standardOutput.contains("alice     all   migrated  20200101000000  20200102000000           1"))
                #expect(full.standardOutput.contains("bob       all   migrated  -               20200102000000           2"))
                #expect(full.standardError.contains("wave all done: 2 migrated\n"))

                let again = try jsonObject(try await runConvoy(["migrate", "--yes", "--output", "json"], in: folder))
                #expect(again["status"] as? String == "succeeded")
                #expect((again["summary"] as? [String: Any])?["outcomes"] as? [String: Int] == ["up-to-date": 2])
                #expect(try await runConvoy(["status", "--check"], in: folder).exitCode == 0)
                #expect(try await runConvoy(["plan", "--check", "-o", "json"], in: folder).exitCode == 0)

                let back = try await runConvoy(["rollback", "--yes", "--steps", "1"], in: folder)
                #expect(back.exitCode == 0)
                #expect(back.standardOutput.contains("rolled-back  20200102000000  20200101000000"))
                #expect(try await versions(databases[1]) == ["20200101000000"])
            }
        }
    }

    @Test func aDryRunChangesNothing() async throws {
        try await withDatabase { database in
            try await withFleet([database]) { folder in
                let dry = try await runConvoy(["migrate", "--dry-run", "--output", "json"], in: folder)
                #expect(dry.exitCode == 0)
                #expect(try jsonObject(dry)["schema"] as? String == "convoy.plan/1")
                #expect(try await database.query("SELECT 1 FROM pg_class WHERE relname = 'schema_migrations'").rows.isEmpty)
                _ = try await runConvoy(["migrate", "--yes"], in: folder)
                let back = try await runConvoy(["rollback", "--dry-run", "--to", "20200101000000"], in: folder)
                #expect(back.exitCode == 0)
                #expect(back.standardOutput.contains("revert 1 migration"))
                #expect(try await versions(database).count == 2)
            }
        }
    }

    @Test func aFailureSaysWhereAndLeavesTheNeighboursAlone() async throws {
        try await PostgresServer.shared().withDatabases(3) { databases in
            try await withFleet(databases, migrations: SmallSet.files.merging(SmallSet.narrowing) { $1 }) { folder in
                for database in databases.prefix(2) {
                    try await database.execute([
                        "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0))",
                        "CREATE TABLE cars (id bigint PRIMARY KEY, plate text)",
                        "INSERT INTO schema_migrations VALUES (20200101000000, now()), (20200102000000, now())",
                        "INSERT INTO cars VALUES (12345678901, 'x')",
                    ])
                }
                let result = try await runConvoy(["migrate", "--yes"], in: folder)
                #expect(result.exitCode == 1)
                #expect(result.standardOutput.contains("failed: 2 instances: alice, bob\n"))
                #expect(
                    result.standardOutput.contains("  Migrations/20200103000000_narrow_ids.sql:3: integer out of range (SQLSTATE 22003)\n")
                )
                #expect(result.standardOutput.contains("    ALTER TABLE cars\n"))
                #expect(result.standardOutput.contains("carol     all   migrated"))
                #expect(try await versions(databases[0]) == ["20200101000000", "20200102000000"])
                #expect(try await versions(databases[2]).last == "20200103000000")

                let failures = try jsonObject(try await runConvoy(["migrate", "--yes", "--output", "json"], in: folder))["failures"]
                let group = try #require((failures as? [[String: Any]])?.first)
                #expect(group["count"] as? Int == 2)
                #expect(group["sqlstate"] as? String == "22003")
                #expect(group["instances"] as? [String] == ["alice", "bob"])
            }
        }
    }

    @Test func aStopRuleHaltsWithExitCode2() async throws {
        try await PostgresServer.shared().withDatabases(2) { databases in
            let waves = ["{name: canary, select: ring=r0, stop: {failures: 1}}", "{name: rest}"]
            let broken = ["Migrations/20200101000000_broken.sql": "-- migrate:up\nSELECT 1/0;\n-- migrate:down\nSELECT 1;\n"]
            try await withFleet(databases, migrations: broken, waves: waves) { folder in
                let result = try await runConvoy(["migrate", "--yes"], in: folder)
                #expect(result.exitCode == 2)
                #expect(result.standardError.contains("halted: "))
                #expect(result.standardOutput.contains("bob       rest    pending"))
                let ledgers = try await databases[1].query("SELECT 1 FROM pg_class WHERE relname = 'schema_migrations'")
                #expect(ledgers.rows.isEmpty)
            }
        }
    }

    @Test func anIrreversibleVersionRefusesTheWholeRollback() async throws {
        try await PostgresServer.shared().withDatabases(2) { databases in
            try await withFleet(databases, migrations: SmallSet.files.merging(SmallSet.oneWay) { $1 }) { folder in
                // Only alice has the version that cannot be reverted.
                #expect(try await runConvoy(["migrate", "--yes", "--select", "name=alice"], in: folder).exitCode == 0)
                let to = ["migrate", "--yes", "--select", "name=bob", "--to", "20200102000000"]
                #expect(try await runConvoy(to, in: folder).exitCode == 0)
                let refused = try await runConvoy(["rollback", "--yes", "--to", "20200101000000"], in: folder)
                #expect(refused.exitCode == 1)
                #expect(refused.standardOutput.contains("20200103000000"))
                #expect(refused.standardError.contains("nothing was changed"))
                #expect(try await versions(databases[1]) == ["20200101000000", "20200102000000"])
                let allowed = try await runConvoy(["rollback", "--yes", "--to", "20200101000000", "--select", "name=bob"], in: folder)
                #expect(allowed.exitCode == 0)
                #expect(try await versions(databases[1]) == ["20200101000000"])
            }
        }
    }

    @Test func onATerminalItAsksFirst() async throws {
        try await withDatabase { database in
            try await withFleet([database]) { folder in
                let question = "Apply 2 migrations on 1 of 1 instance? [y/N]"
                for answer in ["n\n", "\n", "\u{3}", "\u{4}"] {
                    let refused = try await onTerminal(["migrate"], in: folder, typing: answer, after: question)
                    #expect(refused.status == .exited(130))
                    #expect(refused.screen.contains("nothing was changed"))
                }
                #expect(try await database.query("SELECT 1 FROM pg_class WHERE relname = 'schema_migrations'").rows.isEmpty)
                let agreed = try await onTerminal(["migrate"], in: folder, typing: "y\n", after: question)
                #expect(agreed.status == .exited(0))
                #expect(agreed.screen.contains("succeeded"))
                #expect(try await versions(database).count == 2)
            }
        }
    }

    @Test func ctrlCStopsThenCancels() async throws {
        try await PostgresServer.shared().withDatabases(2) { databases in
            let slow = ["Migrations/20200101000000_slow.sql": "-- migrate:up\nSELECT pg_sleep(60);\n-- migrate:down\nSELECT 1;\n"]
            try await withFleet(databases, migrations: slow, waves: ["{name: all, max_parallel: 1}"]) { folder in
                let process = try ConvoyProcess(["migrate", "--yes"], in: folder)
                try await eventually("the migration runs") {
                    let running =
                        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()"
                    return try await databases[0].query(running, as: "postgres").rows.count == 1
                }
                process.interrupt()
                await process.wait { $0.standardError.contains("stopping: ") }
                process.terminate()
                let result = try await process.result()
                #expect(result.exitCode == 130)
                #expect(result.standardError.contains("cancelling the instances in progress"))
                #expect(result.standardOutput.contains("alice     all   interrupted"))
                #expect(result.standardOutput.contains("bob       all   pending"))
                #expect(try await versions(databases[0]) == [])
            }
        }
    }
}
