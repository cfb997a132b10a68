import ConvoyPostgres
import Foundation
import TestSupport
import Testing

/// A run that was left behind, and newer runs over the same instances.
@Suite(.timeLimit(.minutes(2)))
struct StaleRunTests {
    private static let migrations = [
        "Migrations/1_cars.sql": "-- migrate:up\nCREATE TABLE cars (id bigint);\n-- migrate:down\nDROP TABLE cars;\n",
        "Migrations/2_plates.sql":
            "-- migrate:up\nALTER TABLE cars ADD plate text;\n-- migrate:down\nALTER TABLE cars DROP plate;\nSELECT pg_sleep(1);\n",
        "Migrations/3_names.sql":
            "-- migrate:up\nALTER TABLE cars ADD name text;\n-- migrate:down\nALTER TABLE cars DROP name;\nSELECT pg_sleep(1);\n",
    ]

    private func versions(_ database: TestDatabase) async throws -> [String] {
        try await database.query("SELECT version::text AS v FROM schema_migrations ORDER BY version").rows.map { try $0.text("v") }
    }

    /// Half a rollback by two steps: alice is done, bob was not reached.
    private func withHalfARollback(_ body: (_ folder: String, _ databases: [TestDatabase], _ run: String) async throws -> Void) async throws
    {
        try await PostgresServer.shared().withDatabases(2) { databases in
            try await withFleet(databases, migrations: Self.migrations, waves: ["{name: all, max_parallel: 1}"]) { folder in
                #expect(try await runConvoy(["migrate", "--yes"], in: folder).exitCode == 0)
                let process = try ConvoyProcess(["rollback", "--steps", "2", "--yes"], in: folder)
                try await eventually("alice is on its way", within: .seconds(30)) { try await versions(databases[0]) == ["1", "2"] }
                process.interrupt()
                let result = try await process.result()
                #expect(result.exitCode == 130)
                let resume = try #require(printedCommands(result.standardError.replacing("to continue, run: ", with: "\n")).first)
                try await body(folder, databases, try #require(resume.split(separator: " ").last.map(String.init)))
            }
        }
    }

    @Test func anOlderRunIsNotResumedByItself() async throws {
        try await withHalfARollback { folder, databases, run in
            // A week later bob is upgraded.
            let newer = try await runConvoy(["migrate", "--yes", "--fleet", "./fleet.yaml"], in: folder)
            #expect(newer.exitCode == 0)
            #expect(newer.standardError.contains("note: run \(run) is unfinished"))
            #expect(newer.standardError.contains("`convoy resume \(run) --fleet ./fleet.yaml` continues it"))
            let resume = try await runConvoy(["resume", "--yes"], in: folder)
            #expect(resume.exitCode == 64)
            #expect(resume.standardError.contains("out of date"))
            #expect(resume.standardError.contains("has worked on alice"))
            for database in databases { #expect(try await versions(database) == ["1", "2", "3"]) }

            // What its hint says shows what would happen.
            let hint = try #require(
                resume.standardError.split(separator: "`").first { $0.hasPrefix("convoy resume") && $0.contains("--dry-run") }
            )
            let dry = try await runPrinted(String(hint), in: folder)
            #expect(dry.exitCode == 0, "\(dry.said)")
            #expect(dry.said.contains("revert 2 migrations on 1 of 1 instance"), "\(dry.said)")
            #expect(dry.said.contains("has 1 of 2 instances left"))
            for database in databases { #expect(try await versions(database) == ["1", "2", "3"]) }

            // The report of the old run says where its instances are now.
            let show = try await runConvoy(["runs", "show", run], in: folder)
            #expect(show.standardOutput.contains("since then: run "), "\(show.standardOutput)")
            #expect(show.standardOutput.contains("alice is at 3"))
            let report = try jsonObject(try await runConvoy(["report", run, "--no-probe", "--output", "json"], in: folder))
            let instances = try #require(report["instances"] as? [[String: Any]])
            #expect(instances.map { $0["version"] as? String } == ["3", "3"])

            // Named and confirmed it goes on.
            #expect(try await runConvoy(["resume", run, "--yes"], in: folder).exitCode == 0)
            #expect(try await versions(databases[0]) == ["1", "2", "3"])
            #expect(try await versions(databases[1]) == ["1"])
        }
    }

    @Test func theNewestRunIsResumedWithoutItsName() async throws {
        try await withHalfARollback { folder, databases, run in
            let dry = try await runConvoy(["resume", "--dry-run", "--output", "json"], in: folder)
            #expect(dry.exitCode == 0, "\(dry.standardError)")
            let plan = try jsonObject(dry)
            #expect(plan["schema"] as? String == "convoy.plan/1")
            #expect((plan["instances"] as? [[String: Any]])?.map { $0["name"] as? String } == ["bob"])
            #expect(try await runConvoy(["resume", "--yes"], in: folder).exitCode == 0)
            for database in databases { #expect(try await versions(database) == ["1"]) }
        }
    }
}
