package import ConvoyMigrations
import ConvoyText
package import FoundationEssentials

/// What one run did to one instance.
package struct InstanceVisit: Sendable, Hashable {
    /// The run, as it is recorded.
    package var run: RunRecord
    /// Whether a process carries the run out, and how it ended if none does.
    package var state: RunState
    /// The wave of the instance; nil if the event that says it is damaged.
    package var wave: String?
    /// What happened to the instance.
    package var log: InstanceLog

    /// Folds the events of a run about an instance; nil if the run has no event about it.
    package init?(_ run: RunRecord, _ state: RunState, instance: String, events: [Event]) {
        guard !events.isEmpty else { return nil }
        var log = RunLog()
        log.add(instance)
        var wave: String?
        for event in events {
            log.apply(event)
            switch event.kind {
            case .instanceStarted(_, let name), .rollbackStarted(_, let name): wave = wave ?? name
            default: break
            }
        }
        guard let folded = log.instance(instance), folded.startedAt != nil || folded.lastResult != nil else { return nil }
        self.run = run
        self.state = state
        self.wave = wave
        self.log = folded
    }

    /// How it ended; nil while it is in progress, and if the run was cut off meanwhile.
    package var outcome: Outcome? { log.result?.outcome }

    /// When the run began to work on it.
    package var startedAt: Date { log.startedAt ?? log.finishedAt ?? run.startedAt }

    /// The newest version before the run.
    package var from: MigrationVersion? { log.from }

    /// The newest version after it; nil if it has no version then, or if that is not known.
    package var to: MigrationVersion? { log.result?.to }

    /// From its beginning to its end, hooks and waits included; nil if either is not known.
    package var duration: Duration? {
        guard let startedAt = log.startedAt, let finishedAt = log.finishedAt, log.result != nil else { return nil }
        return startedAt.duration(to: finishedAt)
    }
}
