import ConvoyMigrations
package import ConvoyRun

/// What a run did to its instances, as far as it can be undone: where it found each one that it changed, and where it left it.
///
/// An instance that has moved on since is not brought back: what came after the run may need what the run did.
package struct RunReversal: Sendable {
    /// The run that is undone.
    package let run: RunID
    /// What it did, by the names of the instances that it changed.
    let traces: [String: Trace]

    /// What a run did to one instance.
    package struct Trace: Sendable, Hashable {
        /// Where the run found it, and what the run applied.
        var way: RunPlan.WayBack
        /// The newest version when the run had ended; nil if that is not known.
        var left: MigrationVersion?
        /// The instance as the run's plan has it.
        var server: String
        var database: String
        /// Later runs that changed it, oldest first, apart from those that undo the same run.
        var laterRuns: [RunID] = []
    }

    /// The names of the instances that the run changed.
    package var names: Set<String> { Set(traces.keys) }

    /// The ways back, by the names of the instances.
    var ways: [String: RunPlan.WayBack] { traces.mapValues(\.way) }

    /// The status of an instance, which is ``Outcome/blocked`` if the instance has moved on since the run.
    func judged(_ status: InstanceStatus) -> InstanceStatus {
        guard let trace = traces[status.name], let reason = Self.movedOn(status, trace) else { return status }
        var status = status
        status.outcome = .blocked
        status.failure = Failure(
            .blocked,
            "it has moved on since run \(run): \(reason)",
            hint: "exclude it with --select, or bring it to a version of your choice with `convoy rollback --to`"
        )
        return status
    }

    /// Why an instance has moved on since the run; nil if it has not, if it is back already, or if that is not known.
    private static func movedOn(_ status: InstanceStatus, _ trace: Trace) -> String? {
        if (status.server, status.database) != (trace.server, trace.database) {
            return "it is database \(status.database) on \(status.server) now, and was \(trace.database) on \(trace.server)"
        }
        // Without the server's version nothing was read.
        guard status.serverVersion != nil else { return nil }
        let found = trace.way.version
        if status.version == found, status.pending.isEmpty { return nil }
        // What a later run changed is as this run left it again.
        if let left = trace.left, status.version == left { return nil }
        let newest = ([found, trace.left].compactMap(\.self) + trace.way.applied).max()
        switch (status.version, newest) {
        case (let now?, let newest?) where now > newest:
            let later = trace.laterRuns.last.map { "; run \($0) has changed it since, and would have to be undone first" } ?? ""
            return "it is at \(now), newer than \(newest), where the run left it" + later
        case (let now, _):
            if let found, now.map({ $0 < found }) ?? true {
                return "it is at \(now?.description ?? "no version"), older than \(found), where the run found it"
            }
        }
        guard let later = trace.laterRuns.last else { return nil }
        return "run \(later) has changed it"
    }
}

extension RunReversal {
    /// What a run did, from its plan and its events.
    init(_ run: RunID, _ plan: RunPlan, _ log: RunLog) {
        self.run = run
        var traces: [String: Trace] = [:]
        for planned in plan.instances {
            guard let instance = log.instance(planned.name) else { continue }
            let start = planned.start ?? instance.footprint?.start
            var applied = Set(instance.lastResult?.standing ?? [])
            var left = instance.lastResult?.to
            if instance.isUncertain {
                applied.formUnion(instance.applied.lazy.filter { $0.direction == .up }.map(\.version))
                applied.formUnion(start?.pending ?? [])
                left = nil
            }
            guard !applied.isEmpty else { continue }
            traces[planned.name] = Trace(
                way: RunPlan.WayBack(version: start?.version ?? instance.from, applied: applied.sorted()),
                left: left,
                server: planned.server,
                database: planned.database
            )
        }
        self.traces = traces
    }

    /// The same with a later run that changed some of the instances.
    func followed(by run: RunID, changing names: some Sequence<String>) -> RunReversal {
        var traces = traces
        for name in names { traces[name]?.laterRuns.append(run) }
        return RunReversal(run: self.run, traces: traces)
    }
}

extension InstanceLog {
    /// Whether the run may have committed more than it reported: its process was killed, or a connection was lost for good.
    var isUncertain: Bool {
        footprint != nil && (result == nil || outcome == .unknown)
    }

    /// Whether the run has left something changed there, or may have.
    func hasLeftChanges(_ direction: MigrationDirection) -> Bool {
        isUncertain || (direction == .up ? lastResult?.standing.isEmpty == false : lastResult?.applied.isEmpty == false)
    }
}
