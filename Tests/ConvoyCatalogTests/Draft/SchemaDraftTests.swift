import Testing

@testable import ConvoyCatalog

/// What is written for a difference of two catalogues: values, no database.
struct SchemaDraftTests {
    private static let cars = [
        CatalogFact(.schema, "public"), CatalogFact(.table, "public.cars", "(id, name)"),
        CatalogFact(.column, "public.cars.id", "bigint not null"),
        CatalogFact(.column, "public.cars.name", "text"), CatalogFact(.constraint, "public.cars.cars_pkey", "PRIMARY KEY (id)"),
        CatalogFact(.index, "public.cars_pkey", "CREATE UNIQUE INDEX cars_pkey ON public.cars USING btree (id)"),
        CatalogFact(.enum, "public.kind", "'a', 'b'"), CatalogFact(.sequence, "public.s", "bigint start 1 increment 1"),
        CatalogFact(
            .function,
            "public.f(integer)",
            "(a integer) returns integer language sql volatility v parallel u strict false",
            detail: "SELECT 1"
        ),
    ]

    /// Longer than a fact's text may be.
    private static let long = String(repeating: "x", count: 2000) + "… abc"

    private func draft(_ change: (inout [CatalogFact]) -> Void, definitions: [CatalogFact: String] = [:]) -> SchemaDraft {
        var facts = Self.cars
        change(&facts)
        return SchemaDraft(from: Catalog(Set(Self.cars)), to: Catalog(Set(facts)), definitions: definitions)
    }

    /// Each fact takes the place of the one of its kind and name.
    private func draft(with facts: [CatalogFact], without: [String] = []) -> SchemaDraft {
        draft { all in
            all.removeAll { old in without.contains(old.object) || facts.contains { $0.kind == old.kind && $0.object == old.object } }
            all += facts
        }
    }

    @Test func nothingDiffers() {
        #expect(draft { _ in }.lines == [])
    }

