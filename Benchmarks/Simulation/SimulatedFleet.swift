import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRollout
import ConvoyRun
import FoundationEssentials

/// A fleet that exists only as a plan: a canary, and a wave of the rest.
struct SimulatedFleet {
    let terms: RunDecider.Terms

    init(instances count: Int, servers: Int, maxParallel: Int) {
        let connection = ConnectionParameters()
        let instances = (0..<count).map { number in
            Instance(name: "tenant-\(number)", server: "pg-\(number % servers)", database: "tenant_\(number)", connection: connection)
        }
        let canary = max(1, count / 1000)
        let waves = [("canary", instances[..<canary]), ("rest", instances[canary...])].map { name, members in
            RunPlan.Wave(
                name: name,
                instances: members.map(RunPlan.PlannedInstance.init),
                maxParallel: maxParallel,
                stop: StopRules(failurePercent: 90, sameFailure: count)
            )
        }
        let plan = RunPlan(fleet: "simulated", generatedAt: Date(timeIntervalSince1970: 0), change: .up(to: nil), waves: waves)
        let targets = RunTargets(instances, limits: ConnectionLimits(total: maxParallel * 2, perServer: 40))
        terms = RunDecider.Terms(plan, on: targets, id: RunID("simulated"), isShared: true) { _ in 2 }
    }

    /// What a worker reports of an instance: its plan, its migrations, its end.
    static func report(_ name: String, migrations: Int, isFailed: Bool, at now: Date) -> [RunDecider.Fact] {
        let versions = (0..<migrations).map { MigrationVersion(20_260_101_000_000 + Int64($0)) }
        let applied = versions.map { AppliedMigration(version: $0, direction: .up, duration: .milliseconds(120)) }
        let planned = RunDecider.Fact.event(Event(at: now, .instancePlanned(instance: name, from: nil, pending: versions)))
        if isFailed {
            let failure = Failure(
                .failed,
                "column “price” of relation “positions” already exists",
                version: versions.first,
                sqlstate: "42701"
            )
            return [planned, .instanceFinished(name, InstanceResult(outcome: .failed, failure: failure), at: now)]
        }
        let steps = applied.map { RunDecider.Fact.event(Event(at: now, .migrationApplied(instance: name, migration: $0))) }
        let result = InstanceResult(outcome: .migrated, to: versions.last, applied: applied)
        return [planned] + steps + [.instanceFinished(name, result, at: now)]
    }
}
