import ConvoyFleet
import ConvoyKit
import ConvoyPostgres
import ConvoyRun
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyJournal

/// Processes that start and resume runs of one fleet, on whichever machines they are: at most one works on an instance.
@Suite(.timeLimit(.minutes(3)))
struct ControlStartTests {
    private func plan(_ names: String..., fleet: String = "eu") -> RunPlan {
        let members = names.map { name in
            RunPlan.PlannedInstance(
                Instance(name: name, server: "pg-1", database: name, connection: ConnectionParameters(), settings: InstanceSettings())
            )
        }
        return RunPlan(fleet: fleet, generatedAt: moment(), change: .up(to: nil), waves: [RunPlan.Wave(name: "all", instances: members)])
    }

    private func newRun(_ names: String..., fleet: String = "eu") throws -> NewRun {
        var plan = plan(fleet: fleet)
        plan.waves[0].instances = names.flatMap { self.plan($0).instances }
        return try NewRun(plan, fleetFile: "fleet.yaml")
    }

    private func conflict(_ body: () async throws(RunConflict) -> Void) async -> RunConflict? {
        do throws(RunConflict) {
            try await body()
            return nil
        } catch {
            return error
        }
    }

    private func begin(_ run: NewRun, in journal: any RunStore) async -> RunConflict? {
        await conflict { () async throws(RunConflict) in _ = try await RunStart(in: journal).begin(run) }
    }

    private func expire(_ database: TestDatabase, _ name: String? = nil) async throws {
        _ = try await database.query(
            "UPDATE convoy_control.locks SET expires_at = clock_timestamp() - interval '2 hours' WHERE name = coalesce($1, name)",
            [name]
        )
    }

    // MARK: Refusals

    /// What does not pass by waiting is said at once, in its own words.
    @Test(arguments: PostgresServer.Release.tested)
    func aRefusalOfTheDatabaseIsSaidAtOnce(_ release: PostgresServer.Release) async throws {
        try await withControlDatabase(on: release) { _, database in
            try await database.execute(["REVOKE INSERT ON convoy_control.locks FROM \(database.ownerName)"])
            let begun = ContinuousClock.now
            let rights = await begin(try newRun("alice"), in: ControlJournal(ControlDatabase(database.owner)))
            guard case .journal(let refusal)? = rights else {
                Issue.record("\(String(describing: rights))")
                return
            }
            #expect(refusal.message.contains("permission denied"))
            try await database.execute([
                "GRANT INSERT ON convoy_control.locks TO \(database.ownerName)",
                "ALTER DATABASE \"\(database.name)\" SET default_transaction_read_only = on",
            ])
            let readOnly = await begin(try newRun("alice"), in: ControlJournal(ControlDatabase(database.owner)))
            guard case .journal(let refusal)? = readOnly else {
                Issue.record("\(String(describing: readOnly))")
                return
            }
            #expect(refusal.message.contains("is read-only"))
            #expect(.now - begun < .seconds(15))
        }
    }

    @Test func whoStartsARunIsWaitedForAndOtherFleetsDoNotWait() async throws {
        try await withControlDatabase { control, database in
            let journal = ControlJournal(control)
            let start = try await ControlJournal(ControlDatabase(database.owner)).lockStart(of: "eu")
            #expect(await begin(try newRun("alice", fleet: "us"), in: journal) == nil)
            let run = try newRun("alice")
            async let begun = begin(run, in: journal)
            let refusal = await problem { () async throws(JournalError) in _ = try await journal.lockStart(of: "eu") }
            #expect(refusal?.reason == .held)
            #expect(refusal?.message.contains("another process is starting a run (pid ") == true)
            #expect(try await journal.runs(limit: 10, fleet: "eu").isEmpty)
            await start.release()
            #expect(await begun == nil)
            #expect(try await journal.runs(limit: 10, fleet: "eu").map(\.id) == [run.record.id])
        }
    }

    /// Who waits in vain learns which process starts a run, and since when.
    @Test func whoStartsARunIsNamedToThoseWhoWaitedInVain() async throws {
        try await withControlDatabase(configuring: { $0.lease = .seconds(2) }) { control, database in
            let start = try await ControlJournal(ControlDatabase(database.owner)).lockStart(of: "eu")
            let refusal = await begin(try newRun("alice"), in: ControlJournal(control))
            guard case .starting(let error)? = refusal else {
                Issue.record("\(String(describing: refusal))")
                return
            }
            let shown = FleetError(RunConflict.starting(error))
            #expect(shown.code == .activeRun)
            let words = /^another process is starting a run \(pid \d+ on .+, since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z\)$/
            #expect(shown.message.contains(words), "\(shown)")
            await start.release()
        }
    }

