import ConvoyPostgres
import ConvoyRun
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyJournal

/// Which assignments a worker finds, whom statements of workers wait for, and what becomes of a run that nobody takes.
@Suite(.timeLimit(.minutes(3)))
struct ControlWorkOrderTests {
    private let run = RunID("20261122T123456Z-ab12cd")
    private let lease = Duration.seconds(15)

    /// Runs that workers carry out, and workers that are known.
    private func begin(_ control: ControlDatabase, runs: [RunID]? = nil, workers: [String] = ["w1", "w2"]) async throws {
        for run in runs ?? [run] {
            try await control.transaction { transaction throws(ControlError) in
                transaction.add(
                    """
                    INSERT INTO convoy_control.runs (id, fleet, fleet_file, direction, instances, plan, fleet_checksum, started_at, convoy_version,
                        started_by, for_workers)
                    VALUES ($1, 'eu', 'fleet.yaml', 'up', 2, '{}', 'abc', clock_timestamp(), '1', 'ann@here', true)
                    """,
                    [run.description]
                )
            }
        }
        for worker in workers { _ = try await control.renew(WorkerRecord(id: worker, fleet: "eu", capacity: 4), for: lease) }
    }

    /// Inserts assignments as they would be after decisions.
    private func insert(_ database: TestDatabase, in run: RunID? = nil, _ values: String) async throws {
        try await database.execute([
            """
            INSERT INTO convoy_control.assignments (run, number, kind, subject, server, state, worker, attempt, lease_until)
            SELECT '\(run ?? self.run)', number, 'change', 'i' || number, server, state, worker, attempt, clock_timestamp() + until
            FROM (\(values)) AS v (number, server, state, worker, attempt, until)
            """
        ])
    }

