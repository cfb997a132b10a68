import ConvoyPostgres
import ConvoyRun
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyJournal

/// Assignments, leases and decisions of workers in a control database.
@Suite(.timeLimit(.minutes(5)))
struct ControlWorkTests {
    private let run = RunID("20261122T123456Z-ab12cd")
    private let lease = Duration.seconds(15)

    /// A run that workers carry out, and one worker that is known.
    private func begin(_ control: ControlDatabase, workers: [String] = ["w1"]) async throws {
        let id = run.description
        try await control.transaction { transaction throws(ControlError) in
            _ = try await transaction.query(
                """
                INSERT INTO convoy_control.runs (id, fleet, fleet_file, direction, instances, plan, fleet_checksum, started_at, convoy_version, started_by,
                    for_workers)
                VALUES ($1, 'eu', 'fleet.yaml', 'up', 2, '{}', 'abc', clock_timestamp(), '1', 'ann@here', true)
                """,
                [id]
            )
        }
        for worker in workers { _ = try await round(control, worker) }
    }

    /// What a worker reads, after it has renewed its leases.
    private func round(_ control: ControlDatabase, _ worker: String, renewing: Bool = true) async throws -> WorkerRound {
        let record = WorkerRecord(id: worker, fleet: "eu", convoyVersion: "1", capacity: 4)
        if renewing {
            let now = try #require(try await control.renew(record, for: lease).now)
            #expect(now.timeIntervalSince(Date()).magnitude < 60)
        }
        return try await control.round(of: worker, in: "eu", CandidateSearch(runs: [run], limit: 10))
    }

    private func claim(
        _ keys: [Assignment.Key],
        for worker: String,
        in control: ControlDatabase,
        lease: Duration? = nil,
        takesOver: Bool = true
    ) async throws -> [Assignment] {
        try await control.claim(keys, for: worker, lease: lease ?? self.lease, handOvers: [run: ""], takesOver: takesOver)
    }

    @discardableResult
    private func decide(
        _ control: ControlDatabase,
        _ worker: String = "w1",
        count: Int64 = 1,
        after event: Int64 = 0,
        reporting: [Int64: Int64] = [:],
        lease: Duration? = nil,
        _ body: @escaping @Sendable (LockedRun) -> RunDecision?
    ) async throws -> CommittedDecision? {
        try await control.decide(
            on: run,
            by: worker,
            count: count,
            handOver: "",
            after: event,
            reporting: reporting,
            lease: lease ?? self.lease
        ) { locked throws(ControlError) in body(locked) }
    }

    private func beginnings(_ names: String..., claimed: Bool = false) -> RunDecision {
        var decision = RunDecision()
        decision.events = names.map { Event(at: moment(), .instanceStarted(instance: $0, wave: "all")) }
        decision.beginnings = names.map { .init(kind: "change", subject: $0, wave: "all", server: "s1", isClaimed: claimed) }
        return decision
    }

    @Test(arguments: PostgresServer.Release.tested)
    func whatADecisionWritesIsThereForTheNext(_ release: PostgresServer.Release) async throws {
        try await withControlDatabase(on: release) { control, _ in
            try await begin(control)
            let decision = beginnings("a", "b\"\\,{}")
            let committed = try #require(try await decide(control) { _ in decision })
            #expect(committed.numbers == [1, 2])
            #expect(committed.turn == 1)
            #expect(committed.lastEvent == 2)

            let seen = Shared<LockedRun?>(nil)
            let nothing = try await decide(control, count: 2) { locked in
                seen.change { $0 = locked }
                return nil
            }
            #expect(nothing == nil)
            let locked = try #require(seen.value)
            #expect(locked.turn == 1)
            #expect(locked.turns.map { $0.events.compactMap(\.kind.instance) } == [["a", "b\"\\,{}"]])
            #expect(locked.lastDecision == 1)
            #expect(locked.isOpen)
            let page = try await control.turns(of: run, after: 0, limit: 1)
            #expect(page.turns.map(\.lastEvent) == [2])
            #expect(try await control.turns(of: run, after: 2).turns.isEmpty)

            let open = try await round(control, "w1")
            #expect(open.candidates.map(\.subject) == ["a", "b\"\\,{}"])
            #expect(open.candidates.map(\.server) == ["s1", "s1"])
            #expect(open.runs.map(\.id) == [run])
            #expect(open.runs.map(\.turn) == [1])
        }
    }

