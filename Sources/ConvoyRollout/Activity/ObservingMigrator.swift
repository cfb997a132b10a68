package import ConvoyFleet
package import ConvoyRun
internal import Synchronization

/// Migrates an instance through another migrator, and reports what its server is doing while one migration takes long.
///
/// It probes in a session of its own, which no budget counts: at most one on each server at a time, open for a moment every two seconds,
/// and none while every instance makes progress. These sessions fit into the slots that a run always leaves free (``ServerSlots/spare``). A
/// failed probe is not reported: the migration itself will report the problem.
package struct ObservingMigrator: InstanceMigrator {
    /// Asks the server of an instance what it is doing for the run; nil if the server cannot be asked.
    package typealias ActivityProbe = @Sendable (_ run: String, _ instance: Instance) async -> [ServerActivity]?

    /// When it probes.
    package struct Timing: Sendable {
        /// How long an instance works on one migration before it is probed.
        var patience = Duration.seconds(5)
        /// Between two probes of a server.
        var pause = Duration.seconds(2)
        /// Between two questions whether it is an instance's turn.
        var poll = Duration.milliseconds(500)
    }

    private let inner: any InstanceMigrator
    private let probe: ActivityProbe
    private let timing: Timing
    private let turns: Turns

    private final class Turns: Sendable {
        let value: Mutex<ProbeTurns<ContinuousClock.Instant>>

        init(pause: Duration) {
            value = Mutex(ProbeTurns(pause: pause))
        }
    }

    /// - Parameters:
    ///   - inner: does the migration.
    ///   - timing: when it probes.
    ///   - probe: asks a server for its activity.
    package init(_ inner: any InstanceMigrator, timing: Timing = Timing(), probe: @escaping ActivityProbe) {
        self.inner = inner
        self.probe = probe
        self.timing = timing
        turns = Turns(pause: timing.pause)
    }

    package func migrate(_ job: InstanceJob, report: @escaping @Sendable (Event.Kind) -> Void) async -> InstanceResult {
        let counter = MigrationCounter()
        return await withTaskGroup(of: Void.self) { group in
            group.addTask { await observe(job.instance, job.run, counter, report) }
            defer { group.cancelAll() }
            return await inner.migrate(job) { kind in
                counter.note(kind)
                report(kind)
            }
        }
    }

    private func observe(_ instance: Instance, _ run: String, _ counter: MigrationCounter, _ report: @Sendable (Event.Kind) -> Void) async {
        var reported: (migration: Int, activity: ServerActivity?) = (0, nil)
        while !Task.isCancelled {
            guard let migration = counter.current, ContinuousClock.now >= migration.since + timing.patience else {
                let end = counter.current.map { $0.since + timing.patience } ?? .now + timing.patience
                turns.value.withLock { $0.leave(instance.name, on: instance.server, at: .now) }
                try? await Task.sleep(until: end, tolerance: timing.poll)
                continue
            }
            if migration.number != reported.migration { reported = (migration.number, nil) }
            guard turns.value.withLock({ $0.take(instance.name, on: instance.server, at: .now) }) else {
                try? await Task.sleep(for: timing.poll)
                continue
            }
            let activities = await probe(run, instance)
            turns.value.withLock { $0.leave(instance.name, on: instance.server, at: .now) }
            // What was seen belongs to a migration that may be over by now.
            if let activities, !Task.isCancelled, counter.current?.number == migration.number {
                let activity = activities.first
                let isNews = activity.map { $0.isNews(after: reported.activity) } ?? (reported.activity != nil)
                if isNews {
                    reported.activity = activity
                    report(.instanceProgress(instance: instance.name, activity: activity))
                }
            }
            try? await Task.sleep(for: timing.pause)
        }
        turns.value.withLock { $0.leave(instance.name, on: instance.server, at: .now) }
    }
}

/// Which migration an instance is on, by its number, and since when.
private final class MigrationCounter: Sendable {
    private let state = Mutex<(number: Int, since: ContinuousClock.Instant)?>(nil)

    /// Nil before the first one.
    var current: (number: Int, since: ContinuousClock.Instant)? { state.withLock(\.self) }

    func note(_ kind: Event.Kind) {
        switch kind {
        case .instancePlanned, .migrationApplied: state.withLock { $0 = (($0?.number ?? 0) + 1, .now) }
        default: break
        }
    }
}
