import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import Synchronization
import TestSupport
import Testing

@testable import ConvoyInstance
@testable import ConvoyRollout
@testable import ConvoyRun

/// An instance whose end is not known is rolled back to where it started, with what was committed and not reported.
@Suite(.timeLimit(.minutes(3))) struct RolloutUnknownTests {
    @Test(arguments: [OnFailure.rollbackInstance, .rollbackWave])
    func theRulesReturnIt(onFailure: OnFailure) async {
        let runs = ScriptedInstances([InstanceResult(outcome: .unknown), InstanceResult(outcome: .rolledBack)], pending: [2, 3, 4])
        let wave = ConnectedWave("all", instances("a"), onFailure: onFailure)
        let report = await Coordinator(migrator: runs, inspector: runs, events: RecordingSink()).run(plan(wave))
        #expect(runs.changes == [.up(to: nil), .revert([2, 3, 4].map(MigrationVersion.init), start: MigrationVersion(1))])
        #expect(report.instances.map(\.outcome) == [.rolledBack])
    }

    /// Going down there is nothing to return.
    @Test func aRollbackIsNotReturned() async {
        let runs = ScriptedInstances([InstanceResult(outcome: .unknown)], pending: [3, 2])
        let wave = ConnectedWave("all", instances("a"), onFailure: .rollbackInstance)
        var down = plan(wave)
        down.plan.change = .down(to: MigrationVersion(1))
        let report = await Coordinator(migrator: runs, inspector: runs, events: RecordingSink()).run(down)
        #expect(runs.changes == [.down(to: MigrationVersion(1))])
        #expect(report.instances.map(\.outcome) == [.unknown])
    }

    /// The connection is lost while migrations are committed, and the server is out of reach for longer than Convoy waits; the old session still works.
    @Test(arguments: [OnFailure.rollbackInstance, .rollbackWave], PostgresServer.Release.tested)
    func whatWasCommittedUnheardIsRolledBack(onFailure: OnFailure, release: PostgresServer.Release) async throws {
        let set = try migrationSet(
            (1...60).map {
                (Int64($0), migrationText("CREATE TABLE t\($0) (id bigint);\nSELECT pg_sleep(0.3);", down: "DROP TABLE t\($0);"))
            }
        )
        try await PostgresServer.shared(release).withDatabase { database in
            _ = await InstanceRunner(set).up(database.instance(), to: 2)
            let proxy = try FaultProxy(to: .port(database.server.port))
            let instance = database.instance(connection: database.ownerOverTCP(port: proxy.port)) { $0.connectTimeout = .seconds(20) }
            let runner = InstanceRunner(set, reconnectWait: .seconds(1))
            let sink = RecordingSink()
            let wave = ConnectedWave("all", [instance], onFailure: onFailure)
            let running = Task { await Coordinator(migrator: runner, inspector: runner, events: sink).run(plan(wave)) }
            // Whatever goes wrong, the run comes to an end.
            defer { proxy.set(mode: .forward) }
            func count() async throws -> Int64 {
                try await database.query("SELECT count(*) AS n FROM schema_migrations").onlyRow().int64("n")
            }
            try await eventually("some are applied", within: .seconds(60)) { try await count() > 3 }
            proxy.set(mode: .blackHole)
            let heard = try await count()
            try await eventually("more are applied", within: .seconds(60)) { try await count() > heard + 1 }
            proxy.cutAll()
            try await within(.seconds(90)) { await sink.saw("\(instance.name) unknown") }
            // Until now what was connected anew got no answer; the rollback that began meanwhile does.
            proxy.set(mode: .forward)
            let report = await running.value
            let result = try #require(report.instances.first?.lastResult)
            #expect(result.outcome == .rolledBack, "\(String(describing: result.failure))")
            let ledger = try await database.ledger()
            #expect(ledger == [1, 2])
            #expect(result.standing == [])
            let tables = try await database.query("SELECT count(*) AS n FROM pg_tables WHERE tablename ~ '^t[0-9]'").onlyRow().int64("n")
            #expect(tables == 2)
        }
    }
}

/// Answers each change with the next result, and tells first what is pending.
private final class ScriptedInstances: InstanceMigrator, InstanceInspector {
    private let results: Mutex<[InstanceResult]>
    private let seen = Mutex<[Change]>([])
    private let pending: [MigrationVersion]

    init(_ results: [InstanceResult], pending: [Int64]) {
        self.results = Mutex(results)
        self.pending = pending.map(MigrationVersion.init)
    }

    var changes: [Change] { seen.withLock { $0 } }

    func connections(for instance: Instance) -> Int { 1 }

    func migrate(_ job: InstanceJob, report: @escaping @Sendable (Event.Kind) -> Void) async -> InstanceResult {
        seen.withLock { $0.append(job.change) }
        report(.instancePlanned(instance: job.instance.name, from: MigrationVersion(1), pending: pending))
        return results.withLock { $0.isEmpty ? InstanceResult(outcome: .failed) : $0.removeFirst() }
    }

    func work(of run: String, on instance: Instance) async -> RunWork? { nil }
    func slots(on instance: Instance, run: String) async -> ServerSlots? { nil }
    func probe(_ instance: Instance, for change: Change) async -> InstanceStatus {
        InstanceStatus(name: instance.name, server: instance.server, database: instance.database, labels: [:], outcome: .pending)
    }
}
