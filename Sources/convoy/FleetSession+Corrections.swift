import ConvoyDashboard
import ConvoyIO
import ConvoyJournal
import ConvoyKit
import ConvoyReporting
import ConvoyRollout
import ConvoyRun
import FoundationEssentials

extension FleetSession {
    /// Shows the plan of a baseline or a repair, asks, and carries it out.
    ///
    /// - Parameters:
    ///   - file: where the plan is written to besides; nil is nowhere.
    ///   - journal: nil shows the plan only.
    func correct(
        _ planned: PlannedRun,
        on selection: Selection,
        _ options: ChangeOptions,
        _ output: ReportOutput,
        _ file: ResultFile?,
        _ request: NextSteps.Request,
        _ journal: (any RunStore)?,
        _ interruption: Interruption
    ) async throws -> CommandExit {
        let report = report(on: planned)
        guard let journal else {
            if let file { try file.write(planned.plan) }
            try output.write(report, settings)
            return CommandExit(outcomes: report.instances.lazy.map(\.judgedOutcome)).unlessIncomplete(selection)
        }
        // Where every instance is settled or refused there is nothing to run.
        if planned.isNothingDue
            || report.changedInstances == 0 && report.instances.allSatisfy({ [.upToDate, .blocked].contains($0.outcome) })
        {
            if options.yes { tellWarnings(of: planned.instances) }
            return try writeThatNothingIsDue(planned, output).unlessIncomplete(selection)
        }
        if !options.yes {
            StandardStreams.error.write(report.table(settings.style(of: StandardStreams.error), .brief))
            if report.changedInstances > 0 { try await Confirmation.ask(report.question) }
        }
        return try await run(
            planned,
            request,
            beside: options.besideOptions.beside,
            detached: options.detach,
            journal,
            output,
            interruption
        ).unlessIncomplete(
            selection
        )
    }
}

extension ResultFile {
    /// Writes a plan.
    ///
    /// - Throws: a ``CommandFailure`` if the file cannot be written, or must not be replaced.
    func write(_ plan: RunPlan) throws {
        let contents = Array(try plan.data())
        try check()
        do throws(FileWriteError) {
            try replaceFile(path, contents)
        } catch {
            throw CommandFailure(.failed, "\(option): \(path): \(error)", hint: "choose a file in an existing directory")
        }
    }
}
