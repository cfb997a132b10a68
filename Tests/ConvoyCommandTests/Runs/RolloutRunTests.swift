import ConvoyFleet
import ConvoyPostgres
import ConvoyRun
import Foundation
import TestSupport
import Testing
import convoy

/// Runs that stop by themselves, go back, and go on: on real databases, with the program as its user runs it.
@Suite(.timeLimit(.minutes(10)))
struct RolloutRunTests {
    /// Three migrations: the second is slow, the third fails where the database says so.
    private static func migrations(pause: Double = 0) -> [String: String] {
        [
            "Migrations/1_cars.sql": "-- migrate:up\nCREATE TABLE cars (id bigint PRIMARY KEY);\n-- migrate:down\nDROP TABLE cars;\n",
            "Migrations/2_names.sql": """
            -- migrate:up
            ALTER TABLE cars ADD COLUMN name text;
            SELECT pg_sleep(\(pause));
            -- migrate:down
            ALTER TABLE cars DROP COLUMN name;

            """,
            "Migrations/3_trips.sql": """
            -- migrate:up
            CREATE TABLE trips (id bigint PRIMARY KEY);
            DO $$ BEGIN
                IF to_regclass('public.trouble') IS NOT NULL THEN RAISE EXCEPTION 'the value 4711 does not fit' USING ERRCODE = '22003'; END IF;
            END $$;
            -- migrate:down
            DROP TABLE trips;

            """,
        ]
    }

    private func withFleet(
        _ databases: [TestDatabase],
        migrations: [String: String] = migrations(),
        rollout: String,
        limits: String = "",
        _ body: (_ folder: String) async throws -> Void
    ) async throws {
        var lines = ["version: 1", "fleet: test", "defaults: {connect_timeout: 30s, lock_wait: 60s}", limits, "instances:"]
        for (index, database) in databases.enumerated() {
            lines.append(
                "  - {name: \(Self.name(index)), host: \(database.server.socketFolder), port: \(database.server.port), "
                    + "user: \(database.ownerName), database: \(database.name)}"
            )
        }
        var files = migrations
        files["fleet.yaml"] = lines.filter { !$0.isEmpty }.joined(separator: "\n") + "\nrollout:\n" + rollout + "\n"
        try await withTemporaryFolder(files: files, body)
    }

    private static func name(_ index: Int) -> String { "i" + String(repeating: "0", count: 2 - String(index).count) + String(index) }

    private struct Report: Decodable {
        struct Instance: Decodable {
            struct Applied: Decodable, Equatable {
                var version: String
                var direction: String
            }

            struct Failure: Decodable, Equatable {
                var sqlstate: String?
            }

            var name: String
            var wave: String
            var outcome: String
            var from: String?
            var to: String?
            var applied: [Applied]
            var failure: Failure?
        }

        var run: String
        var status: String
        var instances: [Instance]
    }

    private func report(_ result: ConvoyResult) throws -> Report {
        try JSONDecoder().decode(Report.self, from: Data(result.standardOutput.utf8))
    }

    /// Versions in the ledger; nil where there is none.
    private func ledger(_ database: TestDatabase) async throws -> [Int64]? {
        let there = try await database.query("SELECT to_regclass('public.schema_migrations') IS NOT NULL AS there").onlyRow().bool("there")
        guard there else { return nil }
        return try await database.query("SELECT version FROM schema_migrations ORDER BY version").rows.map { try $0.int64("version") }
    }

    /// The tables and columns of the app.
    private func catalogue(_ database: TestDatabase) async throws -> String? {
        try await database.query(
            """
            SELECT string_agg(format('%s.%s %s', table_name, column_name, data_type), ',' ORDER BY table_name, column_name) AS text
            FROM information_schema.columns WHERE table_schema = 'public'
            """
        ).onlyRow().optionalText("text")
    }

