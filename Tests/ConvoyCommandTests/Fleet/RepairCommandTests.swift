import ConvoyPostgres
import Foundation
import TestSupport
import Testing

/// `convoy repair`: databases that a kill, a restore, a clone or an edited set has left, as the program's user repairs them.
@Suite(.timeLimit(.minutes(10)))
struct RepairCommandTests {
    private static let (first, second, third) = ("20200101000000", "20200102000000", "20200103000000")
    private static let (fourth, fifth) = ("20200104000000", "20200105000000")
    private static let all = [first, second, third, fourth, fifth]

    /// The third migration changes only rows, and the fifth runs outside of a transaction.
    private static let files: [String: String] = {
        var files = SmallSet.files
        files["Migrations/\(third)_fill_plates.sql"] = "-- migrate:up\nUPDATE cars SET plate = 'x' || id;\n-- migrate:down\n"
        files["Migrations/\(fourth)_create_trips.sql"] =
            "-- migrate:up\nCREATE TABLE trips (id bigint PRIMARY KEY);\n-- migrate:down\nDROP TABLE trips;\n"
        files["Migrations/\(fifth)_index_plates.sql"] = """
            -- migrate:up transaction:false
            CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS cars_plate ON cars (plate);
            -- migrate:down transaction:false
            DROP INDEX CONCURRENTLY IF EXISTS cars_plate;

            """
        return files
    }()

    /// Databases at the newest version, and the set with its catalogue.
    private func withRepairableFleet(
        _ count: Int = 1,
        on server: PostgresServer? = nil,
        _ body: (_ databases: [TestDatabase], _ folder: String) async throws -> Void
    ) async throws {
        let shared = try await PostgresServer.shared()
        try await (server ?? shared).withDatabases(count) { databases in
            try await withFleet(databases, migrations: Self.files) { folder in
                let server = databases[0].server
                let written = try await runConvoy(
                    ["catalogue", "host=\(server.socketFolder) port=\(server.port) user=postgres dbname=postgres"],
                    in: folder
                )
                try #require(written.exitCode == 0, "\(written.standardError)")
                try await migrate(folder)
                try await body(databases, folder)
            }
        }
    }

    private func migrate(_ folder: String) async throws {
        let result = try await runConvoy(["migrate", "--yes"], in: folder)
        try #require(result.exitCode == 0, "\(result.standardOutput)\(result.standardError)")
    }

    private func ledger(_ database: TestDatabase) async throws -> [String] {
        try await database.query("SELECT version::text AS version FROM public.schema_migrations ORDER BY version").rows.map {
            try $0.text("version")
        }
    }

