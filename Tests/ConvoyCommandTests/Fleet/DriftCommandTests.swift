import ConvoyPostgres
import Foundation
import TestSupport
import Testing

/// `convoy drift` and `convoy catalogue` against real databases.
@Suite(.timeLimit(.minutes(3)))
struct DriftCommandTests {
    @Test(arguments: PostgresServer.Release.tested)
    func silentUntilSomethingChanges(release: PostgresServer.Release) async throws {
        try await PostgresServer.shared(release).withDatabases(3) { databases in
            try await withCataloguedFleet(databases) { folder in
                let silent = try await runConvoy(["drift"], in: folder)
                #expect(silent.exitCode == 0, "\(silent.standardOutput)\(silent.standardError)")
                #expect(silent.standardOutput.contains("test: 3 instances in 1 cohort, no drift\n"))

                try await databases[1].execute(["ALTER TABLE cars ALTER plate TYPE varchar(9)", "CREATE INDEX plates ON cars (plate)"])
                try await databases[2].execute(["CREATE SCHEMA mine", "CREATE TABLE mine.t (id int)"])
                let drifted = try await runConvoy(["drift"], in: folder)
                #expect(drifted.exitCode == 3)
                #expect(
                    drifted.standardOutput.contains(
                        "different column public.cars.plate\n    expected: text\n    found:    character varying(9)\n"
                    )
                )
                #expect(drifted.standardOutput.contains("extra index public.plates\n"))
                #expect(drifted.standardOutput.contains("next: `--output json` has a query for each difference"))
                #expect(drifted.standardOutput.contains("test: 3 instances in 3 cohorts, 1 drifted\n"))

                let all = try jsonObject(try await runConvoy(["drift", "--all", "--by", "label.ring", "--output", "json"], in: folder))
                #expect(try JSONSchema(named: "drift").problems(in: all) == [])
                #expect((all["summary"] as? [String: Int])?["drifted"] == 2)
                #expect((all["groups"] as? [[String: Any]])?.compactMap { $0["drifted"] as? Int } == [0, 1, 1])

                let one = try await runConvoy(["drift", "--instance", "alice", "--instance", "carol"], in: folder)
                #expect(one.exitCode == 0)
                #expect(one.standardOutput.contains("test: 2 instances in 2 cohorts, no drift\n"))
                let cohorts = try jsonObject(try await runConvoy(["report", "--by", "cohort", "--output", "json"], in: folder))
                let names = (cohorts["groups"] as? [[String: Any]])?.compactMap { $0["name"] as? String } ?? []
                let compared = (all["cohorts"] as? [[String: Any]])?.compactMap { $0["cohort"] as? String } ?? []
                #expect(names.sorted() == compared.sorted())
            }
        }
    }

    /// One comparison, and one entry, for many databases that drifted in the same way; those that cannot be read are named.
    @Test func cohortsAndInstancesThatCannotBeRead() async throws {
        try await PostgresServer.shared().withDatabases(3) { databases in
            try await withCataloguedFleet(databases) { folder in
                for database in databases.prefix(2) { try await database.execute(["ALTER TABLE cars DROP COLUMN plate"]) }
                // Another migrator at work does not keep it from reading.
                let migrator = try await databases[0].connect()
                defer { migrator.close() }
                _ = try await migrator.query("SELECT pg_advisory_lock(7165066987125145601)")
                try await databases[2].server.execute("ALTER DATABASE \"\(databases[2].name)\" ALLOW_CONNECTIONS false")
                let result = try await runConvoy(["drift", "--output", "json"], in: folder)
                #expect(result.exitCode == 1)
                let json = try jsonObject(result)
                #expect(try JSONSchema(named: "drift").problems(in: json) == [])
                let cohorts = json["cohorts"] as? [[String: Any]] ?? []
                #expect(cohorts.map { $0["instances"] as? [String] } == [["alice", "bob"]])
                let differences = cohorts.first?["differences"] as? [[String: Any]] ?? []
                #expect(differences.map { $0["object"] as? String } == ["public.cars.plate"])
                #expect(differences.map { $0["change"] as? String } == ["missing"])
                #expect((json["unread"] as? [[String: Any]])?.compactMap { $0["instance"] as? String } == ["carol"])
                let metrics = try await runConvoy(["drift", "--output", "prometheus"], in: folder)
                #expect(metrics.standardOutput.contains("convoy_drift_instances{fleet=\"test\",drift=\"drifted\"} 2\n"))
                #expect(metrics.standardOutput.hasSuffix("# EOF\n"))
                let page = try await runConvoy(["drift", "--output", "html"], in: folder).standardOutput
                #expect(page.hasPrefix("<!doctype html>") && page.contains("public.cars.plate"))
                let sql = try #require(differences.first?["sql"] as? String)
                #expect(try await databases[0].query(sql).rows.isEmpty)
            }
        }
    }

    @Test func aVersionThatIsNotDescribed() async throws {
        try await PostgresServer.shared().withDatabases(2) { databases in
            try await withCataloguedFleet(databases) { folder in
                #expect(try await runConvoy(["validate"], in: folder).standardError == "")
                try await databases[0].execute(["INSERT INTO schema_migrations VALUES (20990101000000, now())"])
                try await databases[1].execute(["DROP TABLE schema_migrations"])
                let result = try await runConvoy(["drift"], in: folder)
                #expect(result.exitCode == 1)
                #expect(result.standardOutput.contains("not compared: the migration set does not have the version 20990101000000\n"))
                #expect(
                    result.standardOutput.contains("not compared: no version is applied\n  hint: `convoy baseline --instance NAME` writes")
                )
                #expect(result.standardOutput.hasSuffix("\ntest: 2 instances in 2 cohorts, nothing was compared, 2 not compared\n"))

                let newest = "\(folder)/Migrations/catalogue/20200102000000.facts"
                let facts = try String(contentsOfFile: newest, encoding: .utf8)
                try FileManager.default.removeItem(atPath: newest)
                let behind = try await runConvoy(["validate"], in: folder)
                #expect(behind.exitCode == 0)
                #expect(behind.standardError.contains("/20200102000000.facts: warning: the file does not exist\n"))
                #expect(try await runConvoy(["drift"], in: folder).exitCode == 78)
                try writeFile(newest, facts)

                try FileManager.default.removeItem(atPath: "\(folder)/Migrations/catalogue/20200101000000.facts")
                let warned = try await runConvoy(["validate"], in: folder)
                #expect(warned.exitCode == 0)
                #expect(warned.standardError.contains("/20200101000000.facts: warning: the file does not exist\n"))
                #expect(try await runConvoy(["drift"], in: folder).exitCode == 78)
            }
        }
    }

    @Test func mistakes() async throws {
        try await withDatabase { database in
            try await withFleet([database]) { folder in
                let missing = try await runConvoy(["drift"], in: folder)
                #expect(missing.exitCode == 78)
                #expect(missing.standardError.contains("/catalogue: error: the migration set has no catalogue of its versions\n"))
                #expect(missing.standardError.contains("hint: write it with `convoy catalogue`"))
                let cases: [([String], Int32, String)] = [
                    (["drift", "--instance", "alise"], 64, "did you mean alice?"),
                    (["drift", "--by", "ring"], 64, "--by requires a label"),
                    (["drift", "--instance", "alice", "--select", "ring=r0"], 64, "cannot be combined"),
                    (["drift", "--by", "label.rong"], 64, "did you mean ring?"),
                    (["catalogue", "postgresql://me:hunter2@localhost/postgres"], 64, "set PGPASSWORD"),
                    (["catalogue", "host=/nowhere user=postgres dbname=postgres"], 69, "/nowhere"),
                    (["catalogue", "postgresql://localhost/postgres", "--directory", "nowhere"], 78, "nowhere"),
                ]
                for (arguments, code, text) in cases {
                    let result = try await runConvoy(arguments, in: folder)
                    #expect(result.exitCode == code, "\(arguments): \(result.standardError)")
                    #expect(result.standardError.contains(text), "\(arguments): \(result.standardError)")
                    #expect(!result.standardError.contains("hunter2"))
                }
            }
        }
    }

    /// A migration that fails leaves the files as they were, and no database behind.
    @Test func aSetThatCannotBeApplied() async throws {
        let server = try await PostgresServer.start()
        try await server.withDatabase { database in
            try await withFleet([database], migrations: SmallSet.files.merging(Self.broken) { $1 }) { folder in
                let result = try await runConvoy(
                    ["catalogue", "host=\(server.socketFolder) port=\(server.port) user=postgres dbname=postgres"],
                    in: folder
                )
                #expect(result.exitCode == 1)
                #expect(result.standardError.contains("division by zero"))
                #expect(!FileManager.default.fileExists(atPath: "\(folder)/Migrations/catalogue"))
                let left = try await database.query("SELECT 1 FROM pg_database WHERE datname LIKE 'convoy_catalogue%'")
                #expect(left.rows.isEmpty)
            }
        }
    }

    private static let broken = [
        "Migrations/20200103000000_fail.sql": "-- migrate:up\nSELECT 1 / 0;\n-- migrate:down\nSELECT 1;\n"
    ]
}
