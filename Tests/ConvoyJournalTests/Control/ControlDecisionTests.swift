import ConvoyPostgres
import ConvoyRun
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyJournal

/// The two functions of a decision: in sessions of the server and through a pooler, and whatever the tables hold.
@Suite(.timeLimit(.minutes(3)))
struct ControlDecisionTests {
    private let run = RunID("20261122T123456Z-ab12cd")
    private let lease = Duration.seconds(15)

    private func begin(_ control: ControlDatabase, workers: [String] = ["w1", "w2", "w3"]) async throws {
        let id = run.description
        try await control.transaction { transaction throws(ControlError) in
            transaction.add(
                """
                INSERT INTO convoy_control.runs (id, fleet, fleet_file, direction, instances, plan, fleet_checksum, started_at, convoy_version,
                    started_by, for_workers)
                VALUES ($1, 'eu', 'fleet.yaml', 'up', 2, '{}', 'abc', clock_timestamp(), '1', 'ann@here', true)
                """,
                [id]
            )
        }
        for worker in workers { _ = try await control.renew(WorkerRecord(id: worker, fleet: "eu", capacity: 4), for: lease) }
    }

    /// One instance begins, and what is reported ends.
    private static func next(_ name: String, ending done: Set<Int64>) -> RunDecision {
        var decision = RunDecision()
        decision.events = [Event(at: moment(), .instanceStarted(instance: name, wave: "all"))]
        decision.beginnings = [.init(kind: "change", subject: name, wave: "all", server: "s1", isClaimed: true)]
        decision.done = done.sorted()
        return decision
    }

    /// - Returns: what the decision was made on, each time that it was, and what was written.
    private func decide(_ control: ControlDatabase, _ count: Int64, after event: Int64, _ decision: RunDecision?) async throws
        -> (seen: [LockedRun], committed: CommittedDecision?)
    {
        let seen = Shared<[LockedRun]>([])
        let committed = try await control.decide(
            on: run,
            by: "w1",
            count: count,
            handOver: "",
            after: event,
            reporting: [:],
            lease: lease
        ) { locked throws(ControlError) in
            seen.change { $0.append(locked) }
            return decision
        }
        return (seen.value, committed)
    }

