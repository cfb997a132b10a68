import ConvoyPostgres
import Foundation
import TestSupport
import Testing

/// `convoy baseline`: databases that have lost their ledger, as the program's user adopts them.
@Suite(.timeLimit(.minutes(5)))
struct BaselineCommandTests {
    private static let (first, second, third, fourth) = ("20200101000000", "20200102000000", "20200103000000", "20200104000000")

    /// Three schemas; the third migration changes only rows.
    private static let files: [String: String] = {
        var files = SmallSet.files
        files["Migrations/\(third)_fill_plates.sql"] = "-- migrate:up\nUPDATE cars SET plate = 'x' || id;\n-- migrate:down\n"
        files["Migrations/\(fourth)_create_trips.sql"] =
            "-- migrate:up\nCREATE TABLE trips (id bigint PRIMARY KEY);\n-- migrate:down\nDROP TABLE trips;\n"
        return files
    }()

    /// Databases at these versions, without a ledger, and the set with its catalogue.
    private func withAdoptableFleet(
        _ versions: [String?],
        on server: PostgresServer? = nil,
        waves: [String] = ["{name: all}"],
        _ body: (_ databases: [TestDatabase], _ folder: String) async throws -> Void
    ) async throws {
        let shared = try await PostgresServer.shared()
        try await (server ?? shared).withDatabases(versions.count) { databases in
            try await withFleet(databases, migrations: Self.files, waves: waves) { folder in
                let server = databases[0].server
                let written = try await runConvoy(
                    ["catalogue", "host=\(server.socketFolder) port=\(server.port) user=postgres dbname=postgres"],
                    in: folder
                )
                try #require(written.exitCode == 0, "\(written.standardError)")
                for (index, version) in versions.enumerated() {
                    guard let version else { continue }
                    let name = SmallSet.names[index]
                    let result = try await runConvoy(["migrate", "--yes", "--to", version, "--select", "name=\(name)"], in: folder)
                    try #require(result.exitCode == 0, "\(result.standardError)")
                    try await databases[index].execute(["DROP TABLE schema_migrations", "DROP SCHEMA convoy CASCADE"])
                }
                try await body(databases, folder)
            }
        }
    }

    private func ledger(_ database: TestDatabase) async throws -> [String] {
        try await database.query("SELECT version::text AS version FROM schema_migrations ORDER BY version").rows.map {
            try $0.text("version")
        }
    }

    private func hasLedger(_ database: TestDatabase) async throws -> Bool {
        try await database.query("SELECT to_regclass('schema_migrations') IS NOT NULL AS there").onlyRow().bool("there")
    }

    @Test(arguments: PostgresServer.Release.tested)
    func aFleetIsAdopted(release: PostgresServer.Release) async throws {
        try await withAdoptableFleet([Self.first, Self.fourth, nil], on: try await .shared(release)) { databases, folder in
            // What migrate says of them is why there is this command.
            #expect(try await runConvoy(["migrate", "--yes", "--select", "name=alice"], in: folder).exitCode == 1)

            let shown = try await runConvoy(["baseline", "--dry-run"], in: folder)
            #expect(shown.exitCode == 1, "\(shown.standardError)")
            #expect(
                shown.standardOutput.contains("\(Self.first) (create_cars) on 1 instance: 1 row into the ledger"),
                "\(shown.standardOutput)"
            )
            #expect(shown.standardOutput.contains("\(Self.fourth) (create_trips) on 1 instance: 4 rows into the ledger"))
            #expect(shown.standardOutput.contains("the database is empty, so there is no version to recognise"))
            #expect(shown.standardOutput.contains("hint: fill it with `convoy migrate`"))
            #expect(
                shown.standardOutput.hasSuffix("test: write the ledger of 2 of 3 instances in 1 wave; 1 instance cannot be worked on\n"),
                "\(shown.standardOutput)"
            )
            #expect(try await !hasLedger(databases[0]))

            let json = try jsonObject(try await runConvoy(["baseline", "--dry-run", "--output", "json"], in: folder))
            #expect(try JSONSchema(named: "plan").problems(in: json) == [])
            #expect(json["kind"] as? String == "baseline")
            let corrections = (json["instances"] as? [[String: Any]])?.map { ($0["correction"] as? [String: Any])?["to"] as? String }
            #expect(corrections == [Self.first, Self.fourth, nil])