    // MARK: Processes that are slow

    /// A process that was suspended between its check and its record, while another one started a run.
    @Test(arguments: PostgresServer.Release.tested)
    func aProcessThatHasLostItsTurnRecordsNothing(_ release: PostgresServer.Release) async throws {
        try await withControlDatabase(on: release) { control, database in
            let (slow, other) = (ControlJournal(control), ControlJournal(ControlDatabase(database.owner)))
            let start = try await slow.lockStart(of: "eu")
            try await expire(database)
            let run = try newRun("alice")
            #expect(await begin(run, in: other) == nil)
            let late = try newRun("alice").record
            let basis = RunBasis(lastEvent: 0)
            let refusals = [
                await problem { () async throws(JournalError) in try await slow.begin(late, plan: Data(), beside: [], under: start) },
                await problem { () async throws(JournalError) in
                    try await slow.exclude(othersThan: late.id, of: "eu", beside: [], under: start)
                },
                await problem { () async throws(JournalError) in
                    try await slow.reopen(run.record.id, unchangedSince: basis, under: start)
                },
            ]
            #expect(refusals.map { $0?.reason } == [.overtaken, .overtaken, .overtaken])
            let handedOver = await problem { () async throws(JournalError) in
                do throws(ControlError) {
                    try await control.handOver(
                        run.record.id,
                        key: "k1",
                        fleetChecksum: "",
                        resumedBy: nil,
                        unchangedSince: basis,
                        under: start
                    )
                } catch {
                    throw error.journalError("x")
                }
            }
            #expect(handedOver?.reason == .overtaken)
            #expect(try await other.runs(limit: 10, fleet: "eu").map(\.id) == [run.record.id])
        }
    }

    /// The lock is there, but another run has become active without it, for example by a lease that was renewed late.
    @Test func aRunThatBecameActiveInBetweenIsInTheWay() async throws {
        try await withControlDatabase { control, database in
            let journal = ControlJournal(control)
            let active = JournalSamples.run("r-1", fleet: "eu")
            try await journal.begin(active, plan: Data())
            let start = try await journal.lockStart(of: "eu")
            let lock = try await journal.lock(active.id)
            let new = JournalSamples.run("r-2", fleet: "eu")
            let refusal = await problem { () async throws(JournalError) in
                try await journal.begin(new, plan: Data(), beside: [], under: start)
            }
            #expect(refusal?.reason == .overtaken)
            #expect(refusal?.message == "run r-1 has become active")
            #expect(try await journal.runs(limit: 10).map(\.id) == [active.id])
            try await journal.begin(new, plan: Data(), beside: [active.id], under: start)
            #expect(try await journal.runs(limit: 10).map(\.id) == [new.id, active.id])
            await lock.release()
            await start.release()
        }
    }

    /// The process of a run was suspended for longer than its lease; meanwhile another run began on the same instances.
    @Test(arguments: PostgresServer.Release.tested)
    func aProcessThatSleptDoesNotContinueBesideANewRun(_ release: PostgresServer.Release) async throws {
        try await withControlDatabase(on: release) { control, database in
            let (slow, other) = (ControlJournal(control), ControlJournal(ControlDatabase(database.owner)))
            let first = try newRun("alice")
            let lock = try await RunStart(in: slow).begin(first)
            try await slow.append([JournalSamples.numbered(0)], to: first.record.id)
            let inTheWay = await begin(try newRun("alice"), in: other)
            guard case .overlapping(let run, instances: ["alice"])? = inTheWay else {
                Issue.record("\(String(describing: inTheWay))")
                return
            }
            #expect(run.id == first.record.id)
            try await expire(database, first.record.id.description)
            #expect(await begin(try newRun("alice"), in: other) == nil)
            let refusal = await problem { () async throws(JournalError) in
                try await slow.append([JournalSamples.numbered(1)], to: first.record.id)
            }
            #expect(refusal?.isTakenOver == true)
            #expect(try await other.numbers(of: first.record.id) == [0])
            await lock.release()
        }
    }

    /// A lease that ran out, for example in an outage, is its process's as long as nothing else has begun.
    @Test func aProcessThatWasSlowContinuesIfNothingElseHasBegun() async throws {
        try await withControlDatabase { control, database in
            let journal = ControlJournal(control)
            let first = try newRun("alice")
            let lock = try await RunStart(in: journal).begin(first)
            try await expire(database)
            #expect(await begin(try newRun("alice", fleet: "us"), in: ControlJournal(ControlDatabase(database.owner))) == nil)
            try await journal.append([JournalSamples.numbered(0)], to: first.record.id)
            #expect(try await journal.numbers(of: first.record.id) == [0])
            await lock.release()
        }
    }

