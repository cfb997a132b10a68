import ArgumentParser
import ConvoyFleet
import ConvoyMigrations
import ConvoyReporting
import ConvoyRollout
import FoundationEssentials

/// `convoy resume`
struct Resume: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Go on with a run that was cut off, stopped or halted.",
        discussion: """
            The plan, the waves and their rules are the run's own; connections, hooks, checks and the window are the fleet file's of now. \
            Instances that finished are left alone. Those that were under way are read again, so that nothing is applied twice. What halted the run is \
            tried again where it can be mended: a gate, a hook, the journal. A run that a stop rule halted only finishes the rollbacks that it owes; \
            for the rest, mend the cause and give the command that began it again.

              convoy resume                # the newest such run
              convoy resume 20261122T21 --yes
            """
    )

    @OptionGroup var file: FleetFileOption
    @OptionGroup var outputOptions: ReportOutputOptions
    @OptionGroup var progressOptions: ProgressOptions

    @Flag(help: "Answer every question with yes. Required where there is no terminal.")
    var yes = false

    @Argument(help: "The run's id, or how it begins; without it the newest one that can be resumed.")
    var run: String?

    func execute() async throws -> ConvoyRollout.ExitCode {
        let settings = Settings(file, progress: progressOptions.progress)
        let output = try ReportOutput(outputOptions)
        try settings.checkProgress()
        try Confirmation.checkPossible(yes: yes, settings: settings)
        let session = try FleetSession(settings)
        let access = JournalAccess(session.fleet)
        return try await Interruption.handled(clearTerminal: session.statusLine.clear) { interruption in
            let journal = try await access.openExisting(for: .writing)
            let record = try await access.run(run, .resumable, in: journal)
            let lock = try await access.explaining { () async throws(JournalError) in
                try await RunLock.acquire(record.id, journal: access.path)
            }
            defer { lock.release() }
            // Somebody else may have come first.
            try await access.checkUnchanged(record, in: journal)
            var past = RunPast()
            var report = FleetReport()
            try await access.events(of: record.id, in: journal) { event in
                past.apply(event)
                report.apply(event)
            }
            if record.status == .halted, let reason = past.finalReason {
                throw CommandFailure(
                    .usage,
                    "run \(record.id) was halted for good: \(reason)",
                    hint: "mend the cause, then give the command that began it again: it goes on with what is left"
                )
            }
            let pinned = try await access.plan(of: record.id, in: journal)
            let plan = try await rebuild(pinned, past, session)
            if !yes {
                let left = plan.instanceCount - past.settledInstances
                try await Confirmation.ask("Go on with run \(record.id): \(left) of \(plan.instanceCount) instances are left?")
            }
            return try await session.run(plan, journal, record.id, resuming: (past, report), output, interruption)
        }
    }

    /// The run's plan with the connections of now.
    ///
    /// - Throws: a ``CommandFailure`` where files or instances are no longer what the run began with.
    private func rebuild(_ pinned: PinnedPlan, _ past: RunPast, _ session: FleetSession) async throws -> RolloutPlan {
        let selection = try await session.select()
        guard selection.isComplete else { throw CommandFailure(.unreachable, "not every server told its databases; nothing was touched") }
        let instances = selection.instances
        let plan = pinned.plan(instances: instances, fleet: session.fleet)
        let now = PinnedPlan(plan, set: session.set, at: Date())
        var differences = pinned.migrationDifferences(to: now)
        let known = Dictionary(instances.map { ($0.name, $0) }) { first, _ in first }
        for instance in pinned.waves.flatMap(\.instances) {
            if let now = known[instance.name] {
                guard (now.server, now.database) != (instance.server, instance.database) else { continue }
                differences.append("instance \(instance.name) is database \(now.database) on \(now.server) now, and was another one")
            } else if !past.isSettled(instance.name) || past.unfinished.contains(instance.name) {
                differences.append("instance \(instance.name) is no longer in the fleet")
            }
        }
        guard differences.isEmpty else {
            throw CommandFailure(
                .failed,
                "run \(run ?? "") cannot go on as it began; nothing was touched",
                details: differences,
                hint: "restore these, or give the run up with `convoy abandon` and start a new one with `convoy migrate`"
            )
        }
        return plan
    }
}
