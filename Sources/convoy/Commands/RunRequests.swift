import ArgumentParser
import ConvoyIO
import ConvoyJournal
import ConvoyKit
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
    func request(_ requests: RunRequests) async throws(RunRequestError) -> OperatorRequest.Kind

    /// What is printed after the request is posted.
    func answer(_ run: RunID, _ request: OperatorRequest.Kind) -> String
}

extension RunRequestCommand {
    func execute() async throws -> CommandExit {
        let access = try RunCatalog(journalOptions)
        let journal = try await access.openExisting(for: .writing)
        let record = try await access.run(run, .running, in: journal)
        let requests = RunRequests(of: record.id, in: journal)
        let request: OperatorRequest.Kind
        do throws(RunRequestError) {
            request = try await self.request(requests)
            try await requests.post(request, by: Operator.current)
        } catch {
            throw FleetError(error, record.id)
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

    func request(_ requests: RunRequests) async throws(RunRequestError) -> OperatorRequest.Kind { .stop }

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

    func request(_ requests: RunRequests) async throws(RunRequestError) -> OperatorRequest.Kind { try await requests.approval() }

    func answer(_ run: RunID, _ request: OperatorRequest.Kind) -> String {
        guard case .approve(let wave?) = request else { return "run \(run): approved" }
        return "run \(run): the gate of wave \(wave.visible) is approved; its other conditions must still hold"
    }
}

/// `convoy pause`
struct Pause: RunRequestCommand {
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

    func request(_ requests: RunRequests) async throws(RunRequestError) -> OperatorRequest.Kind { try await requests.pause(server) }

    func answer(_ run: RunID, _ request: OperatorRequest.Kind) -> String {
        "run \(run): server \(server.visible) is paused; instances in progress finish"
    }
}

/// `convoy unpause`
struct Unpause: RunRequestCommand {
    static let configuration = CommandConfiguration(
        abstract: "Resume a paused server.",
        usage: "convoy unpause --server <name> [<options>] [<run>]"
    )

    @OptionGroup var journalOptions: JournalOptions
    @Option(help: ArgumentHelp("Server name from the fleet file.", valueName: "name"))
    var server: String
    @Argument(help: "Run id or unique prefix (default: the only active run).")
    var run: String?

    func request(_ requests: RunRequests) async throws(RunRequestError) -> OperatorRequest.Kind { try await requests.unpause(server) }

    func answer(_ run: RunID, _ request: OperatorRequest.Kind) -> String {
        "run \(run): server \(server.visible) is resumed"
    }
}
