import ConvoyPostgres
import Foundation
import TestSupport
import Testing

/// What is printed after a run that did not come to its end, given as it stands, in the state in which it is printed.
@Suite(.timeLimit(.minutes(2)))
struct NextStepsTests {
    /// Three versions; none can be reverted while `cars` is empty, which no look beforehand finds.
    private static let migrations = [
        "Migrations/1_cars.sql":
            "-- migrate:up\nCREATE TABLE cars (id bigint);\n-- migrate:down\nSELECT 1 / count(*) FROM cars;\nDROP TABLE cars;\n",
        "Migrations/2_plates.sql":
            "-- migrate:up\nALTER TABLE cars ADD plate text;\n-- migrate:down\nSELECT 1 / count(*) FROM cars;\nALTER TABLE cars DROP plate;\n",
        "Migrations/3_names.sql":
            "-- migrate:up\nALTER TABLE cars ADD name text;\n-- migrate:down\nSELECT 1 / count(*) FROM cars;\nALTER TABLE cars DROP name;\n",
    ]

    private func versions(_ database: TestDatabase) async throws -> [String] {
        try await database.query("SELECT version::text AS v FROM schema_migrations ORDER BY version").rows.map { try $0.text("v") }
    }

    @Test(arguments: ["{name: all, max_parallel: 1, stop: {failures: 1}}", "{name: all, max_parallel: 1}"])
    func aRollbackByStepsContinuesWithoutASecondStep(_ wave: String) async throws {
        try await PostgresServer.shared().withDatabases(3) { databases in
            try await withFleet(databases, migrations: Self.migrations, waves: [wave]) { folder in
                #expect(try await runConvoy(["migrate", "--yes"], in: folder).exitCode == 0)
                for index in [0, 2] { try await databases[index].execute(["INSERT INTO cars VALUES (1)"]) }
                let rollback = try await runConvoy(["rollback", "--steps", "1", "--yes"], in: folder)
                #expect([1, 2].contains(rollback.exitCode))
                #expect(try await versions(databases[0]) == ["1", "2"])
                let commands = printedCommands(rollback.standardError)
                #expect(commands.count == 1, "\(rollback.standardError)")
                #expect(!rollback.standardError.contains("same command"))

                // As it is printed the cause is still there; then it is gone; then nothing is left.
                for isFixed in [false, true, true] {
                    if isFixed { try await databases[1].execute(["INSERT INTO cars VALUES (1)"]) }
                    for command in commands {
                        let end = try await runPrinted(command, "--yes", in: folder)
                        #expect((end.exitCode == 0) == isFixed, "\(end.said)")
                    }
                    #expect(try await versions(databases[0]) == ["1", "2"])
                }
                for database in databases { #expect(try await versions(database) == ["1", "2"]) }
            }
        }
    }

    @Test func eachInstanceIsNamedWithTheVersionWhereItsStepsEnd() async throws {
        try await PostgresServer.shared().withDatabases(3) { databases in
            try await withFleet(databases, migrations: Self.migrations, waves: ["{name: all, stop: {failures: 3}}"]) { folder in
                for (version, name) in [("3", "alice"), ("2", "bob"), ("1", "carol")] {
                    _ = try await runConvoy(["migrate", "--yes", "--to", version, "--select", "name=\(name)"], in: folder)
                }
                let rollback = try await runConvoy(["rollback", "--steps", "1", "--yes"], in: folder)
                #expect(rollback.exitCode == 2)
                let expected = ["convoy rollback --to 2 --select name=alice", "convoy rollback --to 1 --select name=bob"]
                #expect(printedCommands(rollback.standardError) == expected)
                #expect(rollback.standardError.contains("the target version of carol is unknown"))

                // The run cannot be resumed, and says the same.
                let resume = try await runConvoy(["resume", "--yes", "latest"], in: folder)
                #expect(resume.exitCode == 64)
                #expect(printedCommands(resume.standardError) == expected, "\(resume.standardError)")

                for database in databases { try await database.execute(["INSERT INTO cars VALUES (1)"]) }
                for command in expected { #expect(try await runPrinted(command, "--yes", in: folder).exitCode == 0) }
                #expect(try await versions(databases[0]) == ["1", "2"])
                #expect(try await versions(databases[1]) == ["1"])
                #expect(try await versions(databases[2]) == ["1"])
            }
        }
    }

    @Test func aHaltedMigrateContinuesWithWhatItWasAskedFor() async throws {
        try await PostgresServer.shared().withDatabases(3) { databases in
            var migrations = Self.migrations
            migrations["Migrations/2_plates.sql"] =
                "-- migrate:up\nSELECT 1 / count(*) FROM pg_class WHERE relname = 'ready';\n-- migrate:down\nSELECT 1;\n"
            let waves = ["{name: canary, select: 'ring in (r0, r1)', stop: {failures: 1}}", "{name: rest}"]
            try await withFleet(databases, migrations: migrations, waves: waves) { folder in
                let arguments = ["migrate", "--yes", "--to", "2", "--wave", "canary", "--select", "name!=bob", "--fleet", "./fleet.yaml"]
                let halted = try await runConvoy(arguments, in: folder)
                #expect(halted.exitCode == 2)
                let command = "convoy migrate --to 2 --wave canary --select 'name!=bob' --fleet ./fleet.yaml"
                #expect(printedCommands(halted.standardError) == [command])
                try await databases[0].execute(["CREATE TABLE ready ()"])
                #expect(try await runPrinted(command, "--yes", in: folder).exitCode == 0)
                #expect(try await versions(databases[0]) == ["1", "2"])
                #expect(try await databases[1].query("SELECT 1 FROM pg_class WHERE relname = 'schema_migrations'").rows.isEmpty)
            }
        }
    }

    @Test func theHintAboutAPlanMakesOneAndReplacesNothing() async throws {
        try await withDatabase { database in
            try await withFleet([database]) { folder in
                let before = try String(contentsOfFile: "\(folder)/fleet.yaml", encoding: .utf8)
                let refused = try await runConvoy(["migrate", "--plan", "fleet.yaml", "--yes"], in: folder)
                #expect(refused.exitCode == 64)
                let command = try #require(refused.standardError.split(separator: "`").first { $0.hasPrefix("convoy plan") })
                #expect(try await runPrinted(String(command), in: folder).exitCode == 0)
                #expect(try String(contentsOfFile: "\(folder)/fleet.yaml", encoding: .utf8) == before)
                #expect(try await runConvoy(["migrate", "--plan", "plan.json", "--yes"], in: folder).exitCode == 0)
                #expect(try await versions(database).count == 2)
            }
        }
    }
}
