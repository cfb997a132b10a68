import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import TestSupport
import Testing

@testable import ConvoyInstance

/// An empty database that starts from a checkpoint is the same as one that went through each migration, and any other database goes the long way.
@Suite(.timeLimit(.minutes(5))) struct CheckpointStartTests {
    private static let owners: [DatabaseOwner] = [.teslamate, .superuser]

    @Test(arguments: PostgresServer.Release.tested, owners)
    func theResultIsThatOfTheMigrations(release: PostgresServer.Release, owner: DatabaseOwner) async throws {
        let server = try await PostgresServer.shared(release)
        let (long, fast) = (try CheckpointSamples.migrations(), try CheckpointSamples.set())
        try await server.withDatabases(2, owner: owner) { databases in
            let instances = databases.map { $0.instance() }
            let status = await InstanceRunner(fast).status(instances[1])
            #expect(status.outcome == .pending && status.checkpoint == MigrationVersion(4), "\(String(describing: status.failure))")
            #expect(status.pending.map(\.value) == [1, 2, 3, 4, 5])
            #expect(await InstanceRunner(long).status(instances[0]).checkpoint == nil)

            let log = EventLog()
            let results = [await InstanceRunner(long).up(instances[0]), await InstanceRunner(fast).up(instances[1], log: log)]
            for result in results {
                #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
                #expect(result.versions == [1, 2, 3, 4, 5])
                #expect(result.from == nil && result.to == MigrationVersion(5))
            }
            #expect(results[0].applied.allSatisfy { $0.checkpoint == nil })
            #expect(results[1].applied.map(\.checkpoint?.value) == [4, 4, 4, 4, nil])
            // One has the duration of all.
            #expect(results[1].applied.prefix(3).allSatisfy { $0.duration == .zero } && results[1].applied[3].duration > .zero)
            let told = log.all.compactMap { if case .migrationApplied(_, let migration) = $0 { migration } else { nil } }
            #expect(told == results[1].applied)
            #expect(log.warnings == [])

            let (first, second) = (
                try await CheckpointSamples.state(of: databases[0], instances[0], long),
                try await CheckpointSamples.state(of: databases[1], instances[1], fast)
            )
            #expect(first == second)
            #expect(second.audited == [1, 2, 3, 4, 5])
            let again = await InstanceRunner(fast).status(instances[1])
            #expect(again.outcome == .upToDate && again.edited == [] && again.warnings == [])

            // Down again by the same way, and the beginning once more.
            for (index, set) in [long, fast].enumerated() {
                let down = await InstanceRunner(set).migrate(
                    InstanceJob(instances[index], .down(to: MigrationVersion(2)), run: "run-2"),
                    report: { _ in }
                )
                #expect(down.outcome == .rolledBack && down.versions == [5, 4, 3], "\(String(describing: down.failure))")
            }
            #expect(
                try await CheckpointSamples.state(of: databases[0], instances[0], long)
                    == CheckpointSamples.state(of: databases[1], instances[1], fast)
            )
            let undone = await InstanceRunner(fast).migrate(
                InstanceJob(instances[1], .revert([1, 2, 3, 4, 5].map { MigrationVersion($0) }, start: nil), run: "run-3"),
                report: { _ in }
            )
            #expect(undone.outcome == .rolledBack && undone.versions == [2, 1], "\(String(describing: undone.failure))")
            let third = await InstanceRunner(fast).up(instances[1], run: "run-4")
            #expect(
                third.outcome == .migrated && third.applied.first?.checkpoint == MigrationVersion(4),
                "\(String(describing: third.failure))"
            )
        }
    }

    /// The audit log's rows say what made them; the ledger's do not differ.
    @Test func theAuditLogNamesTheCheckpoint() async throws {
        let set = try CheckpointSamples.set()
        try await withDatabase { database in
            let runner = InstanceRunner(set)
            #expect(await runner.up(database.instance()).outcome == .migrated)
            guard case .entries(let entries, _) = await runner.auditTrail(of: database.instance(), limit: 10) else {
                Issue.record("no audit log")
                return
            }
            let sorted = entries.sorted { $0.version < $1.version }
            #expect(sorted.map(\.checkpoint?.value) == [4, 4, 4, 4, nil])
            #expect(sorted.map(\.name) == ["test", "test", "test", "test", "test"])
            #expect(Set(sorted.prefix(4).map(\.startedAt)).count == 1)
            let names = try await database.query("SELECT name FROM convoy.migration_log WHERE version = 1").onlyRow()
            #expect(try names.text("name") == "test (checkpoint 4)")
            let work = await runner.work(of: "run-1", on: database.instance())
            #expect(work?.applied.map(\.version.value) == [1, 2, 3, 4, 5])
            let times = try await database.query(
                "SELECT bool_and(abs(extract(epoch FROM (now() AT TIME ZONE 'UTC') - inserted_at)) < 300) AS ok FROM schema_migrations"
            ).onlyRow()
            #expect(try times.bool("ok"))
        }
    }

    @Test(arguments: [(Int64(1), nil), (2, 2), (3, 2), (4, 4), (5, 4)] as [(Int64, Int64?)])
    func theNewestCheckpointNotAboveTheTargetIsUsed(target: Int64, checkpoint: Int64?) async throws {
        let plain = try CheckpointSamples.migrations()
        let set = plain.having(checkpoints: [
            try CheckpointSamples.checkpoint(of: plain, upTo: 2, CheckpointSamples.statements(upTo: 2)),
            try CheckpointSamples.checkpoint(of: plain, CheckpointSamples.statements()),
        ])
        try await withDatabase { database in
            let result = await InstanceRunner(set).up(database.instance(), to: target)
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            #expect(result.versions == Array(1...target))
            #expect(result.applied.first?.checkpoint?.value == checkpoint)
            #expect(result.applied.count { $0.checkpoint != nil } == Int(checkpoint ?? 0))
            let rest = await InstanceRunner(set).up(database.instance(), run: "run-2")
            #expect(rest.outcome == (target == 5 ? .upToDate : .migrated), "\(String(describing: rest.failure))")
            #expect(rest.applied.allSatisfy { $0.checkpoint == nil })
            let ledger = try await database.ledger()
            #expect(ledger == [1, 2, 3, 4, 5])
        }
    }

    enum Other: CaseIterable { case hasVersions, isSwitchedOff, hasItsLedgerElsewhere, hasDefaultPrivileges }

    @Test(arguments: Other.allCases) func anyOtherDatabaseGoesTheLongWay(_ other: Other) async throws {
        let set = try CheckpointSamples.set()
        try await withDatabase { database in
            let runner = InstanceRunner(set)
            var instance = database.instance()
            switch other {
            case .hasVersions:
                let first = await InstanceRunner(try CheckpointSamples.migrations()).up(instance, to: 1, run: "run-0")
                #expect(first.outcome == .migrated)
            case .isSwitchedOff: instance = database.instance { $0.startsFromCheckpoint = false }
            case .hasItsLedgerElsewhere:
                try await database.execute(["CREATE SCHEMA other"])
                instance = database.instance { $0.ledgerSchema = "other" }
            case .hasDefaultPrivileges:
                try await database.execute(["ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO PUBLIC"])
            }
            #expect(await runner.status(instance).checkpoint == nil)
            let result = await runner.up(instance)
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            #expect(result.applied.last?.version.value == 5)
            #expect(result.applied.allSatisfy { $0.checkpoint == nil })
        }
    }

    /// A schema that the migrations tolerate, and that the checkpoint could not make again.
    @Test func aSchemaThatExistsLeadsTheLongWay() async throws {
        let plain = try migrationSet([
            (1, migrationText("CREATE SCHEMA IF NOT EXISTS hidden;\nCREATE TABLE hidden.tokens (id bigint);"))
        ])
        let statements = ["CREATE SCHEMA hidden", "CREATE TABLE hidden.tokens (id bigint)"]
        let set = plain.having(checkpoints: [try CheckpointSamples.checkpoint(of: plain, upTo: 1, statements)])
        for exists in [false, true] {
            try await withDatabase { database in
                if exists { try await database.execute(["CREATE SCHEMA hidden"]) }
                let status = await InstanceRunner(set).status(database.instance())
                #expect((status.checkpoint == nil) == exists)
                let result = await InstanceRunner(set).up(database.instance())
                #expect(result.outcome == .migrated && result.versions == [1], "\(String(describing: result.failure))")
                #expect((result.applied.first?.checkpoint == nil) == exists)
            }
        }
    }

    /// An empty ledger that another tool has made is used as it is.
    @Test func anEmptyLedgerIsNoObstacle() async throws {
        let set = try CheckpointSamples.set()
        try await withDatabase { database in
            try await database.execute(["CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0) NOT NULL)"])
            let result = await InstanceRunner(set).up(database.instance())
            #expect(result.outcome == .migrated && result.applied.first?.checkpoint != nil, "\(String(describing: result.failure))")
            #expect(try await database.ledger() == [1, 2, 3, 4, 5])
        }
    }

    @Test func anAuditLogIsNotWrittenWhereItIsNotWanted() async throws {
        let set = try CheckpointSamples.set()
        try await withDatabase { database in
            let result = await InstanceRunner(set).up(database.instance { $0.audit = .journalOnly })
            #expect(result.outcome == .migrated && result.applied.first?.checkpoint != nil, "\(String(describing: result.failure))")
            let there = try await database.query("SELECT to_regnamespace('convoy') IS NULL AS absent").onlyRow()
            #expect(try there.bool("absent"))
        }
    }

    /// Without CREATE on the database there is no schema for the audit log; the rest does not depend on it.
    @Test func anAuditLogThatMayNotBeMadeIsLeftOut() async throws {
        let set = try CheckpointSamples.set()
        try await withDatabase(owner: .superuser) { database in
            try await database.execute(["GRANT CREATE, USAGE ON SCHEMA public TO teslamate"], as: "postgres")
            let log = EventLog()
            let instance = database.instance(connection: database.parameters(user: "teslamate"))
            let result = await InstanceRunner(set).up(instance, log: log)
            #expect(result.outcome == .migrated && result.applied.first?.checkpoint != nil, "\(String(describing: result.failure))")
            #expect(log.warnings.count == 1 && log.warnings.first?.hasPrefix("this database gets no audit log") == true, "\(log.warnings)")
            let ledger = try await database.query("SELECT count(*) AS n FROM public.schema_migrations", as: "postgres").onlyRow()
            #expect(try ledger.int64("n") == 5)
        }
    }

    private struct Encrypt: MigrationStep {
        let name = "encrypt"
        var reasons: [String] = []
        func blockers(_ context: StepContext) async throws -> [String] { reasons }
        func run(_ context: StepContext) async throws { throw StepError("it has nothing to do in an empty database") }
    }

    /// A step inside of a checkpoint has the same requirements as ever, and does not run.
    @Test func aStepIsAskedAndNotRun() async throws {
        let plain = try migrationSet([(1, migrationText("CREATE TABLE cars (id bigint);\n-- convoy:step encrypt"))])
        let set = plain.having(checkpoints: [
            try CheckpointSamples.checkpoint(of: plain, upTo: 1, ["CREATE TABLE public.cars (id bigint)"])
        ])
        try await withDatabase { database in
            let blocked = await InstanceRunner(set, steps: [Encrypt(reasons: ["the key is missing"])]).up(database.instance())
            #expect(blocked.outcome == .blocked && blocked.failure?.message == "the key is missing")
            let result = await InstanceRunner(set, steps: [Encrypt()]).up(database.instance())
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            let ledger = try await database.ledger()
            #expect(ledger == [1])
        }
    }

    @Test func ofTwoRunsOneStartsTheDatabase() async throws {
        let set = try CheckpointSamples.set()
        try await withDatabase { database in
            async let first = InstanceRunner(set).up(database.instance(), run: "run-1")
            async let second = InstanceRunner(set).up(database.instance(), run: "run-2")
            let results = await [first, second]
            #expect(results.allSatisfy { $0.outcome.isGood }, "\(results.map(\.failure))")
            #expect(results.map(\.applied.count).sorted() == [0, 5])
            let ledger = try await database.ledger()
            #expect(ledger == [1, 2, 3, 4, 5])
        }
    }
}
