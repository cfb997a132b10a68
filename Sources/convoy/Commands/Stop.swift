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

              convoy stop          like one Ctrl-C
              convoy stop --now    like two: cancels the migrations in progress
            """
    )

    @OptionGroup var journalOptions: JournalOptions
    @Argument(help: "Run id or unique prefix (default: the only active run).", completion: .run)
    var run: String?

    @Flag(help: "Cancel the migrations in progress and roll them back.")
    var now = false

    func request(_ requests: RunRequests) async throws(RunRequestError) -> OperatorRequest.Kind { .stop }

    func post(_ request: OperatorRequest.Kind, _ requests: RunRequests) async throws(RunRequestError) {
        if now { try await requests.postCancellation(by: Operator.current) } else { try await requests.post(request, by: Operator.current) }
    }

    func answer(_ run: RunID, _ request: OperatorRequest.Kind) -> String {
        now
            ? "requested a stop of run \(run) at once: migrations in progress are cancelled and rolled back, and nothing new starts"
            : "requested a stop of run \(run): migrations in progress finish, and nothing new starts"
    }
}
