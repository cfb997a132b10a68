import ArgumentParser
import ConvoyKit
import ConvoyRun
import ConvoyText

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
    @Option(help: ArgumentHelp("Server name from the fleet file.", valueName: "name"), completion: .server)
    var server: String
    @Argument(help: "Run id or unique prefix (default: the only active run).", completion: .run)
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
    @Option(help: ArgumentHelp("Server name from the fleet file.", valueName: "name"), completion: .server)
    var server: String
    @Argument(help: "Run id or unique prefix (default: the only active run).", completion: .run)
    var run: String?

    func request(_ requests: RunRequests) async throws(RunRequestError) -> OperatorRequest.Kind { try await requests.unpause(server) }

    func answer(_ run: RunID, _ request: OperatorRequest.Kind) -> String {
        "run \(run): server \(server.visible) is resumed"
    }
}
