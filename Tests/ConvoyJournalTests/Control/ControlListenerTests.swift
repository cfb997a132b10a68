import ConvoyKit
import ConvoyPostgres
import ConvoyRun
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyJournal

/// Processes that wait hear of what others have written, long before they would ask; and where notifications are lost, they ask.
@Suite(.timeLimit(.minutes(3)))
struct ControlListenerTests {
    private let run = RunID("20261128T010203Z-ab12cd")
    private static let long = Duration.seconds(3600)

    private func begin(_ control: ControlDatabase, _ run: RunID) async throws {
        try await control.transaction { transaction throws(ControlError) in
            _ = try await transaction.query(
                """
                INSERT INTO convoy_control.runs (id, fleet, fleet_file, direction, instances, plan, fleet_checksum, started_at, convoy_version, started_by,
                    for_workers)
                VALUES ($1, 'eu', 'fleet.yaml', 'up', 2, '{}', 'abc', clock_timestamp(), '1', 'ann@here', true)
                """,
                [run.description]
            )
        }
    }

    /// Lends a listener that hears, in a process of its own as far as the database can tell.
    private func withListener(_ control: ControlDatabase, _ body: (ControlListener) async throws -> Void) async throws {
        let listener = ControlListener(control)
        listener.start()
        defer { listener.stop() }
        try await eventually("it hears", within: .seconds(60)) { listener.isHearing }
        try await body(listener)
    }

    /// Something that is written wakes those who wait for it.
    private func expectNews(
        _ news: ControlSubscription,
        sourceLocation: SourceLocation = #_sourceLocation,
        _ write: () async throws -> Void
    ) async throws {
        // What was heard before is no answer.
        while await news.isThere(within: .milliseconds(1), listening: .milliseconds(1)) {}
        async let heard = news.isThere(within: Self.long, listening: .seconds(30))
        try await write()
        let isHeard = await heard
        #expect(isHeard, sourceLocation: sourceLocation)
    }

    @Test(arguments: PostgresServer.Release.tested)
    func whatOthersWaitForIsHeardOf(_ release: PostgresServer.Release) async throws {
        try await withControlDatabase(on: release) { control, database in
            try await begin(control, run)
            let other = ControlJournal(ControlDatabase(database.owner))
            try await withListener(control) { listener in
                let news = listener.news(of: run)
                try await expectNews(news) { try await other.post(.stop, to: run, by: "ann@here", at: moment()) }
                try await expectNews(news) {
                    try await other.control.handOver(
                        run,
                        key: "k1",
                        fleetChecksum: "abc",
                        resumedBy: nil,
                        unchangedSince: RunBasis(lastEvent: 0)
                    )
                }
                try await expectNews(news) { try await other.append([Event(at: moment(), .runFinished(status: .succeeded))], to: run) }
                let lease = Lease(key: Assignment.Key(run: run, number: 1), attempt: 1)
                try await expectNews(listener.news()) { try await other.control.giveBack([lease], of: "w1") }
                // Work is for workers; who waits for the run takes none.
                #expect(await news.isThere(within: .milliseconds(200), listening: .milliseconds(200)) == false)
            }
            try await other.close()
        }
    }

    @Test func aDecisionIsNewsWhereItConcernsOthers() async throws {
        try await withControlDatabase { control, database in
            try await begin(control, run)
            let other = ControlDatabase(database.owner)
            try await withListener(control) { listener in
                let (w1, w2) = (listener.news(except: "w1"), listener.news(except: "w2"))
                let decision = beginnings(["a"], claimed: false)
                try await expectNews(w2) {
                    _ = try await other.decide(on: run, by: "w1", count: 1, handOver: "", after: 0, reporting: [:], lease: .seconds(15)) {
                        (_) throws(ControlError) in decision
                    }
                }
                #expect(w2.takeIsOnlyWork())
                // Its own decision is no news for a worker.
                #expect(await w1.isThere(within: .milliseconds(200), listening: .milliseconds(200)) == false)
            }
            await other.close()
        }
    }

    @Test func onlyWhatConcernsOthersIsNews() {
        #expect(beginnings(["a"], claimed: false).isNews)
        #expect(!beginnings(["a"], claimed: true).isNews)
        var decision = RunDecision()
        #expect(!decision.isNews)
        decision.events = [Event(at: moment(), .gateOpened(wave: "w"))]
        #expect(decision.isNews)
        decision.events = []
        decision.withdrawals = [.init(kind: "gate", subject: "w")]
        #expect(decision.isNews)
        decision.withdrawals = []
        decision.approvals = [("w", "ann")]
        #expect(decision.isNews)
        decision.approvals = []
        decision.cancelsAll = true
        #expect(decision.isNews)
    }

    @Test func anotherRunAndForeignPayloadsWakeNoOne() async throws {
        try await withControlDatabase { control, database in
            try await withListener(control) { listener in
                let (news, every) = (listener.news(of: run), listener.news())
                let foreign = ["?", "", "a b c", " ", "x ", "\u{1B}[2J other", String(repeating: "x", count: 3000), "other"]
                try await expectNews(every) {
                    for payload in foreign { _ = try await database.query("SELECT pg_notify('convoy_control', $1)", [payload]) }
                }
                #expect(await news.isThere(within: .milliseconds(200), listening: .milliseconds(200)) == false)
                try await expectNews(news) { _ = try await database.query("SELECT pg_notify('convoy_control', $1)", [run.description]) }
            }
        }
    }

