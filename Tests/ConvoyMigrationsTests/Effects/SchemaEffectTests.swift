import Testing

@testable import ConvoyMigrations

/// What statements do to a schema, read from their words.
@Suite struct SchemaEffectTests {
    private typealias Object = SchemaEffect.Object

    private static func relation(_ name: String, schema: String? = nil) -> Object { Object(.relation, ObjectName(name, schema: schema)) }

    struct Example: Sendable, CustomTestStringConvertible {
        var sql: String
        var effects: [SchemaEffect]
        var testDescription: String { sql }

        init(_ sql: String, _ effects: SchemaEffect...) { (self.sql, self.effects) = (sql, effects) }
    }

    @Test(arguments: [
        Example("CREATE TABLE cars (id bigint)", .creates(relation("cars"), toleratesExisting: false, replaces: false)),
        Example(
            "CREATE TABLE IF NOT EXISTS public.\"My Cars\" (id bigint REFERENCES x.models (id))",
            .creates(relation("My Cars", schema: "public"), toleratesExisting: true, replaces: false),
            .uses(ObjectName("models", schema: "x"), privilege: "REFERENCES")
        ),
        Example(
            "CREATE TABLE cars (id bigserial CONSTRAINT cars_pkey PRIMARY KEY, n int CONSTRAINT sane CHECK (n > 0))",
            .creates(relation("cars"), toleratesExisting: false, replaces: false),
            .createsIndex("cars_pkey", on: ObjectName("cars"), toleratesExisting: false)
        ), Example("CREATE TEMP TABLE cars (id bigint)", .unknown),
        Example(
            "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS \"a\"\"b\" ON ONLY CARS (id)",
            .alters(relation("cars")),
            .createsIndex("a\"b", on: ObjectName("cars"), toleratesExisting: true)
        ), Example("CREATE INDEX ON cars (id)", .alters(relation("cars"))),
        Example(
            "CREATE TYPE length AS ENUM ('km')",
            .creates(Object(.type, ObjectName("length")), toleratesExisting: false, replaces: false)
        ),
        Example(
            "CREATE OR REPLACE FUNCTION public.convert_km(n numeric, unit text) RETURNS numeric LANGUAGE sql AS 'SELECT 1'",
            .creates(
                Object(.function, ObjectName("convert_km", schema: "public"), arguments: ["n numeric", "unit text"]),
                toleratesExisting: true,
                replaces: true
            )
        ),
        Example(
            "CREATE FUNCTION f(x numeric DEFAULT 1) RETURNS int LANGUAGE sql AS 'SELECT 1'",
            .creates(Object(.function, ObjectName("f")), toleratesExisting: false, replaces: false)
        ),
        Example(
            "CREATE SCHEMA IF NOT EXISTS private",
            .creates(Object(.schema, ObjectName("private")), toleratesExisting: true, replaces: false)
        ),
        Example(
            "ALTER TABLE IF EXISTS ONLY trips ADD COLUMN a int DEFAULT round(1, 2) REFERENCES b, ADD IF NOT EXISTS c int, DROP d CASCADE, "
                + "ALTER e SET DATA TYPE int, ADD CONSTRAINT k UNIQUE (a), DROP CONSTRAINT l",
            .alters(relation("trips")),
            .addsColumn("a", table: ObjectName("trips"), toleratesExisting: false),
            .uses(ObjectName("b"), privilege: "REFERENCES"),
            .addsColumn("c", table: ObjectName("trips"), toleratesExisting: true),
            .dropsColumn("d", table: ObjectName("trips"), cascades: true),
            .retypesColumn("e", table: ObjectName("trips")),
            .createsIndex("k", on: ObjectName("trips"), toleratesExisting: false),
            .dropsConstraint("l", table: ObjectName("trips"), cascades: false)
        ), Example("ALTER TABLE trips RENAME TO drives", .alters(relation("trips")), .renames(relation("trips"), to: "drives")),
        Example(
            "ALTER TABLE trips RENAME start_soc TO \"x\"",
            .alters(relation("trips")),
            .renamesColumn("start_soc", table: ObjectName("trips"), to: "x")
        ), Example("ALTER TABLE tokens SET SCHEMA private", .alters(relation("tokens")), .moves(relation("tokens"), schema: "private")),
        Example(
            "ALTER TYPE length RENAME TO unit",
            .alters(Object(.type, ObjectName("length"))),
            .renames(Object(.type, ObjectName("length")), to: "unit")
        ),
        Example("DROP TABLE a, public.b", .drops(relation("a"), cascades: false), .drops(relation("b", schema: "public"), cascades: false)),
        Example(
            "DROP FUNCTION IF EXISTS convert_km(double precision, text)",
            .drops(Object(.function, ObjectName("convert_km"), arguments: ["double precision", "text"]), cascades: false)
        ), Example("DROP EXTENSION cube CASCADE", .drops(Object(.extension, ObjectName("cube")), cascades: true)),
        Example(
            "WITH c AS (INSERT INTO car_settings (a) SELECT 1 RETURNING id), d AS (DELETE FROM x.y) UPDATE cars SET a = 1 FROM c",
            .uses(ObjectName("car_settings"), privilege: "INSERT"),
            .uses(ObjectName("y", schema: "x"), privilege: "DELETE"),
            .uses(ObjectName("cars"), privilege: "UPDATE")
        ), Example("INSERT INTO t VALUES (1) ON CONFLICT DO UPDATE SET a = 2", .uses(ObjectName("t"), privilege: "INSERT")),
        Example("DO $$ BEGIN DROP TABLE cars; END $$", .unknown), Example("CREATE TABLE U&\"d\\0061\" (x int)", .unknown),
        Example("ALTER TABLE a.b.c ADD d int", .unknown), Example("CREATE", .unknown),
    ]) func ofAStatement(_ example: Example) {
        #expect(SQLStatement(text: example.sql, line: 1).effects == example.effects)
    }

