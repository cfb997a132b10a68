package import ConvoyFleet
package import ConvoyJournal
package import ConvoyRun

/// Copies the runs of a journal into a control database.
package struct RunCopy: Sendable {
    private let source: RunCatalog
    private let target: JournalPlace

    /// What was done.
    package struct Summary: Sendable, Hashable {
        /// The runs that were copied now, oldest first.
        package var copied: [RunID] = []
        /// Those that were there already.
        package var present: [RunID] = []
        /// Those that were there already, and have other events: they are left as they are.
        package var different: [RunID] = []
        /// What was copied, together.
        package var events = 0
        package var requests = 0
    }

    /// - Parameter source: the journal whose runs are copied, of one fleet or of all.
    package init(from source: RunCatalog, to target: JournalPlace) {
        (self.source, self.target) = (source, target)
    }

    /// Copies run after run, each whole or not at all, so that it can be done again after it was ended.
    ///
    /// - Parameter onRun: is called after each run.
    /// - Throws: ``FleetError/Code/activeRun`` before anything is copied if a run is active, ``FleetError/Code/run`` if there is no journal, and
    ///   ``FleetError/Code/journal``.
    package func perform(_ onRun: (RunRecord, CopiedRun) -> Void = { _, _ in }) async throws(FleetError) -> Summary {
        guard case .control(let parameters) = target else {
            throw FleetError(.journal, "journal \(target.text): runs are copied into a control database, and this is a file")
        }
        let journal = try await source.openExisting(for: .reading)
        let damaged = try await source.explaining { () async throws(JournalError) in try await journal.damagedRuns() }
        for id in damaged {
            source.warn(.warning("skipped run \(id.prefix(60).description.visible): its record in \(source.path) is damaged"))
        }
        let runs = try await source.explaining { () async throws(JournalError) in
            try await journal.runs(limit: Self.limit, fleet: source.fleet)
        }
        for run in runs where try await source.state(of: run, in: journal) == .running {
            throw FleetError(
                .activeRun,
                "run \(run.id) of \(run.startedBy) is active; nothing was copied",
                hint: "wait until it has ended, or stop it with `convoy stop \(run.id)`"
            )
        }
        let control = ControlDatabase(parameters)
        return try await source.explaining { () async throws(JournalError) in
            try await control.prepare()
            let database = ControlJournal(control)
            var summary = Summary()
            for run in runs.reversed() {
                let copied = try await copy(run, journal, database)
                switch copied.result {
                case .copied:
                    summary.copied.append(run.id)
                    summary.events += copied.events
                    summary.requests += copied.requests
                case .present: summary.present.append(run.id)
                case .different: summary.different.append(run.id)
                }
                onRun(run, copied)
            }
            return summary
        }
    }

    /// Holds the lock of a run that can be resumed, so that no process does that while it is copied.
    private func copy(_ run: RunRecord, _ journal: any RunStore, _ database: ControlJournal) async throws(JournalError) -> CopiedRun {
        let isOver = run.status.map { RunState.ended($0).isResumable } == false
        if isOver { return try await database.copy(run, from: journal) }
        return try await journal.lock(run.id).released { () async throws(JournalError) in try await database.copy(run, from: journal) }
    }

    private static let limit = 1_000_000
}
