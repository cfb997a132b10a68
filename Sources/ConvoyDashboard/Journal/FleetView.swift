import ConvoyFleet
import ConvoyJournal
import ConvoyKit
import ConvoyMigrations
import ConvoyReporting
internal import ConvoyRollout
import ConvoyRun
import ConvoyText
internal import FoundationEssentials

/// The fleet according to the journal, the fleet file and probes, kept up to date for all readers.
actor FleetView {
    /// The fleet at a moment.
    struct Snapshot: Sendable {
        var report: FleetReport
        /// The newest run; nil if the journal has no run.
        var run: RunFollower?
        var state: RunState?
        /// Changes whenever more than the newest run's events has changed.
        var revision: String
        /// How much of the newest run's events is in the report.
        var progress: RunProgress
    }

    /// How old what is shown may be.
    static let maximumAge = Duration.milliseconds(250)
    /// A run that was asked for.
    struct Found: Sendable {
        var follower: RunFollower
        var record: RunRecord
        var state: RunState
        /// Nil if the journal has no plan that can be read.
        var plan: RunPlan?
    }

    /// How many runs are kept folded; the least recently requested one is dropped first.
    private static let followerLimit = 4
    /// How many instances of runs are.
    private static let visitLimit = 32
    private static let usualAge = Duration.seconds(60)

    nonisolated let fleet: Fleet
    nonisolated let reader: JournalReader
    nonisolated let probing: FleetInquiry<ProbeFindings>
    nonisolated let drift: FleetInquiry<DriftFindings>
    nonisolated let counters: RunCounters
    nonisolated private let target: MigrationVersion?
    nonisolated let releases: ReleaseList
    /// Nil if none can be read.
    nonisolated let set: MigrationSet?
    private var followers: [RunFollower] = []
    private var visits: [VisitFollower] = []
    /// The plans of the runs of ``followers``, which never change; nil for one that cannot be read.
    private var plans: [RunID: RunPlan?] = [:]
    /// Whether a run was started with `--now`.
    private var immediacy: [RunID: Bool] = [:]
    private var usual: [MigrationDirection: (at: ContinuousClock.Instant, durations: [MigrationVersion: Duration])] = [:]
    /// What earlier runs did to instances.
    private var earlier: (run: RunID?, endings: [RecordedEnding])?
    private var last: Snapshot?

    init(
        fleet: Fleet,
        target: MigrationVersion?,
        releases: ReleaseList,
        set: MigrationSet?,
        probing: FleetInquiry<ProbeFindings>,
        drift: FleetInquiry<DriftFindings>
    ) {
        self.fleet = fleet
        self.set = set
        self.target = target
        self.releases = releases
        self.probing = probing
        self.drift = drift
        reader = JournalReader(fleet.journalPlace)
        counters = RunCounters(reader, fleet: fleet.name)
    }

    // MARK: Runs

    /// The runs of the fleet, newest first; empty if there is no journal.
    func runs(limit: Int, at now: Date) async throws -> RunsReport {
        var entries: [RunsReport.Entry] = []
        if let journal = try await reader.journal() {
            let runs = try await journal.runs(limit: limit, fleet: fleet.name)
            let immediate = try await immediateRuns(among: runs.map(\.id), in: journal)
            for run in runs {
                entries.append(
                    try await RunsReport.Entry(run, try await journal.state(of: run), isImmediate: immediate.contains(run.id), in: journal)
                )
            }
        }
        return RunsReport(journal: fleet.journal, generatedAt: now, runs: entries)
    }

    /// Those of the runs that were started with `--now`. A plan never changes, and is read once.
    private func immediateRuns(among runs: [RunID], in journal: any RunStore) async throws(JournalError) -> Set<RunID> {
        let unknown = runs.filter { immediacy[$0] == nil }
        if !unknown.isEmpty {
            let immediate = try await journal.immediateRuns(among: unknown)
            for run in unknown { immediacy[run] = immediate.contains(run) }
        }
        return runs.reduce(into: []) { if immediacy[$1] == true { $0.insert($1) } }
    }

    /// A run with that id and its state, as new as the journal; nil if the journal has no run of the fleet with that id.
    func run(_ id: String) async throws -> Found? {
        guard let journal = try await reader.journal(),
            let record = try await journal.runs(named: id, fleet: fleet.name).first, record.id.description == id
        else { return nil }
        // Before the events: a run that ends meanwhile must not look cut off.
        let state = try await journal.state(of: record)
        let follower = follower(of: record, in: journal)
        try await follower.refresh(within: Self.maximumAge)
        return Found(follower: follower, record: record, state: state, plan: try await plan(of: record.id, in: journal))
    }

    private func plan(of run: RunID, in journal: any RunStore) async throws(JournalError) -> RunPlan? {
        if let plan = plans[run] { return plan }
        let plan: RunPlan?
        do throws(RecordedPlanError) {
            plan = try await journal.runPlan(of: run)
        } catch {
            if case .journal(let error) = error { throw error }
            plan = nil
        }
        let kept = Set(followers.map(\.record.id))
        plans = plans.filter { kept.contains($0.key) }
        plans[run] = .some(plan)
        return plan
    }

    /// What a run does to an instance, as new as the journal.
    func visit(to instance: String, in found: Found) async throws -> VisitFollower {
        // Of events that were read; what the journal counts may be anything.
        let progress = await found.follower.progress
        visits.removeAll { visit in
            visit.journal !== found.follower.journal || visit.record.id == found.record.id && visit.edition != progress.edition
        }
        let index = visits.firstIndex { $0.record.id == found.record.id && $0.instance == instance }
        let visit =
            index.map { visits.remove(at: $0) }
            ?? VisitFollower(found.record, instance, in: found.follower.journal, edition: progress.edition)
        visits.append(visit)
        if visits.count > Self.visitLimit { visits.removeFirst() }
        try await visit.refresh(within: Self.maximumAge, upTo: progress.lastEvent)
        return visit
    }

    private func follower(of record: RunRecord, in journal: any RunStore) -> RunFollower {
        followers.removeAll { $0.journal !== journal }
        let index = followers.firstIndex { $0.record.id == record.id }
        let follower = index.map { followers.remove(at: $0) } ?? RunFollower(record, in: journal)
        followers.append(follower)
        if followers.count > Self.followerLimit { followers.removeFirst() }
        return follower
    }

    /// How long each migration usually takes on an instance of the fleet. It is computed from many events, and a slower update is enough.
    func usualDurations(_ direction: MigrationDirection) async throws -> [MigrationVersion: Duration] {
        if let (at, durations) = usual[direction], .now - at < Self.usualAge { return durations }
        let durations = try await reader.journal()?.typicalDurations(fleet: fleet.name, direction: direction) ?? [:]
        usual[direction] = (.now, durations)
        return durations
    }

    /// The report of a run, with where the fleet file has its instances and where the plan has them begin.
    nonisolated func located(_ report: FleetReport, _ found: Found) -> FleetReport {
        var located = report
        located.apply(found.record)
        if let plan = found.plan { located.apply(plan) }
        located.apply(fleet, target: target, instances: fleet.instances.filter { report.instance($0.name)?.wave != nil })
        located.apply(releases)
        return located
    }

    // MARK: The fleet

    /// The present state of the fleet: the newest run, the instances of the fleet file, what earlier runs did to those that the newest one
    /// leaves out, and the last probe of them.
    func snapshot() async throws -> Snapshot {
        let journal = try await reader.journal()
        let newest = try await journal?.runs(limit: 1, fleet: fleet.name).first
        let run = if let newest { try await self.run(newest.id.description) } else { Found?.none }
        let (runReport, progress) = await run?.follower.current ?? (FleetReport(), RunProgress(edition: 0, lastEvent: 0))
        let findings = await probing.findings
        let probed = findings.map { String(Int64(clamping: $0.at.timeIntervalSince1970 * 1000)) } ?? "none"
        let revision = "\(newest.map { $0.id.revision(progress.edition) } ?? "none")/\(probed)"
        if var last, last.revision == revision, last.progress == progress, last.run === run?.follower {
            last.state = run?.state
            return last
        }

        var report = runReport
        report.apply(fleet, target: target, instances: fleet.instances)
        report.apply(releases)
        if let newest { report.apply(newest) }
        if let journal {
            for ending in try await earlierEndings(than: runReport, newest?.id, in: journal) {
                guard let event = ending.event.event else { continue }
                // What the newest run has not got to is still waiting there, whatever an earlier one did.
                if let name = event.kind.instance, runReport.instance(name)?.wave != nil || !ending.isLast {
                    report.apply(elsewhere: event, run: ending.run.description)
                } else {
                    report.apply(ending: event, run: ending.run.description)
                }
            }
        }
        if let (at, findings) = findings {
            for status in findings.statuses { report.apply(status, at: at) }
            report.apply(cohorts: findings.cohorts)
            // Without the journal's word the question is left out.
            try? await RunCatalog(fleet) { _ in }.noteSetbacks(in: &report, journal)
        }
        let snapshot = Snapshot(
            report: report,
            run: run?.follower,
            state: run?.state,
            revision: revision,
            progress: progress
        )
        last = snapshot
        return snapshot
    }

    private func earlierEndings(than report: FleetReport, _ run: RunID?, in journal: any RunStore) async throws -> [RecordedEnding] {
        if let earlier, earlier.run == run { return earlier.endings }
        let left = fleet.instances.map(\.name)
        let endings = try await journal.lastEndings(of: left, fleet: fleet.name, except: run)
        // Before its first event it is unknown which instances the run leaves out.
        if run == nil || report.startedAt != nil { earlier = (run, endings) }
        return endings
    }
}

extension RunID {
    /// What a client sends back with the number of an event, which is another event's in another edition.
    func revision(_ edition: Int) -> String { "\(self)/\(edition)" }

    /// How far a client has read; nil if that is not known.
    func progress(after number: Int64?, revision: String?) -> RunProgress? {
        guard let number, let revision, let edition = revision.split(separator: "/").last.flatMap({ Int($0) }),
            revision == self.revision(edition)
        else { return nil }
        return RunProgress(edition: edition, lastEvent: number)
    }
}