    /// Whether a session of the database waits for a lock of a row.
    private func someoneWaits(_ database: TestDatabase) async throws -> Bool {
        try await database.query(
            "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ).onlyRow().int64("n") > 0
    }

    // MARK: Candidates

    /// However much waits for others, a worker finds what it can take.
    @Test func whatWaitsForOthersHidesNothing() async throws {
        try await withControlDatabase { control, database in
            try await begin(control)
            try await insert(
                database,
                "SELECT n, CASE WHEN n <= 80 THEN 'eu-1' WHEN n < 100 THEN 'us-1' END, 'waiting', NULL, 0, NULL::interval FROM generate_series(1, 100) AS n"
            )
            let search = CandidateSearch(runs: [run], servers: ["us-1"], limit: 64)
            // Those of its server, and what needs none.
            #expect(try await control.candidates(search).map(\.key.number) == Array(81...100))
            #expect(try await control.round(of: "w1", in: "eu", search).candidates.count == 20)
            // What is cancelled is for everyone.
            try await database.execute(["UPDATE convoy_control.assignments SET is_cancelled = true WHERE number = 7"])
            let found = try await control.candidates(search)
            #expect(found.map(\.key.number) == [7] + Array(81...100))
            #expect(found.map(\.isCancelled) == [true] + Array(repeating: false, count: 20))
            #expect(try await control.claim([found[0].key], for: "w1", lease: lease).map(\.isCancelled) == [true])
            // Page by page.
            var all = CandidateSearch(runs: [run], limit: 30)
            var numbers: [Int64] = []
            while case let page = try await control.candidates(all), !page.isEmpty {
                numbers += page.map(\.key.number)
                all.offset += page.count
            }
            #expect(numbers == Array(1...100).filter { $0 != 7 })
        }
    }

    @Test func twoRunsTakeTurns() async throws {
        try await withControlDatabase { control, database in
            let runs = [RunID("20261122T123456Z-aaaaaa"), RunID("20261122T123456Z-bbbbbb")]
            try await begin(control, runs: runs)
            for run in runs {
                try await insert(database, in: run, "SELECT n, 's1', 'waiting', NULL, 0, NULL::interval FROM generate_series(1, 50) AS n")
            }
            let found = try await control.candidates(CandidateSearch(runs: runs, limit: 6))
            #expect(found.map(\.key) == (1...3).flatMap { number in runs.map { Assignment.Key(run: $0, number: number) } })
        }
    }

    /// What a lost worker had comes before what waits, in order.
    @Test func whatWasBegunComesFirst() async throws {
        try await withControlDatabase { control, database in
            try await begin(control)
            try await insert(
                database,
                """
                SELECT n, 's1', CASE WHEN n > 5 THEN 'claimed' ELSE 'waiting' END, CASE WHEN n > 5 THEN 'w2' END, CASE WHEN n > 5 THEN 1 ELSE 0 END,
                    CASE WHEN n > 7 THEN interval '1 h' WHEN n > 5 THEN interval '-1 s' END FROM generate_series(1, 9) AS n
                """
            )
            let found = try await control.candidates(CandidateSearch(runs: [run], limit: 4))
            #expect(found.map(\.key.number) == [6, 7, 1, 2])
            #expect(found.map(\.previousWorker) == ["w2", "w2", nil, nil])
        }
    }

    // MARK: Locks

    /// A decision that withdraws and cancels locks assignments in the order in which others do, so that neither ends the other.
    @Test(arguments: [true, false])
    func aDecisionLocksInOrder(_ cancels: Bool) async throws {
        try await withControlDatabase { control, database in
            try await begin(control)
            try await insert(database, "SELECT n, 's1', 'claimed', 'w2', 1, interval '1 h' FROM generate_series(1, 2) AS n")
            // Neither the table nor the index of subjects has the order of the numbers.
            try await database.execute([
                "UPDATE convoy_control.assignments SET subject = 'z' WHERE number = 1",
                "UPDATE convoy_control.assignments SET subject = 'a' WHERE number = 2",
                "UPDATE convoy_control.assignments SET begun_at = clock_timestamp() WHERE number = 1",
            ])
            let other = try await database.connect()
            defer { other.close() }
            try await other.query("BEGIN")
            try await other.query("SELECT FROM convoy_control.assignments WHERE number = 1 FOR UPDATE")
            var decision = RunDecision()
            decision.cancelsAll = cancels
            if !cancels { decision.withdrawals = [.init(kind: "change", subject: "a"), .init(kind: "change", subject: "z")] }
            let (lease, run) = (self.lease, self.run)
            async let decided = control.decide(on: run, by: "w1", count: 1, after: 0, reporting: [:], lease: lease) {
                [decision] _ throws(ControlError) in decision
            }
            try await eventually("the decision waits") { try await someoneWaits(database) }
            // A worker that gives both back has the first, and goes on to the second.
            try await other.query("SELECT FROM convoy_control.assignments WHERE number = 2 FOR UPDATE")
            try await other.query("COMMIT")
            #expect(try await decided != nil)
        }
    }

    /// Whoever holds rows: a renewal goes on with the others, and waits for nobody.
    @Test func aRenewalWaitsForNobody() async throws {
        try await withControlDatabase { control, database in
            try await begin(control)
            try await insert(database, "SELECT n, 's1', 'claimed', 'w1', 1, interval '1 s' FROM generate_series(1, 3) AS n")
            let other = try await database.connect()
            defer { other.close() }
            try await other.query("BEGIN")
            try await other.query("SELECT FROM convoy_control.assignments WHERE number = 2 FOR UPDATE")
            let worker = WorkerRecord(id: "w1", fleet: "eu", capacity: 4)
            #expect(try await control.renew(worker, for: lease).leases.map(\.key.number).sorted() == [1, 3])
            // It still has all of them.
            #expect(try await control.round(of: "w1", in: "eu", nil).leases.map(\.key.number) == [1, 2, 3])
            try await other.query("COMMIT")
            #expect(try await control.renew(worker, for: lease).leases.count == 3)
        }
    }

    // MARK: Runs that nobody takes

    @Test func aRefusalCountsWhileItsWorkerLives() async throws {
        try await withControlDatabase { control, database in
            try await begin(control)
            #expect(try await control.staff(of: run) == RunStaff(willing: 2))
            #expect(try await control.staff(of: RunID("20261122T123456Z-ffffff")) == nil)
            let long = String(repeating: "x", count: 5000)
            try await control.note(.init(worker: "w1", reason: "old\u{0}\u{1B}[2J", hint: "h"), of: run, by: "w1")
            try await control.note(.init(worker: "w1", reason: long, hint: "another"), of: run, by: "w1")
            try await control.note(.init(worker: "w2", reason: "a\u{1B}[2Jb", hint: "do"), of: run, by: "w2")
            let staff = try #require(try await control.staff(of: run))
            #expect(staff.willing == 0 && staff.isMissing)
            #expect(staff.refusals.map(\.worker).sorted() == ["w1", "w2"])
            #expect(staff.refusals.allSatisfy { $0.reason.utf8.count <= 1100 && !$0.reason.contains("\u{1B}") })
            let words = try #require(staff.shortage)
            #expect(words.contains("no worker takes part in it") && words.contains("worker w2") && words.contains("(do)"), "\(words)")
            // A worker that nobody knows leaves nothing.
            try await control.note(.init(worker: "w9", reason: "r", hint: "h"), of: run, by: "w9")
            #expect(try await control.staff(of: run)?.refusals.count == 2)
            try await control.note(nil, of: run, by: "w2")
            #expect(try await control.staff(of: run)?.willing == 1)
            #expect(try await control.staff(of: run)?.shortage == nil)
            try await control.signOff("w2")
            #expect(try await control.staff(of: run)?.isMissing == true)
            try await database.execute(["UPDATE convoy_control.workers SET seen_at = clock_timestamp() - interval '16 s'"])
            let gone = try #require(try await control.staff(of: run))
            #expect(gone.refusals.isEmpty)
            #expect(gone.shortage?.contains("no worker of its fleet is alive") == true)
        }
    }

    @Test(arguments: PostgresServer.Release.tested)
    func aRunIsTakenFromWorkersThatHaveNoLeaseOfIt(_ release: PostgresServer.Release) async throws {
        try await withControlDatabase(on: release) { control, database in
            try await begin(control)
            try await insert(
                database,
                """
                SELECT n, 's1', CASE n WHEN 1 THEN 'waiting' WHEN 2 THEN 'claimed' ELSE 'done' END, CASE n WHEN 2 THEN 'w1' END, 1,
                    CASE n WHEN 2 THEN interval '1 h' END FROM generate_series(1, 3) AS n
                """
            )
            let journal = ControlJournal(control)
            let states = {
                try await database.query("SELECT state FROM convoy_control.assignments ORDER BY number").rows.map { try $0.text("state") }
            }
            // One is at work.
            #expect(try await control.staff(of: run)?.holders == ["w1"])
            do throws(JournalError) {
                try await journal.abandon(run, by: "ann@here", at: moment())
                Issue.record("it was abandoned")
            } catch {
                #expect(error.description.contains("worker w1 works on run") && error.reason == .held, "\(error)")
            }
            await #expect(throws: ControlError.self) { try await handOver(control, key: "k1", checksum: "n") }
            await #expect(throws: JournalError.self) { try await reopen(journal) }
            #expect(try await states() == ["waiting", "claimed", "done"])

            // It is gone.
            try await database.execute([
                "UPDATE convoy_control.assignments SET lease_until = clock_timestamp() - interval '1 s' WHERE number = 2"
            ])
            try await handOver(control, key: "k2", checksum: "new")
            #expect(try await states() == ["withdrawn", "withdrawn", "done"])
            #expect(try await control.round(of: "w1", in: "eu", nil).runs.map(\.fleetChecksum) == ["new"])
            // What came after is not touched by the same call, sent again.
            try await database.execute([
                "UPDATE convoy_control.runs SET last_event = 5, fleet_checksum = 'newer'",
                "UPDATE convoy_control.assignments SET state = 'waiting' WHERE number = 1",
            ])
            try await handOver(control, key: "k2", checksum: "again")
            #expect(try await control.round(of: "w1", in: "eu", nil).runs.map(\.fleetChecksum) == ["newer"])
            #expect(try await states().first == "waiting")
            // Another one does not know how far the run is.
            await #expect(throws: ControlError.self) { try await handOver(control, key: "k3", checksum: "late") }
            #expect(try await control.round(of: "w1", in: "eu", nil).runs.map(\.fleetChecksum) == ["newer"])
            #expect(try await states().first == "waiting")

            try await journal.abandon(run, by: "ann@here", at: moment())
            #expect(try await states() == ["withdrawn", "withdrawn", "done"])
            #expect(try await control.round(of: "w1", in: "eu", nil).runs.isEmpty)
            #expect(try await control.staff(of: run) == nil)
            await #expect(throws: ControlError.self) { try await handOver(control, key: "k4", after: 5) }
        }
    }

    private func handOver(_ control: ControlDatabase, key: String, checksum: String = "abc", after event: Int64 = 0) async throws {
        try await control.handOver(run, key: key, fleetChecksum: checksum, resumedBy: "ann@here", after: event)
    }

    /// The answer to COMMIT was lost, and the same is sent again: what was asked of the run in between is not forgotten, whoever has its locks now.
    @Test(arguments: PostgresServer.Release.tested)
    func aHandOverThatIsSentAgainForgetsNoRequest(_ release: PostgresServer.Release) async throws {
        try await withControlDatabase(on: release) { control, database in
            try await begin(control)
            try await database.execute(["UPDATE convoy_control.runs SET last_event = 3"])
            let journal = ControlJournal(control)
            try await journal.post(.stop, to: run, by: "bob@here", at: moment())
            let start = try await journal.lockStart(of: "eu")
            func send(_ key: String) async throws {
                try await control.handOver(run, key: key, fleetChecksum: "n", resumedBy: "ann@here", after: 3, under: start)
            }
            try await send("k1")
            // What was asked before is not asked of the resumed run.
            #expect(try await control.round(of: "w1", in: "eu", nil).runs.map(\.hasRequests) == [false])
            try await journal.post(.stop, to: run, by: "bob@here", at: moment())
            try await send("k1")
            #expect(try await control.round(of: "w1", in: "eu", nil).runs.map(\.hasRequests) == [true])
            try await database.execute(["DELETE FROM convoy_control.locks", "UPDATE convoy_control.runs SET last_event = 9"])
            try await send("k1")
            #expect(try await control.round(of: "w1", in: "eu", nil).runs.map(\.hasRequests) == [true])
            await #expect(throws: ControlError.self) { try await send("k2") }
            await start.release()
        }
    }

    /// A worker that has read a run before it was handed over anew, perhaps with other files, neither decides on it nor takes its work.
    @Test(arguments: PostgresServer.Release.tested)
    func whatWasReadBeforeAHandOverIsRefused(_ release: PostgresServer.Release) async throws {
        try await withControlDatabase(on: release) { control, database in
            try await begin(control)
            try await handOver(control, key: "k1")
            #expect(try await control.round(of: "w1", in: "eu", nil).runs.map(\.handOver) == ["k1"])
            try await handOver(control, key: "k2")
            try await insert(database, "SELECT n, 's1', 'waiting', NULL, 0, NULL::interval FROM generate_series(1, 2) AS n")
            // Only a newer version can read it.
            try await database.execute([
                """
                INSERT INTO convoy_control.events (run, number, turn, at, type, json)
                VALUES ('\(run)', 1, 1, clock_timestamp(), 'danced', '{"type": "danced"}')
                """,
                "UPDATE convoy_control.runs SET last_event = 1, turn = 1",
            ])
            let keys = (1...2).map { Assignment.Key(run: run, number: $0) }
            #expect(try await control.claim(keys, for: "w1", lease: lease, handOvers: [run: "k1"]).isEmpty)
            #expect(try await control.claim(keys, for: "w1", lease: lease).isEmpty)
            let seen = Shared<LockedRun?>(nil)
            let decided = try await control.decide(on: run, by: "w1", count: 1, handOver: "k1", after: 0, reporting: [:], lease: lease) {
                locked throws(ControlError) in
                seen.change { $0 = locked }
                return nil
            }
            #expect(decided == nil)
            #expect(seen.value?.isOutdated == true && seen.value?.turns.isEmpty == true)
            #expect(try await control.claim(keys, for: "w1", lease: lease, handOvers: [run: "k2"]).count == 2)
            try await database.execute(["DELETE FROM convoy_control.events"])
            _ = try await control.decide(on: run, by: "w1", count: 1, handOver: "k2", after: 0, reporting: [:], lease: lease) {
                locked throws(ControlError) in
                seen.change { $0 = locked }
                return nil
            }
            #expect(seen.value?.isOutdated == false)
        }
    }

    /// A role from before there was the table of refusals is told once what it lacks, and learns the rest.
    @Test(arguments: PostgresServer.Release.tested)
    func aRoleWithoutRightsOnRefusalsLearnsTheRest(_ release: PostgresServer.Release) async throws {
        try await withControlDatabase(on: release) { control, database in
            try await begin(control)
            try await insert(database, "SELECT 1, 's1', 'claimed', 'w1', 1, interval '1 h'")
            let role = "\(database.name)-role"
            try await database.server.execute("CREATE ROLE \"\(role)\" LOGIN")
            try await control.grant(to: role)
            try await database.execute(["REVOKE ALL ON convoy_control.refusals FROM \"\(role)\""])
            var parameters = database.owner
            parameters["user"] = role
            let other = ControlDatabase(parameters)
            let staff = try #require(try await other.staff(of: run))
            #expect(staff.willing == 2 && staff.holders == ["w1"] && staff.refusals.isEmpty)
            let grant = "GRANT SELECT, INSERT, UPDATE, DELETE ON convoy_control.refusals TO \"\(role)\""
            #expect(staff.gap?.contains(grant) == true, "\(String(describing: staff.gap))")
            #expect(staff.gap?.contains("permission denied for table refusals") == true, "\(String(describing: staff.gap))")
            do throws(ControlError) {
                try await other.note(.init(worker: "w1", reason: "r", hint: "h"), of: run, by: "w1")
                Issue.record("it was noted")
            } catch {
                #expect(error.journalError("x").hint?.contains(grant) == true, "\(error)")
            }
            // It is the statement that it says.
            try await database.execute([grant])
            try await other.note(.init(worker: "w1", reason: "r", hint: "h"), of: run, by: "w1")
            #expect(try await other.staff(of: run)?.gap == nil)
            #expect(try await other.staff(of: run)?.willing == 1)
            await other.close()
            try await database.execute(["DROP OWNED BY \"\(role)\""], as: "postgres")
            try await database.server.execute("DROP ROLE \"\(role)\"")
        }
    }

    /// Makes the run one that this process carries out alone.
    private func reopen(_ journal: ControlJournal) async throws {
        let lock = try await journal.lock(run)
        let start = try await journal.lockStart(of: "eu")
        do {
            try await journal.reopen(run, under: start)
        } catch {
            await start.release()
            await lock.release()
            throw error
        }
        await start.release()
        await lock.release()
    }

    /// A worker that was away decides nothing in a run that one process carries out now.
    @Test func aRunThatWasTakenBackIsNotDecidedOn() async throws {
        try await withControlDatabase { control, _ in
            try await begin(control)
            try await reopen(ControlJournal(control))
            let isOpen = Shared<Bool?>(nil)
            _ = try await control.decide(on: run, by: "w1", count: 1, after: 0, reporting: [:], lease: lease) {
                locked throws(ControlError) in
                isOpen.change { $0 = locked.isOpen }
                return nil
            }
            #expect(isOpen.value == false)
        }
    }
}