    @Test func payloadsAreRead() {
        #expect(ControlNews(payload: "r")?.run == "r")
        #expect(ControlNews(payload: "r w")?.sender == "w")
        #expect(ControlNews(payload: "r w work")?.isWork == true)
        #expect(ControlNews(payload: "r w")?.isWork == false)
        #expect(ControlNews(run, from: "w", isWork: true).statement.parameters.last == "\(run) w work")
        for payload in ["", "?", " ", "r ", " r", "r w x", String(repeating: "x", count: 1001)] {
            #expect(ControlNews(payload: payload) == nil)
        }
        let long = ControlNews(RunID(String(repeating: "x", count: 1001))).statement
        #expect(long.parameters == ["convoy_control", "?"])
    }

    /// What was written meanwhile was not heard, so everyone looks.
    @Test func aSessionThatIsLostIsOpenedAgain() async throws {
        try await withControlDatabase { control, database in
            try await withListener(control) { listener in
                let news = listener.news(of: run)
                try await expectNews(news) {
                    let sessions = try await database.query(
                        """
                        SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
                        WHERE datname = current_database() AND query LIKE 'LISTEN %' AND pid <> pg_backend_pid()
                        """,
                        as: "postgres"
                    )
                    #expect(sessions.rows.count == 1)
                }
                try await eventually("it hears again", within: .seconds(60)) { listener.isHearing }
                try await expectNews(news) { _ = try await database.query("SELECT pg_notify('convoy_control', $1)", [run.description]) }
            }
        }
    }

    /// Another database of the server can keep the queue of notifications full: what is written is worth more.
    @Test(.enabled(if: PostgresServer.Release.tested.contains { $0 != .system }))
    func aFullQueueKeepsNothingFromBeingWritten() async throws {
        let release = try #require(PostgresServer.Release.tested.first { $0 != .system })
        let server = try await PostgresServer.start(release, settings: ["max_notify_queue_pages": "64"])
        try await server.withDatabase { other in
            // It listens, and its transaction keeps what comes from being removed.
            let idle = try await other.connect()
            try await idle.query("LISTEN x")
            try await idle.query("BEGIN")
            try await idle.query("SELECT 1")
            try await server.withDatabase { database in
                let control = ControlDatabase(database.owner)
                try await control.prepare()
                try await begin(control, run)
                let store = ControlJournal(control)
                await #expect(throws: PostgresError.self) {
                    while true {
                        _ = try await other.query("SELECT count(pg_notify('x', n || repeat('x', 7000))) FROM generate_series(1, 100) AS n")
                    }
                }
                try await store.post(.stop, to: run, by: "ann@here", at: moment())
                #expect(try await store.requests(of: run, after: 0).count == 1)
                // A decision is made once: a worker must not have to read the run anew.
                _ = try await control.renew(WorkerRecord(id: "w1", fleet: "eu", capacity: 4), for: .seconds(15))
                let (decision, decided) = (beginnings(["a"], claimed: false), Shared(0))
                let committed = try await control.decide(
                    on: run,
                    by: "w1",
                    count: 1,
                    handOver: "",
                    after: 0,
                    reporting: [:],
                    lease: .seconds(15)
                ) {
                    _ throws(ControlError) in
                    decided.change { $0 += 1 }
                    return decision
                }
                #expect(committed?.lastEvent == 1)
                #expect(decided.value == 1)
                try await store.append([Event(at: moment(), .halted(.nothingReached(wave: "w")))], to: run)
                // The next one finds it full before it has tried.
                try await store.append([Event(at: moment(), .runFinished(status: .halted))], to: run)
                #expect(try await store.lastEvent(of: run) == 3)
                try await store.close()
            }
        }
    }

    /// The session that listens does not stop the others, of which a worker has one.
    @Test func decisionsNeedNoListeningSession() async throws {
        try await withControlDatabase(configuring: { $0.sessions = 1 }) { control, _ in
            try await withListener(control) { _ in
                for _ in 0..<20 {
                    let count = try await control.count()
                    #expect(count == 0)
                }
            }
        }
    }

    @Test func behindAPoolerThatLosesNotificationsItIsAskedAgainAndAgain() async throws {
        try await withControlDatabase { _, database in
            let pooler = try await PgBouncer.start(before: database.server, .transaction)
            let control = ControlDatabase(database.ownerOverTCP(port: pooler.port))
            var timing = ControlListener.Timing()
            timing.answer = .milliseconds(300)
            timing.silence = .milliseconds(100)
            let listener = ControlListener(control, timing: timing)
            listener.start()
            defer { listener.stop() }
            let news = listener.news(of: run)
            // The beginning of the listening is the only thing to hear.
            try await eventually("it listens", within: .seconds(60)) { await news.isThere(within: .milliseconds(10), listening: Self.long) }
            #expect(await news.isThere(within: .seconds(1), listening: Self.long) == false)
            #expect(!listener.isHearing)
            await control.close()
        }
    }

    private func beginnings(_ names: [String], claimed: Bool) -> RunDecision {
        var decision = RunDecision()
        decision.events = names.map { Event(at: moment(), .instanceStarted(instance: $0, wave: "all")) }
        decision.beginnings = names.map { .init(kind: "change", subject: $0, wave: "all", server: "s1", isClaimed: claimed) }
        return decision
    }
}
