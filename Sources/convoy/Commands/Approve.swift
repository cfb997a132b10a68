import ArgumentParser
import ConvoyKit
import ConvoyRun
import ConvoyText

/// `convoy approve`
struct Approve: RunRequestCommand {
    static let configuration = CommandConfiguration(
        abstract: "Approve the gate a run is waiting at."
    )

    @OptionGroup var journalOptions: JournalOptions
    @Argument(help: "Run id or unique prefix (default: the only active run).", completion: .run)
    var run: String?

    func request(_ requests: RunRequests) async throws(RunRequestError) -> OperatorRequest.Kind { try await requests.approval() }

    func answer(_ run: RunID, _ request: OperatorRequest.Kind) -> String {
        guard case .approve(let wave?) = request else { return "run \(run): approved" }
        return "run \(run): the gate of wave \(wave.visible) is approved; its other conditions must still hold"
    }
}
