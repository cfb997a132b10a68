import ConvoyInstance
import ConvoyPostgres
import TestSupport
import Testing

@testable import ConvoyCatalog

/// A database with one object of each sort, and odd names, made again from its catalogue, on each release.
@Suite(.timeLimit(.minutes(3)))
struct DraftedDatabaseTests {
    private static let schema = """
        CREATE SCHEMA "od.d"; CREATE EXTENSION cube;
        CREATE TYPE kind AS ENUM ('a', 'b,c', 'it''s'); CREATE DOMAIN plate AS text NOT NULL DEFAULT 'x' CHECK (VALUE <> '');
        CREATE TYPE place AS (a int, b text);
        CREATE TABLE t (id serial PRIMARY KEY, k kind NOT NULL DEFAULT 'a', n numeric(8, 2) DEFAULT 1.5,
            g int GENERATED ALWAYS AS (1 + 2) STORED, e text COLLATE "C", d plate, list int[]);
        CREATE TABLE u (id bigint GENERATED ALWAYS AS IDENTITY (INCREMENT BY 3), t int REFERENCES t (id) ON DELETE CASCADE DEFERRABLE, CHECK (t > 0))
            WITH (fillfactor = 90);
        CREATE TABLE "od.d"."ta
        -- x; b""le" ("co.l" int, "default" text DEFAULT E'a''b\\\\c\\n--x;' NOT NULL, CONSTRAINT "c;" UNIQUE ("co.l", "default"));
        CREATE UNLOGGED TABLE quick (a int); CREATE TABLE part (a int) PARTITION BY RANGE (a); CREATE TABLE bare ();
        ALTER TABLE quick REPLICA IDENTITY FULL;
        CREATE INDEX t_n ON t (lower(e)) WHERE n > 1; CREATE UNIQUE INDEX "I.1" ON t USING btree (e DESC NULLS LAST) INCLUDE (n) WITH (fillfactor = 70);
        CREATE FUNCTION f(a int, b text DEFAULT 'x.y, language c') RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT b $$;
        CREATE FUNCTION g(a int) RETURNS int LANGUAGE sql RETURN a + 1;
        CREATE FUNCTION h(a int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT a; END;
        CREATE FUNCTION odd() RETURNS text LANGUAGE sql STRICT AS $q$ SELECT '$$ $_$ $body$
        ;'::text $q$;
        CREATE FUNCTION "with.path"() RETURNS text LANGUAGE sql SECURITY DEFINER SET search_path TO public, pg_temp AS $$ SELECT ''::text $$;
        CREATE FUNCTION rows() RETURNS TABLE (a int, b text) LANGUAGE sql AS $$ SELECT t.id, t.e FROM public.t $$;
        CREATE PROCEDURE act(a int) LANGUAGE plpgsql AS $$ BEGIN END $$;
        CREATE FUNCTION long() RETURNS text LANGUAGE sql AS $$ SELECT '\(String(repeating: "long ", count: 500))'::text $$;
        CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
        CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW WHEN (NEW.id > 3) EXECUTE FUNCTION note('it''s disabled');
        ALTER TABLE t DISABLE TRIGGER tr;
        CREATE VIEW a_reads_v AS SELECT 1 AS one;
        CREATE VIEW v AS SELECT t.id, t.n * 1.5 AS x, 'a.b''c.d' AS lit FROM t WHERE t.id > 1 AND EXISTS (SELECT FROM u WHERE u.t = t.id);
        CREATE OR REPLACE VIEW a_reads_v WITH (security_barrier = true) AS SELECT 1 AS one FROM v;
        CREATE MATERIALIZED VIEW m AS SELECT count(*) AS c FROM t;
        CREATE RULE r AS ON UPDATE TO u DO ALSO INSERT INTO t (n) VALUES (NEW.t);
        ALTER TABLE t ENABLE ROW LEVEL SECURITY; ALTER TABLE t FORCE ROW LEVEL SECURITY;
        CREATE POLICY p ON t FOR SELECT TO PUBLIC USING (id > 0 AND EXISTS (SELECT FROM u WHERE u.t = t.id));
        CREATE POLICY q ON t AS RESTRICTIVE FOR ALL TO PUBLIC USING (true) WITH CHECK (e <> 'with check');
        CREATE SEQUENCE s START 5 MINVALUE 2 MAXVALUE 100 CYCLE; CREATE SEQUENCE back AS smallint INCREMENT -2;
        COMMENT ON TABLE t IS 'it''s; "here"'; COMMENT ON COLUMN t.n IS E'a\\n--b'; COMMENT ON CONSTRAINT t_pkey ON t IS 'pk';
        COMMENT ON FUNCTION f IS 'f'; COMMENT ON VIEW v IS 'v'; COMMENT ON DOMAIN plate IS 'd'; COMMENT ON TRIGGER tr ON t IS 'tr';
        COMMENT ON INDEX t_n IS 'i'; COMMENT ON SCHEMA "od.d" IS 's'; COMMENT ON PROCEDURE act IS 'a'; COMMENT ON POLICY p ON t IS 'p';
        GRANT SELECT, INSERT ON t TO PUBLIC; REVOKE EXECUTE ON FUNCTION f FROM PUBLIC; GRANT USAGE ON SCHEMA "od.d" TO PUBLIC;
        """