    @Test(arguments: [false, true])
    func decisionsOfSeveralWorkersFollowEachOther(_ isPooled: Bool) async throws {
        try await withControlDatabase { direct, database in
            try await begin(direct)
            var pooler: PgBouncer?
            if isPooled { pooler = try await PgBouncer.start(before: database.server, .transaction) }
            let parameters = pooler.map { database.ownerOverTCP(port: $0.port) } ?? database.owner
            let (run, lease) = (self.run, self.lease)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for worker in ["w1", "w2", "w3"] {
                    group.addTask {
                        let control = ControlDatabase(parameters)
                        var known: Int64 = 0
                        var reports: [Int64: Int64] = [:]
                        for count in 1...20 {
                            let seen = Shared<LockedRun?>(nil)
                            let committed = try await control.decide(
                                on: run,
                                by: worker,
                                count: Int64(count),
                                handOver: "",
                                after: known,
                                reporting: reports,
                                lease: lease
                            ) { locked throws(ControlError) in
                                seen.change { $0 = locked }
                                return Self.next("\(worker)-\(count)", ending: locked.own)
                            }
                            let locked = try #require(seen.value)
                            let written = try #require(committed)
                            #expect(locked.own == Set(reports.keys))
                            #expect(locked.lastDecision == Int64(count - 1))
                            #expect(locked.turns.map(\.lastEvent) == Array((known + 1)..<(locked.lastEvent + 1)))
                            #expect(written.numbers == [locked.lastAssignment + 1])
                            known = written.lastEvent
                            reports = Dictionary(uniqueKeysWithValues: written.numbers.map { ($0, 1) })
                        }
                        await control.close()
                    }
                }
                try await group.waitForAll()
            }
            withExtendedLifetime(pooler) {}
            let row = try await database.query(
                """
                SELECT r.turn, r.last_event, r.last_assignment, count(*) FILTER (WHERE a.state = 'done') AS done, count(*) AS assignments,
                    (SELECT count(*) FROM convoy_control.events) AS events
                FROM convoy_control.runs AS r JOIN convoy_control.assignments AS a ON a.run = r.id GROUP BY r.id
                """
            ).onlyRow()
            let numbers = try ["turn", "last_event", "last_assignment", "done", "assignments", "events"].map { try row.int64($0) }
            #expect(numbers == [60, 60, 60, 57, 60, 60])
        }
    }

    /// Plans are kept while tables grow that were empty when they were made.
    @Test(arguments: PostgresServer.Release.tested)
    func noTableIsReadAsAWhole(_ release: PostgresServer.Release) async throws {
        try await withControlDatabase(on: release) { control, database in
            try await begin(control)
            let connection = try await database.connect()
            defer { connection.close() }
            try await connection.query("BEGIN")
            let opening = DecisionStatements.opening(run, by: "w1", after: 0, reporting: [1: 1], limit: .seconds(5))
            let opened = try await connection.query(opening.sql, opening.parameters)
            let locked = try #require(try LockedRun(opened, after: 0, handOver: ""))
            var decision = Self.next("a", ending: [7])
            decision.withdrawals = [.init(kind: "watch_window", subject: "")]
            decision.cancelsAll = true
            (decision.gateKind, decision.approvals) = ("gate", [("all", "ann@here")])
            let committed = CommittedDecision(numbers: [1], turn: 1, lastEvent: 1)
            let writing = DecisionStatements.writing(decision, on: locked, committed, run, by: "w1", count: 1, lease: lease)
            try await connection.query(writing.sql, writing.parameters)
            let scans = try await connection.query(
                "SELECT sum(seq_scan)::bigint AS n FROM pg_stat_xact_user_tables WHERE schemaname = 'convoy_control'"
            ).onlyRow()
            #expect(try scans.int64("n") == 0)
            try await connection.query("COMMIT")
        }
    }

    /// Parsing and planning calls with 34 parameters takes longer than some of what they do.
    @Test func aSessionParsesBothCallsOnce() async throws {
        try await withControlDatabase(configuring: { $0.sessions = 1 }) { control, _ in
            try await begin(control)
            var known: Int64 = 0
            for count: Int64 in 1...3 {
                let decided = try await decide(control, count, after: known, Self.next("i\(count)", ending: []))
                known = try #require(decided.committed).lastEvent
            }
            let rows = try await control.rows(
                "SELECT statement, generic_plans + custom_plans AS uses FROM pg_prepared_statements ORDER BY statement COLLATE \"C\""
            )
            #expect(rows.map { $0.value("statement")?.contains("write_decision") } == [false, true])
            #expect(rows.map { $0.number("uses") } == [3, 3])
        }
    }

    /// A statement that is there already, and one that is not there any more, as behind a pooler that mixes sessions.
    @Test(arguments: ["DEALLOCATE ALL", "PREPARE"])
    func withoutKeptStatementsADecisionIsMadeAllTheSame(_ mixing: String) async throws {
        try await withControlDatabase(configuring: { $0.sessions = 1 }) { control, _ in
            try await begin(control)
            func decide(_ count: Int64, after event: Int64) async throws -> Int64? {
                let decided = try await self.decide(control, count, after: event, Self.next("i\(count)", ending: []))
                // What decides has no second attempt.
                #expect(decided.seen.count == 1)
                return decided.committed?.lastEvent
            }
            if mixing == "PREPARE" {
                let name = ControlTransaction.name(of: DecisionStatements.writingCall)
                _ = try await control.transaction { transaction throws(ControlError) in
                    try await transaction.query("PREPARE \(name) AS SELECT 1")
                }
                #expect(try await decide(1, after: 0) == 1)
            } else {
                #expect(try await decide(1, after: 0) == 1)
                _ = try await control.transaction { transaction throws(ControlError) in try await transaction.query(mixing) }
            }
            #expect(try await decide(2, after: 1) == 2)
        }
    }

    /// Anyone who may connect can hold the lock at which workers queue.
    @Test func aStrangerWhoHoldsTheQueueStopsNothing() async throws {
        try await withControlDatabase { control, database in
            try await begin(control)
            let stranger = try await database.connect()
            defer { stranger.close() }
            try await stranger.query("SELECT pg_advisory_lock(hashtextextended($1, 1668247158))", [run.description])
            let decided = try await decide(control, 1, after: 0, Self.next("a", ending: []))
            #expect(decided.committed?.lastEvent == 1)
        }
    }

    /// A pooler hands the session to another client.
    @Test func whatADecisionSetsEndsWithIt() async throws {
        try await withControlDatabase(configuring: { $0.sessions = 1 }) { control, _ in
            try await begin(control)
            _ = try await decide(control, 1, after: 0, Self.next("a", ending: []))
            let rows = try await control.rows("SELECT current_setting('enable_seqscan') AS scans")
            #expect(rows.map { $0.value("scans") } == ["on"])
        }
    }

    /// A server that was behind and took over has another event with the number, or none.
    @Test func anotherRecordThanTheWorkerKnowsShows() async throws {
        try await withControlDatabase { control, database in
            try await begin(control)
            let known = try #require(try await decide(control, 1, after: 0, Self.next("a", ending: [])).committed)
            #expect(known.lastEvent == 1 && known.lastFingerprint != nil)
            let same = try #require(try await decide(control, 2, after: 1, nil).seen.last)
            #expect(same.knownFingerprint == known.lastFingerprint && same.turns.isEmpty)
            #expect(try await control.turns(of: run, after: 0).turns.map(\.lastFingerprint) == [known.lastFingerprint])

            try await database.query("UPDATE convoy_control.events SET json = replace(json, '\"a\"', '\"b\"')")
            let other = try #require(try await decide(control, 2, after: 1, nil).seen.last)
            #expect(other.knownFingerprint != nil && other.knownFingerprint != known.lastFingerprint)

            try await database.query("DELETE FROM convoy_control.events")
            try await database.query("UPDATE convoy_control.runs SET last_event = 0")
            let gone = try #require(try await decide(control, 2, after: 1, nil).seen.last)
            #expect(gone.knownFingerprint == nil)
        }
    }

    @Test func aRunThatIsGoneIsSaid() async throws {
        try await withControlDatabase { control, _ in
            try await begin(control)
            let other = RunID("20261122T123456Z-ffffff")
            let found = await #expect(throws: ControlError.self) {
                try await control.decide(on: other, by: "w1", count: 1, handOver: "", after: 0, reporting: [:], lease: lease) {
                    _ throws(ControlError) in
                    nil
                }
            }
            #expect(found?.journalError("x").message.contains("is not there any more") == true)
        }
    }

    @Test func numbersOfArraysAreRead() {
        #expect(ControlText.numbers("{}").isEmpty)
        #expect(ControlText.numbers("{1,22,9223372036854775807}") == [1, 22, .max])
        #expect(ControlText.numbers("").isEmpty)
        #expect(ControlText.numbers("{x,2}") == [2])
    }
}
