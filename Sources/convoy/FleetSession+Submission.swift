import ConvoyJournal
import ConvoyKit
import ConvoyRun
import ConvoyText

/// A run that was handed over to the workers of a control database.
struct SubmittedRun {
    var id: RunID
    var submission: RunSubmission
    /// What was recorded before.
    var trail = EventTrail()
}

extension FleetSession {
    /// - Throws: a ``CommandFailure`` if a run that this process carries out itself is to be left alone.
    func checkDetaching(_ isDetached: Bool, _ journal: any RunStore) throws {
        guard isDetached, RunSubmission(fleet, in: journal) == nil else { return }
        throw CommandFailure(
            .usage,
            "--detach: the fleet has no control database, so this process carries out the run; nothing was changed",
            hint: "name one with `control:` in the fleet file, or start the command in the background"
        )
    }

    /// What hands a run over to the workers; nil where this process carries it out itself, because there is no control database, or because no worker is
    /// alive and the run is not to be left to one.
    func submission(in journal: any RunStore, _ isDetached: Bool) async -> RunSubmission? {
        guard let submission = RunSubmission(fleet, in: journal) else { return nil }
        if isDetached { return submission }
        return await submission.hasWorkers(of: fleet.name) ? submission : nil
    }

    /// Prints the id of a run that is not followed, and says if no worker is there.
    ///
    /// - Returns: whether it is not followed.
    func isDetached(_ submitted: SubmittedRun, _ isDetached: Bool) async -> Bool {
        // At once: the run is there.
        if isDetached { StandardStreams.output.write("\(submitted.id)\n") }
        if await !submitted.submission.hasWorkers(of: fleet.name, looksTwice: false) {
            StandardStreams.error.write(
                "note: no worker of fleet \(fleet.name.visible) is alive, so run \(submitted.id) waits for one: start one with `convoy worker`\n"
            )
        }
        return isDetached
    }

    /// Takes up a run that has ended, or was cut off, unless another active run is in the way: hands it to the workers again, or makes it one that this
    /// process carries out itself; nil for the latter. The caller holds its lock.
    ///
    /// - Parameter basis: how far it had got when that was decided.
    func resumed(
        _ run: RunID,
        _ plan: RunPlan,
        unchangedSince basis: RunBasis,
        beside: [String],
        _ isDetached: Bool,
        _ journal: any RunStore
    ) async throws -> SubmittedRun? {
        let start = RunStart(in: journal)
        do throws(RunConflict) {
            guard let submission = await self.submission(in: journal, isDetached) else {
                try await start.resume(run, plan, unchangedSince: basis, beside: beside)
                return nil
            }
            let person = Operator.current(onBehalfOf: settings.environment[ResumedRun.personVariable])
            let trail = try await submission.trail(of: run)
            try await start.resume(run, plan, beside: beside) { lock throws(JournalError) in
                try await submission.resume(run, unchangedSince: basis, by: person, under: lock)
            }
            return SubmittedRun(id: run, submission: submission, trail: trail)
        } catch {
            throw CommandFailure(error, journal: RunCatalog(fleet).path)
        }
    }
}
