import ConvoyKit
import ConvoyRun
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyJournal

/// What is decided on a run is done only if the run has not changed since.
@Suite(.timeLimit(.minutes(3)))
struct RunBasisTests {
    private let run = JournalSamples.run

    @Test(arguments: StoreKind.all)
    func aRunThatHasGotFurtherIsLeftAlone(_ kind: StoreKind) async throws {
        try await kind.withStore { journal, _ in
            try await journal.begin(run, plan: Data())
            try await journal.append([Event(at: moment(1), .runFinished(status: .halted))], to: run.id)
            let old = try await journal.basis(of: run.id)
            try await journal.append([Event(at: moment(2), .runResumed(by: "bob")), JournalSamples.numbered(1)], to: run.id)
            try await journal.append([Event(at: moment(3), .runFinished(status: .halted))], to: run.id)
            let halted = try await journal.runs(limit: 1)
            let lock = try await journal.lock(run.id)
            let start = try await journal.lockStart(of: run.fleet)
            for refusal in [
                await problem { () async throws(JournalError) in try await journal.reopen(run.id, unchangedSince: old, under: start) },
                await problem { () async throws(JournalError) in
                    try await journal.abandon(run.id, unchangedSince: old, by: "ann", at: moment(4))
                },
            ] {
                #expect(refusal?.reason == .changed)
                #expect(refusal?.message == "run \(run.id) has got further since it was read; nothing was changed")
                #expect(refusal?.hint?.contains("`convoy report \(run.id)`") == true)
                #expect(refusal?.hint?.hasSuffix("run the command again") == true)
            }
            #expect(try await journal.runs(limit: 1) == halted)
            let now = try await journal.basis(of: run.id)
            try await journal.reopen(run.id, unchangedSince: now, under: start)
            #expect(try await journal.runs(limit: 1).first?.status == nil)
            try await journal.abandon(run.id, unchangedSince: now, by: "ann", at: moment(4))
            #expect(try await journal.runs(limit: 1).first?.abandonedBy == "ann")
            await start.release()
            await lock.release()
        }
    }

    /// A server that was behind took over: what was decided on is not there.
    @Test(arguments: StoreKind.all)
    func aRunThatLostEventsIsLeftAlone(_ kind: StoreKind) async throws {
        try await kind.withStore { journal, _ in
            try await journal.begin(run, plan: Data())
            try await journal.append([JournalSamples.numbered(1)], to: run.id)
            var lost = try await journal.basis(of: run.id)
            lost.lastEvent += 2
            let refusal = await problem { [lost] () async throws(JournalError) in
                try await journal.abandon(run.id, unchangedSince: lost, by: "ann", at: moment(4))
            }
            #expect(
                refusal?.message
                    == "run \(run.id) lacks events that were read, because a server that was behind took over; nothing was changed"
            )
        }
    }

    /// Bob gives a run up that no worker takes; Ann has handed it over with other files while he did, and no worker has decided on it yet.
    @Test(arguments: PostgresServer.Release.tested)
    func aRunThatWasHandedOverIsNotGivenUp(_ release: PostgresServer.Release) async throws {
        try await withControlDatabase(on: release) { control, database in
            let (ann, bob) = (ControlJournal(control), ControlJournal(ControlDatabase(database.owner)))
            try await ann.begin(run, plan: Data())
            try await database.execute(["UPDATE convoy_control.runs SET for_workers = true"])
            let catalog = RunCatalog(journal: .control(database.owner)) { _ in }
            let found = try await catalog.resumable(run.id.description, in: bob)
            #expect(found.record.id == run.id)
            let basis = try await ann.basis(of: run.id)
            try await control.handOver(run.id, key: "k1", fleetChecksum: "new", resumedBy: "ann", unchangedSince: basis)
            for refusal in [
                await problem { () async throws(JournalError) in
                    try await bob.abandon(run.id, unchangedSince: found.basis, by: "bob", at: moment(4))
                },
                await problem { () async throws(JournalError) in
                    do throws(ControlError) {
                        try await control.handOver(run.id, key: "k2", fleetChecksum: "old", resumedBy: "bob", unchangedSince: found.basis)
                    } catch {
                        throw error.journalError("x")
                    }
                },
            ] {
                #expect(refusal?.message == "run \(run.id) was submitted to workers again since it was read; nothing was changed")
            }
            #expect(try await control.round(of: "w1", in: run.fleet, nil).runs.map(\.fleetChecksum) == ["new"])
        }
    }

    /// It is refused once, and not tried again with what is there now.
    @Test(arguments: PostgresServer.Release.tested)
    func whatHasChangedIsNotTriedAgain(_ release: PostgresServer.Release) async throws {
        try await withControlDatabase(on: release) { control, database in
            let journal = ControlJournal(control)
            try await journal.begin(run, plan: Data())
            let old = try await journal.basis(of: run.id)
            try await database.execute(["UPDATE convoy_control.runs SET last_event = 3"])
            let lock = try await journal.lock(run.id)
            let turns = Shared(0)
            do throws(RunConflict) {
                let plan = RunPlan(fleet: run.fleet, generatedAt: moment(), change: .up(to: nil), waves: [])
                try await RunStart(in: journal).resume(run.id, plan, beside: []) { start throws(JournalError) in
                    turns.change { $0 += 1 }
                    try await journal.reopen(run.id, unchangedSince: old, under: start)
                }
                Issue.record("it was resumed")
            } catch {
                let shown = FleetError(error)
                #expect(shown.code == .run && shown.refusal == .changed, "\(shown)")
                #expect(shown.message.hasPrefix("run \(run.id) has got further since it was read"), "\(shown)")
            }
            #expect(turns.value == 1)
            await lock.release()
        }
    }
}