            let result = try await runConvoy(["baseline", "--yes", "--select", "name in (alice,bob)", "--output", "json"], in: folder)
            #expect(result.exitCode == 0, "\(result.standardError)")
            let run = try jsonObject(result)
            #expect(try JSONSchema(named: "run").problems(in: run) == [])
            let outcomes = (run["instances"] as? [[String: Any]])?.map { $0["outcome"] as? String }
            #expect(outcomes == ["adopted", "adopted"])
            #expect(try await ledger(databases[0]) == [Self.first])
            #expect(try await ledger(databases[1]) == [Self.first, Self.second, Self.third, Self.fourth])

            // A second time there is nothing to do, and no run begins.
            let again = try await runConvoy(["baseline", "--yes", "--select", "name in (alice,bob)"], in: folder)
            #expect(again.exitCode == 0 && again.standardOutput.contains("2 up-to-date"), "\(again.standardOutput)\(again.standardError)")

            let id = try #require(run["run"] as? String)
            let runs = try await runConvoy(["runs", "--output", "json"], in: folder)
            let list = try jsonObject(runs)
            #expect(try JSONSchema(named: "runs").problems(in: list) == [])
            #expect((list["runs"] as? [[String: Any]])?.first?["kind"] as? String == "baseline")
            #expect((list["runs"] as? [[String: Any]])?.first?["run"] as? String == id)
            #expect(try await runConvoy(["runs"], in: folder).standardOutput.contains(" baseline "))
            #expect(try await runConvoy(["runs", "show", id], in: folder).standardOutput.contains("2 adopted"))
            let metrics = try await runConvoy(["report", id, "--no-probe", "--output", "prometheus"], in: folder)
            #expect(metrics.standardOutput.contains("outcome=\"adopted\"} 2\n"), "\(metrics.standardError)")
            let undone = try await runConvoy(["rollback", "--run", id, "--yes"], in: folder)
            #expect(undone.exitCode == 64)
            #expect(
                undone.standardError.contains("was a baseline, which ran no migration, and cannot be rolled back"),
                "\(undone.standardError)"
            )
            let history = try await runConvoy(["history", "alice"], in: folder)
            #expect(history.standardOutput.contains("create_cars (baseline)"), "\(history.standardOutput)\(history.standardError)")

            // And migrate goes on from there.
            let migrated = try await runConvoy(["migrate", "--yes", "--select", "name=alice"], in: folder)
            #expect(migrated.exitCode == 0, "\(migrated.standardError)")
            #expect(try await ledger(databases[0]).count == 4)
        }
    }

    /// Two versions have one schema, and the migration between them changes rows.
    @Test func aVersionThatHasToBeChosen() async throws {
        try await withAdoptableFleet([Self.third]) { databases, folder in
            let unsure = try await runConvoy(["baseline", "--dry-run"], in: folder)
            #expect(unsure.exitCode == 1)
            #expect(
                unsure.standardOutput.replacingOccurrences(of: "\n ", with: "").contains(
                    "the versions \(Self.second), \(Self.third) have the same schema, and it cannot be seen whether \(Self.third) (fill_plates) ran here"
                ),
                "\(unsure.standardOutput)"
            )
            let wrong = try await runConvoy(["baseline", "--dry-run", "--at", Self.fourth], in: folder)
            #expect(wrong.exitCode == 1)
            #expect(
                wrong.standardOutput.contains("the schema is that of \(Self.second), \(Self.third), not of \(Self.fourth)"),
                "\(wrong.standardOutput)"
            )
            let chosen = try await runConvoy(["baseline", "--yes", "--at", Self.second], in: folder)
            #expect(chosen.exitCode == 0, "\(chosen.standardError)")
            #expect(try await ledger(databases[0]) == [Self.first, Self.second])
            let other = try await runConvoy(["baseline", "--yes", "--at", Self.third], in: folder)
            #expect(other.exitCode == 1)
            #expect(other.standardOutput.contains("it has a ledger, at version \(Self.second)"), "\(other.standardOutput)")
        }
    }

    @Test func aSchemaOfNoVersion() async throws {
        try await withAdoptableFleet([Self.fourth]) { databases, folder in
            try await databases[0].execute(["ALTER TABLE cars DROP COLUMN plate", "CREATE TABLE notes (id int)"])
            let refused = try await runConvoy(["baseline", "--yes"], in: folder)
            #expect(refused.exitCode == 1)
            let text = refused.standardOutput.split(whereSeparator: \.isWhitespace).joined(separator: " ")
            #expect(
                text.contains(
                    "the schema is that of no version, and the nearest is \(Self.fourth) (create_trips), where 3 objects differ: "
                        + "extra table public.notes, missing column public.cars.plate, extra column public.notes.id"
                ),
                "\(text)"
            )
            #expect(text.contains("`convoy baseline --at \(Self.fourth) --force --instance NAME`"), "\(text)")
            #expect(try await !hasLedger(databases[0]))
            let named = try await runConvoy(["baseline", "--yes", "--at", Self.fourth], in: folder)
            #expect(named.exitCode == 1)
            let asked = try await runConvoy(
                ["baseline", "--dry-run", "--at", Self.fourth, "--force", "--instance", "alice"],
                in: folder
            )
            #expect(asked.standardOutput.contains("(create_trips) on alice: 4 rows into the ledger"), "\(asked.standardOutput)")
            let forced = try await runConvoy(["baseline", "--yes", "--at", Self.fourth, "--force", "--instance", "alice"], in: folder)
            #expect(forced.exitCode == 0, "\(forced.standardError)")
            #expect(try await ledger(databases[0]).count == 4)
            // Now it has a ledger, which is not replaced, and a warning says that the schema contradicts it.
            let again = try await runConvoy(["baseline", "--yes"], in: folder)
            #expect(again.exitCode == 0, "\(again.standardOutput)\(again.standardError)")
            #expect(again.standardOutput.contains("1 up-to-date"), "\(again.standardOutput)")
            let warning = again.standardError.split(whereSeparator: \.isWhitespace).joined(separator: " ")
            #expect(
                warning.contains("it has a ledger, at version \(Self.fourth), from which the schema differs; see `convoy drift`"),
                "\(warning)"
            )
        }
    }

    /// Forcing is advised only where the database is nearly that of a version.
    @Test func anotherAppsDatabase() async throws {
        try await withAdoptableFleet([nil]) { databases, folder in
            try await databases[0].execute((1...9).map { "CREATE TABLE other\($0) (id int, name text)" })
            let refused = try await runConvoy(["baseline", "--yes"], in: folder)
            #expect(refused.exitCode == 1)
            #expect(refused.standardOutput.contains("this may be another app's database"), "\(refused.standardOutput)")
            #expect(!refused.standardOutput.contains("--force"), "\(refused.standardOutput)")
        }
    }

    /// The ledger would belong to a role that is not the app's.
    @Test func tablesOfAnotherRole() async throws {
        try await withAdoptableFleet([Self.fourth]) { databases, folder in
            let tables = ["ALTER TABLE cars OWNER TO postgres", "ALTER TABLE trips OWNER TO postgres"]
            try await databases[0].execute(tables, as: "postgres")
            let refused = try await runConvoy(["baseline", "--yes"], in: folder)
            #expect(refused.exitCode == 1)
            let text = refused.standardOutput.split(whereSeparator: \.isWhitespace).joined(separator: " ")
            #expect(text.contains("do not belong to the role that a new ledger would belong to: "), "\(text)")
            #expect(text.contains("hint: log in as the role that owns the tables") && !text.contains("--force"), "\(text)")
            let forced = try await runConvoy(["baseline", "--yes", "--at", Self.fourth, "--force", "--instance", "alice"], in: folder)
            #expect(forced.exitCode == 1)
            #expect(
                forced.standardOutput.contains("the tables belong to postgres, and a new ledger would belong to "),
                "\(forced.standardOutput)"
            )
            #expect(try await !hasLedger(databases[0]))
        }
    }

    @Test func aPlanThatWasPinned() async throws {
        try await withAdoptableFleet([Self.first, Self.fourth]) { databases, folder in
            let written = try await runConvoy(["baseline", "--dry-run", "--instance", "alice", "--out", "plan.json"], in: folder)
            #expect(written.exitCode == 0, "\(written.standardError)")
            let asMigration = try await runConvoy(["migrate", "--plan", "plan.json", "--yes"], in: folder)
            #expect(asMigration.exitCode == 64)
            #expect(asMigration.standardError.contains("this is the plan of a baseline"))

            try await databases[0].execute(["ALTER TABLE cars ADD COLUMN later text"])
            let changed = try await runConvoy(["baseline", "--plan", "plan.json", "--yes"], in: folder)
            #expect(changed.exitCode == 1)
            #expect(changed.standardError.contains("the plan is out of date"), "\(changed.standardError)")
            #expect(changed.standardError.contains("`convoy baseline --dry-run --out FILE`"), "\(changed.standardError)")
            try await databases[0].execute(["ALTER TABLE cars DROP COLUMN later"])
            let result = try await runConvoy(["baseline", "--plan", "plan.json", "--yes"], in: folder)
            #expect(result.exitCode == 0, "\(result.standardError)")
            #expect(try await ledger(databases[0]) == [Self.first])
            #expect(try await !hasLedger(databases[1]))
        }
    }

    /// The program is killed while another session holds the ledger; resumed, the run does the rest.
    @Test func aRunThatWasKilledIsResumed() async throws {
        try await withAdoptableFleet([Self.first, Self.fourth], waves: ["{name: all, max_parallel: 1, on_failure: rollback}"]) {
            databases,
            folder in
            try await databases[1].execute(["CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0))"])
            let holder = try await databases[1].connect()
            defer { holder.close() }
            for statement in ["BEGIN", "LOCK TABLE schema_migrations IN SHARE UPDATE EXCLUSIVE MODE"] {
                _ = try await holder.query(statement)
            }
            let process = try ConvoyProcess(["baseline", "--yes"], in: folder)
            try await eventually("the second one waits for the ledger") {
                try await databases[1].query(
                    "SELECT count(*) AS n FROM pg_locks WHERE NOT granted AND relation = 'public.schema_migrations'::regclass"
                ).onlyRow().int64("n") == 1
            }
            process.kill()
            _ = try? await process.result()
            #expect(try await ledger(databases[0]) == [Self.first])
            _ = try await holder.query("ROLLBACK")
            let resumed = try await runConvoy(["resume", "--yes", "--output", "json"], in: folder)
            #expect(resumed.exitCode == 0, "\(resumed.standardError)")
            let run = try jsonObject(resumed)
            let outcomes = (run["instances"] as? [[String: Any]])?.map { $0["outcome"] as? String }
            #expect(outcomes == ["adopted", "adopted"])
            #expect(try await ledger(databases[1]).count == 4)
        }
    }

    @Test(arguments: [
        (["--force"], "--force requires --at"), (["--force", "--at", "20200101000000"], "--force requires --instance or --select"),
        (["--out", "plan.json"], "--out requires --dry-run"),
        (["--instance", "alice", "--select", "name=bob"], "--instance cannot be combined with --select"),
        (["--plan", "plan.json", "--at", "20200101000000"], "--plan cannot be combined with"),
        (["--at", "20200101000001", "--dry-run"], "--at: the migration set has no version 20200101000001"),
        (["--at", "v99.0.0", "--dry-run"], "--at: "),
        (["--plan", "fleet.yaml"], "write a plan with `convoy baseline --dry-run --out plan.json`"),
        (["--instance", "alic", "--dry-run"], "did you mean alice?"),
    ])
    func optionsThatDoNotFit(_ options: [String], _ message: String) async throws {
        try await withAdoptableFleet([nil]) { _, folder in
            let result = try await runConvoy(["baseline"] + options + (options.contains("--dry-run") ? [] : ["--yes"]), in: folder)
            #expect(result.exitCode == 64)
            #expect(result.standardError.contains(message), "\(result.standardError)")
        }
    }

    /// A checkpoint is for databases that are empty.
    @Test func aCheckpointThatIsWrongIsOfNoConcern() async throws {
        try await withAdoptableFleet([Self.first]) { databases, folder in
            try FileManager.default.createDirectory(atPath: "\(folder)/Migrations/checkpoints", withIntermediateDirectories: true)
            try "not SQL of a checkpoint".write(
                toFile: "\(folder)/Migrations/checkpoints/\(Self.second).sql",
                atomically: true,
                encoding: .utf8
            )
            #expect(try await runConvoy(["migrate", "--dry-run"], in: folder).exitCode == 78)
            let result = try await runConvoy(["baseline", "--yes"], in: folder)
            #expect(result.exitCode == 0, "\(result.standardError)")
            #expect(try await ledger(databases[0]) == [Self.first])
        }
    }

    @Test func aSetWithoutACatalogue() async throws {
        try await PostgresServer.shared().withDatabases(1) { databases in
            try await withFleet(databases) { folder in
                let result = try await runConvoy(["baseline", "--dry-run"], in: folder)
                #expect(result.exitCode == 78)
                #expect(result.standardError.contains("the migration set has no catalogue of its versions"), "\(result.standardError)")
            }
        }
    }
}