    @Test(arguments: PostgresServer.Release.tested)
    func anAssignmentHasOneWorkerUntilItsLeaseExpires(_ release: PostgresServer.Release) async throws {
        try await withControlDatabase(on: release) { control, database in
            try await begin(control, workers: ["w1", "w2"])
            let decision = beginnings("a", "b")
            try await decide(control) { _ in decision }
            let keys = try await round(control, "w1").candidates.map(\.key)
            let first = try await claim(keys, for: "w1", in: control, lease: .milliseconds(1))
            #expect(first.map(\.attempt) == [1, 1])
            #expect(first.map(\.previousWorker) == [nil, nil])

            // It has expired, and nobody has taken it: the renewal keeps it.
            try await eventually("the lease has expired") { try await round(control, "w2").candidates.count == 2 }
            #expect(try await control.renew(WorkerRecord(id: "w1", fleet: "eu", capacity: 4), for: lease).leases.map(\.key) == keys)
            #expect(try await round(control, "w1").leases.map(\.key) == keys)
            #expect(try await round(control, "w2").candidates.isEmpty)
            #expect(try await claim(keys, for: "w2", in: control).isEmpty)

            // Now another one takes one of them.
            try await database.execute(["UPDATE convoy_control.assignments SET lease_until = clock_timestamp() - interval '1 s'"])
            let second = try await claim([keys[0]], for: "w2", in: control)
            #expect(second.map(\.attempt) == [2])
            #expect(second.map(\.previousWorker) == ["w1"])
            #expect(try await round(control, "w1").leases.map(\.key) == [keys[1]])

            // What is given back waits again; only the own attempt can be.
            try await control.giveBack([Lease(key: keys[0], attempt: 1)], of: "w1")
            #expect(try await round(control, "w2").leases.map(\.key) == [keys[0]])
            try await control.giveBack([Lease(key: keys[0], attempt: 2)], of: "w2")
            #expect(try await round(control, "w2").candidates.map(\.key) == [keys[0]])
            let third = try await claim([keys[0]], for: "w1", in: control)
            #expect(third.map(\.attempt) == [3])
            #expect(third.map(\.previousWorker) == [nil])
        }
    }

    /// A worker that has lost the control database for a while leaves expired leases to those who had them.
    @Test func expiredLeasesAreLeftOnDemand() async throws {
        try await withControlDatabase { control, database in
            try await begin(control, workers: ["w1", "w2"])
            let decision = beginnings("a", "b")
            try await decide(control) { _ in decision }
            let keys = try await round(control, "w1").candidates.map(\.key)
            #expect(try await claim([keys[0]], for: "w1", in: control).count == 1)
            try await database.execute([
                "UPDATE convoy_control.assignments SET lease_until = clock_timestamp() - interval '1 s' WHERE state = 'claimed'"
            ])
            #expect(try await control.candidates(CandidateSearch(runs: [run], takesOver: false, limit: 10)).map(\.key) == [keys[1]])
            #expect(try await claim(keys, for: "w2", in: control, takesOver: false).map(\.key) == [keys[1]])
            #expect(try await control.candidates(CandidateSearch(runs: [run], limit: 10)).map(\.key) == [keys[0]])
            #expect(try await claim(keys, for: "w2", in: control).map(\.key) == [keys[0]])
        }
    }

