import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import TestSupport
import Testing

@testable import ConvoyInstance
@testable import ConvoyRun

/// Preflight checks: what they see, what they lead to, and what cannot go wrong with them.
@Suite(.timeLimit(.minutes(3))) struct InstanceCheckTests {
    private typealias Query = MigrationCheck.Query

    private static func query(_ text: String, line: Int = 1, applied: [Int64] = [], pending: [Int64] = []) -> Query {
        Query(
            statement: SQLStatement(text: text, line: line),
            applied: applied.map(MigrationVersion.init),
            pending: pending.map(MigrationVersion.init)
        )
    }

    /// The three small migrations, with these checks.
    private static func set(_ checks: [Int64: [Query]]) throws -> MigrationSet {
        try MigrationSet(
            try threeMigrations().migrations,
            checks: checks.map { version, queries in
                MigrationCheck(version: MigrationVersion(version), file: "Migrations/checks/\(version).sql", queries: queries)
            }
        )
    }

    private static func set(_ text: String, at version: Int64 = 3) throws -> MigrationSet { try set([version: [query(text)]]) }

    /// Sees that status and migrate agree on a refusal that leaves no trace.
    private func refusal(
        of database: TestDatabase,
        _ set: MigrationSet,
        kind: Outcome = .blocked,
        instance: Instance? = nil
    ) async throws -> Failure {
        let instance = instance ?? database.instance()
        let runner = InstanceRunner(set)
        let status = await runner.status(instance)
        #expect(status.outcome == kind, "\(status)")
        #expect(!status.pending.isEmpty)
        let result = await runner.up(instance)
        #expect(result.outcome == kind)
        #expect(result.applied.isEmpty)
        #expect(result.failure == status.failure)
        let relations = try await database.query(
            "SELECT count(*) AS n FROM pg_class c WHERE relnamespace = to_regnamespace('convoy') OR relname IN ('trips', 'caught_writing')"
        )
        #expect(try relations.onlyRow().int64("n") == 0, "nothing is made")
        return try #require(result.failure)
    }

    /// A database that stands at the first version, without an audit log.
    private func withCars(_ body: (TestDatabase) async throws -> Void) async throws {
        try await withDatabase { database in
            let result = await InstanceRunner(try threeMigrations()).up(database.instance { $0.audit = .journalOnly }, to: 1)
            #expect(result.outcome == .migrated)
            try await body(database)
        }
    }

    @Test func reasonsOfAllChecksAreToldTogether() async throws {
        let set = try Self.set([
            2: [Self.query("SELECT 'no ' || id, 1 / 0 FROM cars ORDER BY id DESC", line: 4)], 3: [Self.query("VALUES ('one'), ('two')")],
        ])
        try await withCars { database in
            try await database.execute(["INSERT INTO cars VALUES (7)"])
            let failure = try await refusal(of: database, set)
            #expect(failure.message == "no 7; before 3: one; two")
            #expect(failure.version == MigrationVersion(2))
            #expect(failure.file == "Migrations/checks/2.sql")
            #expect(failure.line == 4)
            #expect(failure.sqlstate == nil)
        }
    }

    @Test(arguments: [(20, 20, ""), (21, 20, "; and more"), (100_000, 20, "; and more")])
    func reasonsAreCut(rows: Int, shown: Int, end: String) async throws {
        try await withCars { database in
            let failure = try await refusal(of: database, try Self.set("SELECT repeat('x', 1000) FROM generate_series(1, \(rows))"))
            let reason = String(repeating: "x", count: 500)
            #expect(failure.message == Array(repeating: reason, count: shown).joined(separator: "; ") + end)
        }
    }

    @Test func reasonsOfSeveralChecksAreCutTogether() async throws {
        let text = "SELECT g FROM generate_series(1, 15) g"
        try await withCars { database in
            let failure = try await refusal(of: database, try Self.set([2: [Self.query(text)], 3: [Self.query(text)]]))
            #expect(failure.message.hasSuffix("15; before 3: 1; 2; 3; 4; 5; and 10 more"))
        }
    }

    /// A sentence made with `||` from a NULL must not hide the row.
    @Test func aReasonThatIsNullCounts() async throws {
        try await withCars { database in
            let failure = try await refusal(of: database, try Self.set("SELECT NULL::text"))
            #expect(failure.message == "a row that the check rejects, without words")
        }
    }

    /// Only checks of versions that would run, and queries whose conditions hold.
    @Test func checksOfOtherVersionsAreNotAsked() async throws {
        let set = try Self.set([
            1: [Self.query("VALUES ('never')")],
            2: [Self.query("VALUES ('two')", applied: [1], pending: [2])],
            3: [
                Self.query("SELECT name FROM cars WHERE name IS NOT NULL", applied: [1, 2]), Self.query("VALUES ('three')", pending: [1]),
            ],
        ])
        try await withCars { database in
            #expect(try await refusal(of: database, set).message == "two")
            let without = try threeMigrations()
            #expect(await InstanceRunner(without).up(database.instance(), to: 2).outcome == .migrated)
            #expect(await InstanceRunner(set).status(database.instance()).outcome == .pending)
            try await database.execute(["INSERT INTO cars VALUES (1, 'her name')"])
            let status = await InstanceRunner(set).status(database.instance())
            #expect(status.failure?.message == "her name")
            #expect(await InstanceRunner(set).probe(database.instance(), for: .up(to: MigrationVersion(2))).outcome == .upToDate)
            #expect(await InstanceRunner(set).probe(database.instance(), for: .downSteps(1)).outcome == .pending)
            let down = await InstanceRunner(set).migrate(InstanceJob(database.instance(), .downSteps(1), run: "run-2")) { _ in }
            #expect(down.outcome == .rolledBack)
        }
    }

    /// An empty database is asked too, by what needs no table.
    @Test func anEmptyDatabaseIsAsked() async throws {
        try await withDatabase { database in
            #expect(try await refusal(of: database, try Self.set("VALUES ('no')")).message == "no")
            let ledger = try await database.query("SELECT to_regclass('schema_migrations') IS NULL AS none").onlyRow().bool("none")
            #expect(ledger)
            let set = try Self.set([3: [Self.query("SELECT id FROM cars", applied: [1])]])
            #expect(await InstanceRunner(set).up(database.instance()).outcome == .migrated)
        }
    }

    @Test(arguments: [
        ("SELECT\n    nothing\nFROM cars", "42703", 6), ("SELECT 1\nFROM nowhere", "42P01", 6), ("SELECT 1 / 0", "22012", 5),
        ("SELECT nextval('s')", "25006", 5),
    ])
    func aCheckThatFailsIsTold(text: String, sqlstate: String, line: Int) async throws {
        try await withCars { database in
            try await database.execute(["CREATE SEQUENCE s"])
            let set = try Self.set([2: [Self.query("SELECT 1 WHERE false")], 3: [Self.query(text, line: 5)]])
            let failure = try await refusal(of: database, set)
            #expect(failure.message.hasPrefix("the preflight check of 3 cannot be asked: "))
            #expect(failure.sqlstate == sqlstate)
            #expect(failure.version == MigrationVersion(3))
            #expect(failure.file == "Migrations/checks/3.sql")
            #expect(failure.line == line)
            #expect(failure.statement == text)
            #expect(failure.hint != nil)
        }
    }

    /// What is right stays of use beside what is wrong.
    @Test func aReasonComesBeforeACheckThatFails() async throws {
        try await withCars { database in
            let failure = try await refusal(
                of: database,
                try Self.set([2: [Self.query("VALUES ('two')")], 3: [Self.query("SELECT 1 / 0")]])
            )
            #expect(failure.message == "two")
        }
    }

    @Test func aCheckIsBoundByTheStatementTimeout() async throws {
        try await withCars { database in
            let instance = database.instance { $0.statementTimeout = .milliseconds(200) }
            let failure = try await refusal(of: database, try Self.set("SELECT 1 FROM pg_sleep(60)"), instance: instance)
            #expect(failure.sqlstate == "57014")
            #expect(failure.hint?.contains("statement_timeout") == true)
            let unlimited = database.instance { $0.statementTimeout = .zero }
            let set = try Self.set("SELECT 1 FROM pg_sleep(0.1) AS slept WHERE slept::text = 'never'")
            #expect(await InstanceRunner(set).status(unlimited).outcome == .pending)
        }
    }

    @Test func aTableThatIsLockedIsNotWaitedForLong() async throws {
        try await withCars { database in
            // Older, with locks, and not in the way.
            let innocent = try await database.connect(applicationName: "report")
            try await innocent.query("BEGIN")
            try await innocent.query("CREATE TABLE notes ()")
            defer { innocent.close() }
            let other = try await database.connect(applicationName: "nightly job")
            try await other.query("BEGIN")
            try await other.query("LOCK TABLE cars")
            let instance = database.instance {
                $0.lockTimeout = .milliseconds(300)
                // Long enough to ask who holds the lock, on a busy machine too.
                $0.lockWait = .seconds(2)
            }
            let failure = try await refusal(of: database, try Self.set("SELECT 1 FROM cars"), kind: .lockBusy, instance: instance)
            #expect(failure.lockedBy?.application == "nightly job")
            #expect(failure.sqlstate == "55P03")
            other.close()
        }
    }

    /// Who migrates waits for the table as a migration would; who only looks does not.
    @Test func aChangeWaitsForALockedTable() async throws {
        try await withCars { database in
            let other = try await database.connect()
            try await other.query("BEGIN")
            try await other.query("LOCK TABLE cars")
            let instance = database.instance { $0.lockTimeout = .milliseconds(50) }
            let runner = InstanceRunner(try Self.set("SELECT 1 FROM cars"))
            let log = EventLog()
            async let running = runner.up(instance, log: log)
            try await eventually("it waits") { log.waits.contains { $0.contains("preflight check waits for a table") } }
            #expect(await runner.status(instance).outcome == .lockBusy)
            other.close()
            #expect(await running.outcome == .migrated)
        }
    }

    /// What a policy hides is not taken for absent.
    @Test func hiddenRowsAreToldOf() async throws {
        try await withCars { database in
            try await database.execute(["ALTER TABLE cars ENABLE ROW LEVEL SECURITY", "ALTER TABLE cars FORCE ROW LEVEL SECURITY"])
            let failure = try await refusal(of: database, try Self.set("SELECT 1 FROM cars"))
            #expect(failure.sqlstate == "42501")
            #expect(failure.hint?.contains("ROW LEVEL SECURITY") == true)
            try await database.execute(["ALTER TABLE cars NO FORCE ROW LEVEL SECURITY"])
            #expect(await InstanceRunner(try Self.set("SELECT 1 FROM cars")).status(database.instance()).outcome == .pending)
        }
    }

    /// A check runs as the ledger's owner, sees the ledger's schema first, and pg_catalog before that.
    @Test func aCheckSeesWhatTheMigrationSees() async throws {
        try await withDatabase { database in
            try await database.execute([
                "CREATE SCHEMA other", "CREATE TABLE other.schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0))",
                "CREATE TABLE public.cars (id bigint)", "CREATE TABLE other.pg_class (id bigint)", "CREATE TABLE public.fleets (id bigint)",
                "CREATE TABLE other.cars (id bigint)", "INSERT INTO other.cars VALUES (1)",
                "INSERT INTO other.schema_migrations VALUES (1, now())",
                "ALTER DATABASE \"\(database.name)\" SET search_path = public, pg_catalog",
                "ALTER DATABASE \"\(database.name)\" SET standard_conforming_strings = off",
            ])
            let instance = database.instance(connection: database.admin) {
                $0.ledgerSchema = "other"
                $0.allowsForeignSuperuser = true
            }
            let failure = try await refusal(
                of: database,
                try Self.set(
                    """
                    SELECT concat_ws(' ', current_user = '\(database.ownerName)', current_setting('search_path'),
                        (SELECT count(*) FROM cars), (SELECT count(*) FROM fleets), (SELECT relkind FROM pg_class WHERE relname = 'cars' LIMIT 1), '\\')
                    """
                ),
                instance: instance
            )
            #expect(failure.message == "t \"other\", public, pg_temp 1 0 r \\")
        }
    }

    /// Somebody else's operator runs as the owner, in a transaction that only reads.
    @Test func nothingCanBeWritten() async throws {
        try await withCars { database in
            try await database.execute([
                """
                CREATE FUNCTION evil(bigint, text) RETURNS boolean LANGUAGE plpgsql
                AS 'BEGIN SET TRANSACTION READ WRITE; CREATE TABLE caught_writing (); RETURN true; END'
                """,
                "CREATE OPERATOR = (LEFTARG = bigint, RIGHTARG = text, FUNCTION = evil)", "INSERT INTO cars VALUES (1)",
            ])
            let failure = try await refusal(of: database, try Self.set("SELECT 1 FROM cars WHERE id = text '1'"))
            #expect(failure.message.hasPrefix("the preflight check of 3 cannot be asked: "))
        }
    }

    /// Another migrator renames a table while the check is asked: it is asked again about the database as it is then.
    @Test func aLedgerThatMovesMeanwhile() async throws {
        try await withCars { database in
            let set = try Self.set([
                2: [Self.query("SELECT 1 FROM pg_sleep(2) AS slept WHERE slept::text = 'never'", pending: [2])],
                3: [Self.query("SELECT no_such_column FROM cars", pending: [2])],
            ])
            let bare = try threeMigrations()
            let instance = database.instance()
            async let status = InstanceRunner(set).status(instance)
            try await eventually("it sleeps") {
                try await database.query(
                    "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND query ~ 'pg_sleep' AND pid <> pg_backend_pid()",
                    as: "postgres"
                ).onlyRow().int64("n") == 1
            }
            #expect(await InstanceRunner(bare).up(database.instance(), to: 2).outcome == .migrated)
            let found = await status
            #expect(found.outcome == .pending, "\(String(describing: found.failure))")
            #expect(found.pending.map(\.value) == [3])
        }
    }

    /// However many queries there are, they go out together; where no check is pending, nothing does.
    @Test func allChecksAreAskedAtOnce() async throws {
        func roundTrips(_ set: MigrationSet) async throws -> Int {
            try await withDatabase(owner: .password("s3cret")) { database in
                _ = await InstanceRunner(try threeMigrations()).up(database.instance(), to: 1)
                let proxy = try FaultProxy(to: .port(database.server.port))
                let status = await InstanceRunner(set).status(database.instance(connection: database.ownerOverTCP(port: proxy.port)))
                #expect(status.outcome == .pending, "\(String(describing: status.failure))")
                return proxy.counts.roundTrips
            }
        }
        let none = try await roundTrips(try threeMigrations())
        let query = Self.query("SELECT 1 FROM cars")
        let many = try await roundTrips(try Self.set([2: [query, query], 3: Array(repeating: query, count: 40)]))
        // An answer that comes in two parts counts twice.
        #expect(many < none + 10)
    }
}