    /// Without the breaks of lines.
    private func flat(_ text: String) -> String { text.replacing("\n", with: " ").replacing(#/ +/#, with: " ") }

    /// Damages a database, looks at the plan, repairs it, and checks that ledger and schema agree and that a second repair finds nothing.
    private func repair(
        _ database: TestDatabase,
        in folder: String,
        after damage: [String],
        _ options: [String] = [],
        shows words: [String],
        leaving versions: [String] = all
    ) async throws {
        try await database.execute(damage)
        let before = try await ledger(database)
        let shown = try await runConvoy(["repair", "--dry-run"] + options, in: folder)
        #expect(shown.exitCode == 0, "\(damage): \(shown.standardOutput)\(shown.standardError)")
        for words in words { #expect(flat(shown.standardOutput).contains(words), "\(words): \(shown.standardOutput)") }
        #expect(try await ledger(database) == before)
        let result = try await runConvoy(["repair", "--yes", "--output", "json"] + options, in: folder)
        #expect(result.exitCode == 0, "\(damage): \(result.standardOutput)\(result.standardError)")
        let instances = try jsonObject(result)["instances"] as? [[String: Any]]
        #expect(instances?.first?["outcome"] as? String == "repaired", "\(damage)")
        #expect(try await ledger(database) == versions, "\(damage)")
        let drift = try await runConvoy(["drift"], in: folder)
        // A database without a version is not compared.
        #expect(drift.exitCode == (versions.isEmpty ? 1 : 0), "\(damage): \(drift.standardOutput)")
        let again = try await runConvoy(["repair", "--yes"], in: folder)
        #expect(
            again.exitCode == 0 && again.standardOutput.contains("there is nothing to repair, so no run was started: 1 up-to-date"),
            "\(damage): \(again.standardOutput)"
        )
    }

    /// Damages a database, and checks that repair refuses it with the reason and changes nothing.
    private func refuse(
        _ database: TestDatabase,
        in folder: String,
        after damage: [String],
        _ options: [String] = [],
        says words: [String]
    ) async throws {
        try await database.execute(damage)
        let before = try await ledger(database)
        let result = try await runConvoy(["repair", "--yes"] + options, in: folder)
        #expect(result.exitCode == 1, "\(damage): \(result.standardOutput)\(result.standardError)")
        for words in words { #expect(flat(result.standardOutput).contains(words), "\(words): \(result.standardOutput)") }
        #expect(result.standardOutput.contains("1 blocked"), "\(result.standardOutput)")
        #expect(try await ledger(database) == before)
    }

    private func deleting(_ versions: String...) -> [String] {
        ["DELETE FROM schema_migrations WHERE version IN (\(versions.joined(separator: ", ")))"]
    }

    @Test(arguments: PostgresServer.Release.tested)
    func aLedgerThatSaysLess(release: PostgresServer.Release) async throws {
        try await withRepairableFleet(on: try await .shared(release)) { databases, folder in
            let alice = databases[0]
            try await repair(alice, in: folder, after: deleting(Self.fifth), shows: ["alice: 1 row into the ledger: \(Self.fifth)"])
            try await repair(
                alice,
                in: folder,
                after: deleting(Self.second, Self.third, Self.fourth, Self.fifth),
                shows: [
                    "4 rows into the ledger: \(Self.second), \(Self.third), \(Self.fourth), \(Self.fifth)",
                    "the schema has what these versions make",
                ]
            )
            try await repair(alice, in: folder, after: deleting(Self.second), shows: ["1 row into the ledger: \(Self.second)"])

            // A migration of rows leaves no trace: the operator has to know.
            try await refuse(
                alice,
                in: folder,
                after: deleting(Self.third),
                says: [
                    "whether they ran cannot be seen", "SELECT version, direction, run, started_at FROM convoy.migration_log",
                    "`convoy repair --instance NAME --at \(Self.fifth)`",
                ]
            )
            try await repair(alice, in: folder, after: [], ["--at", Self.fifth], shows: ["1 row into the ledger: \(Self.third)"])

            try await refuse(alice, in: folder, after: ["DELETE FROM schema_migrations"], says: ["`convoy baseline`"])
        }
    }

    @Test(arguments: PostgresServer.Release.tested)
    func aLedgerThatSaysMore(release: PostgresServer.Release) async throws {
        try await withRepairableFleet(on: try await .shared(release)) { databases, folder in
            let alice = databases[0]
            try await repair(
                alice,
                in: folder,
                after: ["DROP INDEX cars_plate"],
                shows: ["1 row out of the ledger: \(Self.fifth)", "the schema does not have what these versions make"],
                leaving: Self.all.dropLast()
            )
            try await migrate(folder)

            try await refuse(
                alice,
                in: folder,
                after: ["DROP INDEX cars_plate", "DROP TABLE trips"],
                says: ["the schema is that of each of \(Self.second), \(Self.third)", "`convoy repair --instance NAME --at \(Self.third)`"]
            )
            try await refuse(alice, in: folder, after: [], ["--at", Self.fourth], says: ["the schema is not that of \(Self.fourth)"])
            try await repair(
                alice,
                in: folder,
                after: [],
                ["--at", Self.third],
                shows: ["2 rows out of the ledger: \(Self.fourth), \(Self.fifth)"],
                leaving: Array(Self.all.prefix(3))
            )
            try await migrate(folder)

            // The ledger alone was restored.
            try await repair(
                alice,
                in: folder,
                after: ["DROP TABLE cars, trips"],
                shows: ["5 rows out of the ledger"],
                leaving: []
            )
            try await migrate(folder)
            #expect(try await ledger(alice) == Self.all)
        }
    }

    @Test(arguments: PostgresServer.Release.tested)
    func versionsWithoutAFileAndEditedFiles(release: PostgresServer.Release) async throws {
        try await withRepairableFleet(on: try await .shared(release)) { databases, folder in
            let alice = databases[0]
            let (older, newer) = ("20190101000000", "20300101000000")
            try await repair(
                alice,
                in: folder,
                after: ["INSERT INTO schema_migrations VALUES (\(older), now())"],
                shows: ["1 row out of the ledger: \(older)", "the migration set has no file of \(older)"]
            )
            try await refuse(
                alice,
                in: folder,
                after: ["INSERT INTO schema_migrations VALUES (\(newer), now())"],
                says: ["newer than the migration set: \(newer)", "--forget \(newer)"]
            )
            try await repair(alice, in: folder, after: [], ["--forget", newer], shows: ["1 row out of the ledger: \(newer)"])
            try await refuse(
                alice,
                in: folder,
                after: ["INSERT INTO schema_migrations VALUES (\(older), now())", "CREATE TABLE notes (id int)"],
                says: ["may be theirs: table public.notes"]
            )
            try await alice.execute(deleting(older))
            // What no version has does not matter to a ledger that is in order.
            let extra = try await runConvoy(["repair", "--yes"], in: folder)
            #expect(extra.exitCode == 0, "\(extra.standardOutput)")
            try await alice.execute(["DROP TABLE notes"])

            let file = "\(folder)/Migrations/\(Self.third)_fill_plates.sql"
            try writeFile(file, try String(contentsOfFile: file, encoding: .utf8).replacing("'x'", with: "'y'"))
            #expect(try await runConvoy(["status", "--check"], in: folder).exitCode == 3)
            let noted = try await runConvoy(["repair", "--yes"], in: folder)
            #expect(noted.exitCode == 0 && noted.standardError.contains("accept it with --accept-edited"), "\(noted.standardError)")
            try await repair(
                alice,
                in: folder,
                after: [],
                ["--accept-edited", Self.third],
                shows: ["1 edited file accepted: \(Self.third)"]
            )
            #expect(try await runConvoy(["status", "--check"], in: folder).exitCode == 0)
            // Edited again it is noticed again, and what a strict instance prints is what helps.
            try writeFile(file, try String(contentsOfFile: file, encoding: .utf8).replacing("'y'", with: "'z'"))
            #expect(try await runConvoy(["status", "--check"], in: folder).exitCode == 3)
            let fleetFile = "\(folder)/fleet.yaml"
            let lenient = try String(contentsOfFile: fleetFile, encoding: .utf8)
            try writeFile(fleetFile, lenient.replacing("defaults: {", with: "defaults: {strict: true, "))
            let strict = try await runConvoy(["status"], in: folder)
            let advice = try #require(flat(strict.standardOutput).firstMatch(of: #/`(convoy repair --accept-edited [0-9]+)`/#)?.1)
            try await refuse(alice, in: folder, after: [], says: ["the instance is strict", "--accept-edited \(Self.third)"])
            let accepted = try await runPrinted(String(advice), "--yes", in: folder)
            #expect(accepted.exitCode == 0, "\(accepted.said)")
            #expect(try await runConvoy(["status", "--check"], in: folder).exitCode == 0)
            let history = try await runConvoy(["history", "alice"], in: folder)
            #expect(history.standardOutput.contains(#/fill_plates \(repair\) +accepted/#), "\(history.standardOutput)")
        }
    }

    @Test(arguments: PostgresServer.Release.tested)
    func anInvalidIndex(release: PostgresServer.Release) async throws {
        try await withRepairableFleet(on: try await .shared(release)) { databases, folder in
            let alice = databases[0]
            let index = "CREATE UNIQUE INDEX CONCURRENTLY cars_plate ON cars (plate)"
            try await alice.execute(["DROP INDEX cars_plate", "INSERT INTO cars (id, plate) VALUES (1, 'a'), (2, 'a')"])
            await #expect(throws: PostgresError.self) { try await alice.execute([index]) }
            // The rows are still double.
            let failed = try await runConvoy(["repair", "--yes"], in: folder)
            #expect(failed.exitCode == 1, "\(failed.standardOutput)")
            #expect(flat(failed.standardOutput).contains("building index public.cars_plate again"), "\(failed.standardOutput)")
            #expect(try await invalidIndexes(alice).count == 2)
            try await repair(
                alice,
                in: folder,
                after: ["DELETE FROM cars"],
                shows: ["alice: 1 index built again: public.cars_plate"]
            )
            #expect(try await invalidIndexes(alice) == [])
            // An index of another tool is named and left alone.
            try await alice.execute(["INSERT INTO trips VALUES (1)", "CREATE INDEX mine ON trips (id)"])
            try await alice.execute(
                ["UPDATE pg_catalog.pg_index SET indisvalid = false WHERE indexrelid = 'mine'::regclass"],
                as: "postgres"
            )
            let noted = try await runConvoy(["repair", "--yes"], in: folder)
            #expect(noted.exitCode == 0, "\(noted.standardOutput)")
            #expect(noted.standardError.contains("DROP INDEX CONCURRENTLY public.mine"), "\(noted.standardError)")
            #expect(try await invalidIndexes(alice) == ["mine"])
        }
    }

    private func invalidIndexes(_ database: TestDatabase) async throws -> [String] {
        try await database.query("SELECT indexrelid::regclass::text AS name FROM pg_index WHERE NOT indisvalid ORDER BY 1").rows.map {
            try $0.text("name")
        }
    }

    /// A table of an older dump beside a newer ledger, and a clone.
    @Test(arguments: PostgresServer.Release.tested)
    func restoredInPartAndCloned(release: PostgresServer.Release) async throws {
        let server = try await PostgresServer.shared(release)
        try await withRepairableFleet(2, on: server) { databases, folder in
            let (alice, bob) = (databases[0], databases[1])
            let down = try await runConvoy(["rollback", "--to", Self.first, "--yes", "--select", "name=alice"], in: folder)
            try #require(down.exitCode == 0, "\(down.standardError)")
            try await runServerProgram("pg_dump", ["-Fc", "-t", "cars", "-f", "\(folder)/dump"], on: alice)
            try await migrate(folder)
            try await alice.execute(["DROP TABLE cars, trips"])
            try await runServerProgram("pg_restore", ["\(folder)/dump"], on: alice)
            let restored = try await runConvoy(["repair", "--yes", "--instance", "alice"], in: folder)
            #expect(restored.exitCode == 0, "\(restored.standardOutput)\(restored.standardError)")
            #expect(try await ledger(alice) == [Self.first])
            // Nothing is behind anything any more.
            let status = try jsonObject(try await runConvoy(["status", "--output", "json"], in: folder))
            #expect((status["instances"] as? [[String: Any]])?.allSatisfy { $0["setback"] == nil } == true, "\(status)")
            try await migrate(folder)
            #expect(try await ledger(alice) == Self.all)

            try await server.execute(
                "DROP DATABASE \(bob.name) WITH (FORCE)",
                "CREATE DATABASE \(bob.name) OWNER teslamate TEMPLATE \(alice.name)"
            )
            let cloned = try await runConvoy(["repair", "--yes", "--instance", "bob"], in: folder)
            #expect(cloned.exitCode == 0 && cloned.standardOutput.contains("1 up-to-date"), "\(cloned.standardOutput)")
            #expect(cloned.standardError.contains("the audit log was written in another database"), "\(cloned.standardError)")
        }
    }

    @Test(arguments: PostgresServer.Release.tested)
    func aSchemaThatIsNoVersions(release: PostgresServer.Release) async throws {
        try await withRepairableFleet(on: try await .shared(release)) { databases, folder in
            let alice = databases[0]
            try await refuse(
                alice,
                in: folder,
                after: ["ALTER TABLE cars ALTER plate TYPE varchar(20)"],
                says: ["from which 1 object differs: different column public.cars.plate", "`convoy drift` shows what differs"]
            )
            try await refuse(
                alice,
                in: folder,
                after: deleting(Self.third),
                says: ["the ledger lacks versions that are older than its newest one: \(Self.third)"]
            )
            try await refuse(
                alice,
                in: folder,
                after: ["CREATE SCHEMA other", "CREATE TABLE other.schema_migrations (LIKE public.schema_migrations INCLUDING ALL)"],
                says: ["several schemas have a table schema_migrations"]
            )
        }
    }

    /// The program is killed between the statement of a migration without a transaction and its row.
    @Test func killedBesideAStatementWithoutATransaction() async throws {
        try await withRepairableFleet { databases, folder in
            let alice = databases[0]
            let down = try await runConvoy(["rollback", "--to", Self.fourth, "--yes"], in: folder)
            try #require(down.exitCode == 0, "\(down.standardError)")
            let (writer, rival) = (try await alice.connect(), try await alice.connect())
            defer { writer.close(); rival.close() }
            for statement in ["BEGIN", "INSERT INTO cars VALUES (7)"] { try await writer.query(statement) }
            let process = try ConvoyProcess(["migrate", "--yes"], in: folder)
            try await eventually("the index waits for the writer") {
                try await count(alice, "query LIKE 'CREATE UNIQUE%' AND wait_event_type = 'Lock'") == 1
            }
            // Another migrator has the row, and does not commit it.
            for statement in ["BEGIN", "INSERT INTO schema_migrations VALUES (\(Self.fifth), now())"] { try await rival.query(statement) }
            try await writer.query("ROLLBACK")
            try await eventually("the row waits for the rival") {
                try await count(alice, "query LIKE 'INSERT INTO%' AND wait_event = 'transactionid'") == 1
            }
            process.kill()
            _ = try? await process.result()
            // The server notices that its client is gone, and ends the session before it could write.
            try await eventually("the sessions have ended") { try await count(alice, "application_name LIKE 'convoy 2%'") == 0 }
            try await rival.query("ROLLBACK")
            #expect(try await ledger(alice) == Self.all.dropLast())
            try await repair(alice, in: folder, after: [], shows: ["1 row into the ledger: \(Self.fifth)"])
        }
    }

    private func count(_ database: TestDatabase, _ condition: String) async throws -> Int64 {
        try await database.query(
            "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND \(condition)",
            as: "postgres"
        ).onlyRow().int64("n")
    }

    /// The program is killed while it builds an index again; resumed, the run drops what is left of the attempt, and does its work.
    @Test func aRepairThatWasKilledIsResumed() async throws {
        try await withRepairableFleet { databases, folder in
            let alice = databases[0]
            try await alice.execute(deleting(Self.fourth))
            try await alice.execute(
                ["UPDATE pg_catalog.pg_index SET indisvalid = false WHERE indexrelid = 'cars_plate'::regclass"],
                as: "postgres"
            )
            let writer = try await alice.connect()
            defer { writer.close() }
            for statement in ["BEGIN", "INSERT INTO cars VALUES (7)"] { try await writer.query(statement) }
            let process = try ConvoyProcess(["repair", "--yes"], in: folder)
            try await eventually("the index waits for the writer") {
                try await count(alice, "query LIKE 'REINDEX%' AND wait_event_type = 'Lock'") == 1
            }
            process.kill()
            _ = try? await process.result()
            try await eventually("the sessions have ended") { try await count(alice, "application_name LIKE 'convoy 2%'") == 0 }
            try await writer.query("ROLLBACK")
            #expect(try await invalidIndexes(alice).count == 2)
            #expect(try await !ledger(alice).contains(Self.fourth))
            let resumed = try await runConvoy(["resume", "--yes", "--output", "json"], in: folder)
            #expect(resumed.exitCode == 0, "\(resumed.standardOutput)\(resumed.standardError)")
            #expect(try await invalidIndexes(alice) == [])
            #expect(try await ledger(alice) == Self.all)
        }
    }

    @Test func aPlanThatWasPinned() async throws {
        try await withRepairableFleet { databases, folder in
            let alice = databases[0]
            try await alice.execute(deleting(Self.third))
            let written = try await runConvoy(["repair", "--dry-run", "--at", Self.fifth, "--out", "plan.json"], in: folder)
            #expect(written.exitCode == 0, "\(written.standardError)")
            let asMigration = try await runConvoy(["migrate", "--plan", "plan.json", "--yes"], in: folder)
            #expect(asMigration.exitCode == 64 && asMigration.standardError.contains("this is the plan of a repair"))
            try await alice.execute(["ALTER TABLE cars ADD COLUMN later text"])
            let changed = try await runConvoy(["repair", "--plan", "plan.json", "--yes"], in: folder)
            #expect(changed.exitCode == 1 && changed.standardError.contains("the plan is out of date"), "\(changed.standardError)")
            try await alice.execute(["ALTER TABLE cars DROP COLUMN later"])
            let result = try await runConvoy(["repair", "--plan", "plan.json", "--yes"], in: folder)
            #expect(result.exitCode == 0, "\(result.standardError)")
            #expect(try await ledger(alice) == Self.all)

            let runs = try jsonObject(try await runConvoy(["runs", "--output", "json"], in: folder))
            #expect((runs["runs"] as? [[String: Any]])?.first?["kind"] as? String == "repair")
            let json = try jsonObject(try await runConvoy(["repair", "--dry-run", "--output", "json"], in: folder))
            #expect(try JSONSchema(named: "plan").problems(in: json) == [])
            #expect(json["kind"] as? String == "repair")
        }
    }

    @Test(arguments: [
        (["--out", "plan.json"], "--out requires --dry-run"),
        (["--instance", "alice", "--select", "name=bob"], "--instance cannot be combined with --select"),
        (["--plan", "plan.json", "--forget", "20300101000000"], "--plan cannot be combined with"),
        (["--accept-edited", "20200101000001"], "the migration set has no version 20200101000001"),
        (["--forget", "20200101000000"], "the migration set has version 20200101000000"),
        (["--at", "20200101000001"], "the migration set has no version 20200101000001"),
    ])
    func optionsThatDoNotFit(_ options: [String], _ message: String) async throws {
        try await PostgresServer.shared().withDatabases(1) { databases in
            try await withFleet(databases) { folder in
                let result = try await runConvoy(["repair", "--yes"] + options, in: folder)
                #expect(result.exitCode == 64, "\(result.standardError)")
                #expect(result.standardError.contains(message), "\(result.standardError)")
            }
        }
    }
}
