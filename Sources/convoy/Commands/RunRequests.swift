import ArgumentParser
import ConvoyIO
import ConvoyJournal
import ConvoyMigrations
import ConvoyReporting
import ConvoyRollout
import ConvoyRun
import ConvoyText
import FoundationEssentials

/// A command that asks something of a run under way, which hears it within a second.
protocol RunRequestCommand: FleetCommand {
    var journalOptions: JournalOptions { get }
    var run: String? { get }

    /// What to ask, checked against the run.
    func request(_ access: JournalAccess, _ journal: SQLiteJournal, _ run: RunRecord) async throws -> OperatorRequest.Kind

    /// What the person is told when it is asked.
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
        abstract: "Stop a run that goes on in another process.",
        discussion: """
            As one Ctrl-C there: nothing new starts, what runs finishes. Asked a second time it cancels what runs and rolls it back. \
            `convoy resume` goes on with the run later.
            """
    )

    @OptionGroup var journalOptions: JournalOptions
    @Argument(help: "The run's id, or how it begins; without it the only one that goes on.")
    var run: String?

    func request(_ access: JournalAccess, _ journal: SQLiteJournal, _ run: RunRecord) async throws -> OperatorRequest.Kind { .stop }

    func answer(_ run: RunID, _ request: OperatorRequest.Kind) -> String {
        "run \(run) is asked to stop: nothing new starts, what runs finishes"
    }
}

/// `convoy approve`
struct Approve: RunRequestCommand {
    static let configuration = CommandConfiguration(
        abstract: "Let the gate pass at which a run waits for approval."
    )

    @OptionGroup var journalOptions: JournalOptions
    @Argument(help: "The run's id, or how it begins; without it the only one that goes on.")
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
            throw CommandFailure(.usage, "no gate of run \(run.id) is open", hint: "`convoy runs show \(run.id)` shows how far it is")
        }
        guard plan.waves.first(where: { $0.name == open })?.gate?.approve == true else {
            throw CommandFailure(.usage, "the gate of wave \(open) waits for no approval")
        }
        return .approve(wave: open)
    }

    func answer(_ run: RunID, _ request: OperatorRequest.Kind) -> String {
        guard case .approve(let wave?) = request else { return "run \(run): approved" }
        return "run \(run): the gate of wave \(wave.visible) is approved; what else it demands must still hold"
    }
}

/// `convoy pause`
struct Pause: ServerRequestCommand {
    static let configuration = CommandConfiguration(
        abstract: "Start nothing new on a server while a run goes on.",
        discussion: """
            What runs there finishes, and the other servers go on. `convoy unpause` undoes it; a resumed run remembers it.

              convoy pause --server eu-1
            """
    )

    @OptionGroup var journalOptions: JournalOptions
    @Option(help: ArgumentHelp("The server, as the fleet file names it.", valueName: "name"))
    var server: String
    @Argument(help: "The run's id, or how it begins; without it the only one that goes on.")
    var run: String?

    func request(for server: String) -> OperatorRequest.Kind { .pause(server: server) }

    func answer(_ run: RunID, _ request: OperatorRequest.Kind) -> String {
        "run \(run): server \(server.visible) is paused; what runs there finishes"
    }
}

/// `convoy unpause`
struct Unpause: ServerRequestCommand {
    static let configuration = CommandConfiguration(abstract: "Start again on a server that was paused.")

    @OptionGroup var journalOptions: JournalOptions
    @Option(help: ArgumentHelp("The server, as the fleet file names it.", valueName: "name"))
    var server: String
    @Argument(help: "The run's id, or how it begins; without it the only one that goes on.")
    var run: String?

    func request(for server: String) -> OperatorRequest.Kind { .unpause(server: server) }

    func answer(_ run: RunID, _ request: OperatorRequest.Kind) -> String {
        "run \(run): server \(server.visible) goes on"
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
                "run \(run.id) has nothing on a server called “\(server)”",
                hint: nearestWord(to: server, among: servers.sorted()).map { "did you mean \($0)?" }
                    ?? "its servers are \(servers.sorted().prefix(10).joined(separator: ", "))"
            )
        }
        return request(for: server)
    }
}
