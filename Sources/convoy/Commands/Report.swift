import ArgumentParser
import ConvoyFleet
import ConvoyJournal
import ConvoyKit
import ConvoyMigrations
import ConvoyReporting
import ConvoyRollout
import ConvoyRun
import FoundationEssentials

/// `convoy report`
struct Report: FleetCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show the state of the fleet together with what a run did.",
        discussion: """
            Reads a run from the journal and probes every instance over one connection;
            takes no lock and writes nothing.

              convoy report
              convoy report --output html --output-file report.html
              convoy report 20261122T1234 --outcome failed --output markdown
              convoy report --no-probe --watch 2s     follow a run from another terminal
              convoy report none --output csv         the fleet without a run

            The exit code is 0 if all selected instances are in a good state, 69 if none
            can be reached, and otherwise 1. Instances that --outcome hides count too.
            """
    )

    @OptionGroup var options: FleetOptions
    @OptionGroup var reportOptions: ReportOptions

    @Flag(help: "Connect to no database, not even to discover instances: show only what the journal and the fleet file contain.")
    var noProbe = false

    @Argument(help: "Run id or unique prefix, `latest` (default), or `none`.", completion: .run(or: ["latest", "none"]))
    var run: String?

    func validate() throws {
        if noProbe, reportOptions.needsCohorts {
            throw ValidationError("--no-probe cannot be combined with --cohorts or --by cohort, which query the databases")
        }
        if noProbe, run == "none" { throw ValidationError("--no-probe cannot be combined with run `none`: there is nothing to report") }
        if run == "none", reportOptions.by == .wave { throw ValidationError("--by wave requires a run") }
    }

    func execute() async throws -> CommandExit {
        try await ReportLooks(reportOptions, Settings(options, color: reportOptions.outputOptions.color)).run(
            needing: noProbe ? .journal : .databases,
            look
        )
    }

    private func look(_ session: FleetSession) async throws -> ReportLooks.Look {
        var (report, state) = try await reportOnRun(session)
        let selection = noProbe ? nil : try await session.select()
        let instances = selection?.instances ?? session.fleet.instances
        if let selection { try session.checkLabel(of: reportOptions.by, selection.instances) }
        report.apply(session.fleet, target: try await target(session), instances: instances)
        report.apply(session.set.releases)
        try await addOtherRuns(to: &report, instances, RunCatalog(session.fleet))
        guard let selection else {
            if let selector = session.settings.selector {
                var vocabulary = SelectionVocabulary(session.fleet.instances)
                for instance in report.instances {
                    vocabulary.add(name: instance.name, server: instance.server, database: instance.database, labels: instance.labels)
                }
                try session.checkNames(in: selector, vocabulary, isComplete: session.fleet.discoveries.isEmpty)
                report = report.selecting {
                    selector.matches(name: $0.name, server: $0.server ?? "", database: $0.database ?? "", labels: $0.labels)
                }
                guard !report.instances.isEmpty else {
                    throw CommandFailure(.usage, "--select '\(selector)' matches no instance of the fleet file or the run")
                }
            }
            let isWell = report.instances.allSatisfy(\.judgedOutcome.isGood)
            return ReportLooks.Look(
                document: ReportDocument(report, as: .report, state: state, names: session.set.names),
                exitCode: isWell ? .success : .failed
            )
        }
        // What a run does meanwhile is newer than what the probes find.
        let began = Date()
        for status in await session.standing(of: selection.instances) { report.apply(status, at: began) }
        if report.run.isEmpty { await session.remember(in: &report) } else { try await noteSetbacks(in: &report, session) }
        var drift: DriftReport?
        if reportOptions.needsCohorts {
            let compared = await session.comparedCohorts(of: selection.instances, for: reportOptions.outputOptions.output)
            report.apply(cohorts: compared.cohorts)
            drift = compared.drift
        }
        let names = Set(selection.instances.map(\.name))
        if session.settings.selector != nil { report = report.selecting { names.contains($0.name) } }
        // Instances that have left the fleet are shown with what the run did, but do not affect the exit code.
        let outcomes = report.instances.filter { names.contains($0.name) }.map(\.judgedOutcome)
        let present = outcomes.filter { $0 != .skipped }
        let code: CommandExit =
            if !present.isEmpty, present.allSatisfy({ $0 == .unreachable }) {
                .unreachable
            } else {
                present.allSatisfy(\.isGood) ? .success : .failed
            }
        return ReportLooks.Look(
            document: ReportDocument(report, as: .report, state: state, names: session.set.names, drift: drift),
            exitCode: code.unlessIncomplete(selection)
        )
    }

    /// The version that instances are compared with: the target of the run that was named, otherwise the newest version of the set.
    private func target(_ session: FleetSession) async throws -> MigrationVersion? {
        let newest = session.set.newest?.version
        guard let run, run != "none", run != "latest" else { return newest }
        let access = RunCatalog(session.fleet)
        let journal = try await access.openExisting(for: .reading)
        let record = try await access.run(run, .any, in: journal)
        switch record.change {
        case .up(let target?): return target
        case .down(let target): return target
        // The set may have newer migrations since.
        case .up(nil): return (try? await access.plan(of: record.id, in: journal))?.migrations.last?.version ?? newest
        case .downSteps, .undo, .revert, .baseline, .repair, .correct: return newest
        }
    }

    /// Adds the outcomes of instances in other runs: the last outcome of instances that the newest run leaves out, and the state that a run newer
    /// than the named one left instances in.
    private func addOtherRuns(to report: inout FleetReport, _ instances: [Instance], _ access: RunCatalog) async throws {
        guard !report.run.isEmpty, let journal = try await access.openForReading() else { return }
        let (fleet, shown) = (report.fleet, RunID(report.run))
        let endings = try await access.explaining { () async throws(JournalError) in
            try await journal.lastEndings(of: instances.map(\.name), fleet: fleet, except: shown)
        }
        for ending in endings {
            guard let event = ending.event.event, let name = event.kind.instance else { continue }
            if run == nil, ending.isLast, report.instance(name)?.wave == nil {
                report.apply(ending: event, run: ending.run.description)
            } else {
                report.apply(elsewhere: event, run: ending.run.description)
            }
        }
    }

    private func noteSetbacks(in report: inout FleetReport, _ session: FleetSession) async throws {
        let access = RunCatalog(session.fleet)
        try await access.noteSetbacks(in: &report, access.openForReading())
    }

    /// The report on the requested run; an empty one if the journal has no run and none was named.
    private func reportOnRun(_ session: FleetSession) async throws -> (FleetReport, RunState?) {
        if run == "none" { return (FleetReport(), nil) }
        let access = RunCatalog(session.fleet) { session.warn($0.line) }
        if let run {
            let journal = try await access.openExisting(for: .reading)
            return try await access.report(on: access.run(run, .any, in: journal), in: journal)
        }
        if let journal = try await access.openForReading() {
            let newest = try await access.explaining { () async throws(JournalError) in
                try await journal.runs(limit: 1, fleet: access.fleet)
            }
            if let record = newest.first { return try await access.report(on: record, in: journal) }
        }
        if noProbe { throw CommandFailure(.usage, "there is no run in \(access.path), and --no-probe queries no database") }
        return (FleetReport(), nil)
    }
}
