import ArgumentParser
import ConvoyIO
import ConvoyJournal
import ConvoyMigrations
import ConvoyReporting
import ConvoyRollout
import ConvoyRun
import ConvoyText
import FoundationEssentials

/// A command that sends a request to an active run, which receives it within a second.
protocol RunRequestCommand: FleetCommand {
    var journalOptions: JournalOptions { get }
    var run: String? { get }

    /// The request, checked against the run.
    func request(_ access: JournalAccess, _ journal: SQLiteJournal, _ run: RunRecord) async throws -> OperatorRequest.Kind

    /// What is printed after the request is posted.
    func answer(_ run: RunID, _ request: OperatorRequest.Kind) -> String
}

extension RunRequestCommand {
    func execute() async throws -> CommandExit {
        let access = try JournalAccess(journalOptions)
        let journal = try await access.openExisting(for: .writing)
        let record = try await access.run(run, .running, in: journal)
        let request = try await request(access, journal, record)
        try await access.explaining { () async throws(JournalError) in
            try await journal.post(request, to: record.id, by: JournalAccess.person, at: Date())
        }
        StandardStreams.error.write(answer(record.id, request) + "\n")
        return .success
    }
}

/// `convoy stop`
struct Stop: RunRequestCommand {
    static let configuration = CommandConfiguration(
        abstract: "Stop a run in another process.",
        discussion: """
            Works like Ctrl-C in that process: the first request lets the migrations in
            progress finish and stops; a second request cancels and rolls them back.
            Continue the run later with `convoy resume`.
            """
    )

    @OptionGroup var journalOptions: JournalOptions
    @Argument(help: "Run id or unique prefix (default: the only active run).")
    var run: String?

    func request(_ access: JournalAccess, _ journal: SQLiteJournal, _ run: RunRecord) async throws -> OperatorRequest.Kind { .stop }

    func answer(_ run: RunID, _ request: OperatorRequest.Kind) -> String {
        "requested a stop of run \(run): migrations in progress finish, and nothing new starts"
    }
}

/// `convoy approve`
struct Approve: RunRequestCommand {
    static let configuration = CommandConfiguration(
        abstract: "Approve the gate a run is waiting at."
    )

    @OptionGroup var journalOptions: JournalOptions
    @Argument(help: "Run id or unique prefix (default: the only active run).")
    var run: String?

    func request(_ access: JournalAccess, _ journal: SQLiteJournal, _ run: RunRecord) async throws -> OperatorRequest.Kind {
        let plan = try await access.plan(of: run.id, in: journal)
        var open: String?
        try await access.events(of: run.id, in: journal) { event in
            switch event.kind {
            case .gateOpened(let wave): open = wave
            case .gatePassed, .gateFailed, .halted, .stopRequested: open = nil
            default: break
            }
        }
        guard let open else {
            throw CommandFailure(.usage, "run \(run.id) has no open gate", hint: "`convoy runs show \(run.id)` shows its progress")
        }
        guard plan.waves.first(where: { $0.name == open })?.gate?.approve == true else {
            throw CommandFailure(.usage, "the gate of wave \(open) does not require approval")
        }
        return .approve(wave: open)
    }

    func answer(_ run: RunID, _ request: OperatorRequest.Kind) -> String {
        guard case .approve(let wave?) = request else { return "run \(run): approved" }
        return "run \(run): the gate of wave \(wave.visible) is approved; its other conditions must still hold"
    }
}

/// `convoy pause`
struct Pause: ServerRequestCommand {
    static let configuration = CommandConfiguration(
        abstract: "Pause a server: start no new instances there.",
        usage: "convoy pause --server <name> [<options>] [<run>]",
        discussion: """
            Instances in progress finish, and the run continues on other servers.
            `convoy unpause` resumes the server. A resumed run keeps the pause.

              convoy pause --server eu-1
            """
    )

    @OptionGroup var journalOptions: JournalOptions
    @Option(help: ArgumentHelp("Server name from the fleet file.", valueName: "name"))
    var server: String
    @Argument(help: "Run id or unique prefix (default: the only active run).")
    var run: String?

    func request(for server: String) -> OperatorRequest.Kind { .pause(server: server) }

    func answer(_ run: RunID, _ request: OperatorRequest.Kind) -> String {
        "run \(run): server \(server.visible) is paused; instances in progress finish"
    }
}

/// `convoy unpause`
struct Unpause: ServerRequestCommand {
    static let configuration = CommandConfiguration(
        abstract: "Resume a paused server.",
        usage: "convoy unpause --server <name> [<options>] [<run>]"
    )

    @OptionGroup var journalOptions: JournalOptions
    @Option(help: ArgumentHelp("Server name from the fleet file.", valueName: "name"))
    var server: String
    @Argument(help: "Run id or unique prefix (default: the only active run).")
    var run: String?

    func request(for server: String) -> OperatorRequest.Kind { .unpause(server: server) }

    func answer(_ run: RunID, _ request: OperatorRequest.Kind) -> String {
        "run \(run): server \(server.visible) is resumed"
    }
}

/// A request about one server of the run.
protocol ServerRequestCommand: RunRequestCommand {
    var server: String { get }

    func request(for server: String) -> OperatorRequest.Kind
}

extension ServerRequestCommand {
    func request(_ access: JournalAccess, _ journal: SQLiteJournal, _ run: RunRecord) async throws -> OperatorRequest.Kind {
        let servers = Set(try await access.plan(of: run.id, in: journal).waves.flatMap(\.instances).map(\.server))
        guard servers.contains(server) else {
            throw CommandFailure(
                .usage,
                "run \(run.id) has no instance on a server named “\(server)”",
                hint: nearestWord(to: server, among: servers.sorted()).map { "did you mean \($0)?" }
                    ?? "its servers are \(servers.sorted().prefix(10).joined(separator: ", "))"
            )
        }
        return request(for: server)
    }
}
