import ConvoyFleet
import ConvoyMigrations
import ConvoyRun

/// Reports at once that an instance has all migrations, and connects to nothing.
struct StandIn: InstanceMigrator, InstanceInspector {
    let versions: [MigrationVersion]

    func migrate(_ job: InstanceJob, report: @escaping @Sendable (Event.Kind) -> Void) async -> InstanceResult {
        let applied = versions.map { AppliedMigration(version: $0, direction: .up, duration: .milliseconds(1)) }
        report(.instancePlanned(instance: job.instance.name, from: nil, pending: versions))
        for migration in applied { report(.migrationApplied(instance: job.instance.name, migration: migration)) }
        return InstanceResult(outcome: .migrated, to: versions.last, applied: applied)
    }

    func probe(_ instance: Instance, for change: Change) async -> InstanceStatus {
        InstanceStatus(
            name: instance.name,
            server: instance.server,
            database: instance.database,
            labels: instance.labels,
            outcome: .pending,
            pending: versions
        )
    }

    func work(of run: String, on instance: Instance) async -> RunWork? { nil }
    func slots(on instance: Instance, run: String) async -> ServerSlots? { nil }
    func connections(for instance: Instance) -> Int { 1 }
}