    @Test func aReportOfAnEarlierAttemptDoesNotCount() async throws {
        try await withControlDatabase { control, database in
            try await begin(control, workers: ["w1", "w2"])
            let decision = beginnings("a", claimed: true)
            let number = try #require(try await decide(control) { _ in decision }?.numbers.first)
            let seen = Shared<Set<Int64>>([])
            @Sendable func look(_ locked: LockedRun) -> RunDecision? {
                seen.change { $0 = locked.own }
                return nil
            }
            try await decide(control, reporting: [number: 1], look)
            #expect(seen.value == [number])
            try await decide(control, reporting: [number: 2], look)
            #expect(seen.value == [])
            try await database.execute(["UPDATE convoy_control.assignments SET lease_until = clock_timestamp() - interval '1 s'"])
            // Expired and not taken: it still counts.
            try await decide(control, reporting: [number: 1], look)
            #expect(seen.value == [number])
            #expect(try await claim([Assignment.Key(run: run, number: number)], for: "w2", in: control).count == 1)
            try await decide(control, reporting: [number: 1], look)
            #expect(seen.value == [])
            try await decide(control, "w2", reporting: [number: 2], look)
            #expect(seen.value == [number])
        }
    }

    @Test func aDecisionEndsWithdrawsCancelsAndApproves() async throws {
        try await withControlDatabase { control, _ in
            try await begin(control)
            var decision = beginnings("a", "b", claimed: true)
            decision.beginnings.append(.init(kind: "gate", subject: "all", isClaimed: true))
            decision.beginnings.append(.init(kind: "watch_window", subject: ""))
            try await decide(control) { [decision] _ in decision }
            #expect(try await round(control, "w1").leases.map(\.key.number) == [1, 2, 3])
            // The same cannot be given out twice.
            let again = beginnings("a")
            await #expect(throws: ControlError.self) { try await decide(control, count: 2) { _ in again } }

            var next = RunDecision()
            next.events = [Event(at: moment(), .instanceFinished(instance: "a", result: InstanceResult(outcome: .migrated)))]
            next.done = [1]
            next.withdrawals = [.init(kind: "watch_window", subject: "")]
            next.cancelsAll = true
            (next.gateKind, next.approvals) = ("gate", [("all", "ann@here")])
            try await decide(control, count: 2, reporting: [1: 1]) { [next] _ in next }
            let round = try await round(control, "w1", renewing: false)
            #expect(round.leases.map(\.key.number) == [2, 3])
            #expect(round.leases.map(\.isCancelled) == [true, true])
            #expect(round.leases.map(\.approvedBy) == [nil, "ann@here"])
            #expect(round.candidates.isEmpty)
            #expect(try await control.assignmentCounts(of: "eu") == (0, 2))

            var last = RunDecision()
            last.events = [Event(at: moment(), .runFinished(status: .halted))]
            try await decide(control, count: 3) { [last] _ in last }
            #expect(try await self.round(control, "w1").runs.isEmpty)
        }
    }

    @Test func requestsAreAnsweredOnce() async throws {
        try await withControlDatabase { control, database in
            try await begin(control)
            let name = run.description
            try await database.execute([
                "INSERT INTO convoy_control.requests VALUES ('\(name)', 1, 'k1', 'pause', 's1', 'ann@here', clock_timestamp())",
                "INSERT INTO convoy_control.requests VALUES ('\(name)', 2, 'k2', 'dance', NULL, 'bob@there', clock_timestamp())",
                "UPDATE convoy_control.runs SET last_request = 2",
            ])
            #expect(try await round(control, "w1").runs.map(\.hasRequests) == [true])
            let seen = Shared<[OperatorRequest.Kind]>([])
            try await decide(control) { locked in
                seen.change { $0 = locked.requests.map(\.kind) }
                var decision = RunDecision()
                decision.servedRequest = locked.servedRequest
                return decision
            }
            // What only a newer program knows is passed over.
            #expect(seen.value == [.pause(server: "s1")])
            #expect(try await round(control, "w1").runs.map(\.hasRequests) == [false])
        }
    }