    /// What the search path of a session would find before the server's own.
    private static let lies = """
        CREATE FUNCTION public.pg_get_viewdef(oid) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'a lie'; END $$;
        CREATE FUNCTION public.lower(text) RETURNS text LANGUAGE sql AS $$ SELECT 'a lie'::text $$;
        CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = text, FUNCTION = texteq)
        """

    private func read(_ database: TestDatabase) async throws -> (Catalog, [CatalogFact: String]) {
        let runner = InstanceRunner(try threeMigrations())
        guard case .facts(let catalog) = try await CatalogReader(runner).read(database.instance()).content else {
            throw TestSupportError("no facts")
        }
        return (catalog, try await DefinitionReader(runner).definitions(of: catalog, in: database.instance()))
    }

    private func run(_ draft: SchemaDraft, on database: TestDatabase) async throws {
        let connection = try await database.connect()
        defer { connection.close() }
        for statement in ["SET search_path TO pg_catalog", "BEGIN"] + draft.statements + ["COMMIT"] {
            do throws(PostgresError) {
                try await connection.query(statement)
            } catch {
                throw TestSupportError("\(error.message): \(statement)")
            }
        }
    }

    @Test(arguments: PostgresServer.Release.tested)
    func everythingIsMadeAgainAndDropped(release: PostgresServer.Release) async throws {
        let server = try await PostgresServer.shared(release)
        try await server.withDatabase(owner: .superuser) { database in
            try await database.run(script: Self.schema)
            let (catalog, definitions) = try await read(database)
            try await server.withDatabase(owner: .superuser) { other in
                let (empty, _) = try await read(other)
                let draft = SchemaDraft(from: empty, to: catalog, definitions: definitions)
                #expect(draft.gaps == [])
                try await run(draft, on: other)
                let (made, _) = try await read(other)
                #expect(made.differences(from: catalog, in: .all) == [])

                let down = SchemaDraft(from: catalog, to: empty)
                #expect(down.gaps == [])
                try await run(down, on: other)
                let (left, _) = try await read(other)
                #expect(left.differences(from: empty, in: .all) == [])
            }
        }
    }

    @Test(arguments: PostgresServer.Release.tested)
    func aLyingDatabaseIsReadWithoutItsFunctions(release: PostgresServer.Release) async throws {
        try await PostgresServer.shared(release).withDatabase { database in
            try await database.run(script: "CREATE TABLE t (id int, e text); CREATE VIEW v AS SELECT id FROM t WHERE lower(e) = 'x'")
            let (_, honest) = try await read(database)
            try await database.run(script: Self.lies)
            try await database.execute(["ALTER DATABASE \(database.name) SET search_path TO public, pg_catalog"], as: "postgres")
            let (catalog, definitions) = try await read(database)
            let view = try #require(catalog.facts.first { $0.kind == .view })
            #expect(definitions[view] != nil && definitions[view] == honest[view])
            // Its operator is one of the things that a draft leaves to its reader.
            let draft = SchemaDraft(from: Catalog([CatalogFact(.schema, "public")]), to: catalog, definitions: definitions)
            #expect(draft.gaps.contains { $0.hasPrefix("function ") && $0.contains("operator of ") })
        }
    }

