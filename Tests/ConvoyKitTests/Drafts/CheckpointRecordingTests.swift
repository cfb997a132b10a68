import ConvoyInstance
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import ConvoyText
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyKit

/// The checkpoint of a small set: written after it was proved, or not at all.
@Suite(.timeLimit(.minutes(3)))
struct CheckpointRecordingTests {
    private static let tables = """
        CREATE TABLE kinds (id bigserial PRIMARY KEY, name text NOT NULL, parent bigint REFERENCES kinds (id));
        CREATE TABLE a_settings (id serial PRIMARY KEY, kind bigint NOT NULL REFERENCES kinds (id), utc timestamp(0) NOT NULL, here timestamp NOT NULL,
            at timestamptz NOT NULL, number double precision, list text[], data jsonb, bytes bytea, nothing int, twice int GENERATED ALWAYS AS (1 + 1) STORED);
        CREATE TABLE numbered (id int GENERATED ALWAYS AS IDENTITY, name text);
        """
    private static let rows = """
        INSERT INTO kinds (name, parent) VALUES ('it''s', NULL), (E'two\\nlines \\\\', 1);
        INSERT INTO a_settings (kind, utc, here, at, number, list, data, bytes)
        VALUES (2, now() AT TIME ZONE 'UTC', LOCALTIMESTAMP, now(), 0.1, ARRAY['a', 'b,"c'], '{"a": 1}', '\\x00ff');
        INSERT INTO numbered (name) VALUES ('x'), ('y'); DELETE FROM numbered WHERE name = 'x';
        """

    /// Writes a set of two migrations with its catalogue into a folder.
    private func withSet<Value>(
        _ rows: String,
        tables: String = tables,
        _ body: (_ folder: String, MigrationSet, PostgresServer) async throws -> Value
    ) async throws -> Value {
        let files = [
            "1_tables.sql": "-- migrate:up\n\(tables)\n-- migrate:down\n-- convoy:irreversible a test\n",
            "2_rows.sql": "-- migrate:up\n\(rows)\n-- migrate:down\n-- convoy:irreversible a test\n",
        ]
        return try await withTemporaryFolder(files: files) { folder in
            let server = try await PostgresServer.shared()
            let set = try MigrationSet.load(directory: folder, displayedAs: "Migrations")
            _ = try await CatalogueRecording(set, steps: [], server: server.superuser(database: "postgres")).write(into: folder)
            return try await body(folder, set, server)
        }
    }

    private func record(_ folder: String, _ set: MigrationSet, _ server: PostgresServer, at version: Int64? = nil, keeping: Bool = false)
        async throws -> CheckpointRecording.Summary
    {
        try await CheckpointRecording(set, steps: [], server: server.superuser(database: "postgres"))
            .write(at: version.map(MigrationVersion.init), into: folder, displayedAs: "Migrations", keepsOlder: keeping)
    }

