import ConvoyFleet
import ConvoyInstance
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import TestSupport
import Testing

@testable import ConvoyCatalog

/// The catalogue of real databases, on each release.
@Suite(.timeLimit(.minutes(3)))
struct CatalogReaderTests {
    /// One object of each kind, and what another database may have of it.
    private static let schema = """
        CREATE SCHEMA "od.d"; CREATE EXTENSION cube;
        CREATE TYPE kind AS ENUM ('a', 'b,c'); CREATE DOMAIN plate AS text NOT NULL DEFAULT 'x' CHECK (VALUE <> '');
        CREATE TYPE place AS (a int, b text);
        CREATE TABLE t (id serial PRIMARY KEY, k kind NOT NULL DEFAULT 'a', n numeric(8, 2) DEFAULT 1.5,
            g int GENERATED ALWAYS AS (1 + 2) STORED, e text COLLATE "C", d plate, list int[]);
        CREATE TABLE u (id bigint GENERATED ALWAYS AS IDENTITY, t int REFERENCES t (id) ON DELETE CASCADE, CHECK (t > 0)) WITH (fillfactor = 90);
        CREATE TABLE "od.d"."ta
        b""le" ("co.l" int);
        CREATE TABLE part (a int) PARTITION BY RANGE (a); CREATE TABLE part1 PARTITION OF part FOR VALUES FROM (1) TO (10);
        CREATE TABLE inh () INHERITS (t);
        CREATE INDEX t_n ON t (lower(e)) WHERE n > 1;
        CREATE FUNCTION f(a int, b text DEFAULT 'x.y') RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT b $$;
        CREATE FUNCTION g(a int) RETURNS int LANGUAGE sql RETURN a + 1;
        CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
        CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW WHEN (NEW.id > 3) EXECUTE FUNCTION note();
        CREATE VIEW v AS SELECT t.id, t.n * 1.5 AS x, 'a.b''c.d' AS lit FROM t WHERE t.id > 1 AND EXISTS (SELECT FROM u WHERE u.t = t.id);
        CREATE VIEW w AS SELECT a.id, b.id AS other, f(a.id) FROM t a JOIN u b ON b.t = a.id;
        CREATE MATERIALIZED VIEW m AS SELECT count(*) AS c FROM t;
        CREATE RULE r AS ON UPDATE TO u DO ALSO INSERT INTO t (n) VALUES (NEW.t);
        ALTER TABLE t ENABLE ROW LEVEL SECURITY;
        CREATE POLICY p ON t FOR SELECT TO PUBLIC USING (id > 0 AND EXISTS (SELECT FROM u WHERE u.t = t.id));
        CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
        CREATE SEQUENCE s START 5 MINVALUE 2 MAXVALUE 100 CYCLE;
        COMMENT ON TABLE t IS 'hello'; COMMENT ON COLUMN t.n IS E'a\\nb'; COMMENT ON CONSTRAINT t_pkey ON t IS 'pk';
        GRANT SELECT ON t TO PUBLIC; GRANT SELECT (n) ON t TO pg_monitor; REVOKE EXECUTE ON FUNCTION f FROM PUBLIC
        """

    private static let schemaOfTheSuperuser = """
        CREATE EVENT TRIGGER et ON ddl_command_end WHEN TAG IN ('DROP TABLE') EXECUTE FUNCTION watch();
        ALTER TABLE u OWNER TO pg_monitor
        """

