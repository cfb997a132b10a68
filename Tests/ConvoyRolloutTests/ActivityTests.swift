import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import TestSupport
import Testing

@testable import ConvoyIO
@testable import ConvoyInstance
@testable import ConvoyRollout
@testable import ConvoyRun

@Suite(.timeLimit(.minutes(3))) struct ActivityTests {
    private static let building = ServerActivity(command: "CREATE INDEX", relation: "a", phase: "building", done: 10, total: 100)

    @Test(
        arguments: [
            (nil, building, true), (building, building, false),
            (building, ServerActivity(command: "CREATE INDEX", relation: "a", phase: "building", done: 19, total: 100), false),
            (building, ServerActivity(command: "CREATE INDEX", relation: "a", phase: "building", done: 20, total: 100), true),
            (building, ServerActivity(command: "CREATE INDEX", relation: "a", phase: "sorting", done: 10, total: 100), true),
            (building, ServerActivity(command: "CREATE INDEX", relation: "b", phase: "building", done: 10, total: 100), true),
            (building, ServerActivity(command: "CREATE INDEX", relation: "a", phase: "building"), true),
            (
                ServerActivity(command: "VACUUM", phase: "initializing", done: 1, total: nil),
                ServerActivity(command: "VACUUM", phase: "initializing", done: 2, total: nil), false
            ),
        ] as [(ServerActivity?, ServerActivity, Bool)]
    ) func onlyNewsIsTold(_ last: ServerActivity?, _ activity: ServerActivity, _ isNews: Bool) {
        #expect(activity.isNews(after: last) == isNews)
    }

    @Test func oneProbesAtATimeInTheOrderOfAsking() {
        var turns = ProbeTurns<ContinuousClock.Instant>(pause: .seconds(2))
        let start = ContinuousClock.now
        func take(_ name: String, on server: String = "s", _ seconds: Int) -> Bool {
            turns.take(name, on: server, at: start + .seconds(seconds))
        }
        #expect(take("a", 0))
        #expect(!take("b", 0) && !take("c", 1))
        #expect(take("d", on: "other", 1))
        turns.leave("a", on: "s", at: start + .seconds(1))
        #expect(!take("b", 2))
        #expect(!take("c", 3))
        #expect(take("b", 3))
        #expect(!take("a", 9))
        turns.leave("b", on: "s", at: start + .seconds(9))
        // Who wants no turn any more holds nobody up.
        turns.leave("c", on: "s", at: start + .seconds(10))
        #expect(take("a", 11))
    }

    private func eager(_ runner: InstanceRunner) -> ObservingMigrator {
        let timing = ObservingMigrator.Timing(patience: .zero, pause: .milliseconds(20), poll: .milliseconds(5))
        return ObservingMigrator(runner, timing: timing) { await runner.activity(of: $0, on: $1) }
    }

    @Test(arguments: PostgresServer.Release.tested)
    func anIndexThatWaitsForAWriterIsSeen(_ release: PostgresServer.Release) async throws {
        let set = try migrationSet([
            (1, migrationText("CREATE TABLE cars (id bigint);")),
            (
                2,
                migrationText(
                    "CREATE INDEX CONCURRENTLY IF NOT EXISTS cars_id ON cars (id);",
                    down: "DROP INDEX CONCURRENTLY IF EXISTS cars_id;",
                    options: " transaction:false"
                )
            ),
        ])
        try await PostgresServer.shared(release).withDatabase { database in
            let runner = InstanceRunner(set)
            _ = await runner.up(database.instance(), to: 1)
            let writer = try await database.connect()
            try await writer.query("BEGIN")
            try await writer.query("INSERT INTO cars VALUES (1)")
            let log = EventLog()
            let instance = database.instance()
            async let running = eager(runner).migrate(InstanceJob(instance, .up(to: nil), run: "run-1"), report: log.add)
            try await eventually("it is seen") { log.activities.contains { $0?.phase == "waiting for writers before build" } }
            let seen = log.activities.compactMap(\.self).first { $0.phase == "waiting for writers before build" }
            #expect(
                seen
                    == ServerActivity(
                        command: "CREATE INDEX CONCURRENTLY",
                        relation: "cars",
                        phase: "waiting for writers before build",
                        done: 0,
                        total: 1
                    )
            )
            try await writer.query("COMMIT")
            writer.close()
            let result = await running
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            // A server notices a moment later that a session was closed.
            try await eventually("no session is left") {
                let sessions = try await database.query(
                    "SELECT count(*) AS n FROM pg_stat_activity WHERE application_name = 'convoy run-1'"
                )
                return try sessions.onlyRow().int64("n") == 0
            }
        }
    }

    @Test func whatIsOverIsToldToBeOver() async throws {
        let set = try migrationSet([
            (1, migrationText("CREATE TABLE cars (id bigint);\nINSERT INTO cars VALUES (1);")),
            (2, migrationText("ANALYZE cars;\nSELECT pg_advisory_xact_lock(4711);")),
        ])
        try await withDatabase { database in
            let instance = database.instance { $0.lockTimeout = .seconds(60) }
            let holder = try await database.connect()
            try await holder.query("SELECT pg_advisory_lock(4711)")
            let log = EventLog()
            let seen = ServerActivity(command: "ANALYZE", relation: "cars", phase: "computing statistics")
            // The server is too quick for this to be seen otherwise.
            let runner = InstanceRunner(set)
            let timing = ObservingMigrator.Timing(patience: .zero, pause: .milliseconds(5), poll: .milliseconds(5))
            let observing = ObservingMigrator(runner, timing: timing) { run, instance in
                let real = await runner.activity(of: run, on: instance)
                // Another step would make it old news.
                return log.hasApplied && !log.activities.contains(seen) ? [seen] : real
            }
            async let running = observing.migrate(InstanceJob(instance, .up(to: nil), run: "run-1"), report: log.add)
            // The real ANALYZE may be seen besides, where the machine is slow.
            try await eventually("it is over") { log.activities.contains(seen) && log.activities.last == .some(nil) }
            try await holder.query("SELECT pg_advisory_unlock(4711)")
            let result = await running
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
        }
    }

    @Test func whatIsQuickIsNotProbed() async throws {
        try await withDatabase { database in
            let runner = InstanceRunner(try threeMigrations())
            let observing = ObservingMigrator(runner, timing: .init()) { _, _ in
                Issue.record("somebody looked")
                return nil
            }
            let result = await observing.migrate(InstanceJob(database.instance(), .up(to: nil), run: "run-1"), report: { _ in })
            #expect(result.outcome == .migrated)
        }
    }

    @Test(arguments: PostgresServer.Release.tested)
    func everyViewCanBeAsked(_ release: PostgresServer.Release) async throws {
        try await PostgresServer.shared(release).withDatabase { database in
            let activities = await InstanceRunner(try threeMigrations()).activity(of: "run-1", on: database.instance())
            #expect(activities == [])
        }
    }
}

extension EventLog {
    var hasApplied: Bool {
        all.contains { event in
            if case .migrationApplied = event { true } else { false }
        }
    }

    var activities: [ServerActivity?] {
        all.compactMap { event in
            if case .instanceProgress(_, let activity) = event { .some(activity) } else { nil }
        }
    }
}
