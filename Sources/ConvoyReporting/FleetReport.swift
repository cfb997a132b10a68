package import ConvoyFleet
package import ConvoyMigrations
package import ConvoyRun
import ConvoyText
package import FoundationEssentials

/// What is known of a fleet: the state of its instances, what a run has done so far, or both.
///
///     var report = FleetReport()
///     for event in events { report.apply(event) }
///     for status in statuses { report.apply(status, at: now) }
///
/// Live progress, every format of `status`, `report` and of a run, and the dashboard are all read from this one value. What a run has done is in its
/// ``log``, and can be read as if it were the report's own: `report.gate` is `report.log.gate`.
@dynamicMemberLookup
package struct FleetReport: Sendable {
    /// The run that is reported on; one that has not begun if the report is about no run.
    package private(set) var log = RunLog()
    /// The fleet's name.
    package private(set) var fleet = ""
    /// The version that instances are measured against: the newest of the set; nil if it is not known.
    package private(set) var target: MigrationVersion?
    /// The releases of the app by which versions are named; empty if the set knows none.
    package private(set) var releases = ReleaseList()
    /// The person who started the run, as `user@host`; nil if only its events are known.
    package private(set) var startedBy: String?
    /// When instances were last probed; nil if they were not.
    package private(set) var lookedAt: Date?
    /// Whether the run waits for no gate and for no maintenance window; false if only its events are known.
    package private(set) var isImmediate = false
    /// What a baseline or a repair would have written, where nothing was due and no run was started.
    package internal(set) var correction: Correction.Kind?
    /// How many instances of the fleet the report does not show, because only some were selected.
    package private(set) var leftOut = 0

    /// Why no worker takes the run, with what to do about it; nil where one may, and where no worker has to.
    package var shortage: String?

    /// The columns of its table that were asked for; nil leaves the choice to the table.
    package var columns: [InstanceColumn]?
    /// The columns of its CSV that were asked for, by their names; nil writes all.
    package var chosenCSVColumns: [String]?

    /// What is known of instances besides the run, by name.
    private var facts: [String: InstanceReport.Facts] = [:]
    /// The instances: in the order of the waves, then those that no wave has, in the fleet's order.
    private var names: [String] = []
    private var isKnown: Set<String> = []
    /// The instances to show, in this order; nil shows all.
    private var shown: [String]?

    /// Nothing is known yet.
    package init() {}

    /// A run that has not begun, with the waves of its recorded plan.
    package init(announcing waves: [PlannedWave]) {
        log = RunLog(announcing: waves)
        for name in waves.lazy.flatMap(\.instances) { note(name) }
    }

    /// What a run has done so far.
    package init(_ log: RunLog) {
        self.log = log
        fleet = log.fleet
        for instance in log.instances { note(instance.name) }
    }

    package subscript<Value>(dynamicMember keyPath: KeyPath<RunLog, Value>) -> Value { log[keyPath: keyPath] }

    /// The state of the instances of a fleet, without a run.
    ///
    /// - Parameters:
    ///   - target: the newest version of the set.
    ///   - now: when they were probed.
    package init(fleet: String, target: MigrationVersion?, statuses: [InstanceStatus], at now: Date) {
        (self.fleet, self.target, lookedAt) = (fleet, target, now)
        for status in statuses { apply(status, at: now) }
    }

    /// Takes in where the fleet file has its instances; those that the run did not announce are added.
    package mutating func apply(_ fleet: Fleet, target: MigrationVersion?, instances listed: [Instance]) {
        self.fleet = fleet.name
        self.target = target
        for instance in listed {
            change(instance.name) {
                $0.server = instance.server
                $0.database = instance.database
                $0.labels = instance.labels
                $0.skip = instance.skip
            }
        }
    }

    /// Takes in the releases of the migration set.
    package mutating func apply(_ releases: ReleaseList) { self.releases = releases }

    /// Takes in the state of an instance, as a probe found it at that time.
    package mutating func apply(_ status: InstanceStatus, at now: Date) {
        change(status.name) {
            $0.server = status.server
            $0.database = status.database
            $0.labels = status.labels
            $0.skip = status.skip
            $0.probe = InstanceReport.Probe(status: status, at: now)
        }
        lookedAt = now
    }

    /// Takes in what the journal knows of the run in addition to its events. Call it after the events: the first event begins a new report.
    package mutating func apply(_ record: RunRecord) { startedBy = record.startedBy }

    /// Takes in what the plan of the run has in addition to its events. Call it after the events: the first event begins a new report.
    package mutating func apply(_ plan: RunPlan) {
        isImmediate = plan.isImmediate
        apply(starts: plan.starts, at: plan.generatedAt)
    }

    /// Takes in the state of instances before the run, by name, and when it was read: what is known of those that it did not get to.
    package mutating func apply(starts: [String: InstanceStart], at date: Date) {
        for (name, start) in starts where isKnown.contains(name) { change(name) { ($0.start, $0.startKnownAt) = (start, date) } }
    }

    /// Takes in how an instance ended in another run. The newest knowledge of an instance wins; an ending without knowledge does not count.
    package mutating func apply(elsewhere event: Event, run: String) {
        guard let (name, result) = event.kind.ending, isKnown.contains(name) else { return }
        let ending = InstanceReport.Ending(run: run, result: result, at: event.at)
        guard ending.knowledge != nil else { return }
        change(name) {
            if let known = $0.elsewhere, known.at >= event.at { return }
            $0.elsewhere = ending
        }
    }

    /// Takes in the last ending of an instance that the run leaves out, as if it had been the run's.
    ///
    /// - Parameter run: the run in which it ended.
    package mutating func apply(ending event: Event, run: String) {
        guard let (name, _) = event.kind.ending, isKnown.contains(name) else { return }
        log.add(name)
        log.apply(event)
        change(name) { $0.endingRun = run }
    }

    /// Takes in what speaks for a setback of instances, by name, once the journal was asked about it.
    package mutating func apply(setbacks: [String: Setback]) {
        for (name, setback) in setbacks where isKnown.contains(name) { change(name) { $0.setback = setback } }
    }

    /// Takes in the cohorts of instances, by name, as `FleetProbe` finds them.
    package mutating func apply(cohorts: [String: String]) {
        for (name, cohort) in cohorts where isKnown.contains(name) { change(name) { $0.foundCohort = cohort } }
    }

    /// Takes in what happened in the run. Its first event begins a new report.
    package mutating func apply(_ event: Event) {
        if case .runStarted(_, let fleet, let waves) = event.kind {
            let started = log
            self = FleetReport()
            // The journal of a run that is resumed after its first event was damaged has that event again, later.
            if started.startedAt == nil { log = started }
            self.fleet = fleet
            for name in waves.lazy.flatMap(\.instances) { note(name) }
        }
        log.apply(event)
    }

    private mutating func note(_ name: String) {
        if isKnown.insert(name).inserted { names.append(name) }
    }

    private mutating func change(_ name: String, _ body: (inout InstanceReport.Facts) -> Void) {
        note(name)
        body(&facts[name, default: InstanceReport.Facts()])
    }

    /// The same with only some of its instances, or in another order. What it reports of the run and its waves still describes the whole
    /// run.
    ///
    /// - Parameter leftOut: the number of missing instances to report.
    func showing(_ shown: [InstanceReport], leftOut: Int) -> FleetReport {
        var report = self
        report.leftOut = leftOut
        report.shown = shown.map(\.name)
        report.isKnown = Set(shown.lazy.map(\.name))
        return report
    }

    /// In the order of the waves; those that no wave has come after them, in the fleet's order. Each use puts them together anew.
    package var instances: [InstanceReport] { (shown ?? names).map(report) }

    /// Those of ``instances`` that have one of the names.
    package func instances(named wanted: Set<String>) -> [InstanceReport] { (shown ?? names).filter(wanted.contains).map(report) }

    /// How many ``instances`` there are.
    package var count: Int { (shown ?? names).count }

    private func report(_ name: String) -> InstanceReport {
        InstanceReport(
            log: log.instance(name) ?? InstanceLog(name: name),
            facts: facts[name] ?? InstanceReport.Facts(),
            run: log.run,
            lookedAt: lookedAt,
            releases: releases
        )
    }

    /// What is known of an instance.
    package func instance(_ name: String) -> InstanceReport? { isKnown.contains(name) ? report(name) : nil }

    /// The outcomes and versions of all instances; those not reached count as `pending`.
    package var summary: FleetSummary { FleetSummary(instances) }

    /// Every failure, grouped by its fingerprint.
    package var failureGroups: [FailureGroup] {
        var groups = FailureGroup.groups(
            of: instances.lazy.compactMap { instance in
                instance.failure.map {
                    FailureGroup.Occurrence(instance: instance.name, wave: instance.wave, at: instance.probe?.at, failure: $0)
                }
            }
        )
        for index in groups.indices {
            if let date = log.failuresFirstSeen[groups[index].fingerprint] { groups[index].firstSeen = date }
            groups[index].waves.sort { log.place(ofWave: $0) ?? 0 < log.place(ofWave: $1) ?? 0 }
        }
        return groups
    }

    /// How long each migration took in the run, ups before downs, by version.
    package var migrationDurations: [MigrationDurations] {
        MigrationDurations.gathered(
            instances.lazy.filter { $0.wave != nil }.flatMap { instance in instance.applied.lazy.map { (instance.name, $0) } }
        )
    }
}