    /// For each kind: a statement that changes an object of it, and one that removes it.
    static let changes: [(kind: CatalogFact.Kind, different: String?, missing: String)] = [
        (.schema, nil, "DROP SCHEMA \"od.d\" CASCADE"),
        (.extension, "ALTER EXTENSION cube SET SCHEMA \"od.d\"", "DROP EXTENSION cube"),
        (.enum, "ALTER TYPE kind ADD VALUE 'z'", "DROP TYPE kind CASCADE"),
        (.domain, "ALTER DOMAIN plate SET DEFAULT 'y'", "DROP DOMAIN plate CASCADE"),
        (.type, "ALTER TYPE place ADD ATTRIBUTE c int", "DROP TYPE place"),
        (.table, "ALTER TABLE u SET (fillfactor = 80)", "DROP TABLE part CASCADE"),
        (.column, "ALTER TABLE t ALTER list TYPE bigint[]", "ALTER TABLE t DROP list"),
        (
            .constraint, "ALTER TABLE u DROP CONSTRAINT u_t_check, ADD CONSTRAINT u_t_check CHECK (t > 1)",
            "ALTER TABLE u DROP CONSTRAINT u_t_check"
        ),
        (.index, "DROP INDEX t_n; CREATE INDEX t_n ON t (lower(e)) WHERE n > 2", "DROP INDEX t_n"),
        (.function, "ALTER FUNCTION f VOLATILE", "DROP FUNCTION g"),
        (.sequence, "ALTER SEQUENCE s INCREMENT 2", "DROP SEQUENCE s"),
        (.view, "CREATE OR REPLACE VIEW w AS SELECT a.id, b.id AS other, f(b.t) FROM t a JOIN u b ON b.t = a.id", "DROP VIEW w"),
        (
            .materializedView, "DROP MATERIALIZED VIEW m; CREATE MATERIALIZED VIEW m AS SELECT count(*) AS c FROM t WHERE id > 7",
            "DROP MATERIALIZED VIEW m"
        ),
        (.trigger, "ALTER TABLE t DISABLE TRIGGER tr", "DROP TRIGGER tr ON t"),
        (.rule, "CREATE OR REPLACE RULE r AS ON UPDATE TO u DO INSTEAD NOTHING", "DROP RULE r ON u"),
        (.policy, "ALTER POLICY p ON t USING (id > 1)", "DROP POLICY p ON t"),
        (.eventTrigger, "ALTER EVENT TRIGGER et DISABLE", "DROP EVENT TRIGGER et"),
        (.owner, "ALTER TABLE u OWNER TO postgres", "ALTER TABLE u OWNER TO teslamate"),
        (.privilege, "GRANT INSERT ON t TO PUBLIC", "REVOKE SELECT ON t FROM PUBLIC"),
        (.comment, "COMMENT ON TABLE t IS 'bye'", "COMMENT ON TABLE t IS NULL"),
    ]

    @Test func everyKindHasAChange() {
        #expect(Self.changes.map(\.kind) == CatalogFact.Kind.allCases)
    }

    private func template(_ server: PostgresServer) async throws -> DatabaseTemplate {
        try await server.template(named: "catalogue_facts") { database in
            _ = await InstanceRunner(try threeMigrations()).up(database.instance())
            try await database.run(script: Self.schema)
            try await database.run(script: Self.schemaOfTheSuperuser, as: "postgres")
        }
    }

    private func read(_ database: TestDatabase) async throws -> Catalog { try await database.catalog() }

    @Test(arguments: PostgresServer.Release.tested, CatalogFact.Kind.allCases)
    func aChangeOfEachKindIsFound(release: PostgresServer.Release, kind: CatalogFact.Kind) async throws {
        let server = try await PostgresServer.shared(release)
        let change = try #require(Self.changes.first { $0.kind == kind })
        let expected = try await server.withDatabase(template: template(server)) { try await read($0) }
        let scope = CatalogScope.all
        for (word, statement) in [(CatalogDifference.Change.different, change.different), (.missing, change.missing)] {
            guard let statement else { continue }
            try await server.withDatabase(template: template(server)) { database in
                try await database.run(script: statement, as: "postgres")
                let found = try await read(database)
                let differences = found.differences(from: expected, in: scope).filter { $0.kind == kind }
                #expect(differences.contains { $0.change == word }, "\(statement): \(differences)")
                // Seen from the other side what is missing is extra.
                let reversed = expected.differences(from: found, in: scope).filter { $0.kind == kind }
                #expect(reversed.contains { $0.change == (word == .missing ? .extra : word) }, "\(statement): \(reversed)")
                try await expectAdviceRuns(differences + reversed, on: database)
            }
        }
    }

