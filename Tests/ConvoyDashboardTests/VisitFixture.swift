import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import FoundationEssentials
import TestSupport

@testable import ConvoyDashboard

/// A run of the repository's own migrations, of which the last few are due.
struct VisitFixture: Sendable {
    static let path = "/runs/\(TestDashboard.run)"

    let set: MigrationSet
    /// The newest ones, oldest first.
    let due: [MigrationVersion]
    /// The version before them.
    let before: MigrationVersion

    init(due count: Int = 4) throws {
        set = try MigrationSet.load(directory: "\(repositoryRoot)/Migrations", displayedAs: "Migrations")
        due = set.migrations.suffix(count).map(\.version)
        before = set.migrations.dropLast(count).last?.version ?? newest
    }

    func plan(_ waves: [(name: String, instances: [String])], isImmediate: Bool = false) -> RunPlan {
        RunPlan(
            fleet: "test",
            generatedAt: moment(),
            change: .up(to: nil),
            isImmediate: isImmediate,
            migrations: set.migrations.map(RunPlan.PinnedMigration.init),
            waves: waves.map { wave in
                RunPlan.Wave(
                    name: wave.name,
                    instances: wave.instances.map { name in
                        var planned = RunPlan.PlannedInstance(
                            Instance(name: name, server: "eu-1", database: "tm", connection: ConnectionParameters())
                        )
                        planned.start = InstanceStart(version: before, pending: due)
                        return planned
                    }
                )
            }
        )
    }

    func applied(_ index: Int, seconds: Double = 1.25) -> AppliedMigration {
        AppliedMigration(version: due[index], direction: .up, duration: .milliseconds(Int64(seconds * 1000)))
    }

    /// The instance begins, and applies the first of what is due.
    func beginning(_ name: String, wave: String = "all") -> [Event] {
        [
            Event(at: moment(1), .instanceStarted(instance: name, wave: wave)),
            Event(at: moment(1.5), .instancePlanned(instance: name, from: before, pending: due)),
            Event(at: moment(3), .migrationApplied(instance: name, migration: applied(0))),
        ]
    }

    static let blocker = LockHolder(
        pid: 4711,
        application: "psql <i>",
        address: "10.0.0.7",
        since: "2026-08-08T08:00:00Z",
        kind: .session,
        role: "ann\u{202E}"
    )

    func waiting(_ name: String) -> Event {
        Event(
            at: moment(4),
            .instanceWaiting(
                instance: name,
                reason: "migration \(due[1]) waits for a lock; \(Self.blocker) holds it",
                facts: WaitFacts(
                    blockers: [Self.blocker],
                    statement: "ALTER TABLE charges\n  ALTER COLUMN charger_power TYPE numeric(8,2)",
                    line: 3
                )
            )
        )
    }

    /// The instance is done.
    func ending(_ name: String) -> [Event] {
        let all = due.indices.map { applied($0) }
        return all.dropFirst().map { Event(at: moment(6), .migrationApplied(instance: name, migration: $0)) } + [
            Event(
                at: moment(7),
                .instanceFinished(
                    instance: name,
                    result: InstanceResult(outcome: .migrated, from: before, to: due.last, applied: all)
                )
            )
        ]
    }
}