    @Test func theSameFailureThreeTimesHaltsTheFleet() async throws {
        try await PostgresServer.shared().withDatabases(60) { databases in
            let rollout = "  waves:\n    - {name: all, max_parallel: 2, stop: {same_failure: 3}}"
            try await withFleet(databases, rollout: rollout) { folder in
                let first = try await runConvoy(["migrate", "--yes", "--to", "1"], in: folder)
                #expect(first.exitCode == 0, "\(first.standardError)")
                for index in [4, 9, 14] { _ = try await databases[index].query("CREATE TABLE public.trouble ()") }
                let result = try await runConvoy(["migrate", "--yes", "--output", "json"], in: folder)
                #expect(result.exitCode == 2, "\(result.standardError)")
                #expect(result.standardError.contains("same_failure: 3"))
                #expect(result.standardError.contains("then continue with the remaining instances:"))
                let report = try report(result)
                #expect(report.status == "halted")
                #expect(report.instances.filter { $0.outcome == "failed" }.map(\.name) == ["i04", "i09", "i14"])
                #expect(report.instances.allSatisfy { ["migrated", "failed", "pending"].contains($0.outcome) })
                let started = report.instances.count { $0.outcome != "pending" }
                // While the third one fails its neighbour gets on; how far depends on the machine.
                #expect((15...30).contains(started))
                for (instance, database) in zip(report.instances, databases) {
                    let expected: [Int64] =
                        switch instance.outcome {
                        case "migrated": [1, 2, 3]
                        case "failed": [1, 2]
                        default: [1]
                        }
                    let found = try await ledger(database)
                    #expect(found == expected, "\(instance.name)")
                }
                let over = try await runConvoy(["resume", "--yes"], in: folder)
                #expect(over.exitCode == 64)
                #expect(over.standardError.contains("was halted and cannot be resumed"))
            }
        }
    }

