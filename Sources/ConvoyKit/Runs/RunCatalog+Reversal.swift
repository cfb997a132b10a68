package import ConvoyJournal
import ConvoyMigrations
import ConvoyReporting
import ConvoyRun

extension RunCatalog {
    /// What it takes to undo the run with that id or unique prefix.
    ///
    /// - Throws: an error for a run that does not exist, of another fleet, that is active, that was itself a rollback, or that changed nothing.
    package func reversal(of text: String, in journal: any RunStore) async throws(FleetError) -> RunReversal {
        try await checkFleet(of: text, in: journal)
        let record = try await run(text, .any, in: journal)
        if let kind = record.change.correctionKind {
            throw FleetError(
                .run,
                "run \(record.id) was a \(kind.rawValue), which ran no migration, and cannot be rolled back",
                hint: "to revert migrations of its instances, name a version with `convoy rollback --to`"
            )
        }
        guard record.change.direction == .up else {
            throw FleetError(
                .run,
                "run \(record.id) was itself a rollback, and cannot be rolled back",
                hint: "name a run of `convoy migrate`; `convoy runs` lists them"
            )
        }
        guard try await state(of: record, in: journal) != .running else {
            throw FleetError(
                .run,
                "run \(record.id) is still active",
                hint: "stop it with `convoy stop \(record.id)` (add --now to cancel what is in progress), then roll it back"
            )
        }
        let (plan, report) = try await past(of: record.id, in: journal)
        var reversal = RunReversal(record.id, plan, report.log)
        guard !reversal.names.isEmpty else {
            throw FleetError(
                .run,
                "run \(record.id) has left no migration applied, so there is nothing to roll back",
                hint: "`convoy runs show \(record.id)` shows what it did"
            )
        }
        for later in try await overtakings(of: record, in: journal).reversed() where later.run.change.undoneRun != record.id.description {
            let direction = later.run.change.direction
            let log = try await past(of: later.run.id, in: journal).report.log
            let changed = later.instances.filter { log.instance($0)?.hasLeftChanges(direction) == true }
            reversal = reversal.followed(by: later.run.id, changing: changed)
        }
        return reversal
    }

    /// - Throws: an error if the journal has such a run only of other fleets.
    private func checkFleet(of text: String, in journal: any RunStore) async throws(FleetError) {
        guard let fleet, text != "latest" else { return }
        let everywhere = try await explaining { () async throws(JournalError) in try await journal.runs(named: text) }
        guard let other = everywhere.first, !everywhere.contains(where: { $0.fleet == fleet }) else { return }
        throw FleetError(
            .run,
            "run \(other.id) is a run of fleet \(other.fleet), not of \(fleet)",
            hint: "name its fleet file with --fleet, for example --fleet \(other.fleetFile)"
        )
    }
}