extension InstanceCheckTests {
    /// A view of the tenant's under a check takes as long as he likes.
    @Test func aSlowCheckEndsWithTheTimeOfTheProbe() async throws {
        let set = try Self.set([2: [Self.query("SELECT 'no' WHERE false")], 3: [Self.query("SELECT id::text FROM slow")]])
        try await withCars { database in
            try await database.execute([
                "INSERT INTO cars VALUES (1)", "CREATE VIEW slow AS SELECT id FROM cars WHERE pg_sleep(600) IS NOT NULL",
                "ALTER VIEW slow OWNER TO \(database.ownerName)",
            ])
            var timing = InstanceRunner.Timing()
            timing.probeBudget = .milliseconds(300)
            let begin = ContinuousClock.now
            let status = await InstanceRunner(set: set, steps: [], timing: timing).probe(database.instance(), for: .up(to: nil))
            #expect(ContinuousClock.now - begin < .seconds(60))
            #expect(status.outcome == .blocked)
            #expect(status.failure?.message == "the preflight check of 3 did not answer within 300 ms")
            #expect(status.pending.map(\.value) == [2, 3])
            #expect(status.version == MigrationVersion(1))
            try await eventually("the server has stopped") {
                try await database.query(
                    "SELECT FROM pg_stat_activity WHERE query LIKE '%FROM slow%' AND state = 'active' AND pid <> pg_backend_pid()"
                )
                .rows.isEmpty
            }
        }
    }

    @Test func aProbeThatIsCancelledIsInterruptedAndNotLate() async throws {
        let set = try Self.set("SELECT pg_sleep(600)::text")
        try await withCars { database in
            let probe = Task { await InstanceRunner(set).status(database.instance()) }
            try await eventually("the check is asked") {
                try await !database.query("SELECT FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid()")
                    .rows.isEmpty
            }
            probe.cancel()
            #expect(await probe.value.outcome == .interrupted)
        }
    }
}