    // MARK: Resuming

    @Test(arguments: StoreKind.all)
    func aRunThatIsResumedIsInTheWayOfOthersAndTheyOfIt(_ kind: StoreKind) async throws {
        try await kind.withStore { journal, open in
            let other = try await open()
            let halted = try newRun("alice", "bob")
            let first = try await RunStart(in: journal).begin(halted)
            try await journal.append([Event(at: moment(), .runFinished(status: .halted))], to: halted.record.id)
            await first.release()

            let second = try newRun("bob")
            let secondLock = try await RunStart(in: other).begin(second)
            let lock = try await journal.lock(halted.record.id)
            let basis = try await journal.basis(of: halted.record.id)
            let refused = await conflict { () async throws(RunConflict) in
                try await RunStart(in: journal).resume(halted.record.id, halted.plan, unchangedSince: basis)
            }
            guard case .overlapping(let run, instances: ["bob"])? = refused else {
                Issue.record("\(String(describing: refused))")
                return
            }
            #expect(run.id == second.record.id)
            #expect(try await journal.runs(named: halted.record.id.description).first?.status == .halted)

            try await other.append([Event(at: moment(1), .runFinished(status: .succeeded))], to: second.record.id)
            await secondLock.release()
            try await RunStart(in: journal).resume(halted.record.id, halted.plan, unchangedSince: basis)
            // Before the first event of its new process.
            let third = await begin(try newRun("alice"), in: other)
            guard case .overlapping(let run, instances: ["alice"])? = third else {
                Issue.record("\(String(describing: third))")
                return
            }
            #expect(run.id == halted.record.id)
            try await journal.append([Event(at: moment(2), .runResumed(by: "bob@host"))], to: halted.record.id)
            await lock.release()
        }
    }

    /// Ann's lease of the run ended while she was asked; Bob's process carries the run out. Her answer hands nothing over.
    @Test(arguments: PostgresServer.Release.tested)
    func aRunThatAnotherProcessHasIsNotHandedOver(_ release: PostgresServer.Release) async throws {
        try await withControlDatabase(on: release) { control, database in
            let (ann, bob) = (ControlJournal(control), ControlJournal(ControlDatabase(database.owner)))
            let run = JournalSamples.run("r-1", fleet: "eu")
            try await ann.begin(run, plan: Data())
            let annsLock = try await ann.lock(run.id)
            try await expire(database)
            let bobsLock = try await bob.lock(run.id)
            let bobsStart = try await bob.lockStart(of: "eu")
            try await bob.reopen(run.id, unchangedSince: RunBasis(lastEvent: 0), under: bobsStart)
            await bobsStart.release()
            let start = try await ann.lockStart(of: "eu")
            let refusal = await problem { () async throws(JournalError) in
                do throws(ControlError) {
                    try await control.handOver(
                        run.id,
                        key: "k1",
                        fleetChecksum: "",
                        resumedBy: "ann",
                        unchangedSince: RunBasis(lastEvent: 0),
                        under: start,
                        holding: ann.token(of: run.id) ?? ""
                    )
                } catch {
                    throw error.journalError("x")
                }
            }
            #expect(refusal?.reason == .overtaken)
            #expect(try await database.query("SELECT FROM convoy_control.runs WHERE for_workers").rows.isEmpty)
            #expect(
                await problem { () async throws(JournalError) in try await bob.append([JournalSamples.numbered(0)], to: run.id) } == nil
            )
            await start.release()
            await bobsLock.release()
            await annsLock.release()
        }
    }

    /// A row that this program cannot read is named, with what to do; trying again does not help.
    @Test func anActiveRunThatCannotBeReadIsNamed() async throws {
        try await withControlDatabase { control, database in
            let journal = ControlJournal(control)
            _ = try await database.query(
                """
                INSERT INTO convoy_control.runs (id, fleet, fleet_file, direction, instances, plan, started_at, convoy_version, started_by, for_workers)
                VALUES ('x y', 'eu', 'f', 'sideways', 1, '', now(), '1', 'eve', true)
                """
            )
            guard case .journal(let refusal)? = await begin(try newRun("alice"), in: journal) else {
                Issue.record("it began")
                return
            }
            #expect(refusal.message == "run x y is active, and its record cannot be read")
            #expect(refusal.hint?.contains("convoy_control.runs") == true)
        }
    }
}