    @Test(
        arguments: [
            ("ALTER TYPE kind ADD VALUE 'z' BEFORE 'a'", ["ALTER TYPE public.kind ADD VALUE 'z' BEFORE 'a'"]),
            ("CREATE INDEX t_d ON t (d)", ["CREATE INDEX t_d ON public.t USING btree (d)"]),
            ("ALTER TABLE u ALTER id DROP IDENTITY", ["ALTER TABLE public.u ALTER COLUMN id DROP IDENTITY"]),
            ("ALTER TABLE t ENABLE ALWAYS TRIGGER tr", nil),
            ("ALTER TABLE t ALTER list TYPE bigint[], ALTER d TYPE text, ALTER d DROP DEFAULT", nil),
            ("ALTER TABLE t ALTER n SET DEFAULT 7", nil),
            ("ALTER TABLE t RENAME e TO text", nil), ("ALTER TABLE t RENAME TO vehicles", nil), ("ALTER TABLE u SET SCHEMA \"od.d\"", nil),
            ("ALTER TABLE u SET (fillfactor = 80); ALTER TABLE bare SET UNLOGGED", nil), ("ALTER SEQUENCE s INCREMENT 4 NO CYCLE", nil),
            ("ALTER DOMAIN plate DROP NOT NULL; ALTER DOMAIN plate SET DEFAULT 'y'", nil), ("DROP TABLE u CASCADE", nil),
            ("COMMENT ON TABLE t IS NULL", nil),
            ("REVOKE INSERT ON t FROM PUBLIC; GRANT UPDATE ON u TO PUBLIC", nil),
            ("CREATE OR REPLACE FUNCTION g(a int) RETURNS int LANGUAGE sql RETURN a + 2", nil),
            ("DROP FUNCTION g; CREATE FUNCTION g(a int) RETURNS bigint LANGUAGE sql STABLE AS $$ SELECT 1::bigint $$", nil),
            ("CREATE OR REPLACE VIEW v AS SELECT t.id, t.n * 2.5 AS x, 'a'::text AS lit, 1 AS more FROM t", nil),
            ("ALTER TABLE t DROP CONSTRAINT t_pkey CASCADE, ADD CONSTRAINT key PRIMARY KEY (id, k)", nil),
            ("ALTER TABLE t RENAME CONSTRAINT t_pkey TO key", ["ALTER TABLE public.t RENAME CONSTRAINT t_pkey TO key"]),
            ("ALTER INDEX t_n RENAME TO other", ["ALTER INDEX public.t_n RENAME TO other"]),
            ("ALTER SEQUENCE t_id_seq RENAME TO ids", ["ALTER SEQUENCE public.t_id_seq RENAME TO ids"]),
            (
                "DROP RULE r ON u; DROP POLICY p ON t; DROP TRIGGER tr ON t; DROP MATERIALIZED VIEW m; DROP PROCEDURE act; DROP SEQUENCE back",
                nil
            ),
        ] as [(String, [String]?)]
    ) func aChangeIsDraftedUpAndDown(change: String, expected: [String]?) async throws {
        let server = try await PostgresServer.shared()
        let template = try await server.template(named: "drafted", owner: .superuser) { try await $0.run(script: Self.schema) }
        try await server.withDatabase(owner: .superuser, template: template) { changed in
            let (before, earlier) = try await read(changed)
            try await changed.run(script: change)
            let (after, definitions) = try await read(changed)
            try #require(before != after)
            try await server.withDatabase(owner: .superuser, template: template) { other in
                let up = SchemaDraft(from: before, to: after, definitions: definitions)
                #expect(up.gaps == [])
                if let expected { #expect(up.statements == expected) }
                try await run(up, on: other)
                let (made, _) = try await read(other)
                #expect(made.differences(from: after, in: .all) == [], "\(up.text)")
                let down = SchemaDraft(from: after, to: before, definitions: earlier)
                try await run(down, on: other)
                let (back, _) = try await read(other)
                let tables = down.lines.compactMap { if case .columnOrder(let table) = $0 { table } else { nil } }
                #expect(down.gaps.count == tables.count, "\(down.gaps)")
                #expect(back.differences(from: before, in: .all).filter { !tables.contains($0.object) } == [], "\(down.text)")
            }
        }
    }
}
