import ConvoyCatalog
import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import TestSupport

@testable import ConvoyInstance

/// A small set with checkpoints, written by hand, and what two databases are compared by.
enum CheckpointSamples {
    /// - Parameter extensions: whether version 2 makes them, as TeslaMate's set does.
    static func migrations(extensions: Bool = false) throws -> MigrationSet {
        let second = "CREATE TYPE mood AS ENUM ('good', 'bad');\nALTER TABLE cars ADD COLUMN mood mood;\n"
        return try migrationSet([
            (1, migrationText("CREATE TABLE cars (id bigserial PRIMARY KEY, name text NOT NULL);", down: "DROP TABLE cars;")),
            (
                2,
                extensions
                    ? migrationText(
                        "-- convoy:admin cube earthdistance\nCREATE EXTENSION IF NOT EXISTS cube WITH SCHEMA public;\n"
                            + "CREATE EXTENSION IF NOT EXISTS earthdistance WITH SCHEMA public;"
                    )
                    : migrationText(
                        second + "CREATE FUNCTION shout(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper($1)';",
                        down: "DROP FUNCTION shout(text);\nALTER TABLE cars DROP COLUMN mood;\nDROP TYPE mood;"
                    )
            ),
            (
                3,
                migrationText(
                    "INSERT INTO cars (name) VALUES ('first'), ('second');\nDELETE FROM cars WHERE name = 'second';\n"
                        + "CREATE INDEX cars_name ON cars (\(extensions ? "lower" : "shout")(name));",
                    down: "DROP INDEX cars_name;\nDELETE FROM cars;"
                )
            ),
            (
                4,
                migrationText("CREATE TABLE trips (id bigserial PRIMARY KEY, car_id bigint REFERENCES cars);", down: "DROP TABLE trips;")
            ),
            (5, migrationText("ALTER TABLE cars ADD COLUMN color text;", down: "ALTER TABLE cars DROP COLUMN color;")),
        ])
    }

    static let extensionStatements = [
        "CREATE EXTENSION IF NOT EXISTS cube WITH SCHEMA public", "CREATE EXTENSION IF NOT EXISTS earthdistance WITH SCHEMA public",
    ]

    /// Up to version 2, 3 or 4.
    static func statements(upTo version: Int64 = 4, extensions: Bool = false) -> [String] {
        var statements = extensions ? extensionStatements : ["CREATE TYPE public.mood AS ENUM ('good', 'bad')"]
        let mood = extensions ? "" : ", mood public.mood"
        statements.append("CREATE TABLE public.cars (id bigserial PRIMARY KEY, name text NOT NULL\(mood))")
        if !extensions {
            statements.append("CREATE FUNCTION public.shout(text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT upper($1)'")
        }
        guard version > 2 else { return statements }
        statements += [
            "INSERT INTO public.cars (id, name) VALUES (1, 'first')", "SELECT pg_catalog.setval('public.cars_id_seq', 2, true)",
            "CREATE INDEX cars_name ON public.cars USING btree (\(extensions ? "pg_catalog.lower" : "public.shout")(name))",
        ]
        guard version > 3 else { return statements }
        return statements + ["CREATE TABLE public.trips (id bigserial PRIMARY KEY, car_id bigint REFERENCES public.cars)"]
    }

    static func checkpoint(of set: MigrationSet, upTo version: Int64 = 4, _ statements: [String]) throws -> Checkpoint {
        let migrations = set.migrations.filter { $0.version.value <= version }
        let text = Checkpoint.render(migrations: migrations, catalogue: "none", statements: statements) ?? ""
        return try Checkpoint.parse(text: text, file: "Migrations/checkpoints/\(version).sql")
    }

    /// The set with a checkpoint at version 4.
    static func set(extensions: Bool = false, _ statements: [String]? = nil) throws -> MigrationSet {
        let set = try migrations(extensions: extensions)
        let sound = set.having(checkpoints: [
            try checkpoint(of: set, statements ?? Self.statements(extensions: extensions))
        ])
        try sound.requireSoundCheckpoints()
        return sound
    }

    /// Everything that must not depend on the way.
    struct State: Equatable {
        var catalogue: [CatalogFact]
        var ledger: [Int64]
        var rows: [[String?]]
        var sequences: [[String?]]
        var audited: [Int64]
    }

    static func state(of database: TestDatabase, _ instance: Instance, _ set: MigrationSet) async throws -> State {
        let reading = try await CatalogReader(InstanceRunner(set)).read(instance)
        guard case .facts(let catalog) = reading.content else { throw TestSupportError("no facts: \(reading.content)") }
        func rows(_ sql: String) async throws -> [[String?]] {
            try await database.query(sql, as: "postgres").rows.map { [try $0.optionalText("object"), try $0.optionalText("value")] }
        }
        let hasCars = try await database.query("SELECT to_regclass('public.cars') IS NOT NULL AS yes").onlyRow().bool("yes")
        return State(
            catalogue: catalog.sorted,
            ledger: try await database.ledger(),
            rows: hasCars ? try await rows("SELECT c.id::text AS object, c::text AS value FROM public.cars c ORDER BY id") : [],
            sequences: try await rows("SELECT sequencename::text AS object, last_value::text AS value FROM pg_sequences ORDER BY 1"),
            audited: try await database.query(
                "SELECT version FROM convoy.migration_log WHERE direction = 'up' ORDER BY version",
                as: "postgres"
            ).rows.map { try $0.int64("version") }
        )
    }
}
