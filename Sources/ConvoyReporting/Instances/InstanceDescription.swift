package import ConvoyFleet
package import ConvoyMigrations
package import ConvoyRun
import ConvoyText
package import FoundationEssentials

/// What is known of an instance now, on one page.
package struct InstanceDescription: Sendable {
    package var fleet: String
    /// What a probe found.
    package var status: InstanceStatus
    /// When it was probed.
    package var at: Date
    /// The newest knowledge of its version: the probe's, or where that got no answer, what a run knows; nil if neither knows it.
    package var known: VersionKnowledge?
    /// Since when it is on that version; nil if that is not known.
    package var since: Date?
    /// Why its database seems to be behind what is known of it; nil if nothing says so.
    package var setback: Setback?
    /// The names of migrations, for people.
    package var names: [MigrationVersion: String]
    /// The newest version of the set.
    package var newest: MigrationVersion?
    /// The releases of the app by which versions are named.
    package var releases = ReleaseList()
    /// The wave that a run would give it; nil if it is in none, or if that depends on the cohorts of the fleet.
    package var wave: String?
    /// The hooks that run around it, its wave or its run.
    package var hooks: [HookPoint] = []
    /// The sessions that hold its advisory lock; nil if they are not known.
    package var lockHolders: [LockHolder]?
    /// How long each migration usually takes on an instance of the fleet, as far as the journal knows.
    package var usualDurations: [MigrationVersion: Duration] = [:]
    /// The newest runs that worked on it, the newest first.
    package var visits: [InstanceVisit] = []
    /// Whether the journal has more than these.
    package var hasOlderVisits = false

    package init(
        fleet: String,
        status: InstanceStatus,
        at now: Date,
        names: [MigrationVersion: String],
        newest: MigrationVersion?
    ) {
        self.fleet = fleet
        self.status = status
        self.at = now
        known = VersionKnowledge(status, at: now)
        since = status.lastMigratedAt
        self.names = names
        self.newest = newest
    }

    /// Takes in what a report of the fleet knows of it.
    package mutating func apply(_ instance: InstanceReport) {
        (known, since, setback) = (instance.known, instance.since, instance.setback)
    }

    /// What is known of its version where the probe did not read it.
    package var remembered: VersionKnowledge? { known?.source == .probe ? nil : known }

    /// Where it stands among the releases of the app; nil if that is not known.
    package var release: ReleaseList.Place? { known?.version.flatMap { releases.place(of: $0, missing: status.pending) } }

    /// What `migrate` would apply, with how long it usually takes; nil where that is not known.
    package var due: [(version: MigrationVersion, usually: Duration?)] { status.pending.map { ($0, usualDurations[$0]) } }

    /// How long all that is due usually takes, and for how many of them that is not known.
    package var dueTime: (known: Duration, unknown: Int) {
        due.reduce(into: (.zero, 0)) { sum, migration in
            if let duration = migration.usually { sum.0 += duration } else { sum.1 += 1 }
        }
    }

    /// The newest of the runs in which it did not end well, and the newest run after that in which it did.
    package var lastFailure: (visit: InstanceVisit, failure: Failure, resolvedBy: InstanceVisit?)? {
        var newer: InstanceVisit?
        for visit in visits {
            guard let result = visit.log.result else { continue }
            if result.judgedOutcome.isGood {
                newer = newer ?? visit
            } else if let failure = result.failure {
                return (visit, failure, newer)
            }
        }
        return nil
    }
}