    @Test func whatIsWrittenIsReadAgain() async throws {
        try await withSet(Self.rows) { folder, set, server in
            let summary = try await record(folder, set, server)
            #expect(summary.path == "Migrations/checkpoints/2.sql")
            #expect(summary.migrations == 2 && summary.rows == 4)
            let text = try String(contentsOfFile: "\(folder)/checkpoints/2.sql", encoding: .utf8)
            #expect(
                text.contains(
                    "INSERT INTO public.kinds (id, name, parent) VALUES\n    ('1', 'it''s', NULL),\n    ('2', E'two\nlines \\\\', '1');"
                )
            )
            #expect(
                text.contains(
                    "pg_catalog.timezone('UTC', pg_catalog.now()), pg_catalog.now()::timestamp without time zone, pg_catalog.now(), '0.1'"
                )
            )
            #expect(text.contains("INSERT INTO public.numbered (id, name) OVERRIDING SYSTEM VALUE VALUES\n    ('2', 'y');"))
            #expect(text.contains("SELECT pg_catalog.setval('public.kinds_id_seq', 2, true);"))
            #expect(!text.contains("twice,"))
            // What refers comes behind what it refers to.
            let (kinds, settings) = (
                try #require(text.firstRange(of: "INSERT INTO public.kinds")),
                try #require(text.firstRange(of: "INSERT INTO public.a_settings"))
            )
            #expect(kinds.lowerBound < settings.lowerBound)
            let again = try MigrationSet.load(directory: folder, displayedAs: "Migrations")
            #expect(again.checkpoint(upTo: nil)?.version == MigrationVersion(2))
            // A second time it is the same, although the set now has a checkpoint.
            _ = try await record(folder, again, server)
            #expect(try String(contentsOfFile: "\(folder)/checkpoints/2.sql", encoding: .utf8) == text)
        }
    }

    @Test func olderOnesAreRemovedUnlessTheyAreKept() async throws {
        try await withSet(Self.rows) { folder, set, server in
            _ = try await record(folder, set, server, at: 1)
            #expect(try await record(folder, set, server, keeping: true).removed == [])
            // A newer one stays.
            #expect(try await record(folder, set, server, at: 1).removed == [])
            try writeFile("\(folder)/checkpoints/README.md", "mine")
            #expect(try await record(folder, set, server).removed == ["Migrations/checkpoints/1.sql"])
            #expect(try FileManager.default.contentsOfDirectory(atPath: "\(folder)/checkpoints").sorted() == ["2.sql", "README.md"])
        }
    }

    /// Each leaves the file as it was.
    @Test(arguments: [
        (
            "INSERT INTO kinds (name) VALUES (gen_random_uuid()::text)",
            "public.kinds.name has another value after each run of the migrations"
        ),
        ("INSERT INTO kinds (name) SELECT 'x' FROM generate_series(1, 2000)", "public.kinds has more than 1000 rows"),
        ("CREATE TABLE days (day date); INSERT INTO days VALUES (CURRENT_DATE)", "public.days.day has the day of the run"),
        ("SELECT setval('kinds_id_seq', (random() * 1000000)::int + 1)", "public.kinds_id_seq stand elsewhere"),
        ("CREATE AGGREGATE total (int) (SFUNC = int4pl, STYPE = int)", "a checkpoint cannot make everything"),
        (
            "CREATE TABLE x (a int REFERENCES kinds (id)); INSERT INTO kinds (name) VALUES ('a'); INSERT INTO x VALUES (1); ALTER TABLE kinds ADD x int; ALTER TABLE x ADD UNIQUE (a); ALTER TABLE kinds ADD FOREIGN KEY (x) REFERENCES x (a); UPDATE kinds SET x = 1",
            "applying the new checkpoint: "
        ),
        ("INSERT INTO kinds (name) VALUES ('a' || chr(10) || '-- ' || 'migrate:down')", "has a line that would divide the file"),
    ]) func whatACheckpointCannotHoldIsRefused(rows: String, message: String) async throws {
        try await withSet(rows) { folder, set, server in
            try writeFile("\(folder)/checkpoints/2.sql", "old")
            let failure = await #expect(throws: Failure.self) { try await record(folder, set, server) }
            #expect(failure?.message.contains(message) == true, "\(String(describing: failure))")
            #expect(try String(contentsOfFile: "\(folder)/checkpoints/2.sql", encoding: .utf8) == "old")
        }
    }

    @Test func theCatalogueOfTheSetIsNeeded() async throws {
        try await withSet("SELECT 1") { folder, set, server in
            try FileManager.default.removeItem(atPath: "\(folder)/catalogue")
            let problems = await #expect(throws: Problems.self) { try await record(folder, set, server) }
            #expect(problems?.problems.first?.hint?.contains("convoy catalogue") == true)
        }
        try await withSet("SELECT 1") { folder, _, server in
            try writeFile(
                "\(folder)/2_rows.sql",
                "-- migrate:up\nALTER TABLE kinds ADD x int;\n-- migrate:down\n-- convoy:irreversible a test\n"
            )
            let edited = try MigrationSet.load(directory: folder, displayedAs: "Migrations")
            let failure = await #expect(throws: Failure.self) { try await record(folder, edited, server) }
            #expect(failure?.hint?.contains("convoy catalogue") == true)
            #expect(!FileManager.default.fileExists(atPath: "\(folder)/checkpoints"))
        }
    }
}
