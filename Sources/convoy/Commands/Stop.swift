import ArgumentParser
import ConvoyKit
import ConvoyRun

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
