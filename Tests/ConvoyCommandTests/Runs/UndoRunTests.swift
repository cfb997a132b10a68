import ConvoyPostgres
import Foundation
import TestSupport
import Testing

/// `rollback --run`: back to where a run found each instance, on real databases.
@Suite(.timeLimit(.minutes(5)))
struct UndoRunTests {
    private static let (first, second, third): (Int64, Int64, Int64) = (2020_0101_000000, 2020_0102_000000, 2020_0103_000000)

    private static func migrations(down: String = "ALTER TABLE cars DROP COLUMN colour;") -> [String: String] {
        var files = SmallSet.files
        files["Migrations/20200103000000_colours.sql"] =
            "-- migrate:up\nALTER TABLE cars ADD COLUMN colour text;\n-- migrate:down\n\(down)\n"
        return files
    }

    /// Two databases: alice at the first version, bob at the second; then a run brings both to the third.
    private static func withMigratedFleet(
        _ migrations: [String: String] = migrations(),
        _ body: (_ databases: [TestDatabase], _ folder: String, _ run: String) async throws -> Void
    ) async throws {
        try await PostgresServer.shared().withDatabases(2) { databases in
            try await withFleet(databases, migrations: migrations, waves: ["{name: all, max_parallel: 1}"]) { folder in
                for (name, version) in [("alice", first), ("bob", second)] {
                    let result = try await runConvoy(["migrate", "--yes", "--to", "\(version)", "--select", "name=\(name)"], in: folder)
                    #expect(result.exitCode == 0, "\(result.standardError)")
                }
                let result = try await runConvoy(["migrate", "--yes", "--output", "json"], in: folder)
                #expect(result.exitCode == 0, "\(result.standardError)")
                try await body(databases, folder, try #require(try jsonObject(result)["run"] as? String))
            }
        }
    }

    private static func ledger(_ database: TestDatabase) async throws -> [Int64] {
        try await database.query("SELECT version FROM schema_migrations ORDER BY version").rows.map { try $0.int64("version") }
    }

    @Test func eachInstanceGoesBackToWhereTheRunFoundIt() async throws {
        try await Self.withMigratedFleet { databases, folder, run in
            let plan = try await runConvoy(["rollback", "--run", run, "--dry-run", "--output", "json"], in: folder)
            #expect(plan.exitCode == 0, "\(plan.standardError)")
            let document = try jsonObject(plan)
            #expect(document["rollback_of"] as? String == run)
            #expect(document["target"] is NSNull)
            let planned = try #require(document["instances"] as? [[String: Any]])
            #expect(planned.map { $0["target"] as? String } == ["\(Self.first)", "\(Self.second)"])
            #expect(planned.map { $0["pending"] as? [String] } == [["\(Self.third)", "\(Self.second)"], ["\(Self.third)"]])
            let table = try await runConvoy(["rollback", "--run", run, "--dry-run"], in: folder)
            #expect(
                table.standardOutput.contains("test: revert 3 migrations of run \(run) on 2 of 2 instances in 1 wave"),
                "\(table.standardOutput)"
            )
            // These tables were never analysed.
            let unknown = "(how many rows is not known)"
            #expect(table.standardError.contains("column cars.colour \(unknown), column cars.plate \(unknown)"), "\(table.standardError)")

            let result = try await runConvoy(["rollback", "--run", String(run.dropLast(2)), "--yes", "--output", "json"], in: folder)
            #expect(result.exitCode == 0, "\(result.standardError)")
            #expect(try await Self.ledger(databases[0]) == [Self.first])
            #expect(try await Self.ledger(databases[1]) == [Self.first, Self.second])

            let runs = try await runConvoy(["runs"], in: folder)
            #expect(runs.standardOutput.contains("rollback of \(run)"), "\(runs.standardOutput)")
            let list = try #require(
                try jsonObject(try await runConvoy(["runs", "--output", "json"], in: folder))["runs"] as? [[String: Any]]
            )
            #expect(list.first?["rollback_of"] as? String == run)
            #expect(list.dropFirst().allSatisfy { $0["rollback_of"] == nil })

            // What is back already is left alone, so the command can be repeated.
            let again = try await runConvoy(["rollback", "--run", run, "--yes"], in: folder)
            #expect(again.exitCode == 0, "\(again.standardError)")
            #expect(try await Self.ledger(databases[0]) == [Self.first])

            let latest = try await runConvoy(["rollback", "--run", "latest", "--yes"], in: folder)
            #expect(latest.exitCode == 64)
            #expect(latest.standardError.contains("was itself a rollback"), "\(latest.standardError)")
        }
    }

    @Test func onlySelectedInstancesThatTheRunChangedAreTouched() async throws {
        try await Self.withMigratedFleet { databases, folder, run in
            let result = try await runConvoy(["rollback", "--run", run, "--yes", "--now", "--select", "name=bob"], in: folder)
            #expect(result.exitCode == 0, "\(result.standardError)")
            #expect(try await Self.ledger(databases[0]).count == 3)
            #expect(try await Self.ledger(databases[1]) == [Self.first, Self.second])

            // The run before touched alice only.
            let runs = try jsonObject(try await runConvoy(["runs", "--output", "json"], in: folder))["runs"] as? [[String: Any]]
            let oldest = try #require(runs?.last?["run"] as? String)
            let none = try await runConvoy(["rollback", "--run", oldest, "--yes", "--select", "name=bob"], in: folder)
            #expect(none.exitCode == 64)
            #expect(none.standardError.contains("has changed none of the selected instances"))
        }
    }

    @Test func instancesThatMovedOnAreRefusedByName() async throws {
        var migrations = Self.migrations()
        try await PostgresServer.shared().withDatabases(2) { databases in
            migrations["Migrations/20200104000000_later.sql"] = "-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 1;\n"
            try await withFleet(databases, migrations: migrations) { folder in
                let first = try await runConvoy(["migrate", "--yes", "--to", "\(Self.third)", "--output", "json"], in: folder)
                let run = try #require(try jsonObject(first)["run"] as? String)
                #expect(try await runConvoy(["migrate", "--yes", "--select", "name=bob"], in: folder).exitCode == 0)

                let refused = try await runConvoy(["rollback", "--run", run, "--yes"], in: folder)
                #expect(refused.exitCode == 1)
                #expect(refused.standardOutput.contains("newer than \(Self.third), where the run left it"), "\(refused.standardOutput)")
                #expect(refused.standardOutput.contains("bob"))
                #expect(refused.standardError.contains("nothing was changed"))
                #expect(try await Self.ledger(databases[0]).count == 3)

                // The advice works.
                let hint = "exclude such instances with --select 'name!=bob'"
                #expect(refused.standardError.contains(hint), "\(refused.standardError)")
                let taken = try await runConvoy(["rollback", "--run", run, "--yes", "--select", "name!=bob"], in: folder)
                #expect(taken.exitCode == 0, "\(taken.standardError)")
                #expect(try await databases[0].query("SELECT count(*) AS n FROM schema_migrations").onlyRow().int64("n") == 0)
                #expect(try await Self.ledger(databases[1]).count == 4)
            }
        }
    }

    @Test func irreversibleMigrationsAreRefusedByName() async throws {
        try await Self.withMigratedFleet(Self.migrations(down: "-- convoy:irreversible the colours are gone")) { databases, folder, run in
            let refused = try await runConvoy(["rollback", "--run", run, "--yes", "--now"], in: folder)
            #expect(refused.exitCode == 1)
            #expect(refused.standardOutput.contains("version \(Self.third) is irreversible"), "\(refused.standardOutput)")
            for database in databases { #expect(try await Self.ledger(database).count == 3) }
        }
    }

    @Test func instancesThatLeftTheFleetAreNamed() async throws {
        try await Self.withMigratedFleet { databases, folder, run in
            let fleet = try String(contentsOfFile: "\(folder)/fleet.yaml", encoding: .utf8)
            let lines = fleet.split(separator: "\n", omittingEmptySubsequences: false).filter { !$0.contains("name: bob") }
            try writeFile("\(folder)/fleet.yaml", lines.joined(separator: "\n"))
            let result = try await runConvoy(["rollback", "--run", run, "--yes"], in: folder)
            #expect(result.exitCode == 0, "\(result.standardError)")
            #expect(
                result.standardError.contains(
                    "run \(run) has changed instances that are no longer in the fleet, and stay as they are: bob\n"
                )
            )
            #expect(try await Self.ledger(databases[0]) == [Self.first])
            #expect(try await Self.ledger(databases[1]).count == 3)
        }
    }

    @Test func aRunOfAnotherFleetIsRefused() async throws {
        try await Self.withMigratedFleet { databases, folder, run in
            let fleet = try String(contentsOfFile: "\(folder)/fleet.yaml", encoding: .utf8)
            try writeFile("\(folder)/other.yaml", fleet.replacing("fleet: test", with: "fleet: other"))
            let refused = try await runConvoy(["rollback", "--run", run, "--yes", "--fleet", "other.yaml"], in: folder)
            #expect(refused.exitCode == 64)
            #expect(refused.standardError.contains("run \(run) is a run of fleet test, not of other"), "\(refused.standardError)")
            let unknown = try await runConvoy(["rollback", "--run", "19990101", "--yes"], in: folder)
            #expect(unknown.exitCode == 64)
            #expect(unknown.standardError.contains("there is no run “19990101”"))
            for database in databases { #expect(try await Self.ledger(database).count == 3) }
        }
    }

    /// A run that is still active is refused; once it was killed, what it committed is found in the databases.
    @Test func aKilledRunIsUndoneAndAnActiveOneIsNot() async throws {
        var migrations = Self.migrations()
        migrations["Migrations/20200104000000_slow.sql"] = "-- migrate:up\nSELECT pg_sleep(60);\n-- migrate:down\nSELECT 1;\n"
        try await PostgresServer.shared().withDatabases(2) { databases in
            try await withFleet(databases, migrations: migrations, waves: ["{name: all, max_parallel: 1}"]) { folder in
                #expect(try await runConvoy(["migrate", "--yes", "--to", "\(Self.first)"], in: folder).exitCode == 0)
                let process = try ConvoyProcess(["migrate", "--yes"], in: folder)
                process.closeInput()
                try await eventually("the slow one is in progress", within: .seconds(60)) { try await Self.ledger(databases[0]).count == 3 }
                let active = try await runConvoy(["rollback", "--run", "latest", "--yes"], in: folder)
                #expect(active.exitCode == 64)
                #expect(active.standardError.contains("is still active"))
                #expect(active.standardError.contains("convoy stop"))
                process.kill()
                #expect(try await process.result().exitCode == 128 + 9)
                // The server notices within a second that the process is gone.
                try await eventually("its session has ended", within: .seconds(60)) {
                    try await databases[0].query(
                        "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'convoy 2%'"
                    ).onlyRow().int64("n") == 0
                }
                let result = try await runConvoy(["rollback", "--run", "latest", "--yes", "--output", "json"], in: folder)
                #expect(result.exitCode == 0, "\(result.standardError)")
                #expect(try await Self.ledger(databases[0]) == [Self.first])
                #expect(try await Self.ledger(databases[1]) == [Self.first])
            }
        }
    }

    /// The way back of each instance is in the plan, so a resumed rollback ends where one does that was not killed.
    @Test func aRollbackOfARunIsResumed() async throws {
        let slow = Self.migrations(down: "ALTER TABLE cars DROP COLUMN colour;\nSELECT pg_sleep(1);")
        try await Self.withMigratedFleet(slow) { databases, folder, run in
            let process = try ConvoyProcess(["rollback", "--run", run, "--yes"], in: folder)
            process.closeInput()
            try await eventually("alice is in the middle or back", within: .seconds(60)) { try await Self.ledger(databases[0]).count < 3 }
            process.kill()
            #expect(try await process.result().exitCode == 128 + 9)
            let preview = try jsonObject(try await runConvoy(["resume", "--dry-run", "--output", "json"], in: folder))
            #expect(preview["rollback_of"] as? String == run)
            let resumed = try await runConvoy(["resume", "--yes", "--output", "json"], in: folder)
            #expect(resumed.exitCode == 0, "\(resumed.standardError)")
            #expect(try await Self.ledger(databases[0]) == [Self.first])
            #expect(try await Self.ledger(databases[1]) == [Self.first, Self.second])
        }
    }

    @Test(arguments: [["--run", "latest", "--to", "1"], ["--run", "latest", "--steps", "1"], []])
    func isTheOnlyTarget(_ arguments: [String]) async throws {
        let result = try await runConvoy(["rollback", "--yes"] + arguments)
        #expect(result.exitCode == 64)
        #expect(result.standardError.contains("specify one of --to, --steps and --run"), "\(result.standardError)")
    }
}
