import ConvoyFleet
import ConvoyInstance
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import FoundationEssentials
import TeslaMate
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(3))) struct InstanceUpTests {
    @Test func bringsAnEmptyDatabaseToTheNewestVersion() async throws {
        let set = try teslaMateSet.get()
        try await withDatabase { database in
            let runner = InstanceRunner(set: set, steps: [EncryptAPITokens()])
            let result = await runner.up(database.instance())
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            #expect(result.applied.map(\.version) == set.migrations.map(\.version))
            #expect(result.from == nil)
            #expect(result.to == set.newest?.version)
            let ledger = try await database.ledger()
            #expect(ledger == set.migrations.map(\.version.value))
            let log = try await database.query(
                "SELECT count(*) AS rows, count(DISTINCT version) AS versions, min(run) AS run FROM convoy.migration_log"
            ).onlyRow()
            #expect(try log.int64("rows") == 105)
            #expect(try log.int64("versions") == 105)
            #expect(try log.text("run") == "run-1")
        }
    }

    @Test func changesNothingTheSecondTimeAndUsesOneConnection() async throws {
        let set = try threeMigrations()
        try await withDatabase(owner: .password("s3cret")) { database in
            let runner = InstanceRunner(set)
            #expect(await runner.up(database.instance()).outcome == .migrated)
            let proxy = try FaultProxy(to: .port(database.server.port))
            let locker = try await database.connect()
            // A session that holds both of Convoy's locks does not matter where nothing is pending.
            try await locker.query("SELECT pg_advisory_lock(7165066987125145601)")
            try await locker.query("BEGIN")
            try await locker.query("LOCK TABLE schema_migrations IN SHARE UPDATE EXCLUSIVE MODE")
            let before = try await database.query("SELECT xmin::text AS xmin FROM schema_migrations ORDER BY version").rows.map {
                try $0.text("xmin")
            }
            let again = await runner.up(database.instance(connection: database.ownerOverTCP(port: proxy.port)), run: "run-2")
            #expect(again.outcome == .upToDate, "\(String(describing: again.failure))")
            #expect(again.applied.isEmpty)
            #expect(proxy.counts.connections == 1)
            let after = try await database.query("SELECT xmin::text AS xmin FROM schema_migrations ORDER BY version").rows.map {
                try $0.text("xmin")
            }
            #expect(before == after)
            locker.close()
        }
    }

    @Test func roundTripsDoNotGrowWithTheNumberOfMigrations() async throws {
        let count = 40
        let set = try migrationSet((1...count).map { (Int64($0), migrationText("CREATE TABLE t\($0) (id bigint);")) })
        try await withDatabase(owner: .password("s3cret")) { database in
            let proxy = try FaultProxy(to: .port(database.server.port))
            var instance = database.instance(connection: database.ownerOverTCP(port: proxy.port))
            instance = Instance(
                name: instance.name,
                server: instance.server,
                database: instance.database,
                connection: instance.connection,
                settings: instance.settings
            )
            let result = await InstanceRunner(set).up(instance)
            #expect(result.applied.count == count)
            // Login, probe, lock, reading again, the two tables, one window, unlock; the window is sent while its answers arrive.
            #expect(proxy.counts.connections == 1)
            #expect(proxy.counts.roundTrips < 40)
        }
    }

    @Test func aFailureRollsItsMigrationBackAndKeepsWhatCameBefore() async throws {
        let set = try threeMigrations(
            second: "CREATE TABLE half (id bigint);\nINSERT INTO half VALUES (1);\nSELECT 1 / (id - 1)\nFROM half;"
        )
        try await withDatabase { database in
            let result = await InstanceRunner(set).up(database.instance())
            #expect(result.outcome == .failed)
            #expect(result.versions == [1])
            #expect(result.to == MigrationVersion(1))
            let failure = try #require(result.failure)
            #expect(failure.sqlstate == "22012")
            #expect(failure.version == MigrationVersion(2))
            #expect(failure.file == "Migrations/2_test.sql")
            #expect(failure.line == 4)
            #expect(failure.message == "division by zero")
            let ledger = try await database.ledger()
            #expect(ledger == [1])
            let half = try await database.query("SELECT to_regclass('half') IS NULL AS gone").onlyRow().bool("gone")
            #expect(half)
            let status = await InstanceRunner(set).status(database.instance())
            #expect(status.outcome == .pending)
            #expect(status.pending.map(\.value) == [2, 3])
        }
    }

    @Test func theLineOfAnErrorIsThatOfItsPosition() async throws {
        let set = try threeMigrations(second: "\nALTER TABLE cars\n    ADD COLUMN name text,\n    ADD COLUMN other no_such_type;")
        try await withDatabase { database in
            let failure = try #require(await InstanceRunner(set).up(database.instance()).failure)
            #expect(failure.sqlstate == "42704")
            #expect(failure.line == 5)
        }
    }

    @Test func adoptsALedgerThatEctoMade() async throws {
        let set = try threeMigrations()
        try await withDatabase { database in
            try await database.execute([
                "CREATE TABLE cars (id bigint PRIMARY KEY)",
                "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0))",
                "INSERT INTO schema_migrations VALUES (1, '2019-04-01 10:00:00')",
            ])
            let status = await InstanceRunner(set).status(database.instance())
            #expect(status.outcome == .pending)
            #expect(status.version == MigrationVersion(1))
            #expect(status.lastMigratedAt?.timeIntervalSince1970 == 1_554_112_800)
            let result = await InstanceRunner(set).up(database.instance())
            #expect(result.outcome == .migrated)
            #expect(result.from == MigrationVersion(1))
            #expect(result.versions == [2, 3])
        }
    }

    @Test func goesUpToATarget() async throws {
        let set = try threeMigrations()
        try await withDatabase { database in
            let result = await InstanceRunner(set).up(database.instance(), to: 2)
            #expect(result.versions == [1, 2])
            let unknown = await InstanceRunner(set).up(database.instance(), to: 7)
            #expect(unknown.outcome == .blocked)
        }
    }

    @Test func writesInsertedAtAsEctoDoes() async throws {
        let set = try threeMigrations()
        try await withDatabase { database in
            _ = await InstanceRunner(set).up(database.instance())
            let row = try await database.query(
                """
                SELECT bool_and(inserted_at BETWEEN now.utc - interval '2 min' AND now.utc) AS utc
                FROM schema_migrations, (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS utc) now
                """
            ).onlyRow()
            #expect(try row.bool("utc"))
        }
    }

    @Test func aDeferredConstraintFailsItsOwnMigration() async throws {
        let set = try threeMigrations(
            second: """
                CREATE TABLE owners (id bigint PRIMARY KEY, car bigint REFERENCES cars DEFERRABLE INITIALLY DEFERRED);
                INSERT INTO owners VALUES (1, 42);
                """
        )
        try await withDatabase { database in
            let result = await InstanceRunner(set).up(database.instance())
            #expect(result.outcome == .failed)
            #expect(result.failure?.sqlstate == "23503")
            #expect(result.failure?.version == MigrationVersion(2))
            // It may hold row contents.
            #expect(result.failure?.detail == nil)
            let ledger = try await database.ledger()
            #expect(ledger == [1])
        }
    }

    @Test func stepsSeeTheSameTransaction() async throws {
        struct Fill: MigrationStep {
            let name = "fill"
            func blockers(_ context: StepContext) async throws -> [String] { [] }
            func run(_ context: StepContext) async throws {
                try await context.connection.query("INSERT INTO cars VALUES (7)")
            }
        }
        struct Refuse: MigrationStep {
            let name = "fill"
            func blockers(_ context: StepContext) async throws -> [String] { [] }
            func run(_ context: StepContext) async throws { throw StepError("no key", hint: "give one") }
        }
        let set = try threeMigrations(
            second: "CREATE TABLE owners (id bigint);\n-- convoy:step fill\nINSERT INTO owners SELECT id FROM cars;"
        )
        try await withDatabase { database in
            let refused = await InstanceRunner(set, steps: [Refuse()]).up(database.instance())
            #expect(refused.outcome == .failed)
            #expect(refused.failure?.message == "step fill: no key")
            #expect(refused.failure?.hint == "give one")
            #expect(refused.failure?.line == 3)
            var ledger = try await database.ledger()
            #expect(ledger == [1])
            let missing = await InstanceRunner(set).up(database.instance())
            #expect(missing.outcome == .blocked)
            let result = await InstanceRunner(set, steps: [Fill()]).up(database.instance())
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            ledger = try await database.ledger()
            #expect(ledger == [1, 2, 3])
            let owners = try await database.query("SELECT id FROM owners").onlyRow().int64("id")
            #expect(owners == 7)
        }
    }
}
