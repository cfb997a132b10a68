package import ConvoyFleet
package import ConvoyJournal
package import ConvoyRun
package import FoundationEssentials

/// Which runs of a journal go, and how many stay.
package struct PrunableRuns: Sendable, Hashable {
    /// Newest first.
    package let runs: [RunRecord]
    /// How many other runs there are.
    package let kept: Int
    /// How many of those are old enough to go, and stay because they can be resumed, are active, or are the newest of something.
    package let protected: Int

    /// Chooses among runs. Never chosen are: what can be resumed or is active, the newest run of a fleet, and the newest run of an instance.
    ///
    /// - Parameters:
    ///   - runs: newest first, with how they stand.
    ///   - newestOfInstances: the runs in which some instance ended last.
    package init(_ runs: [(run: RunRecord, state: RunState)], newestOfInstances: Set<RunID>, keep: JournalKeep, at now: Date) {
        var seen: [String: Int] = [:]
        var protected = 0
        let prunable = runs.filter { run, state in
            let place = seen[run.fleet, default: 0]
            seen[run.fleet] = place + 1
            let isOld =
                switch keep {
                case .runs(let count): place >= count
                case .age(let age): now.timeIntervalSince(run.finishedAt ?? run.startedAt) > age / .seconds(1)
                }
            guard isOld else { return false }
            let isPrunable =
                if case .ended = state { place > 0 && !state.isResumable && !newestOfInstances.contains(run.id) } else { false }
            if !isPrunable { protected += 1 }
            return isPrunable
        }
        self.runs = prunable.map(\.run)
        self.protected = protected
        kept = runs.count - prunable.count
    }
}

/// What became of a journal that was pruned.
package struct PrunedJournal: Sendable, Hashable {
    /// Newest first.
    package var removed: [RunRecord]
    /// How many runs are left.
    package var kept: Int
    /// The size of the file before and after, in bytes.
    package var before: Int
    package var after: Int
    /// Whether the file keeps its size because a run is active; new runs use the space.
    package var isStillInUse: Bool
}

/// Old runs are removed from the journal, on request or by `journal_keep`.
extension RunCatalog {
    /// The most runs that are looked at.
    private static let limit = 1_000_000
    /// From this share of free space on, a journal that is pruned by itself is made smaller.
    private static let freeShare = 4

    /// The runs that can be removed.
    package func prunable(_ keep: JournalKeep, at now: Date, in journal: any RunStore) async throws(FleetError) -> PrunableRuns {
        let records = try await explaining { () async throws(JournalError) in try await journal.runs(limit: Self.limit, fleet: fleet) }
        var runs: [(run: RunRecord, state: RunState)] = []
        for record in records { runs.append((record, try await state(of: record, in: journal))) }
        let newest = try await explaining { () async throws(JournalError) in try await journal.newestRunsOfInstances(fleet: fleet) }
        return PrunableRuns(runs, newestOfInstances: newest, keep: keep, at: now)
    }

    /// Removes runs, and gives their space back unless a run is active in the journal.
    package func prune(_ prunable: PrunableRuns, in journal: any RunStore) async throws(FleetError) -> PrunedJournal {
        try await explaining { () async throws(JournalError) in
            let before = try await journal.size().bytes
            let removed = try await journal.remove(prunable.runs.map(\.id))
            var isCompact = true
            if !removed.isEmpty, !journal.reclaimsSpace { isCompact = try await compact(journal, own: nil) }
            return PrunedJournal(
                removed: prunable.runs.filter { removed.contains($0.id) },
                kept: prunable.kept + prunable.runs.count - removed.count,
                before: before,
                after: try await journal.size().bytes,
                isStillInUse: !isCompact
            )
        }
    }

    /// Removes what `journal_keep` does not keep. A failure is a warning: the run that ended is as good as before.
    ///
    /// An operator who has stopped a run does not wait for that, and a journal that has failed is not asked for more: the next run does it.
    ///
    /// - Parameters:
    ///   - own: the run that has just ended, whose lock this process still holds.
    ///   - log: what happened in it.
    package func pruneByItself(_ keep: JournalKeep?, after own: RunID, _ log: RunLog, in journal: any RunStore) async {
        guard let keep, log.status != .interrupted else { return }
        if case .journalFailed? = log.haltReason { return }
        do throws(FleetError) {
            let prunable = try await prunable(keep, at: Date(), in: journal)
            guard !prunable.runs.isEmpty else { return }
            try await explaining { () async throws(JournalError) in
                _ = try await journal.remove(prunable.runs.map(\.id))
                let size = try await journal.size()
                if size.free > size.bytes / Self.freeShare { _ = try await compact(journal, own: own) }
            }
        } catch {
            warn(.warning("old runs were not removed from the journal: \(error.message)"))
        }
    }

    /// - Returns: whether it was done; it is not while another run is active, whose events would wait for it.
    private func compact(_ journal: any RunStore, own: RunID?) async throws(JournalError) -> Bool {
        // No run begins meanwhile.
        let starting: any RunLock
        do throws(JournalError) {
            starting = try await journal.lockStart(of: fleet ?? "")
        } catch {
            guard error.reason == .held else { throw error }
            return false
        }
        return try await starting.released { () async throws(JournalError) in
            for run in try await journal.runs(limit: Self.limit) where run.status == nil && run.id != own {
                if try await journal.state(of: run) == .running { return false }
            }
            try await journal.compact()
            return true
        }
    }
}
