import ArgumentParser
import ConvoyFleet
import ConvoyJournal
import ConvoyKit
import ConvoyMigrations
import ConvoyReporting
import ConvoyRollout
import ConvoyRun
import FoundationEssentials
import Glibc

/// Options of the commands that work on runs and connect to no database.
struct JournalOptions: ParsableArguments {
    @OptionGroup var file: FleetFileOption

    @Option(
        help: ArgumentHelp(
            "Journal file (default: the one that the fleet file names). With this option the fleet file is not read.",
            valueName: "file"
        )
    )
    var journal: String?
}

/// The journal as commands use it: every failure has a message for the operator.
struct JournalAccess {
    let path: String
    /// Runs of other fleets in the same journal are skipped; nil includes all.
    let fleet: String?
    /// The directory of the fleet's migration set; nil if the fleet file was not read.
    private let migrations: String?

    private init(path: String, fleet: String?, migrations: String?) {
        (self.path, self.fleet, self.migrations) = (path, fleet, migrations)
    }

    init(_ fleet: Fleet) {
        self.init(path: fleet.journal, fleet: fleet.name, migrations: fleet.migrations)
    }

    init(_ options: JournalOptions) throws {
        if let journal = options.journal {
            self.init(path: journal, fleet: nil, migrations: nil)
        } else {
            let settings = Settings(options.file)
            self.init(try FleetOutline.load(settings))
        }
    }

    /// The names of the set's migrations, for people. A report is complete without them, so an invalid set is not an error here.
    var migrationNames: [MigrationVersion: String] {
        guard let migrations, let set = try? MigrationSet.load(directory: migrations, displayedAs: migrations) else { return [:] }
        return set.names
    }

    /// Opens the journal for writing, and creates it if it does not exist.
    func open() async throws -> SQLiteJournal {
        try await explaining { () async throws(JournalError) in try await SQLiteJournal.open(path: path) }
    }

    /// Opens the journal for reading; nil if it does not exist.
    func openForReading() async throws -> SQLiteJournal? {
        try await explaining { () async throws(JournalError) in try await SQLiteJournal.open(readingAt: path) }
    }

    /// What a command does with an existing journal.
    enum Use {
        case reading, writing
    }

    /// Opens an existing journal.
    ///
    /// - Throws: a ``CommandFailure`` if it does not exist.
    func openExisting(for use: Use) async throws -> SQLiteJournal {
        guard let journal = try await openForReading() else { throw noRun("there is no journal \(path)") }
        switch use {
        case .reading: return journal
        case .writing: return try await open()
        }
    }

    /// Turns an error of the journal into a failure of the command.
    func explaining<Value>(_ body: () async throws(JournalError) -> Value) async throws -> Value {
        do {
            return try await body()
        } catch {
            throw CommandFailure(.configuration, error.description, hint: error.hint)
        }
    }

    // MARK: Finding a run

    /// Which runs a command accepts.
    enum Wanted: String {
        case any = "recorded"
        /// A process works on it.
        case running = "active"
        /// `resume` can continue it.
        case resumable = "resumable"
    }

    /// Finds the run with that id or unique prefix; without a text the newest run that the command accepts, which for ``Wanted/running`` must be
    /// the only one.
    ///
    /// - Throws: a ``CommandFailure`` if no run matches, or if several do.
    func run(_ text: String?, _ wanted: Wanted, in journal: SQLiteJournal) async throws -> RunRecord {
        let candidates = try await explaining { () async throws(JournalError) in
            if let text { try await journal.runs(named: text, fleet: fleet) } else { try await journal.runs(limit: 100, fleet: fleet) }
        }
        if let text {
            guard let run = candidates.first else { throw noRun("there is no run “\(text)” in \(path)") }
            guard candidates.count == 1 else { throw several(candidates, "“\(text)” matches several runs") }
            let state = try await self.state(of: run)
            guard Self.fits(state, wanted) else { throw noRun("run \(run.id) is not \(wanted.rawValue): it is \(state.rawValue)") }
            return run
        }
        var fitting: [RunRecord] = []
        for run in candidates where try await Self.fits(state(of: run), wanted) { fitting.append(run) }
        guard let newest = fitting.first else { throw noRun("there is no \(wanted.rawValue) run in \(path)") }
        if wanted == .running, fitting.count > 1 { throw several(fitting, "several runs are active") }
        return newest
    }

    /// - Throws: a ``CommandFailure`` if another process has continued or ended the run since the record was read.
    func checkUnchanged(_ record: RunRecord, in journal: SQLiteJournal) async throws {
        let now = try await explaining { () async throws(JournalError) in try await journal.runs(named: record.id.description, fleet: fleet)
        }
        guard now.first?.status == record.status, now.first?.finishedAt == record.finishedAt else {
            throw noRun("run \(record.id) was just resumed by another process")
        }
    }

    /// The current state of a run.
    func state(of run: RunRecord) async throws -> RunState {
        try await explaining { () async throws(JournalError) in
            try run.state(journal: path)
        }
    }

    private static func fits(_ state: RunState, _ wanted: Wanted) -> Bool {
        switch wanted {
        case .any: true
        case .running: state == .running
        case .resumable: [.cutOff, .interrupted, .halted].contains(state)
        }
    }

    private func noRun(_ message: String) -> CommandFailure {
        CommandFailure(.usage, message, hint: "`convoy runs` lists the runs")
    }

    private func several(_ runs: [RunRecord], _ message: String) -> CommandFailure {
        CommandFailure(.usage, "\(message): \(runs.map(\.id.description).joined(separator: ", "))", hint: "specify one of them")
    }

    // MARK: Reading a run

    /// Calls the body for every event of a run, in order.
    ///
    /// - Throws: a ``CommandFailure`` if a newer program wrote some of the events.
    func events(of run: RunID, in journal: SQLiteJournal, _ body: (Event) -> Void) async throws {
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
        if let remark = damage.remark(run) { StandardStreams.error.write(remark) }
        if let unknown {
            throw CommandFailure(
                .configuration,
                "run \(run) has events of type “\(unknown)”, which this version of convoy does not know",
                hint: "use the version of convoy that started the run"
            )
        }
    }

    /// The plan with which a run began.
    func plan(of run: RunID, in journal: SQLiteJournal) async throws -> PinnedPlan {
        do throws(RecordedPlanError) {
            return try await journal.pinnedPlan(of: run)
        } catch {
            switch error {
            case .journal(let error): throw CommandFailure(.configuration, error.description, hint: error.hint)
            case .unreadable(let reason): throw CommandFailure(.configuration, "the plan of run \(run) cannot be read: \(reason)")
            }
        }
    }
}
