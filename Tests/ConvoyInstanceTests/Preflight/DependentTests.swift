import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import TeslaMate
import TestSupport
import Testing

@testable import ConvoyInstance

/// What users have built on the objects that migrations drop is named before anything goes, and goes only with their consent.
@Suite(.timeLimit(.minutes(5))) struct DependentTests {
    private static let version: Int64 = 20_240_603_152_807
    private static let usersObjects = [
        "CREATE TABLE my_places (id int PRIMARY KEY, name text, latitude float8, longitude float8)",
        "CREATE INDEX my_places_earth ON my_places USING gist (ll_to_earth(latitude, longitude))",
        """
        CREATE VIEW near_home AS SELECT d.id, earth_distance(ll_to_earth(a.latitude, a.longitude), ll_to_earth(52.5, 13.4)) AS metres
        FROM drives d JOIN addresses a ON a.id = d.end_address_id
        """, "CREATE MATERIALIZED VIEW \"Nearest\" AS SELECT min(metres) FROM near_home",
        """
        CREATE FUNCTION metres_from_home(float8, float8) RETURNS float8 LANGUAGE sql
        BEGIN ATOMIC SELECT earth_distance(ll_to_earth($1, $2), ll_to_earth(52.5, 13.4)); END
        """, "CREATE TABLE my_points (id int, point cube, east float8 GENERATED ALWAYS AS (latitude(ll_to_earth(1, 2))) STORED)",
        "ALTER TABLE my_places ADD CONSTRAINT \"on earth\" CHECK (earth_distance(ll_to_earth(latitude, longitude), ll_to_earth(0, 0)) >= 0)",
    ]

    @Test(arguments: PostgresServer.Release.tested) func aCascade(release: PostgresServer.Release) async throws {
        let runner = InstanceRunner(try teslaMateSet.get(), steps: [EncryptAPITokens()])
        try await PostgresServer.shared(release).withDatabase { database in
            _ = await runner.up(database.instance(), to: Self.version)
            try await database.execute(Self.usersObjects)
            let names = [
                "view public.near_home", "index public.my_places_earth", "function public.metres_from_home", "view public.\"Nearest\"",
                "table column public.my_points.point", "table column public.my_points.east", "\"on earth\" on public.my_places",
            ]
            let status = await runner.status(database.instance())
            #expect(status.outcome == .blocked)
            let failure = try #require(status.failure)
            for name in names { #expect(failure.message.contains(name), "\(name): \(failure.message)") }
            #expect(failure.version == MigrationVersion(20_240_929_084_639))
            let result = await runner.up(database.instance())
            #expect(result.failure == failure)
            #expect(result.applied.isEmpty)

            // The advice, as the owner: each definition can be had.
            let hint = try #require(failure.hint)
            let definitions = try statements(in: hint, "SELECT")
            #expect(definitions.count == 7, "\(definitions)")
            var kept: [String] = []
            for definition in definitions {
                let row = try #require(try await database.query("SELECT d::text AS d FROM (\(definition)) AS d").rows.first)
                kept.append(try row.text("d"))
            }
            #expect(kept.contains { $0.contains("earth_distance(ll_to_earth(") })
            // Consent to some is not enough; as the fleet file takes it, to all of them is.
            let list = try #require(hint.firstMatch(of: /accept_drops: \[(.*?)\]/)?.1)
            let accepted = list.split(separator: ", ").map { $0.filter { $0 != "\"" } }
            #expect(accepted.contains("Nearest") && accepted.contains("on earth"))
            #expect(await runner.status(database.instance { $0.acceptedDrops = Array(accepted.dropLast()) }).outcome == .blocked)
            let log = EventLog()
            let done = await runner.up(database.instance { $0.acceptedDrops = accepted }, log: log)
            #expect(done.outcome == .migrated, "\(String(describing: done.failure))")
            #expect(log.warnings.contains { $0.contains("near_home") && $0.contains("accept_drops") })
        }
    }

    /// Whatever hangs on a column or a table, by any of its ways to go.
    @Test(arguments: PostgresServer.Release.tested) func columnsTablesAndTypes(release: PostgresServer.Release) async throws {
        let set = try migrationSet([
            (
                1,
                migrationText(
                    """
                    CREATE TYPE kind AS ENUM ('a');
                    CREATE TABLE cars (id bigserial PRIMARY KEY, old int CONSTRAINT positive CHECK (old > 0), other int, wide int, k kind);
                    CREATE INDEX cars_old ON cars (old);
                    CREATE TABLE lists (id bigserial PRIMARY KEY, car_id bigint REFERENCES cars);
                    CREATE FUNCTION helper(n int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT n';
                    """
                )
            ),
            (
                2,
                migrationText(
                    """
                    ALTER TABLE cars DROP COLUMN old, ALTER COLUMN wide TYPE bigint;
                    DROP TABLE lists;
                    ALTER TABLE cars DROP COLUMN k;
                    DROP TYPE kind;
                    DROP FUNCTION helper(integer);
                    """
                )
            ),
        ])
        try await PostgresServer.shared(release).withDatabase(owner: .superuser) { database in
            let runner = InstanceRunner(set)
            _ = await runner.up(database.instance(), to: 1)
            #expect(await runner.status(database.instance()).outcome == .pending, "what the set makes stands in no way")
            try await database.execute([
                "CREATE INDEX mine ON cars (other, old)", "CREATE VIEW totals AS SELECT sum(old) FROM cars",
                "CREATE VIEW wides AS SELECT wide FROM cars", "CREATE POLICY seen ON cars USING (wide > 0)",
                "CREATE TABLE notes (id int, list_id bigint CONSTRAINT to_list REFERENCES lists, k kind)",
                "CREATE PUBLICATION feed FOR TABLE lists", "CREATE STATISTICS pairs ON old, other FROM cars",
                "CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
                "CREATE TRIGGER watch AFTER UPDATE OF old ON cars FOR EACH ROW EXECUTE FUNCTION trap()",
                "CREATE INDEX by_helper ON cars (helper(other))",
            ])
            let failure = try #require(await runner.status(database.instance()).failure)
            #expect(failure.kind == .blocked)
            for name in [
                "index public.mine", "view public.totals", "view public.wides", "policy seen on public.cars", "to_list on public.notes",
                "table column public.notes.k", "public.lists in publication feed", "statistics object public.pairs",
                "trigger watch on public.cars",
                "index public.by_helper",
            ] { #expect(failure.message.contains(name), "\(name): \(failure.message)") }
            for name in ["cars_old", "positive", "cars_pkey", "lists_pkey", "lists_id_seq", "trap"] {
                #expect(!failure.message.contains(name), "\(name): \(failure.message)")
            }
            #expect(await runner.up(database.instance()).applied.isEmpty)
            // Consent does not help against what makes a statement fail; dropping it does.
            let hint = try #require(failure.hint)
            for definition in try statements(in: hint, "SELECT") {
                let rows = try await database.query(definition).rows
                #expect(rows.count == 1, "\(definition)")
            }
            let list = try #require(hint.firstMatch(of: /accept_drops: \[(.*?)\]/)?.1)
            let accepted = list.split(separator: ", ").map { $0.filter { $0 != "\"" } }
            #expect(!accepted.contains("totals"))
            try await database.execute(try statements(in: hint, "DROP|ALTER"))
            let done = await runner.up(database.instance { $0.acceptedDrops = accepted })
            #expect(done.outcome == .migrated, "\(String(describing: done.failure))")
        }
    }

    @Test func consentNamesObjectsByteByByte() {
        let entry = Dependents.Entry(
            type: "function",
            identity: "public.\u{e9}t\u{e9}(integer)",
            name: "\u{e9}t\u{e9}",
            table: nil,
            isKey: false,
            definition: nil,
            removal: nil
        )
        #expect(entry.isAccepted(by: ["\u{e9}t\u{e9}"]))
        #expect(entry.isAccepted(by: ["public.\u{e9}t\u{e9}"]))
        #expect(entry.isAccepted(by: ["public.\u{e9}t\u{e9}(integer)"]))
        #expect(!entry.isAccepted(by: ["e\u{301}te\u{301}"]))
        #expect(!entry.isAccepted(by: ["t\u{e9}", ""]))
    }
}
