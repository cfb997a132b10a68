import ConvoyFleet
package import ConvoyJournal
package import ConvoyRun
internal import FoundationEssentials

/// A run that was given up.
package struct AbandonedRun: Sendable, Hashable {
    package var run: RunID
    /// Instances whose app `before_instance` may have stopped, and `after_instance` has not started again.
    package var instancesWithoutHook: [String]

    /// What the operator should do now: one sentence without a full stop; nil if there is nothing.
    package var advice: String? {
        guard !instancesWithoutHook.isEmpty else { return nil }
        return "before_instance ran for \(Overtaking.list(instancesWithoutHook)) and after_instance did not: "
            + "restart by hand anything that before_instance stopped"
    }
}

extension RunCatalog {
    /// Gives a run up for good: one that `resume` would continue. The command line and the dashboard both use it, so that both accept and refuse the
    /// same runs.
    ///
    /// - Parameters:
    ///   - text: its id, or the beginning of it.
    ///   - person: who gives it up, for example `user@host`.
    /// - Throws: an error if the run does not exist, if a process or a worker works on it, or if it has got further meanwhile.
    package func abandon(_ text: String, by person: String, in journal: any RunStore) async throws(FleetError) -> AbandonedRun {
        let (record, basis) = try await resumable(text, in: journal)
        let lock = try await explaining { () async throws(JournalError) in try await journal.lock(record.id) }
        return try await lock.released { () async throws(FleetError) -> AbandonedRun in
            try await checkUnchanged(record, in: journal)
            // Before it is abandoned: afterwards the run is no longer one that can be abandoned, and an error here would hide them for good.
            let instances = try await instancesWithoutHook(record.id, in: journal)
            try await explaining { () async throws(JournalError) in
                try await journal.abandon(record.id, unchangedSince: basis, by: person, at: Date())
            }
            return AbandonedRun(run: record.id, instancesWithoutHook: instances)
        }
    }

    private func instancesWithoutHook(_ run: RunID, in journal: any RunStore) async throws(FleetError) -> [String] {
        try await explaining { () async throws(JournalError) -> [String] in
            var stopped: [String] = []
            for try await recorded in journal.events(of: run) {
                guard case .hookFinished(let hook)? = recorded.event?.kind, let instance = hook.instance else { continue }
                if hook.point == .beforeInstance, !stopped.contains(instance) { stopped.append(instance) }
                if hook.point == .afterInstance { stopped.removeAll { $0 == instance } }
            }
            return stopped
        }
    }
}
