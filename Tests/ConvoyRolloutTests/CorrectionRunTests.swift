import ConvoyFleet
import ConvoyMigrations
import FoundationEssentials
import Synchronization
import TestSupport
import Testing

@testable import ConvoyRollout
@testable import ConvoyRun

/// A baseline or a repair as a run: its plan has what each instance gets, and nothing of it is rolled back by migrations.
@Suite(.timeLimit(.minutes(1))) struct CorrectionRunTests {
    private static let correction = Correction(.baseline, found: [], fingerprint: "f", records: [1, 2].map { MigrationVersion($0) })

    private func wave(_ onFailure: OnFailure) -> ConnectedWave { ConnectedWave("all", instances("a b"), onFailure: onFailure) }

    private func baseline(_ onFailure: OnFailure = .proceed) -> ConnectedPlan {
        var connected = plan(wave(onFailure))
        connected.plan.change = .baseline(at: nil)
        connected.plan = connected.plan.correcting(["a": Self.correction])
        return connected
    }

    @Test func thePlanHasWhatEachInstanceGets() throws {
        let plan = baseline().plan
        #expect(plan.instances.map { plan.change(of: $0) } == [.correct(Self.correction), .baseline(at: nil)])
        let again = try RunPlan(data: plan.data())
        #expect(again.instances == plan.instances && again.change == plan.change)
        var changed = plan
        changed.waves[0].instances[0].correction?.fingerprint = "g"
        #expect(plan.differences(to: plan) == [])
        #expect(
            plan.differences(to: changed) == ["instance a has another schema or ledger, or the catalogue of the migrations changed"]
        )
    }

    /// An instance that is refused now is named with the reason.
    @Test func aPlanWhoseInstanceIsRefusedNow() {
        var (before, now) = (baseline().plan, baseline().plan)
        before.waves[0].instances[0].start = InstanceStart(version: nil, pending: [])
        now.waves[0].instances[0].start = nil
        let refused = InstanceStatus(
            name: "a",
            server: "main",
            database: "a",
            labels: [:],
            outcome: .unprovisioned,
            failure: Failure(.unprovisioned, "the database has tables but no schema_migrations")
        )
        #expect(before.differences(to: now) == ["instance a cannot be probed now"])
        #expect(
            before.differences(to: now, probed: [refused]) == [
                "instance a is unprovisioned now: the database has tables but no schema_migrations"
            ]
        )
    }

    @Test(arguments: [
        (OnFailure.rollbackWave, OnFailure.halt), (.rollbackInstance, .proceed), (.halt, .halt), (.proceed, .proceed),
    ])
    func nothingIsRolledBack(_ asked: OnFailure, _ planned: OnFailure) async {
        #expect(baseline(asked).plan.waves.map(\.onFailure) == [planned])
    }

    /// Even a plan that says otherwise: the migrations of a schema that was only adopted must not be reverted.
    @Test func anInstanceWhoseEndIsUnknownIsLeftAsItIs() async {
        let fake = FakeInstances()
        fake.finish("a", .unknown)
        fake.finish("b", .adopted)
        var connected = baseline()
        connected.plan.waves[0].onFailure = .rollbackInstance
        let log = await Coordinator(migrator: fake, inspector: fake, events: RecordingSink()).run(connected)
        #expect(fake.calls.sorted() == ["a", "b"])
        #expect(log.instances.map(\.outcome).sorted { $0.rawValue < $1.rawValue } == [.adopted, .unknown])
        #expect(log.status == .failed)
    }

    /// What a process that was killed had written is its run's work.
    @Test(arguments: [
        (Outcome.upToDate, Correction.Kind.baseline, Outcome.adopted), (.upToDate, .repair, .repaired), (.blocked, .baseline, .blocked),
    ])
    func aResumedCorrection(_ found: Outcome, _ kind: Correction.Kind, _ outcome: Outcome) {
        #expect(InstanceResult(outcome: found).corrected(kind).outcome == outcome)
    }
}