    /// Advice is code: each query runs, and shows the object where it is there.
    private func expectAdviceRuns(_ differences: [CatalogDifference], on database: TestDatabase) async throws {
        for difference in differences {
            let sql = try #require(difference.sql, "\(difference)")
            let rows = try await database.query(sql).rows
            if difference.change == .different { #expect(rows.count >= 1, "\(difference.kind) \(difference.object): \(sql)") }
        }
    }

    @Test func theFactsAreTheSameOnEachRelease() async throws {
        var catalogs: [Catalog] = []
        for release in PostgresServer.Release.tested {
            let server = try await PostgresServer.shared(release)
            catalogs.append(try await server.withDatabase(template: template(server)) { try await read($0) })
        }
        let first = try #require(catalogs.first)
        #expect(Set(first.facts.map(\.kind)) == Set(CatalogFact.Kind.allCases))
        for catalog in catalogs.dropFirst() {
            #expect(catalog.differences(from: first, in: .all) == [])
            #expect(catalog.fingerprint == first.fingerprint)
        }
    }

    @Test(arguments: PostgresServer.Release.tested)
    func theLedgerTheAuditLogAndExtensionsAreLeftOut(release: PostgresServer.Release) async throws {
        let server = try await PostgresServer.shared(release)
        try await server.withDatabase(template: template(server)) { database in
            let objects = try await read(database).facts.map(\.object)
            #expect(!objects.contains { $0.contains("schema_migrations") || $0.hasPrefix("convoy") || $0.contains("cube_") })
            #expect(objects.contains("\"od.d\".\"ta\nb\"\"le\".\"co.l\""))
        }
    }

    /// A table with columns, constant defaults, keys and plain indexes is not locked at all; what names columns only for a moment.
    @Test(arguments: PostgresServer.Release.tested)
    func noLockOfAnOrdinaryTable(release: PostgresServer.Release) async throws {
        try await PostgresServer.shared(release).withDatabase { database in
            _ = await InstanceRunner(try threeMigrations()).up(database.instance())
            try await database.execute([
                "CREATE TABLE k (id serial PRIMARY KEY, c bigint DEFAULT 7 REFERENCES cars (id))", "CREATE INDEX ON k (c)",
            ])
            let blocker = try await database.connect()
            defer { blocker.close() }
            _ = try await blocker.query("BEGIN")
            _ = try await blocker.query("LOCK TABLE k, cars, trips IN ACCESS EXCLUSIVE MODE")
            let catalog = try await read(database)
            #expect(catalog.facts.contains(CatalogFact(.column, "public.k.c", "bigint default 7")))
            _ = try await blocker.query("ROLLBACK")
            // In the transaction that has asked, what it still holds of tables that are not the server's own.
            let session = try await database.connect()
            defer { session.close() }
            _ = try await session.query("BEGIN")
            _ = try await session.query("SET LOCAL search_path TO pg_catalog")
            let statement = CatalogQuery.usual()
            _ = try await session.query(statement.sql, statement.parameters)
            let locks = try await session.query("SELECT 1 FROM pg_locks WHERE pid = pg_backend_pid() AND relation >= 16384").rows
            #expect(locks.isEmpty)
        }
    }

    /// Plain indexes are printed without `pg_get_indexdef`, which would lock their tables, and in the same words.
    @Test(arguments: PostgresServer.Release.tested)
    func indexesAreWrittenAsTheServerWritesThem(release: PostgresServer.Release) async throws {
        try await PostgresServer.shared(release).withDatabase { database in
            _ = await InstanceRunner(try threeMigrations()).up(database.instance())
            try await database.run(
                script: """
                    CREATE TABLE "O d" (a int, "b B" text, c text COLLATE "C", d int[], e point, f int, g box,
                        EXCLUDE USING gist (g WITH &&), UNIQUE NULLS NOT DISTINCT (f));
                    CREATE INDEX ON "O d" (a DESC, "b B"); CREATE INDEX ON "O d" (a NULLS FIRST); CREATE INDEX ON "O d" ("b B" COLLATE "C");
                    CREATE INDEX ON "O d" ("b B" text_pattern_ops); CREATE INDEX ON "O d" (a) INCLUDE (f); CREATE INDEX ON "O d" USING hash (c);
                    CREATE INDEX ON "O d" USING gin (d); CREATE INDEX ON "O d" USING gist (e); CREATE INDEX ON "O d" (lower(c));
                    CREATE INDEX ON "O d" (a) WHERE f > 1; CREATE INDEX ON "O d" (a) WITH (fillfactor = 70);
                    CREATE UNIQUE INDEX "I 12" ON "O d" (c, a, "b B"); CREATE INDEX ON "O d" (a, lower(c), f);
                    CREATE TABLE p (a int, b int) PARTITION BY LIST (a); CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); CREATE INDEX ON p (b)
                    """
            )
            let printed = try await database.query(
                """
                SELECT pg_get_indexdef(indexrelid) AS text FROM pg_index
                WHERE indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname <> 'schema_migrations')
                """
            ).rows.map { row throws(PostgresError) in try row.text("text") }
            #expect(printed.count == 19)
            #expect(try await read(database).facts.filter { $0.kind == .index }.map(\.text).sorted() == printed.sorted())
        }
    }

    /// A view over a locked table cannot be printed: that ends soon, and says why and who.
    @Test func aLockThatIsNotFreeIsReported() async throws {
        try await withDatabase { database in
            _ = await InstanceRunner(try threeMigrations()).up(database.instance())
            try await database.execute(["CREATE VIEW v AS SELECT id FROM cars"])
            let blocker = try await database.connect()
            defer { blocker.close() }
            _ = try await blocker.query("BEGIN")
            _ = try await blocker.query("LOCK TABLE cars IN ACCESS EXCLUSIVE MODE")
            let instance = database.instance { $0.lockTimeout = .milliseconds(200) }
            let reader = CatalogReader(InstanceRunner(try threeMigrations()))
            let failure = await #expect(throws: Failure.self) { try await reader.read(instance) }
            #expect(failure?.kind == .lockBusy)
            #expect(failure?.lockedBy != nil)
            #expect(failure?.hint?.contains("pg_catalog.pg_terminate_backend(") == true, "\(failure?.hint ?? "no hint")")
        }
    }

    /// What the version does not have and nothing else shows: each as it is written in the facts, the same on each release.
    @Test(arguments: PostgresServer.Release.tested)
    func whatIsOffOrGivenByDefaultIsSeen(release: PostgresServer.Release) async throws {
        let server = try await PostgresServer.shared(release)
        try await server.withDatabase(template: template(server)) { database in
            let before = try await read(database)
            try await database.run(
                script: """
                    CREATE TABLE i (a int NOT NULL UNIQUE); ALTER TABLE i REPLICA IDENTITY USING INDEX i_a_key;
                    ALTER TABLE u DISABLE TRIGGER ALL; ALTER TABLE part REPLICA IDENTITY FULL;
                    CREATE FUNCTION same(oid, regclass) RETURNS bool LANGUAGE sql AS $$ SELECT true $$;
                    CREATE OPERATOR = (LEFTARG = oid, RIGHTARG = regclass, FUNCTION = same);
                    ALTER DEFAULT PRIVILEGES FOR ROLE teslamate REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
                    ALTER DEFAULT PRIVILEGES FOR ROLE pg_monitor IN SCHEMA public GRANT INSERT ON TABLES TO PUBLIC;
                    ALTER DEFAULT PRIVILEGES FOR ROLE pg_read_all_data IN SCHEMA public GRANT INSERT ON TABLES TO PUBLIC
                    """,
                as: "postgres"
            )
            let found = try await read(database).differences(from: before, in: CatalogScope(schemas: ["public"]))
            func texts(_ kind: CatalogFact.Kind, _ object: String) -> [String] {
                found.filter { $0.kind == kind && $0.object == object }.compactMap(\.found)
            }
            let key = "FOREIGN KEY (t) REFERENCES public.t(id) ON DELETE CASCADE"
            #expect(texts(.constraint, "public.u.u_t_fkey") == ["\(key) disabled"])
            #expect(texts(.table, "public.i") == ["(a) replica identity index i_a_key"])
            #expect(texts(.table, "public.part").first?.hasSuffix(" replica identity full") == true)
            #expect(texts(.function, "public.=(oid,regclass)") == ["operator of public.same(oid,regclass)"])
            #expect(texts(.privilege, "*") == ["default: functions of owner: owner EXECUTE"])
            #expect(texts(.privilege, "public") == ["default: tables of another role: PUBLIC INSERT"])
            try await expectAdviceRuns(found, on: database)
        }
    }

    /// The advice is for a superuser in psql, in a database whose owner has put traps before the server's own functions and operators.
    @Test(arguments: PostgresServer.Release.tested)
    func theAdviceRunsNoCodeOfTheTenant(release: PostgresServer.Release) async throws {
        let server = try await PostgresServer.shared(release)
        try await server.withDatabase(template: template(server)) { database in
            try await database.execute(
                [
                    "CREATE FUNCTION harmless(int, int) RETURNS bool LANGUAGE sql AS $$ SELECT true $$",
                    "CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = harmless)",
                    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO PUBLIC",
                    "ALTER DEFAULT PRIVILEGES GRANT SELECT ON SEQUENCES TO PUBLIC",
                    "COMMENT ON FUNCTION f IS 'x'", "COMMENT ON TYPE place IS 'x'", "COMMENT ON VIEW v IS 'x'",
                    "COMMENT ON RULE r ON u IS 'x'",
                    "COMMENT ON TRIGGER tr ON t IS 'x'", "COMMENT ON POLICY p ON t IS 'x'", "COMMENT ON SCHEMA \"od.d\" IS 'x'",
                    "COMMENT ON INDEX t_n IS 'x'", "COMMENT ON SEQUENCE s IS 'x'",
                ],
                as: "postgres"
            )
            let catalog = try await read(database)
            let differences = catalog.differences(from: Catalog([]), in: .all)
            #expect(Set(differences.map(\.kind)) == Set(CatalogFact.Kind.allCases))
            try await database.execute([
                "CREATE TABLE trapped (what text)", Self.traps,
                "ALTER DATABASE \"\(database.name)\" SET search_path = public, pg_catalog",
            ])
            let superuser = try await database.connect(as: "postgres")
            defer { superuser.close() }
            for difference in differences {
                let sql = try #require(difference.sql, "\(difference)")
                _ = try await superuser.query(sql)
                let sprung = try await superuser.query("SELECT what FROM public.trapped").rows
                #expect(sprung.isEmpty, "\(sql)")
            }
            // The traps are set: bare names spring them.
            let bare = "SELECT c.oid FROM pg_catalog.pg_class c WHERE c.oid = pg_catalog.to_regclass('public.t')"
            for sql in [bare, "SELECT to_regclass('public.t')"] {
                _ = try await superuser.query("DELETE FROM public.trapped")
                _ = try await superuser.query(sql)
                let sprung = try await superuser.query("SELECT what FROM public.trapped").rows
                #expect(!sprung.isEmpty, "\(sql)")
            }
        }
    }

    /// An operator for each pair of the types that a catalogue has, and a function for each of the server's that print or look up; each writes down that it ran.
    private static let traps = #"""
        DO $do$
        DECLARE l text; r text; o text; p record;
            types text[] := '{oid,regclass,regtype,regprocedure,regnamespace,regoperator,regproc,name,text,varchar,int2,int4,int8,"\"char\""}';
        BEGIN
            PERFORM pg_catalog.set_config('search_path', 'pg_catalog', true);
            FOREACH l IN ARRAY types LOOP FOREACH r IN ARRAY types LOOP
                EXECUTE format('CREATE FUNCTION public.trap(pg_catalog.%s, pg_catalog.%s) RETURNS pg_catalog.bool LANGUAGE plpgsql AS
                    $f$ BEGIN INSERT INTO public.trapped VALUES (''operator %s %s''); RETURN true; END $f$', l, r, l, r);
                FOREACH o IN ARRAY '{=,<>,<,>,<=,>=,||,~~,~}'::text[] LOOP
                    EXECUTE format('CREATE OPERATOR public.%s (LEFTARG = pg_catalog.%s, RIGHTARG = pg_catalog.%s, FUNCTION = public.trap)', o, l, r);
                END LOOP;
            END LOOP; END LOOP;
            FOR p IN SELECT proname, oidvectortypes(proargtypes) AS arguments FROM pg_proc
                WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f' AND pronargs > 0 AND NOT 2281 = ANY (proargtypes::oid[])
                    AND (proname ~ '^(to_reg|pg_get_|obj_description|col_description|format_type|quote_)' OR proname IN ('oid', 'name', 'text', 'int2', 'int4'))
            LOOP
                EXECUTE format('CREATE FUNCTION public.%I(%s) RETURNS text LANGUAGE plpgsql AS
                    $f$ BEGIN INSERT INTO public.trapped VALUES (%L); RETURN NULL; END $f$', p.proname, p.arguments, p.proname);
            END LOOP;
        END $do$
        """#

    @Test func whatIsKnownIsNotSent() async throws {
        try await withDatabase { database in
            _ = await InstanceRunner(try threeMigrations()).up(database.instance())
            let reader = CatalogReader(InstanceRunner(try threeMigrations()))
            let fingerprint = try await reader.read(database.instance()).fingerprint
            let known = try await reader.read(database.instance()) { $0 == MigrationVersion(3) ? fingerprint : nil }
            #expect(known.content == .known)
            #expect(await reader.cohort(of: database.instance()) == "3 \(fingerprint)")
        }
    }

    /// Tried with small limits: the server stops behind them.
    @Test func aCatalogueThatIsTooLarge() async throws {
        try await withDatabase { database in
            _ = await InstanceRunner(try threeMigrations()).up(database.instance())
            try await database.execute(["CREATE VIEW v AS SELECT id FROM cars"])
            let session = try await database.connect()
            defer { session.close() }
            _ = try await session.query("SET search_path TO pg_catalog")
            for limit in [10, 10_000] {
                var results: [QueryResult] = []
                func step() throws -> CatalogueStep<CatalogReading> {
                    try CatalogReading.step(results, at: nil, owner: database.ownerName, known: nil, rowLimit: limit)
                }
                while case .ask(let question) = try step() {
                    results.append(try await session.query(question.sql, question.parameters))
                    #expect(results.last?.rows.count ?? 0 <= limit + 1)
                }
                guard case .done(let reading) = try step() else { throw TestSupportError("no reading") }
                #expect((reading.content == .tooLarge) == (limit == 10))
                // What few databases have is a second question.
                #expect(results.count == (limit == 10 ? 1 : 2))
            }
        }
    }

    /// A schema as most have it takes one question, although an administrator made its extension.
    @Test(arguments: PostgresServer.Release.tested)
    func mostSchemasTakeOneQuestion(release: PostgresServer.Release) async throws {
        try await PostgresServer.shared(release).withDatabase { database in
            _ = await InstanceRunner(try threeMigrations()).up(database.instance())
            try await database.run(script: "CREATE EXTENSION cube; CREATE EXTENSION earthdistance", as: "postgres")
            try await database.execute([
                "CREATE TYPE k AS ENUM ('a')", "CREATE TABLE t (id serial PRIMARY KEY, k k NOT NULL, car int REFERENCES cars (id))",
                "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            ])
            let asked = try await InstanceRunner(try threeMigrations()).askCatalogue(of: database.instance()) {
                standing,
                results throws(PostgresError) -> CatalogueStep<Int> in
                switch try CatalogReading.step(results, at: standing.version, owner: standing.owner, known: nil) {
                case .ask(let question): .ask(question)
                case .done: .done(results.count)
                }
            }
            #expect(asked == 1)
        }
    }

    /// A server can answer anything.
    @Test(arguments: [
        "(namespace)", "(relation,x,2,t,o,,r,p,f,f,d,f,f,)", "no row", "(attribute,x,1,a,,int4,23,t,,,0,)",
        "(index,1,2,i,t,t,maybe,403,1,0,)", "()",
    ])
    func aRowThatNoServerPrints(row: String) async throws {
        try await withDatabase { database in
            let session = try await database.connect()
            defer { session.close() }
            let answer = try await session.query("SELECT '\(row)' AS row")
            #expect(throws: PostgresError.self) { try CatalogReading.step([answer], at: nil, owner: "postgres", known: nil) }
        }
    }
}

extension TestDatabase {
    /// The catalogue, as `convoy drift` reads it; the database is at the third version of the small set.
    func catalog() async throws -> Catalog {
        let reading = try await CatalogReader(InstanceRunner(try threeMigrations())).read(instance())
        #expect(reading.version == MigrationVersion(3))
        guard case .facts(let catalog) = reading.content else { throw TestSupportError("no facts: \(reading.content)") }
        return catalog
    }

    /// Runs statements that are separated by semicolons.
    ///
    /// - Parameter user: nil means the owner.
    func run(script: String, as user: String? = nil) async throws {
        let connection = try await connect(as: user)
        defer { connection.close() }
        for case .failure(let message) in try await connection.script(script, byteLimit: 1 << 20, timeout: .seconds(60)) {
            throw TestSupportError("\(message.message): \(script)")
        }
    }
}
