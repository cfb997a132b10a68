package import ConvoyJournal
internal import ConvoyRollout
package import ConvoyRun
internal import FoundationEssentials

/// Why a request to a run is refused.
package enum RunRequestError: Error, Sendable, Hashable {
    /// No gate of the run is open.
    case noOpenGate
    /// The run is stopping already, or was asked to a moment ago: a further request cancels it.
    case alreadyStopping
    /// The open gate does not require approval.
    case approvalNotRequired(wave: String)
    /// The run has no instance on that server; `known` are the servers that it has instances on, sorted.
    case unknownServer(String, known: [String])
    /// The plan of the run cannot be read, for this reason.
    case unreadablePlan(String)
    /// The journal cannot be used.
    case journal(JournalError)
}

/// What an operator can ask of an active run in another process. The command line and the dashboard both use it, so that both accept and refuse the
/// same requests.
package struct RunRequests: Sendable {
    private let journal: any RunStore
    private let run: RunID

    package init(of run: RunID, in journal: any RunStore) {
        self.run = run
        self.journal = journal
    }

    /// An approval of the gate that the run waits at.
    ///
    /// - Throws: ``RunRequestError/noOpenGate`` or ``RunRequestError/approvalNotRequired(wave:)``.
    package func approval() async throws(RunRequestError) -> OperatorRequest.Kind {
        let plan = try await plan()
        let log = try await waits()
        guard let wave = log.gate?.wave else { throw .noOpenGate }
        guard plan.waves.first(where: { $0.name == wave })?.gate?.approve == true else { throw .approvalNotRequired(wave: wave) }
        return .approve(wave: wave)
    }

    /// How long a run may take to find a request, and to record that it has.
    private static let requestDelay = Duration.seconds(10)

    /// Asks the run to stop, if this is the first request to: a second one would cancel what is in progress.
    ///
    /// - Parameter person: who asks, for example `user@host`.
    /// - Throws: ``RunRequestError/alreadyStopping``.
    package func postFirstStop(by person: String) async throws(RunRequestError) {
        let log = try await waits()
        guard !log.isStopping, !log.isCancelling else { throw .alreadyStopping }
        let isLeft: Bool
        do throws(JournalError) {
            isLeft = try await journal.post(.stop, to: run, by: person, at: Date(), unlessAskedWithin: Self.requestDelay)
        } catch {
            throw .journal(error)
        }
        guard isLeft else { throw .alreadyStopping }
    }

    /// A request to start nothing new on a server.
    ///
    /// - Throws: ``RunRequestError/unknownServer(_:known:)``.
    package func pause(_ server: String) async throws(RunRequestError) -> OperatorRequest.Kind {
        try await check(server)
        return .pause(server: server)
    }

    /// A request to start instances on a paused server again.
    ///
    /// - Throws: ``RunRequestError/unknownServer(_:known:)``.
    package func unpause(_ server: String) async throws(RunRequestError) -> OperatorRequest.Kind {
        try await check(server)
        return .unpause(server: server)
    }

    /// Leaves a request in the journal, where the run finds it within a second.
    ///
    /// - Parameter person: who asks, for example `user@host`.
    package func post(_ request: OperatorRequest.Kind, by person: String) async throws(RunRequestError) {
        do throws(JournalError) {
            try await journal.post(request, to: run, by: person, at: Date())
        } catch {
            throw .journal(error)
        }
    }

    /// Asks the run to cancel what is in progress: as a second request to stop, whether there was a first one or not.
    ///
    /// - Parameter person: who asks, for example `user@host`.
    package func postCancellation(by person: String) async throws(RunRequestError) {
        // A run counts the requests to stop, and from the second one on it is cancelled.
        for _ in 0..<2 { try await post(.stop, by: person) }
    }

    /// What the whole run waits for.
    private func waits() async throws(RunRequestError) -> RunLog {
        var log = RunLog()
        do throws(JournalError) {
            for try await recorded in journal.events(of: run, .waits) {
                if let event = recorded.event { log.apply(event) }
            }
        } catch {
            throw .journal(error)
        }
        return log
    }

    private func check(_ server: String) async throws(RunRequestError) {
        let servers = Set(try await plan().instances.map(\.server))
        guard servers.contains(server) else { throw .unknownServer(server, known: servers.sorted()) }
    }

    private func plan() async throws(RunRequestError) -> RunPlan {
        do throws(RecordedPlanError) {
            return try await journal.runPlan(of: run)
        } catch {
            switch error {
            case .journal(let error): throw .journal(error)
            case .unreadable(let reason): throw .unreadablePlan(reason)
            }
        }
    }
}
