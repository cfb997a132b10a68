import ConvoyFleet
package import ConvoyMigrations
import ConvoyRollout
package import ConvoyRun
package import FoundationEssentials

/// What a run would do: which migrations, where, in which wave. Nothing locked, nothing written.
package struct PlanReport: Sendable {
    /// The fleet's name.
    package var fleet: String
    /// Which way the migrations would run.
    package var direction: MigrationDirection
    /// The version that instances are brought to; nil if each goes back a number of steps.
    package var target: MigrationVersion?
    /// When the instances were probed.
    package var generatedAt: Date
    /// In the order in which they would run.
    package var waves: [Wave]
    /// The selected instances that the fleet file skips; no wave has them.
    package var skipped: [InstanceStatus]
    /// The earlier run that chose the instances; nil if none did.
    package var choice: Choice?
    /// The maintenance window; nil if the fleet has none.
    package var window: Window?
    /// What the run leaves out because it is to start at once; nil if it leaves out nothing.
    package var leavesOut: LeftOut?
    /// The run that is undone; nil for any other plan.
    package var undoing: Undoing?
    /// What a baseline or a repair writes; nil for a plan that runs migrations.
    package var correcting: Correcting?
    /// The names of the set's migrations, for people.
    package var migrationNames: [MigrationVersion: String]
    /// The releases of the app by which versions are named; empty if the set knows none.
    package var releases: ReleaseList

    /// A run that is undone, and where it found each instance.
    package struct Undoing: Sendable, Hashable {
        /// The id of the run.
        package var run: String
        /// The versions that instances are brought back to, by name; an instance is missing if it had no version.
        package var targets: [String: MigrationVersion]

        /// The run with that id, from the instances of the plan that undoes it.
        package init(run: String, _ instances: [RunPlan.PlannedInstance]) {
            self.run = run
            targets = Dictionary(instances.compactMap { instance in instance.back?.version.map { (instance.name, $0) } }) { first, _ in
                first
            }
        }
    }

    /// What a baseline or a repair writes in each instance.
    package struct Correcting: Sendable, Hashable {
        /// What the run does.
        package var kind: Correction.Kind
        /// What it writes, by name; an instance is missing if nothing could be judged there.
        package var corrections: [String: Correction]

        /// The corrections of the instances of a plan; nil for a plan that runs migrations.
        package init?(_ plan: RunPlan) {
            guard let kind = plan.change.correctionKind else { return nil }
            self.kind = kind
            corrections = Dictionary(plan.instances.compactMap { instance in instance.correction.map { (instance.name, $0) } }) {
                first,
                _ in
                first
            }
        }
    }

    /// What `--now` leaves out.
    package struct LeftOut: Sendable, Hashable {
        /// The waves whose gates do not hold back the next wave, in order.
        package var gates: [String]
        /// Whether the fleet has a maintenance window.
        package var hasWindow: Bool

        /// What a run leaves out.
        package init(gates: [String], hasWindow: Bool) {
            self.gates = gates
            self.hasWindow = hasWindow
        }
    }

    /// When a run may start work.
    package struct Window: Sendable, Hashable {
        /// As the fleet file has it: days, times, time zone.
        package var text: String
        /// When it opens; nil if it is open.
        package var opensAt: Date?

        /// A window as it stands when the plan is made.
        package init(text: String, opensAt: Date?) {
            self.text = text
            self.opensAt = opensAt
        }
    }

    /// An earlier run that chose the instances by how it ended for them.
    package struct Choice: Sendable, Hashable {
        /// The run's id.
        package var run: String
        /// The outcomes that were asked for; empty for what did not end well.
        package var outcomes: [Outcome]
        /// What the chosen instances have in common, for example `did not end well in run 20261127T…`.
        package var words: String
        /// How many there are.
        package var instances: Int

        /// A choice with its words.
        package init(run: String, outcomes: [Outcome], words: String, instances: Int) {
            (self.run, self.outcomes, self.words, self.instances) = (run, outcomes, words, instances)
        }
    }

    /// A wave of the plan.
    package struct Wave: Sendable {
        /// As the fleet file names it.
        package var name: String
        /// The most instances at a time; nil leaves it to the fleet's limits.
        package var maxParallel: Int?
        /// What each instance's probe found; `pending` is what would run there, in order.
        package var instances: [InstanceStatus]

        /// A wave with what was found on its instances.
        package init(name: String, maxParallel: Int?, instances: [InstanceStatus]) {
            self.name = name
            self.maxParallel = maxParallel
            self.instances = instances
        }
    }

    /// A plan of what was found.
    package init(
        fleet: String,
        direction: MigrationDirection,
        target: MigrationVersion?,
        generatedAt: Date,
        waves: [Wave],
        skipped: [InstanceStatus] = [],
        choice: Choice? = nil,
        window: Window? = nil,
        leavesOut: LeftOut? = nil,
        undoing: Undoing? = nil,
        correcting: Correcting? = nil,
        migrationNames: [MigrationVersion: String],
        releases: ReleaseList = ReleaseList()
    ) {
        self.fleet = fleet
        self.direction = direction
        self.target = target
        self.generatedAt = generatedAt
        self.waves = waves
        self.skipped = skipped
        self.choice = choice
        self.window = window
        self.leavesOut = leavesOut
        self.undoing = undoing
        self.correcting = correcting
        self.migrationNames = migrationNames
        self.releases = releases
    }

    /// The instances of all waves, in order.
    package var instances: [InstanceStatus] { waves.flatMap(\.instances) }

    /// The outcomes and versions of the instances in waves.
    package var summary: FleetSummary {
        instances.reduce(into: FleetSummary()) {
            $0.add(
                $1.outcome,
                isAccepted: $1.isAccepted,
                version: $1.version,
                release: release(of: $1),
                isVersionKnown: $1.serverVersion != nil
            )
        }
    }

    /// Where an instance stands among the releases before the run; nil if that is not known.
    func release(of instance: InstanceStatus) -> ReleaseList.Place? {
        // What a rollback would revert is not missing.
        instance.version.flatMap { releases.place(of: $0, missing: direction == .up ? instance.pending : []) }
    }

    /// Whether something would run on an instance: something is due, and nothing stands in the way.
    func isChanged(_ instance: InstanceStatus) -> Bool {
        instance.outcome == .pending && (correcting != nil || !instance.pending.isEmpty)
    }

    /// How many migrations would run, over all instances.
    package var migrationCount: Int { instances.reduce(0) { $0 + (isChanged($1) ? $1.pending.count : 0) } }

    /// How many instances would be changed.
    package var changedInstances: Int { instances.count(where: isChanged) }

    /// How many cannot be migrated: something blocks them, or they could not be probed.
    package var blockedInstances: Int { instances.count { !$0.judgedOutcome.isGood } }

    /// How many have nothing to run; with the changed and the blocked ones they are all.
    package var settledInstances: Int { instances.count - changedInstances - blockedInstances }

    /// Every failure that the probes found, grouped by its fingerprint.
    package var failureGroups: [FailureGroup] {
        FailureGroup.groups(
            of: instances.lazy.compactMap { instance in
                instance.failure.map { FailureGroup.Occurrence(instance: instance.name, wave: nil, at: generatedAt, failure: $0) }
            }
        )
    }

    /// The migrations that would run somewhere, in the order in which an instance would run them, with the number of instances.
    package var migrations: [(version: MigrationVersion, instances: Int)] {
        var counts: [MigrationVersion: Int] = [:]
        for instance in instances where isChanged(instance) {
            for version in instance.pending { counts[version, default: 0] += 1 }
        }
        return counts.sorted { direction == .up ? $0.key < $1.key : $0.key > $1.key }.map { ($0.key, $0.value) }
    }
}
