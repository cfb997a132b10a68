import ConvoyFleet
import ConvoyPostgres
import ConvoyRun
import TestSupport
import Testing

@testable import ConvoyInstance

@Suite(.timeLimit(.minutes(2))) struct InstanceChecksTests {
    private func check(_ sql: String, expect: String? = nil) -> Check { Check(name: "c", sql: sql, expect: expect) }

    /// Each query with what it must give, and why it does not hold.
    private static let cases: [(sql: String, expect: String?, problem: String?)] = [
        ("SELECT true", nil, nil),
        ("SELECT count(*) = 2 FROM cars;", nil, nil),
        ("SELECT false -- a comment", nil, "it gave false where true is wanted"),
        ("SELECT NULL::boolean", nil, "it gave NULL where true is wanted"),
        ("SELECT count(*) FROM cars", nil, "it gave 2 where true is wanted"),
        ("SELECT name FROM cars WHERE id = 1", nil, "it must give true or false"),
        ("SELECT count(*) FROM cars", "2", nil),
        ("SELECT count(*) FROM cars", "3", "it gave 2 where 3 is wanted"),
        ("SELECT name FROM cars WHERE id = 1", "Kitt", nil),
        // Rows are somebody's data.
        ("SELECT name FROM cars WHERE id = 1", "Herbie", "it gave another text where the text of `expect` is wanted"),
        ("SELECT NULL::text", "", "it gave NULL where the text of `expect` is wanted"),
        ("SELECT ''::text", "", nil),
        ("SELECT id FROM cars", nil, "it must give one row, not several"),
        ("SELECT generate_series(1, 1000000000)", nil, "it must give one row, not several"),
        ("SELECT id FROM cars WHERE false", nil, "it must give one row, not none"),
        ("SELECT id, name FROM cars WHERE id = 1", nil, "it must give one column, not 2"),
        ("SELECT 1 FROM no_such_table", nil, #"relation "no_such_table" does not exist"#),
        ("SELECT 1; SELECT 2", nil, "cannot insert multiple commands into a prepared statement"),
        ("INSERT INTO cars VALUES (3, 'x') RETURNING true", nil, #"syntax error at or near "INSERT""#),
        (
            "WITH w AS (INSERT INTO cars VALUES (3, 'x') RETURNING true AS t) SELECT t FROM w", nil,
            "DECLARE CURSOR must not contain data-modifying statements in WITH"
        ),
        ("SELECT nextval('counter') > 0", nil, "cannot execute nextval() in a read-only transaction"),
        ("SELECT name::bigint > 0 FROM cars WHERE id = 1", nil, "invalid input syntax for type bigint: …"),
        ("SELECT pg_current_xact_id_if_assigned() IS NULL AND current_setting('transaction_read_only') = 'on'", nil, nil),
        ("SELECT current_setting('statement_timeout')", "30s", nil),
        ("SELECT current_setting('search_path')", "public, pg_temp", nil),
        ("SELECT current_user = (SELECT tableowner FROM pg_tables WHERE tablename = 'schema_migrations')", nil, nil),
    ]

    private func withCars(owner: DatabaseOwner = .teslamate, _ body: (TestDatabase) async throws -> Void) async throws {
        let set = try threeMigrations()
        try await TestSupport.withDatabase(owner: owner) { database in
            #expect(await InstanceRunner(set).up(database.instance()).outcome == .migrated)
            try await database.execute(["INSERT INTO cars VALUES (1, 'Kitt'), (2, 'Bumblebee')", "CREATE SEQUENCE counter"])
            try await body(database)
        }
    }

    @Test func whatAnInstanceSays() async throws {
        try await withCars { database in
            // As the owner, and as a superuser, who asks as the owner.
            for connection in [database.owner, database.admin] {
                let instance = database.instance(connection: connection) { $0.allowsForeignSuperuser = true }
                for (sql, expect, problem) in Self.cases {
                    let failure = await InstanceChecks(checks: [check(sql, expect: expect)]).failure(on: instance)
                    #expect(failure?.message == problem.map { "check c: \($0)" }, "\(sql)")
                    if let failure { #expect(failure.kind == .checkFailed && failure.hint != nil, "\(sql)") }
                }
                let missing = await InstanceChecks(checks: [check("SELECT 1 FROM no_such_table")]).failure(on: instance)
                #expect(missing?.sqlstate == "42P01")
            }
            let cars = try await database.query("SELECT count(*) AS n FROM cars").onlyRow().int64("n")
            #expect(cars == 2)
        }
    }

    @Test func rowsWhereTheyMayBeShown() async throws {
        try await withCars { database in
            let instance = database.instance { $0.showsRowDetails = true }
            let failure = await InstanceChecks(checks: [check("SELECT name FROM cars WHERE id = 1", expect: "Herbie")]).failure(
                on: instance
            )
            #expect(failure?.message == "check c: it gave “Kitt” where “Herbie” is wanted")
        }
    }

    @Test func allOnOneConnection() async throws {
        try await withCars { database in
            let checks = [
                Check(name: "one", sql: "SELECT true"), Check(name: "two", sql: "SELECT 1/0 = 0"),
                Check(name: "three", sql: "SELECT false"),
                Check(name: "four", sql: "SELECT pg_try_advisory_lock(7)"),
                Check(name: "five", sql: "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"),
                Check(name: "six", sql: "SELECT 1"),
            ]
            let failure = await InstanceChecks(checks: checks).failure(on: database.instance())
            #expect(failure?.message == "check two: division by zero")
            #expect(failure?.sqlstate == "22012")
            #expect(failure?.detail == "these checks failed too: three, six")
        }
    }

    @Test func whatCannotBeAsked() async throws {
        let port = try RefusedPort()
        try await withCars { database in
            var gone = database.ownerOverTCP(port: port.port)
            let unreachable = await InstanceChecks(checks: [check("SELECT true")]).failure(on: database.instance(connection: gone))
            #expect(unreachable?.kind == .unreachable)
            #expect(await InstanceChecks(checks: []).failure(on: database.instance(connection: gone)) == nil)
            gone = database.owner
            gone["dbname"] = "no_such_database"
            #expect(
                await InstanceChecks(checks: [check("SELECT true")]).failure(on: database.instance(connection: gone))?.kind
                    == .unprovisioned
            )
        }
    }

    @Test func aCancelledCheck() async throws {
        try await withCars { database in
            let instance = database.instance()
            let asking = Task { await InstanceChecks(checks: [check("SELECT pg_sleep(1000) IS NULL")]).failure(on: instance) }
            try await eventually("it is asked") {
                try await database.query(
                    "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND query ~ '^FETCH'",
                    as: "postgres"
                ).onlyRow().int64("n") == 1
            }
            asking.cancel()
            #expect(await asking.value?.kind == .interrupted)
        }
    }
}
