package import ConvoyFleet
import ConvoyIO
package import ConvoyJournal
package import ConvoyMigrations
package import ConvoyRun
import ConvoyText

/// What an operator should read and what stops nothing: one line without a line feed.
package enum Notice: Sendable, Hashable {
    case note(String)
    case warning(String)

    /// The line, without a word for its kind.
    package var text: String {
        switch self {
        case .note(let text), .warning(let text): text
        }
    }
}

/// The runs that the journal of a fleet has recorded. Every failure has a message for the operator.
package struct RunCatalog: Sendable {
    /// Where the runs are recorded.
    package let place: JournalPlace
    /// Runs of other fleets in the same journal are skipped; nil includes all.
    package let fleet: String?
    /// The directory of the fleet's migration set; nil if the fleet file was not read.
    private let migrations: String?
    let warn: @Sendable (Notice) -> Void

    /// The runs of a fleet.
    package init(_ fleet: Fleet, warn: @escaping @Sendable (Notice) -> Void) {
        (place, self.fleet, migrations, self.warn) = (fleet.journalPlace, fleet.name, fleet.migrations, warn)
    }

    /// The runs of all fleets in a journal.
    package init(journal: JournalPlace, warn: @escaping @Sendable (Notice) -> Void) {
        (place, fleet, migrations, self.warn) = (journal, nil, nil, warn)
    }

    /// The place for messages: the journal's file, or `host:port/database`.
    package var path: String { place.text }

    /// The fleet's migration set, for the names of migrations and releases. A report is complete without them, so an invalid set is not an error here.
    package var migrationSet: MigrationSet? {
        guard let migrations else { return nil }
        return try? MigrationSet.load(directory: migrations, displayedAs: migrations)
    }

    /// Opens the journal for writing, and creates it if it does not exist.
    package func open() async throws(FleetError) -> any RunStore {
        try await explaining { () async throws(JournalError) in try await place.open() }
    }

    /// Opens the journal for reading; nil if it does not exist.
    package func openForReading() async throws(FleetError) -> (any RunStore)? {
        try await explaining { () async throws(JournalError) in try await place.openForReading() }
    }

    /// Makes the tables of the control database or brings them up to date.
    ///
    /// Runs that have not ended are named in a warning before an update: commands of the older Convoy cannot reach them any more.
    ///
    /// - Parameter role: is given the rights to work with them; nil gives none.
    package func prepareControlDatabase(grantingTo role: String?) async throws(FleetError) {
        guard case .control(let parameters) = place else {
            throw FleetError(
                .journal,
                "journal \(path): this is a file, and not a control database",
                hint: "add `control:` to the fleet file, or name the database with --journal"
            )
        }
        try await explaining { () async throws(JournalError) in
            let control = ControlDatabase(parameters)
            let runs = try await control.runsBeforeUpdate()
            if !runs.isEmpty {
                let names = runs.prefix(5).map { "\($0.id) of \($0.startedBy)" } + (runs.count > 5 ? ["\(runs.count - 5) more"] : [])
                warn(
                    .warning(
                        "runs that have not ended: \(names.joined(separator: ", ")); from now on stop, approve and resume them with this version of convoy, "
                            + "and update their workers"
                    )
                )
            }
            try await control.prepare(.all)
            if let role { try await control.grant(to: role) }
        }
    }

    /// What a command does with an existing journal.
    package enum Use {
        case reading, writing
    }

    /// Opens an existing journal.
    ///
    /// - Throws: an error if it does not exist.
    package func openExisting(for use: Use) async throws(FleetError) -> any RunStore {
        guard let journal = try await openForReading() else { throw noRun("there is no journal \(path)") }
        switch use {
        case .reading: return journal
        case .writing: return try await open()
        }
    }

    /// Turns an error of the journal into a failure of the command.
    package func explaining<Value>(_ body: () async throws(JournalError) -> Value) async throws(FleetError) -> Value {
        do {
            return try await body()
        } catch {
            throw FleetError(error)
        }
    }

    // MARK: Finding a run

    /// Which runs a command accepts.
    package enum Wanted: String {
        case any = "recorded"
        /// A process works on it.
        case running = "active"
        /// `resume` can continue it.
        case resumable = "resumable"
    }

    /// Finds the run with that id or unique prefix; without a text the newest run that the command accepts, which for ``Wanted/running`` must be
    /// the only one. A run that workers have and none works on is resumable if it is named.
    ///
    /// - Throws: an error if no run matches, or if several do.
    package func run(_ text: String?, _ wanted: Wanted, in journal: any RunStore) async throws(FleetError) -> RunRecord {
        let candidates = try await explaining { () async throws(JournalError) in
            if let text { try await journal.runs(named: text, fleet: fleet) } else { try await journal.runs(limit: 100, fleet: fleet) }
        }
        if let text {
            guard let run = candidates.first else { throw noRun("there is no run “\(text)” in \(path)") }
            guard candidates.count == 1 else { throw several(candidates, "“\(text)” matches several runs") }
            let state = try await self.state(of: run, in: journal)
            if Self.fits(state, wanted) { return run }
            let staff = wanted == .resumable ? try await settledStaff(of: run.id, in: journal) : nil
            // A run that workers have and none works on.
            if wanted == .resumable, let staff, staff.isMissing { return run }
            throw unfit(run, wanted, state, staff)
        }
        var fitting: [RunRecord] = []
        for run in candidates where try await Self.fits(state(of: run, in: journal), wanted) { fitting.append(run) }
        guard let newest = fitting.first else { throw noRun("there is no \(wanted.rawValue) run in \(path)") }
        if wanted == .running, fitting.count > 1 { throw several(fitting, "several runs are active") }
        return newest
    }

    /// Who works on a run, for a command that takes it from them: workers that were away have had the time to write again.
    private func settledStaff(of run: RunID, in journal: any RunStore) async throws(FleetError) -> RunStaff? {
        let deadline = ContinuousClock.now + RunStaff.silence
        while true {
            let staff = try await explaining { () async throws(JournalError) in try await journal.staff(of: run) }
            guard let staff, staff.isMissing, staff.silent > 0, .now < deadline else { return staff }
            guard !Task.isCancelled else {
                throw FleetError(.run, "cancelled while it was looked whether a worker takes run \(run); nothing was changed")
            }
            await pause(for: .milliseconds(500), cancellation: .observed)
        }
    }

    /// Finds a run that `resume` can continue, as ``run(_:_:in:)`` does.
    ///
    /// - Returns: the run, and how far it had got before that was judged: hand it on to what changes the run.
    package func resumable(_ text: String?, in journal: any RunStore) async throws(FleetError) -> (record: RunRecord, basis: RunBasis) {
        let found = try await run(text, text == nil ? .resumable : .any, in: journal)
        let basis = try await explaining { () async throws(JournalError) in try await journal.basis(of: found.id) }
        return (try await run(found.id.description, .resumable, in: journal), basis)
    }

    /// The newest active run, otherwise the newest one.
    ///
    /// - Throws: an error if the journal has no run.
    package func currentRun(in journal: any RunStore) async throws(FleetError) -> RunRecord {
        let runs = try await explaining { () async throws(JournalError) in try await journal.runs(limit: 100, fleet: fleet) }
        for run in runs where try await state(of: run, in: journal) == .running { return run }
        guard let newest = runs.first else { throw noRun("there is no recorded run in \(path)") }
        return newest
    }

    /// - Throws: an error if another process has continued or ended the run since the record was read.
    package func checkUnchanged(_ record: RunRecord, in journal: any RunStore) async throws(FleetError) {
        let now = try await explaining { () async throws(JournalError) in try await journal.runs(named: record.id.description, fleet: fleet)
        }
        guard now.first?.status == record.status, now.first?.finishedAt == record.finishedAt else {
            throw noRun("run \(record.id) was just resumed or abandoned by another process")
        }
    }

    /// The current state of a run.
    package func state(of run: RunRecord, in journal: any RunStore) async throws(FleetError) -> RunState {
        try await explaining { () async throws(JournalError) in try await journal.state(of: run) }
    }

    private static func fits(_ state: RunState, _ wanted: Wanted) -> Bool {
        switch wanted {
        case .any: true
        case .running: state == .running
        case .resumable: state.isResumable
        }
    }

    private func unfit(_ run: RunRecord, _ wanted: Wanted, _ state: RunState, _ staff: RunStaff?) -> FleetError {
        let message = "run \(run.id) is not \(wanted.rawValue): it is \(state.text)"
        guard let obstacle = staff?.obstacle(run.id) else { return noRun(message) }
        return FleetError(.run, "\(message); \(obstacle.reason)", hint: obstacle.hint)
    }

    private func noRun(_ message: String) -> FleetError {
        FleetError(.run, message, hint: "`convoy runs` lists the runs")
    }

    private func several(_ runs: [RunRecord], _ message: String) -> FleetError {
        FleetError(.run, "\(message): \(runs.map(\.id.description).joined(separator: ", "))", hint: "specify one of them")
    }

    // MARK: Reading a run

    /// Calls the body for every event of a run, in order.
    ///
    /// - Throws: an error if a newer program wrote some of the events.
    package func events(of run: RunID, in journal: any RunStore, _ body: (Event) -> Void) async throws(FleetError) {
        var unknown: String?
        var damage = JournalDamage()
        try await explaining { () async throws(JournalError) in
            for try await recorded in journal.events(of: run) {
                if let event = recorded.event {
                    body(event)
                } else if recorded.isDamaged {
                    damage.note(recorded)
                } else {
                    unknown = recorded.type
                }
            }
        }
        // Lost events are made up for as after a crash: each instance is probed again.
        if let remark = damage.remark(run) { warn(.warning(remark)) }
        if let unknown {
            throw FleetError(
                .journal,
                "run \(run) has events of type “\(unknown)”, which this version of convoy does not know",
                hint: "use the version of convoy that started the run"
            )
        }
    }

    /// The plan with which a run began.
    package func plan(of run: RunID, in journal: any RunStore) async throws(FleetError) -> RunPlan {
        do throws(RecordedPlanError) {
            return try await journal.runPlan(of: run)
        } catch {
            switch error {
            case .journal(let error): throw FleetError(error)
            case .unreadable(let reason): throw FleetError(.journal, "the plan of run \(run) cannot be read: \(reason)")
            }
        }
    }
}
