import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import TestSupport
import Testing

@testable import ConvoyInstance

/// Sets that only touch what they made themselves: nothing stands in their way, up, down, and up again.
@Suite(.timeLimit(.minutes(5))) struct PlainSetTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var before: String
        var up: String
        var down: String

        init(_ name: String, _ before: String, up: String, down: String) {
            (self.name, self.before, self.up, self.down) = (name, before, up, down)
        }

        var testDescription: String { name }
    }

    private static let function = "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NEW; END$$;"

    @Test(arguments: [
        Case(
            "names that the server makes up",
            "SELECT 1;",
            up: "CREATE TABLE t (id serial PRIMARY KEY, a int UNIQUE, b int CHECK (b > 0)); CREATE INDEX ON t (b);",
            down: "DROP TABLE t;"
        ),
        Case(
            "a trigger and its function",
            "CREATE TABLE t (id int PRIMARY KEY, c int);",
            up: "\(function) CREATE TRIGGER trg BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION f();",
            down: "DROP TRIGGER trg ON t; DROP FUNCTION f();"
        ),
        Case(
            "a trigger on a column that gets another type",
            "CREATE TABLE t (c int); \(function) CREATE TRIGGER trg BEFORE UPDATE OF c ON t FOR EACH ROW EXECUTE FUNCTION f();",
            up: "DROP TRIGGER trg ON t; ALTER TABLE t ALTER COLUMN c TYPE bigint;",
            down: "ALTER TABLE t ALTER COLUMN c TYPE int; CREATE TRIGGER trg BEFORE UPDATE OF c ON t FOR EACH ROW EXECUTE FUNCTION f();"
        ),
        Case(
            "a policy",
            "CREATE TABLE t (id int, c text); CREATE POLICY p ON t USING (c = current_user);",
            up: "DROP POLICY p ON t; ALTER TABLE t DROP COLUMN c;",
            down: "ALTER TABLE t ADD COLUMN c text; CREATE POLICY p ON t USING (c = current_user);"
        ),
        Case(
            "statistics, a rule and a policy that go with their table",
            "SELECT 1;",
            up: """
                CREATE TABLE u (a int, b int); CREATE STATISTICS s ON a, b FROM u; CREATE RULE r AS ON DELETE TO u DO INSTEAD NOTHING;
                CREATE POLICY p ON u USING (true);
                """,
            down: "DROP TABLE u;"
        ),
        Case(
            "indexes of partitions",
            "CREATE TABLE p (k int, z int) PARTITION BY LIST (k); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); CREATE INDEX p_z ON p (z);",
            up: "DROP INDEX p_z; ALTER TABLE p DROP COLUMN z;",
            down: "ALTER TABLE p ADD COLUMN z int; CREATE INDEX p_z ON p (z);"
        ),
        Case(
            "a view that DO makes",
            "CREATE TABLE t (id int, c int); DO $$BEGIN EXECUTE 'CREATE VIEW v AS SELECT c FROM t'; END$$;",
            up: "DO $$BEGIN EXECUTE 'DROP VIEW v'; END$$; ALTER TABLE t DROP COLUMN c;",
            down: "ALTER TABLE t ADD COLUMN c int; DO $$BEGIN EXECUTE 'CREATE VIEW v AS SELECT c FROM t'; END$$;"
        ),
        Case(
            "a constraint that is made anew",
            "CREATE TABLE t (a int, b int, CONSTRAINT t_u UNIQUE (a));",
            up: "ALTER TABLE t DROP CONSTRAINT t_u; ALTER TABLE t ADD CONSTRAINT t_u UNIQUE (a, b);",
            down: "ALTER TABLE t DROP CONSTRAINT t_u, ADD CONSTRAINT t_u UNIQUE (a);"
        ),
        Case(
            "a table that is made anew",
            "CREATE TABLE t (id int, a int, CONSTRAINT t_pkey PRIMARY KEY (id)); CREATE INDEX t_a ON t (a);",
            up: "DROP TABLE t; CREATE TABLE t (id bigint, a int, CONSTRAINT t_pkey PRIMARY KEY (id)); CREATE INDEX t_a ON t (a);",
            down: "DROP TABLE t; CREATE TABLE t (id int, a int, CONSTRAINT t_pkey PRIMARY KEY (id)); CREATE INDEX t_a ON t (a);"
        ),
        Case(
            "a table that takes another's place",
            "CREATE TABLE t (id int PRIMARY KEY, a int);",
            up: """
                CREATE TABLE t2 AS SELECT id, a FROM t; DROP TABLE t; ALTER TABLE t2 RENAME TO t;
                ALTER TABLE t ADD CONSTRAINT t_pkey PRIMARY KEY (id);
                """,
            down: "CREATE TABLE t3 AS TABLE t; DROP TABLE t; ALTER TABLE t3 RENAME TO t; ALTER TABLE t ADD PRIMARY KEY (id);"
        ),
        Case(
            "an index of a column that is made anew",
            "CREATE TABLE t (id int, a int); CREATE INDEX t_a ON t (a);",
            up: "ALTER TABLE t DROP COLUMN a; ALTER TABLE t ADD COLUMN a text; CREATE INDEX t_a ON t (a);",
            down: "ALTER TABLE t DROP COLUMN a; ALTER TABLE t ADD COLUMN a int; CREATE INDEX t_a ON t (a);"
        ),
        Case(
            "a constraint with another name",
            "CREATE TABLE t (id int, CONSTRAINT t_pkey PRIMARY KEY (id));",
            up: """
                ALTER TABLE t RENAME TO t_old; ALTER TABLE t_old RENAME CONSTRAINT t_pkey TO t_old_pkey;
                CREATE TABLE t (id bigint, CONSTRAINT t_pkey PRIMARY KEY (id)); DROP TABLE t_old;
                """,
            down: "ALTER TABLE t ALTER COLUMN id TYPE int;"
        ),
        Case(
            "a function with the same arguments, said in another way",
            "CREATE FUNCTION f(integer) RETURNS int LANGUAGE sql AS 'SELECT 1';",
            up: "DROP FUNCTION f(integer); CREATE FUNCTION f(x integer) RETURNS bigint LANGUAGE sql AS 'SELECT 2::bigint';",
            down: "DROP FUNCTION f; CREATE FUNCTION f(integer) RETURNS int LANGUAGE sql AS 'SELECT 1';"
        ),
        Case(
            "a table and a type that swap their names",
            "CREATE TABLE mood (id int);",
            up: "ALTER TABLE mood RENAME TO moods; CREATE TYPE mood AS ENUM ('a');",
            down: "DROP TYPE mood; ALTER TABLE moods RENAME TO mood;"
        ),
        Case(
            "a schema that is made anew",
            "CREATE SCHEMA s; CREATE TABLE s.t (id int);",
            up: "ALTER SCHEMA s RENAME TO s_old; CREATE SCHEMA s; CREATE TABLE s.t (id int);",
            down: "DROP SCHEMA s CASCADE; ALTER SCHEMA s_old RENAME TO s;"
        ),
        Case(
            "views that go with another one",
            "CREATE TABLE t (id int, a int); CREATE VIEW v AS SELECT * FROM t; CREATE MATERIALIZED VIEW mv AS SELECT * FROM v;",
            up: """
                DROP MATERIALIZED VIEW mv; DROP VIEW v; ALTER TABLE t RENAME TO t2; CREATE OR REPLACE VIEW t AS SELECT id, a FROM t2;
                CREATE VIEW v AS TABLE t; CREATE MATERIALIZED VIEW mv AS TABLE v;
                """,
            down: """
                DROP VIEW t CASCADE; ALTER TABLE t2 RENAME TO t; CREATE VIEW v AS SELECT * FROM t; CREATE MATERIALIZED VIEW mv AS SELECT * FROM v;
                """
        ),
    ])
    func nothingStandsInItsWay(_ plain: Case) async throws {
        let set = try migrationSet([
            (1, migrationText(plain.before, down: "SELECT 1;")), (2, migrationText(plain.up, down: plain.down)),
        ])
        let runner = InstanceRunner(set)
        try await withDatabase(owner: .unique) { database in
            let instance = database.instance()
            #expect(await runner.up(instance, to: 1).outcome == .migrated)
            for change in [Change.up(to: nil), .down(to: MigrationVersion(1)), .up(to: nil)] {
                let status = await runner.probe(instance, for: change)
                #expect(status.failure == nil, "\(change)")
                let result = await runner.migrate(InstanceJob(instance, change, run: "run-\(change)")) { _ in }
                #expect(result.failure == nil, "\(change)")
                #expect(result.applied.count == 1, "\(change)")
            }
        }
    }

    /// The index of a user goes with a column that a table inherits; it blocks as one on the table itself does.
    @Test func anIndexOnATableThatInherits() async throws {
        let set = try migrationSet([
            (1, migrationText("CREATE TABLE t (id int, c int);")), (2, migrationText("ALTER TABLE t DROP COLUMN c;")),
        ])
        let runner = InstanceRunner(set)
        try await withDatabase(owner: .unique) { database in
            #expect(await runner.up(database.instance(), to: 1).outcome == .migrated)
            try await database.execute(["CREATE TABLE mine () INHERITS (t)", "CREATE INDEX my_index ON mine (c)"])
            let failure = try #require(await runner.up(database.instance()).failure)
            #expect(failure.message.contains("index public.my_index"), "\(failure)")
        }
    }

    /// A user's column of a type that goes keeps its values.
    @Test func aColumnOfATypeThatGoes() async throws {
        let set = try migrationSet([
            (1, migrationText("CREATE TYPE mood AS ENUM ('well', 'ill');")), (2, migrationText("DROP TYPE mood;")),
        ])
        let runner = InstanceRunner(set)
        try await withDatabase(owner: .unique) { database in
            #expect(await runner.up(database.instance(), to: 1).outcome == .migrated)
            try await database.execute(["CREATE TABLE mine (state mood)", "INSERT INTO mine VALUES ('ill')"])
            let hint = try #require(await runner.up(database.instance()).failure?.hint)
            let advice = try #require(hint.firstMatch(of: /ALTER TABLE [^;.]*\.mine [^;.]*/)?.0)
            try await database.execute([String(advice)])
            #expect(await runner.up(database.instance(), to: nil).outcome == .migrated)
            #expect(try await database.query("SELECT state::text AS state FROM mine").onlyRow().text("state") == "ill")
        }
    }
}
