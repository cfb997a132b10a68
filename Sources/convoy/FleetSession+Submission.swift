import ConvoyJournal
import ConvoyKit
import ConvoyRun
import ConvoyText

/// A run that was handed over to the workers of a control database.
struct SubmittedRun {
    var id: RunID
    var submission: RunSubmission
    /// The last event that was recorded before.
    var last: Int64
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

    /// Says whether workers are there, and prints the id of a run that is not followed.
    ///
    /// - Returns: whether it is not followed.
    func isDetached(_ submitted: SubmittedRun, _ isDetached: Bool) async -> Bool {
        if await !submitted.submission.hasWorkers(of: fleet.name) {
            StandardStreams.error.write(
                "note: no worker of fleet \(fleet.name.visible) is alive, so run \(submitted.id) waits for one: start it with `convoy worker`\n"
            )
        }
        if isDetached { StandardStreams.output.write("\(submitted.id)\n") }
        return isDetached
    }

    /// Hands a run that has ended, or was cut off, to the workers again; nil where this process resumes it itself. The caller holds its lock.
    func resumed(_ run: RunID, _ journal: any RunStore) async throws -> SubmittedRun? {
        guard let submission = RunSubmission(fleet, in: journal) else { return nil }
        let person = Operator.current(onBehalfOf: settings.environment[ResumedRun.personVariable])
        let last = try await RunCatalog(fleet).explaining { () async throws(JournalError) in
            try await submission.resume(run, by: person)
        }
        return SubmittedRun(id: run, submission: submission, last: last)
    }
}