    @Test func aTableWithASequenceAndAKey() {
        let found = draft(with: [
            CatalogFact(.table, "public.t", "(id, car)"),
            CatalogFact(.column, "public.t.id", "bigint not null default nextval('public.t_id_seq'::regclass)"),
            CatalogFact(.column, "public.t.car", "bigint"),
            CatalogFact(.sequence, "public.t_id_seq", "bigint start 1 increment 1 owned by public.t.id"),
            CatalogFact(.constraint, "public.t.t_car_fkey", "FOREIGN KEY (car) REFERENCES public.cars(id)"),
            CatalogFact(.constraint, "public.t.t_pkey", "PRIMARY KEY (id)"),
            CatalogFact(.index, "public.t_pkey", "CREATE UNIQUE INDEX t_pkey ON public.t USING btree (id)"),
            CatalogFact(.index, "public.t_car", "CREATE INDEX t_car ON public.t USING btree (car)"),
            CatalogFact(.comment, "public.t", "table: it's\nhere"),
        ])
        #expect(
            found.text == """
                CREATE SEQUENCE public.t_id_seq AS bigint;
                CREATE TABLE public.t (
                    id bigint DEFAULT nextval('public.t_id_seq'::regclass) NOT NULL,
                    car bigint
                );
                ALTER SEQUENCE public.t_id_seq OWNED BY public.t.id;
                ALTER TABLE public.t ADD CONSTRAINT t_pkey PRIMARY KEY (id);
                ALTER TABLE public.t ADD CONSTRAINT t_car_fkey FOREIGN KEY (car) REFERENCES public.cars(id);
                CREATE INDEX t_car ON public.t USING btree (car);
                COMMENT ON TABLE public.t IS 'it''s
                here';

                """
        )
    }

    @Test(
        arguments: [
            (
                [CatalogFact(.column, "public.cars.name", "character varying(255) not null default 'x'::text")], [],
                [
                    "ALTER TABLE public.cars\n    ALTER COLUMN name TYPE character varying(255),\n    ALTER COLUMN name SET DEFAULT 'x'::text,\n    ALTER COLUMN name SET NOT NULL"
                ]
            ),
            (
                [CatalogFact(.table, "public.cars", "(id, title)"), CatalogFact(.column, "public.cars.title", "text")],
                ["public.cars.name"],
                ["ALTER TABLE public.cars RENAME COLUMN name TO title"]
            ),
            ([CatalogFact(.table, "public.cars", "(id)")], ["public.cars.name"], ["ALTER TABLE public.cars DROP COLUMN name"]),
            ([CatalogFact(.enum, "public.kind", "'a', 'x', 'b'")], [], ["ALTER TYPE public.kind ADD VALUE 'x' AFTER 'a'"]),
            (
                [CatalogFact(.enum, "public.kind", "'b'")], [],
                [
                    "ALTER TYPE public.kind RENAME TO convoy_replaced_type_1", "CREATE TYPE public.kind AS ENUM ('b')",
                    "DROP TYPE public.convoy_replaced_type_1",
                ]
            ),
            ([CatalogFact(.enum, "public.sort", "'a', 'b'")], ["public.kind"], ["ALTER TYPE public.kind RENAME TO sort"]),
            (
                [CatalogFact(.sequence, "public.s", "bigint start 1 increment 2")], [],
                ["ALTER SEQUENCE public.s AS bigint START WITH 1 INCREMENT BY 2 MINVALUE 1 MAXVALUE 9223372036854775807 CACHE 1 NO CYCLE"]
            ),
            ([], ["public.s"], ["DROP SEQUENCE public.s"]),
            ([], ["public.f(integer)"], ["DROP ROUTINE public.f(integer)"]),
            (
                [
                    CatalogFact(.constraint, "public.cars.pk", "PRIMARY KEY (id)"),
                    CatalogFact(.index, "public.pk", "CREATE UNIQUE INDEX pk ON public.cars USING btree (id)"),
                ],
                ["public.cars.cars_pkey", "public.cars_pkey"], ["ALTER TABLE public.cars RENAME CONSTRAINT cars_pkey TO pk"]
            ),
            (
                [CatalogFact(.privilege, "public.cars", "table: PUBLIC SELECT; owner DELETE, INSERT, SELECT")], [],
                ["GRANT SELECT ON TABLE public.cars TO PUBLIC"]
            ),
            (
                [CatalogFact(.privilege, "public.f(integer)", "function: owner EXECUTE")], [],
                ["REVOKE EXECUTE ON ROUTINE public.f(integer) FROM PUBLIC"]
            ),
            (
                [
                    CatalogFact(
                        .trigger,
                        "public.cars.tr",
                        "CREATE TRIGGER tr BEFORE INSERT ON public.cars FOR EACH ROW EXECUTE FUNCTION public.note() disabled"
                    )
                ], [],
                [
                    "CREATE TRIGGER tr BEFORE INSERT ON public.cars FOR EACH ROW EXECUTE FUNCTION public.note()",
                    "ALTER TABLE public.cars DISABLE TRIGGER tr",
                ]
            ),
            (
                [
                    CatalogFact(
                        .policy,
                        "public.cars.p",
                        "permissive for select to PUBLIC using (id > 0) with check (name <> 'with check'::text)"
                    )
                ], [],
                [
                    "CREATE POLICY p ON public.cars AS PERMISSIVE FOR SELECT TO PUBLIC USING ((id > 0)) WITH CHECK ((name <> 'with check'::text))"
                ]
            ),
            ([CatalogFact(.schema, "\"od.d\"")], [], ["CREATE SCHEMA \"od.d\""]),
            ([CatalogFact(.extension, "cube", "in public")], [], ["CREATE EXTENSION cube WITH SCHEMA public"]),
            (
                [CatalogFact(.domain, "public.plate", "text not null default 'x'::text")], [],
                ["CREATE DOMAIN public.plate AS text DEFAULT 'x'::text NOT NULL"]
            ),
            ([CatalogFact(.type, "public.place", "(a integer, b text)")], [], ["CREATE TYPE public.place AS (a integer, b text)"]),
            (
                [
                    CatalogFact(.table, "private.cars", "(id, name)"), CatalogFact(.column, "private.cars.id", "bigint not null"),
                    CatalogFact(.column, "private.cars.name", "text"),
                    CatalogFact(.constraint, "private.cars.cars_pkey", "PRIMARY KEY (id)"),
                    CatalogFact(.index, "private.cars_pkey", "CREATE UNIQUE INDEX cars_pkey ON private.cars USING btree (id)"),
                    CatalogFact(.schema, "private"),
                ],
                ["public.cars", "public.cars.id", "public.cars.name", "public.cars.cars_pkey", "public.cars_pkey"],
                ["CREATE SCHEMA private", "ALTER TABLE public.cars SET SCHEMA private"]
            ),
        ] as [([CatalogFact], [String], [String])]
    ) func aChange(facts: [CatalogFact], without: [String], expected: [String]) {
        let found = draft(with: facts, without: without)
        #expect(found.statements == expected)
        #expect(found.gaps == [])
    }

    /// A name is enough to drop an object, however long its definition is.
    @Test(
        arguments: [
            (CatalogFact(.function, "public.g()", "() returns text language sql", detail: Self.long), "DROP ROUTINE public.g()"),
            (CatalogFact(.view, "public.v", Self.long), "DROP VIEW public.v"),
            (CatalogFact(.materializedView, "public.m", Self.long), "DROP MATERIALIZED VIEW public.m"),
            (CatalogFact(.table, "public.t", Self.long), "DROP TABLE public.t"),
            (CatalogFact(.enum, "public.e", Self.long), "DROP TYPE public.e"),
            (CatalogFact(.domain, "public.d", Self.long), "DROP DOMAIN public.d"),
            (CatalogFact(.index, "public.i", Self.long), "DROP INDEX public.i"),
            (CatalogFact(.trigger, "public.cars.tr", Self.long), "DROP TRIGGER tr ON public.cars"),
        ] as [(CatalogFact, String)]
    )
    func whatIsLongIsDropped(fact: CatalogFact, statement: String) {
        let found = SchemaDraft(from: Catalog(Set(Self.cars + [fact])), to: Catalog(Set(Self.cars)))
        #expect(found.statements == [statement])
        #expect(found.gaps == [])
    }

    /// A database's owner has made these; nothing of it becomes a statement.
    @Test(arguments: [
        CatalogFact(.column, "public.cars.name", "text default 1; DROP TABLE public.cars"),
        CatalogFact(.schema, "x; DROP TABLE public.cars"),
        CatalogFact(.schema, "\"a\n-- migrate:down\nb\""),
        CatalogFact(.index, "public.i", "CREATE INDEX i ON public.cars USING btree (id); DROP TABLE public.cars"),
        CatalogFact(.index, "public.i", "DROP TABLE public.cars"),
        CatalogFact(.index, "public.i", "CREATE INDEX i ON public.cars USING btree (id) invalid"),
        CatalogFact(.constraint, "public.cars.c", "CHECK (true); DROP TABLE public.cars"),
        CatalogFact(.constraint, "public.cars.c", "FOREIGN KEY (id) REFERENCES public.cars(id) disabled"),
        CatalogFact(.enum, "public.sort", "'a'); DROP TABLE public.cars; SELECT ('b'"),
        CatalogFact(.trigger, "public.cars.tr", "DROP TABLE public.cars"),
        CatalogFact(.trigger, "public.cars.tr", "CREATE TRIGGER tr BEFORE INSERT ON public.cars EXECUTE FUNCTION x(); DROP TABLE y"),
        CatalogFact(.comment, "public.cars", "table: a\n-- migrate:down\nb"),
        CatalogFact(.comment, "public.cars; DROP TABLE public.cars", "table: a"),
        CatalogFact(.comment, "public.cars", "nothing: a"),
        CatalogFact(
            .function,
            "public.g()",
            "() returns integer language sql volatility v parallel u strict false",
            detail: "\n-- migrate:down\nSELECT 1"
        ),
        CatalogFact(
            .function,
            "public.g(); DROP TABLE x",
            "() returns integer language sql volatility v parallel u strict false",
            detail: "SELECT 1"
        ),
        CatalogFact(.function, "===(integer, integer)", "operator of public.f(integer, integer)"),
        CatalogFact(.view, "public.v", "(id bigint) as SELECT id FROM cars; reads public.cars.id"),
        CatalogFact(.rule, "public.cars.r", "CREATE RULE r AS ON INSERT TO cars DO NOTHING"),
        CatalogFact(.policy, "public.cars.p", "permissive for select to another role using (true)"),
        CatalogFact(.policy, "public.cars.p", "permissive for select to PUBLIC using (true); DROP TABLE public.cars"),
        CatalogFact(.privilege, "public.cars", "table: another role SELECT; owner INSERT"),
        CatalogFact(.privilege, "public.cars", "table: PUBLIC SELECT ON x TO y; owner INSERT"),
        CatalogFact(.privilege, "*", "default: tables of owner: PUBLIC SELECT"),
        CatalogFact(.owner, "public.cars", "table: a superuser"),
        CatalogFact(.extension, "cube", "in public; DROP TABLE x"),
        CatalogFact(.table, "public.t", "(id) partition of public.p FOR VALUES IN (1)"),
        CatalogFact(.table, "public.t", "(id)"),
        CatalogFact(.domain, "public.d", "text default 1; DROP TABLE x"),
        CatalogFact(.type, "public.d", "(a int); DROP TABLE x; (b int)"),
        CatalogFact(.type, "public.d", "range of integer"),
        CatalogFact(.sequence, "public.q", "bigint start 1 increment 1 anything"),
        CatalogFact(.eventTrigger, "et", "on ddl_command_end execute public.watch"),
        CatalogFact(
            .function,
            "public.long()",
            "() returns integer language sql volatility v parallel u strict false",
            detail: Self.long
        ),
        CatalogFact(.schema, Self.long),
    ]) func whatIsNotKnownIsAComment(fact: CatalogFact) {
        let found = draft(with: [fact])
        #expect(found.statements == [])
        #expect(found.gaps.count == 1)
        let lines = found.text.split(separator: "\n")
        #expect(lines.count == 1 && lines.allSatisfy { $0.hasPrefix("-- Not written: ") }, "\(found.text)")
    }

    @Test func aViewIsMadeFromItsDefinitionBehindWhatItReads() {
        let first = CatalogFact(.view, "public.b", "(id bigint) as SELECT id FROM cars reads public.cars.id")
        let second = CatalogFact(.view, "public.a", "(id bigint) as SELECT id FROM b reads public.b.id")
        let definitions = [
            first: "CREATE VIEW public.b AS SELECT id FROM public.cars", second: "CREATE VIEW public.a AS SELECT id FROM public.b",
        ]
        #expect(draft({ $0 += [first, second] }, definitions: definitions).statements == [first, second].compactMap { definitions[$0] })
        let down = SchemaDraft(from: Catalog(Set(Self.cars + [first, second])), to: Catalog(Set(Self.cars)))
        #expect(down.statements == ["DROP VIEW public.a", "DROP VIEW public.b"])
    }

    @Test func aDefinitionIsCheckedToo() {
        let view = CatalogFact(.view, "public.v", "(id bigint) as SELECT id FROM cars reads public.cars.id")
        let found = draft({ $0.append(view) }, definitions: [view: "CREATE VIEW public.v AS SELECT 1; DROP TABLE public.cars"])
        #expect(found.statements == [] && found.gaps.count == 1)
    }

    /// Comments and privileges go with what is dropped, and come again.
    @Test func whatIsMadeAgainKeepsItsComment() {
        let index = CatalogFact(.index, "public.i", "CREATE INDEX i ON public.cars USING btree (name)")
        let other = CatalogFact(.index, "public.i", "CREATE INDEX i ON public.cars USING btree (name, id)")
        let comment = CatalogFact(.comment, "public.i", "index: hello")
        let found = SchemaDraft(from: Catalog(Set(Self.cars + [index, comment])), to: Catalog(Set(Self.cars + [other, comment])))
        #expect(found.statements == ["DROP INDEX public.i", other.text, "COMMENT ON INDEX public.i IS 'hello'"])
    }

    @Test func rowsAreLeftToTheAuthor() {
        let found = draft(
            with: [CatalogFact(.table, "public.cars", "(id, plate)"), CatalogFact(.column, "public.cars.plate", "integer not null")],
            without: ["public.cars.name"]
        )
        #expect(
            found.text == """
                -- Check: public.cars.plate: rows that exist need a value before NOT NULL
                ALTER TABLE public.cars ADD COLUMN plate integer NOT NULL;
                -- Check: move what must be kept of public.cars.name here, before it goes
                ALTER TABLE public.cars DROP COLUMN name;

                """
        )
    }
}