    /// Kills the coordinator again and again, at moments that chance chooses, and goes on each time.
    @Test func killedFiftyTimesARunEndsAsOneThatWasNot() async throws {
        let rounds = 5
        let killsEach = 10
        let migrations = Dictionary(
            uniqueKeysWithValues: (1...24).map { version in
                (
                    "Migrations/\(version)_table.sql",
                    "-- migrate:up\nCREATE TABLE t\(version) (id bigint);\nSELECT pg_sleep(0.02);\n-- migrate:down\nDROP TABLE t\(version);\n"
                )
            }
        )
        let rollout = "  waves:\n    - {name: first, count: 2}\n    - {name: rest, max_parallel: 3}"
        try await PostgresServer.shared().withDatabases(6) { databases in
            try await withFleet(databases, migrations: migrations, rollout: rollout) { folder in
                var undisturbed: [Report.Instance]?
                for round in 0...rounds {
                    var arguments = ["migrate", "--yes", "--output", "json"]
                    var kills = 0
                    var ended: ConvoyResult?
                    while round > 0, kills < killsEach {
                        let process = try ConvoyProcess(arguments, in: folder, timeLimit: .seconds(180))
                        // Later in the run with each kill, and never at the same place.
                        let total = databases.count * migrations.count
                        let threshold = kills * total / (killsEach + 3) + Int.random(in: 1...8)
                        try await eventually("\(threshold) migrations of round \(round) are applied", within: .seconds(90)) {
                            try await appliedNow(databases) >= threshold
                        }
                        process.kill()
                        let result = try await process.result()
                        // It was done just before it could be killed.
                        if result.exitCode == 0 {
                            ended = result
                            break
                        }
                        #expect(result.exitCode == 128 + 9)
                        kills += 1
                        arguments = ["resume", "--yes", "--output", "json"]
                    }
                    let last = if let ended { ended } else { try await runConvoy(arguments, in: folder) }
                    #expect(last.exitCode == 0, "round \(round): \(last.standardError)")
                    let report = try report(last)
                    #expect(report.status == "succeeded")
                    for database in databases {
                        let row = try await database.query(
                            "SELECT count(*) AS n, count(DISTINCT version) AS versions FROM convoy.migration_log WHERE run = '\(report.run)'"
                        ).onlyRow()
                        #expect(try row.int64("n") == migrations.count, "round \(round), \(database.name)")
                        #expect(try row.int64("versions") == migrations.count)
                    }
                    let instances = report.instances
                    if let undisturbed {
                        for (found, expected) in zip(instances, undisturbed) {
                            #expect(
                                (found.name, found.wave, found.outcome) == (expected.name, expected.wave, expected.outcome),
                                "round \(round)"
                            )
                            #expect((found.from, found.to) == (expected.from, expected.to), "round \(round), \(found.name)")
                            #expect(found.applied == expected.applied, "round \(round), \(found.name)")
                        }
                    } else {
                        undisturbed = instances
                    }
                    let reset =
                        "DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION pg_database_owner; DROP SCHEMA convoy CASCADE"
                    for database in databases {
                        for statement in reset.split(separator: ";") { _ = try await database.query(String(statement)) }
                    }
                }
            }
        }
    }

    private func appliedNow(_ databases: [TestDatabase]) async throws -> Int {
        var count = 0
        for database in databases { count += try await ledger(database)?.count ?? 0 }
        return count
    }

    @Test func aWaveReturnsToWhereItStarted() async throws {
        try await PostgresServer.shared().withDatabases(5) { databases in
            let rollout = "  waves:\n    - {name: first, names: [i00]}\n    - {name: rest, max_parallel: 1, on_failure: rollback}"
            try await withFleet(databases, rollout: rollout) { folder in
                #expect(try await runConvoy(["migrate", "--yes", "--to", "1"], in: folder).exitCode == 0)
                _ = try await databases[3].query("CREATE TABLE public.trouble ()")
                var before: [String?] = []
                for database in databases { before.append(try await catalogue(database)) }
                let result = try await runConvoy(["migrate", "--yes", "--output", "json"], in: folder)
                #expect(result.exitCode == 2, "\(result.standardError)")
                let report = try report(result)
                #expect(report.instances.map(\.outcome) == ["migrated", "rolled-back", "rolled-back", "failed", "pending"])
                #expect(report.instances[3].failure?.sqlstate == "22003")
                for index in 1..<databases.count {
                    let found = try await ledger(databases[index])
                    let now = try await catalogue(databases[index])
                    #expect(found == [1])
                    #expect(now == before[index])
                }
                #expect(try await ledger(databases[0]) == [1, 2, 3])
            }
        }
    }

    @Test func aRollbackThatCannotBeIsRefusedBeforehand() async throws {
        try await PostgresServer.shared().withDatabases(1) { databases in
            var migrations = Self.migrations()
            migrations["Migrations/2_names.sql"] =
                "-- migrate:up\nDROP TABLE cars;\n-- migrate:down\n-- convoy:irreversible the cars are gone\n"
            let rollout = "  waves:\n    - {name: all, on_failure: rollback-instance}"
            try await withFleet(databases, migrations: migrations, rollout: rollout) { folder in
                let result = try await runConvoy(["migrate", "--yes"], in: folder)
                #expect(result.exitCode == 1)
                #expect(result.standardError.contains("wave all, version 2 (Migrations/2_names.sql:4): the cars are gone"))
                #expect(try await ledger(databases[0]) == nil)
            }
        }
    }

    @Test func aPlanIsRefusedAfterOneInstanceMoved() async throws {
        try await PostgresServer.shared().withDatabases(3) { databases in
            try await withFleet(databases, rollout: "  waves:\n    - {name: all}") { folder in
                #expect(try await runConvoy(["plan", "--out", "plan.json"], in: folder).exitCode == 0)
                #expect(try await runConvoy(["migrate", "--yes", "--to", "1", "--select", "name=i01"], in: folder).exitCode == 0)
                let refused = try await runConvoy(["migrate", "--yes", "--plan", "plan.json"], in: folder)
                #expect(refused.exitCode == 1)
                #expect(refused.standardError.contains("\n  instance i01 is at version 1, not none\n"))
                #expect(!refused.standardError.contains("i00"))
                #expect(try await ledger(databases[0]) == nil)
                #expect(try await runConvoy(["plan", "--out", "plan.json"], in: folder).exitCode == 0)
                let taken = try await runConvoy(["migrate", "--yes", "--plan", "plan.json"], in: folder)
                #expect(taken.exitCode == 0, "\(taken.standardError)")
                #expect(try await ledger(databases[2]) == [1, 2, 3])
            }
        }
    }

    /// The disk of the journal fills up in the middle of a run, and has room again later.
    @Test func aFullDiskHaltsTheRunAndItGoesOnLater() async throws {
        try await PostgresServer.shared().withDatabases(8) { databases in
            let rollout = "  waves:\n    - {name: all, max_parallel: 1}"
            try await withFleet(databases, migrations: Self.migrations(pause: 0.3), rollout: rollout) { folder in
                let disk = "\(folder)/.convoy"
                try FileManager.default.createDirectory(atPath: disk, withIntermediateDirectories: true)
                let mounted = try await ChildProcess("/bin/mount", ["-t", "tmpfs", "-o", "size=2m", "convoy-test", disk], environment: [:])
                    .wait()
                try #require(mounted.status == .exited(0), "\(mounted.standardError)")
                let process = try ConvoyProcess(["migrate", "--yes", "--output", "json"], in: folder)
                process.closeInput()
                try await eventually("the run has begun", within: .seconds(60)) { try await appliedNow(databases) > 0 }
                // Written until nothing fits any more.
                let filler = try ChildProcess("/bin/dd", ["if=/dev/zero", "of=\(disk)/filler", "bs=1k"], environment: [:])
                _ = await filler.wait()
                let halted = try await process.result()
                #expect(halted.exitCode == 2, "\(halted.standardError)")
                #expect(halted.standardError.contains("the journal can no longer be written"))
                #expect(halted.standardError.contains("convoy resume"))
                let touched = try await appliedNow(databases)
                #expect(touched < databases.count * 3)
                try FileManager.default.removeItem(atPath: "\(disk)/filler")
                let resumed = try await runConvoy(["resume", "--yes", "--output", "json"], in: folder)
                #expect(resumed.exitCode == 0, "\(resumed.standardError)")
                let report = try report(resumed)
                #expect(
                    report.instances.allSatisfy {
                        $0.outcome == "migrated" && $0.applied.map(\.version) == ["1", "2", "3"] && $0.from == nil
                    }
                )
                for database in databases {
                    let rows = try await database.query("SELECT count(*) AS n FROM convoy.migration_log").onlyRow().int64("n")
                    #expect(rows == 3)
                }
                _ = try await ChildProcess("/bin/umount", ["-l", disk], environment: [:]).wait()
            }
        }
    }

    /// Nobody could resume a run whose events go into a file without a name.
    @Test func aJournalThatIsMovedAwayHaltsTheRun() async throws {
        try await PostgresServer.shared().withDatabases(4) { databases in
            let rollout = "  waves:\n    - {name: all, max_parallel: 1}"
            try await withFleet(databases, migrations: Self.migrations(pause: 0.3), rollout: rollout) { folder in
                let process = try ConvoyProcess(["migrate", "--yes", "--output", "json"], in: folder)
                process.closeInput()
                try await eventually("the run has begun", within: .seconds(60)) { try await appliedNow(databases) > 0 }
                try FileManager.default.moveItem(atPath: "\(folder)/.convoy/journal.sqlite", toPath: "\(folder)/away.sqlite")
                let halted = try await process.result()
                #expect(halted.exitCode == 2, "\(halted.standardError)")
                #expect(halted.standardError.contains("the file was removed or replaced while it was in use"), "\(halted.standardError)")
                #expect(try await appliedNow(databases) < databases.count * 3)
                try FileManager.default.moveItem(atPath: "\(folder)/away.sqlite", toPath: "\(folder)/.convoy/journal.sqlite")
                let resumed = try await runConvoy(["resume", "--yes", "--output", "json"], in: folder)
                #expect(resumed.exitCode == 0, "\(resumed.standardError)")
                #expect(try report(resumed).instances.allSatisfy { $0.outcome == "migrated" && $0.applied.count == 3 })
            }
        }
    }

    /// A gate that waits for somebody, a server that is paused, a run that is stopped: all from another process.
    @Test func anotherProcessApprovesPausesAndStops() async throws {
        try await PostgresServer.shared().withDatabases(3) { databases in
            let rollout = "  waves:\n    - {name: canary, names: [i00], gate: {approve: true}}\n    - {name: rest, max_parallel: 1}"
            try await withFleet(databases, rollout: rollout) { folder in
                let process = try ConvoyProcess(["migrate", "--yes"], in: folder)
                process.closeInput()
                let early = await process.wait { $0.standardError.contains("gate of wave canary: the next wave waits") }
                #expect(early.status == nil)
                let server = "\(databases[0].server.socketFolder):\(databases[0].server.port)"
                #expect(try await runConvoy(["pause", "--server", "nowhere"], in: folder).exitCode == 64)
                #expect(try await runConvoy(["pause", "--server", server], in: folder).exitCode == 0)
                await process.wait { $0.standardError.contains("paused by") }
                #expect(try await runConvoy(["approve"], in: folder).exitCode == 0)
                await process.wait { $0.standardError.contains("wave rest: 2 instances") }
                #expect(try await ledger(databases[1]) == nil)
                #expect(try await runConvoy(["approve"], in: folder).exitCode == 64)
                #expect(try await runConvoy(["resume", "--yes"], in: folder).exitCode == 64)
                #expect(try await runConvoy(["stop"], in: folder).exitCode == 0)
                let stopped = try await process.result()
                #expect(stopped.exitCode == 130, "\(stopped.standardError)")
                #expect(try await ledger(databases[1]) == nil)
                let resume = try ConvoyProcess(["resume", "--yes"], in: folder)
                resume.closeInput()
                await resume.wait { $0.standardError.contains("resumed by") }
                #expect(try await runConvoy(["unpause", "--server", server], in: folder).exitCode == 0)
                let resumed = try await resume.result()
                #expect(resumed.exitCode == 0, "\(resumed.standardError)")
                #expect(!resumed.standardError.contains("gate of wave canary: the next wave waits"))
                #expect(try await ledger(databases[2]) == [1, 2, 3])
                #expect(try await runConvoy(["abandon", "latest"], in: folder).exitCode == 64)
            }
        }
    }

    /// Steps are counted from where an instance stood, however often the coordinator dies on the way.
    @Test func stepsDownAreCountedOnce() async throws {
        let migrations = Dictionary(
            uniqueKeysWithValues: (1...20).map { version in
                (
                    "Migrations/\(version)_table.sql",
                    "-- migrate:up\nCREATE TABLE t\(version) (id bigint);\n-- migrate:down\nDROP TABLE t\(version);\nSELECT pg_sleep(0.1);\n"
                )
            }
        )
        try await PostgresServer.shared().withDatabases(2) { databases in
            try await withFleet(databases, migrations: migrations, rollout: "  waves:\n    - {name: all}") { folder in
                #expect(try await runConvoy(["migrate", "--yes"], in: folder).exitCode == 0)
                var arguments = ["rollback", "--yes", "--steps", "12"]
                for left in [37, 30, 22] {
                    let process = try ConvoyProcess(arguments, in: folder)
                    try await eventually("\(left) migrations are left", within: .seconds(60)) { try await appliedNow(databases) <= left }
                    process.kill()
                    #expect(try await process.result().exitCode == 128 + 9)
                    arguments = ["resume", "--yes", "--output", "json"]
                }
                let last = try await runConvoy(arguments, in: folder)
                #expect(last.exitCode == 0, "\(last.standardError)")
                let report = try report(last)
                #expect(
                    report.instances.allSatisfy { $0.outcome == "rolled-back" && $0.from == "20" && $0.to == "8" && $0.applied.count == 12 }
                )
                for database in databases { #expect(try await ledger(database) == (1...8).map(Int64.init)) }
            }
        }
    }

    /// One instance has failed and another is in the middle when the coordinator dies: the wave is still returned whole.
    @Test func aKilledRunStillReturnsItsWave() async throws {
        try await PostgresServer.shared().withDatabases(2) { databases in
            var migrations = Self.migrations()
            migrations["Migrations/2_names.sql"] = Self.migrations()["Migrations/3_trips.sql"]
            migrations["Migrations/3_trips.sql"] = "-- migrate:up\nSELECT pg_sleep(3);\n-- migrate:down\nSELECT 1;\n"
            let rollout = "  waves:\n    - {name: all, on_failure: rollback}"
            try await withFleet(databases, migrations: migrations, rollout: rollout) { folder in
                #expect(try await runConvoy(["migrate", "--yes", "--to", "1"], in: folder).exitCode == 0)
                _ = try await databases[0].query("CREATE TABLE public.trouble ()")
                let process = try ConvoyProcess(["migrate", "--yes"], in: folder)
                await process.wait { $0.standardError.contains("halted:") }
                try await eventually("the other one is in the middle", within: .seconds(30)) { try await ledger(databases[1]) == [1, 2] }
                process.kill()
                #expect(try await process.result().exitCode == 128 + 9)
                let resumed = try await runConvoy(["resume", "--yes", "--output", "json"], in: folder)
                #expect(resumed.exitCode == 2, "\(resumed.standardError)")
                let report = try report(resumed)
                #expect(report.instances.map(\.outcome) == ["failed", "rolled-back"])
                for database in databases { #expect(try await ledger(database) == [1]) }
            }
        }
    }
}
