import ConvoyKit
import ConvoyRun

/// A command that sends a request to an active run, which receives it within a second.
protocol RunRequestCommand: FleetCommand {
    var journalOptions: JournalOptions { get }
    var run: String? { get }

    /// The request, checked against the run.
    func request(_ requests: RunRequests) async throws(RunRequestError) -> OperatorRequest.Kind

    /// Leaves the request in the journal.
    func post(_ request: OperatorRequest.Kind, _ requests: RunRequests) async throws(RunRequestError)

    /// What is printed after the request is posted.
    func answer(_ run: RunID, _ request: OperatorRequest.Kind) -> String
}

extension RunRequestCommand {
    func post(_ request: OperatorRequest.Kind, _ requests: RunRequests) async throws(RunRequestError) {
        try await requests.post(request, by: Operator.current)
    }

    func execute() async throws -> CommandExit {
        let access = try RunCatalog(journalOptions)
        let journal = try await access.openExisting(for: .writing)
        let record = try await access.run(run, .running, in: journal)
        let requests = RunRequests(of: record.id, in: journal)
        let request: OperatorRequest.Kind
        do throws(RunRequestError) {
            request = try await self.request(requests)
            try await post(request, requests)
        } catch {
            throw FleetError(error, record.id)
        }
        StandardStreams.error.write(answer(record.id, request) + "\n")
        return .success
    }
}
