import ArgumentParser
import ConvoyFleet
import ConvoyJournal
import ConvoyMigrations
import ConvoyReporting
import ConvoyRollout
import ConvoyRun
import FoundationEssentials
import Glibc

/// Options of the commands that work on runs and on no database.
struct JournalOptions: ParsableArguments {
    @OptionGroup var file: FleetFileOption

    @Option(
        help: ArgumentHelp("The journal, instead of the one that the fleet file names; the fleet file is not read then.", valueName: "file")
    )
    var journal: String?
}

/// The journal as commands use it: every failure is one that a person can read.
struct JournalAccess {
    let path: String
    /// Runs of other fleets in the same journal are passed over; nil takes all.
    let fleet: String?
    /// The fleet's migration set; nil where the fleet file was not read.
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

    /// The names of the set's migrations, for people. What has happened can be told without them, so a set that is not right is no trouble.
    var migrationNames: [MigrationVersion: String] {
        guard let migrations, let set = try? MigrationSet.load(directory: migrations, displayedAs: migrations) else { return [:] }
        return set.names
    }

    /// Who asks, as `user@host`.
    static var person: String {
        var host = [CChar](repeating: 0, count: 256)
        gethostname(&host, host.count - 1)
        let name = String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let user = getpwuid(geteuid()).flatMap { $0.pointee.pw_name }.map { String(cString: $0) } ?? String(geteuid())
        return "\(user)@\(name)"
    }

    /// Opens it for writing, and makes it where there is none.
    func open() async throws -> SQLiteJournal {
        try await explaining { () async throws(JournalError) in try await SQLiteJournal.open(path: path) }
    }

    /// Opens it to look at runs; nil where no run was ever written down.
    func openForReading() async throws -> SQLiteJournal? {
        try await explaining { () async throws(JournalError) in try await SQLiteJournal.open(readingAt: path) }
    }

    /// What a command does with a journal that is there.
    enum Use {
        case reading, writing
    }

    /// Opens the journal that is there.
    ///
    /// - Throws: a ``CommandFailure`` where no run was ever written down.
    func openExisting(for use: Use) async throws -> SQLiteJournal {
        guard let journal = try await openForReading() else { throw noRun("there is no journal \(path) yet") }
        switch use {
        case .reading: return journal
        case .writing: return try await open()
        }
    }

    /// Turns what is wrong with the journal into a failure of the command.
    func explaining<Value>(_ body: () async throws(JournalError) -> Value) async throws -> Value {
        do {
            return try await body()
        } catch {
            throw CommandFailure(.configuration, error.description, hint: error.hint)
        }
    }

    // MARK: Finding a run

    /// Which runs a command is about.
    enum Wanted: String {
        case any = "at all"
        /// A process works on it.
        case running = "going on"
        /// It can be gone on with.
        case resumable = "that can be resumed"
    }

    /// The run with that id, or whose id begins so; without a text the only one, or for ``Wanted/resumable`` the newest, that fits.
    ///
    /// - Throws: a ``CommandFailure`` where none fits, or several do.
    func run(_ text: String?, _ wanted: Wanted, in journal: SQLiteJournal) async throws -> RunRecord {
        let candidates = try await explaining { () async throws(JournalError) in
            if let text { try await journal.runs(named: text, fleet: fleet) } else { try await journal.runs(limit: 100, fleet: fleet) }
        }
        if let text {
            guard let run = candidates.first else { throw noRun("there is no run “\(text)” in \(path)") }
            guard candidates.count == 1 else { throw several(candidates, "“\(text)” may mean several runs") }
            let state = try await self.state(of: run)
            guard Self.fits(state, wanted) else { throw noRun("run \(run.id) is not one \(wanted.rawValue): it is \(state.rawValue)") }
            return run
        }
        var fitting: [RunRecord] = []
        for run in candidates where try await Self.fits(state(of: run), wanted) { fitting.append(run) }
        guard let newest = fitting.first else { throw noRun("there is no run \(wanted.rawValue) in \(path)") }
        if wanted == .running, fitting.count > 1 { throw several(fitting, "several runs are going on") }
        return newest
    }

    /// - Throws: a ``CommandFailure`` where somebody has ended the run since the record was read.
    func checkUnchanged(_ record: RunRecord, in journal: SQLiteJournal) async throws {
        let now = try await explaining { () async throws(JournalError) in try await journal.runs(named: record.id.description, fleet: fleet)
        }
        guard now.first?.status == record.status, now.first?.finishedAt == record.finishedAt else {
            throw noRun("run \(record.id) has just been resumed elsewhere")
        }
    }

    /// How a run stands now.
    func state(of run: RunRecord) async throws -> RunState {
        try await explaining { () async throws(JournalError) in
            try RunState(run.status, isRunning: try RunLock.holder(of: run.id, journal: path) != nil)
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
        CommandFailure(.usage, message, hint: "`convoy runs` lists them")
    }

    private func several(_ runs: [RunRecord], _ message: String) -> CommandFailure {
        CommandFailure(.usage, "\(message): \(runs.map(\.id.description).joined(separator: ", "))", hint: "name one of them")
    }

    // MARK: Reading a run

    /// Hands over every event of a run, in order.
    ///
    /// - Throws: a ``CommandFailure`` where a newer program wrote some.
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
        // What is missing is found out as after a crash: each instance is looked at again.
        if let remark = damage.remark(run) { StandardStreams.error.write(remark) }
        if let unknown {
            throw CommandFailure(
                .configuration,
                "run \(run) has events of the kind “\(unknown)”, which this convoy does not know",
                hint: "use the convoy that began it"
            )
        }
    }

    /// The plan with which a run began.
    func plan(of run: RunID, in journal: SQLiteJournal) async throws -> PinnedPlan {
        let data = try await explaining { () async throws(JournalError) in try await journal.plan(of: run) }
        do throws(InvalidPlan) {
            return try PinnedPlan(data: data ?? Data())
        } catch {
            throw CommandFailure(.configuration, "the plan of run \(run) cannot be read: \(error.message)")
        }
    }
}
