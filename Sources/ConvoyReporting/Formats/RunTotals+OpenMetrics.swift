internal import ConvoyMigrations
import ConvoyRun
import ConvoyText

extension OpenMetricsText {
    /// Adds the counters and histograms of all runs of a fleet.
    mutating func add(_ totals: RunTotals, _ fleet: Label) {
        let scope = "in all runs of the journal, removed ones included"
        addCounters(
            "convoy_runs_ended",
            "Runs that ended, by status, \(scope); one that was resumed ends again.",
            RunEnding.allCases.filter { $0 != .abandoned }.map { ([fleet, ("status", $0.rawValue)], String(totals[$0])) }
        )
        addCounters(
            "convoy_instances_ended",
            "Instances on which the work of a run ended, by outcome, \(scope); a rollback ends by itself.",
            Outcome.allCases.filter { $0 != .skipped }.map { ([fleet, ("outcome", $0.rawValue)], String(totals[$0])) }
        )
        let directions = [MigrationDirection.up, .down]
        addCounters(
            "convoy_migrations_applied",
            "Migrations applied (up) or reverted (down), \(scope); without those that a killed process did not record.",
            directions.map { ([fleet, ("direction", $0.rawValue)], String(totals[$0].count)) }
        )
        addHistograms(
            "convoy_migration_duration_seconds",
            "How long each of these migrations took.",
            unit: "seconds",
            directions.map { direction in
                let durations = totals[direction]
                return (
                    [fleet, ("direction", direction.rawValue)],
                    zip(RunTotals.bounds, durations.counts).map { ($0, $1) },
                    durations.count,
                    JSONValue.seconds(durations.seconds).line
                )
            }
        )
    }
}
