import ConvoyKit
import ConvoyPostgres
import ConvoyRun
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyJournal

/// Until when a process has a run, by the server's clock, and how it learns that it has it no longer.
@Suite(.timeLimit(.minutes(3)))
struct ControlLeaseTests {
    private let run = JournalSamples.run

    /// The last one: the clock of the server was an hour ahead when it was taken.
    @Test(arguments: [("5 seconds", true), ("-2 hours", false), ("1 hour", false)])
    func aLeaseHoldsToItsEnd(_ end: String, _ isHeld: Bool) async throws {
        try await withControlDatabase { control, database in
            let journal = ControlJournal(control)
            try await journal.begin(run, plan: Data())
            _ = try await database.query(
                """
                INSERT INTO convoy_control.locks (name, token, holder, taken_at, expires_at)
                VALUES ($1, 't', 'pid 1 on elsewhere', now(), clock_timestamp() + $2::interval)
                """,
                [run.id.description, end]
            )
            #expect(try await journal.holder(of: run.id) == (isHeld ? "pid 1 on elsewhere" : nil))
            #expect(try await journal.activeRuns(of: run.fleet).map(\.id) == (isHeld ? [run.id] : []))
            let refusal = await problem { () async throws(JournalError) in await (try journal.lock(run.id)).release() }
            #expect(refusal?.reason == (isHeld ? .held : nil))
        }
    }

    /// The server was down for longer than the lease, so that it could not be renewed: its process comes first when the server is back.
    @Test func aLeaseThatRanOutWhileTheServerWasDownStillHolds() async throws {
        let server = try await PostgresServer.start()
        try await server.withDatabase { database in
            var timing = ControlDatabase.Timing()
            timing.lease = .seconds(60)
            let control = ControlDatabase(database.owner, timing: timing)
            try await control.prepare()
            let journal = ControlJournal(control)
            for id in ["r-1", "r-2"] { try await journal.begin(JournalSamples.run(id), plan: Data()) }
            let (lock, gone) = (try await journal.lock(RunID("r-1")), try await journal.lock(RunID("r-2")))
            try await database.execute([
                "UPDATE convoy_control.locks SET expires_at = clock_timestamp() - interval '10 minutes' WHERE name = 'r-1'",
                "UPDATE convoy_control.locks SET expires_at = clock_timestamp() - interval '2 hours' WHERE name = 'r-2'",
            ])
            try await server.stop(.fast)
            try await server.start()
            let other = ControlJournal(ControlDatabase(database.owner, timing: timing))
            #expect(try await other.holder(of: RunID("r-1")) != nil)
            #expect(try await other.holder(of: RunID("r-2")) == nil)
            #expect(await problem { () async throws(JournalError) in _ = try await other.lock(RunID("r-1")) }?.reason == .held)
            try await journal.append([JournalSamples.numbered(0)], to: RunID("r-1"))
            await lock.release()
            await gone.release()
        }
    }

    /// Without writing anything.
    @Test func theLossOfALockIsNoticedByItsRenewal() async throws {
        try await withControlDatabase(configuring: { $0.lease = .milliseconds(600) }) { control, database in
            let journal = ControlJournal(control)
            try await journal.begin(run, plan: Data())
            let lock = try await journal.lock(run.id)
            #expect(try await journal.requests(of: run.id, after: 0) == [])
            try await database.execute(["UPDATE convoy_control.locks SET token = 'other', holder = 'pid 1 on elsewhere'"])
            try await eventually("it is noticed") {
                await problem { () async throws(JournalError) in _ = try await journal.requests(of: run.id, after: 0) }?.isTakenOver == true
            }
            let loss = await problem { () async throws(JournalError) in _ = try await journal.requests(of: run.id, after: 0) }
            #expect(loss?.message == "run \(run.id) was taken over by pid 1 on elsewhere")
            await lock.release()
            #expect(try await database.query("SELECT FROM convoy_control.locks").rows.count == 1)
        }
    }

    /// A server that vanished without a word must not keep a renewal for as long as other answers are waited for.
    @Test func aRenewalThatIsNotAnsweredIsGivenUpSoon() async throws {
        try await withProxiedControlDatabase(configuring: { $0.lease = .seconds(3) }) { control, proxy, _ in
            func renew() async -> Bool {
                (try? await control.renewal { transaction throws(ControlError) in _ = try await transaction.query("SELECT 1") }) != nil
            }
            try await eventually("there is a session") { await renew() }
            proxy.set(mode: .blackHole)
            let begun = ContinuousClock.now
            #expect(await !renew())
            #expect(.now - begun < .seconds(15))
            proxy.set(mode: .forward)
            try await eventually("it works again") { await renew() }
        }
    }

    // MARK: Abandoning

    @Test func whoLostTheLockOfARunDoesNotAbandonIt() async throws {
        try await withControlDatabase { control, database in
            let (slow, other) = (ControlJournal(control), ControlJournal(ControlDatabase(database.owner)))
            try await slow.begin(run, plan: Data())
            let lock = try await slow.lock(run.id)
            try await database.execute(["UPDATE convoy_control.locks SET expires_at = clock_timestamp() - interval '2 hours'"])
            let taken = try await other.lock(run.id)
            let basis = RunBasis(lastEvent: 0)
            let refusal = await problem { () async throws(JournalError) in
                try await slow.abandon(run.id, unchangedSince: basis, by: "bob", at: moment())
            }
            #expect(refusal?.isTakenOver == true)
            let third = ControlJournal(ControlDatabase(database.owner))
            let unlocked = await problem { () async throws(JournalError) in
                try await third.abandon(run.id, unchangedSince: basis, by: "bob", at: moment())
            }
            #expect(unlocked?.reason == .held)
            #expect(try await other.runs(limit: 1).first?.abandonedBy == nil)
            try await other.abandon(run.id, unchangedSince: basis, by: "bob", at: moment())
            #expect(try await other.runs(limit: 1).first?.abandonedBy == "bob")
            let unknown = await problem { () async throws(JournalError) in
                try await other.abandon(RunID("other"), unchangedSince: basis, by: "bob", at: moment())
            }
            #expect(unknown?.message == "it has no run other")
            await taken.release()
            await lock.release()
        }
    }
}