    @Test func aNameIsCutAsTheServerDoes() {
        let long = String(repeating: "ü", count: 40)
        let effects = SQLStatement(text: "DROP TABLE \(long)", line: 1).effects
        #expect(effects == [.drops(Self.relation(String(repeating: "ü", count: 31)), cascades: false)])
    }

    // MARK: Forecasts

    private func forecast(_ texts: String..., schema: String = "public") throws -> SchemaForecast {
        var forecast = SchemaForecast(schema: schema)
        for (index, text) in texts.enumerated() {
            let file = MigrationFile(
                version: MigrationVersion(Int64(index + 1)),
                name: "test",
                path: "\(index + 1).sql",
                contents: Array("-- migrate:up\n\(text)\n-- migrate:down\n".utf8)
            )
            let migration = try file.migration()
            forecast.add(migration, migration.up, asOwner: true)
        }
        return forecast
    }

    @Test func namesAreFollowedBackToThoseOfNow() throws {
        let forecast = try forecast(
            "ALTER TABLE trips RENAME TO drives;\nALTER TABLE drives RENAME COLUMN start_soc TO start_km;",
            "ALTER TABLE drives DROP COLUMN start_km;\nCREATE TABLE geofences (id int);\nALTER TABLE geofences ADD COLUMN x int, DROP COLUMN id;",
            "DROP TABLE drives;\nCREATE TABLE drives (id int);"
        )
        #expect(Set(forecast.owned.keys) == [Self.relation("trips")])
        #expect(forecast.owned[Self.relation("trips")]?.version == MigrationVersion(1))
        #expect(forecast.losses.map(\.object) == [Self.relation("trips"), Self.relation("trips")])
        #expect(forecast.losses.map(\.column) == ["start_soc", nil])
        let made = forecast.creations.map { $0.column ?? $0.object.name.name }
        #expect(made == ["drives", "start_km", "geofences"])
    }

    @Test func whatIsDroppedBeforeIsFree() throws {
        let forecast = try forecast(
            "DROP INDEX IF EXISTS dates;\nCREATE INDEX dates ON positions (date);\nCREATE INDEX IF NOT EXISTS others ON positions (id);",
            "ALTER TABLE positions DROP COLUMN a;\nALTER TABLE positions ADD COLUMN a int, ADD COLUMN b int;"
        )
        #expect(forecast.creations.map { $0.column ?? $0.object.name.name } == ["b"])
    }

    @Test func whatAnAdministratorRunsNeedsNoOwner() throws {
        var forecast = SchemaForecast(schema: "public")
        let file = MigrationFile(
            version: MigrationVersion(1),
            name: "t",
            path: "1.sql",
            contents: Array("-- migrate:up\nDROP TYPE a CASCADE;\n-- migrate:down\n".utf8)
        )
        forecast.add(try file.migration(), try file.migration().up, asOwner: false)
        #expect(forecast.owned.isEmpty)
        #expect(forecast.losses.map(\.manner) == [.cascade])
    }
}