    /// The connection is lost with the answer to COMMIT: what was committed shows in the next decision.
    @Test(arguments: [true, false])
    func aLostAcknowledgementIsSettled(_ isCommitted: Bool) async throws {
        try await withProxiedControlDatabase { behind, proxy, database in
            let control = ControlDatabase(database.owner)
            try await begin(control)
            let decision = beginnings("a", claimed: true)
            do throws(ControlError) {
                _ = try await behind.decide(on: run, by: "w1", count: 7, handOver: "", after: 0, reporting: [:], lease: lease) {
                    _ throws(ControlError) in
                    // Either the answer is lost, or what was to be written.
                    proxy.cut(after: isCommitted ? 1 : 0, isCommitted ? .toClient : .toServer)
                    return decision
                }
                Issue.record("it was answered")
            } catch {
                guard case .commitUnknown = error else {
                    Issue.record("\(error)")
                    return
                }
            }
            let seen = Shared<LockedRun?>(nil)
            try await decide(control, count: 8) { locked in
                seen.change { $0 = locked }
                return nil
            }
            #expect(seen.value?.lastDecision == (isCommitted ? 7 : 0))
            #expect(seen.value?.turns.count == (isCommitted ? 1 : 0))
        }
    }

    /// A process that is stopped while it has the lock of a run keeps the others waiting only for seconds.
    @Test func aRunIsNotHeldByAProcessThatSleeps() async throws {
        try await withControlDatabase(configuring: { $0.statement = .seconds(1) }) { control, database in
            try await begin(control)
            let sleeper = try await database.connect()
            defer { sleeper.close() }
            // What a decision begins with.
            try await sleeper.query("BEGIN")
            try await sleeper.query("SET LOCAL idle_in_transaction_session_timeout = 1000")
            try await sleeper.query("SELECT FROM convoy_control.runs FOR UPDATE")
            let decision = beginnings("a")
            try await eventually("the run is free again") {
                do {
                    return try await decide(control) { _ in decision } != nil
                } catch {
                    return false
                }
            }
        }
    }

    /// However many assignments there are, a claim and a renewal read only their own.
    @Test func claimsAndRenewalsUseIndexes() async throws {
        try await withControlDatabase { control, database in
            try await begin(control)
            try await database.execute([
                """
                INSERT INTO convoy_control.assignments (run, number, kind, subject, state, worker, attempt, lease_until)
                SELECT '\(run)', n, 'change', 'i' || n, CASE WHEN n % 1000 = 0 THEN 'waiting' WHEN n % 1000 = 1 THEN 'claimed' ELSE 'done' END,
                    'w' || n % 7, 1, clock_timestamp() + interval '1 h' FROM generate_series(1, 50000) AS n
                """,
                "ANALYZE convoy_control.assignments",
            ])
            let keys = [Assignment.Key(run: run, number: 1000), Assignment.Key(run: run, number: 2000)]
            let statements = [
                WorkStatements.renewal(of: "w1", for: lease), WorkStatements.leases(of: "w1"),
                WorkStatements.candidates(CandidateSearch(runs: [run], limit: 10)),
                WorkStatements.candidates(CandidateSearch(runs: [run], servers: ["s1"], limit: 10)),
                WorkStatements.claim(keys, for: "w1", lease: lease, handOvers: [run: ""], takesOver: true),
                WorkStatements.giveBack([Lease(key: keys[0], attempt: 1)], of: "w1"),
            ]
            let connection = try await database.connect()
            defer { connection.close() }
            for statement in statements {
                let plan = try await connection.query("EXPLAIN " + statement.sql, statement.parameters)
                let lines = try plan.rows.map { try $0.text("QUERY PLAN") }
                #expect(!lines.contains { $0.contains("Seq Scan on assignments") }, "\(lines.joined(separator: "\n"))")
                #expect(lines.contains { $0.contains("Index") })
            }
        }
    }

    @Test func theLivingAreCounted() async throws {
        try await withControlDatabase { control, database in
            try await begin(control, workers: ["w1", "w2"])
            #expect(try await control.workersAlive(of: "eu").seen == 2)
            #expect(try await control.workersAlive(of: "us").seen == 0)
            try await control.signOff("w2")
            #expect(try await control.workersAlive(of: "eu").seen == 1)
            try await waitUntilSettled(control)
            try await database.execute(["UPDATE convoy_control.workers SET seen_at = clock_timestamp() - interval '16 s'"])
            #expect(try await control.workersAlive(of: "eu").seen == 0)
        }
    }
}
