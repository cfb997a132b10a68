package import ConvoyFleet
import ConvoyIO
import ConvoyJournal
import ConvoyKit
import ConvoyReporting
package import ConvoyRun
internal import FoundationEssentials
internal import HTTPTypes

/// A run could not be resumed.
package struct ResumeError: Error, Sendable {
    /// Why; sentences without a secret.
    package var message: String

    package init(_ message: String) {
        self.message = message
    }
}

/// What the dashboard may do to a run, beyond showing it.
package struct RunControl: Sendable {
    enum Action: String, Sendable, CaseIterable {
        case stop
        /// As `convoy stop --now`: cancels the migrations in progress.
        case stopNow = "stop-now"
        case approve, pause, unpause, resume

        /// What a token must have for it.
        var role: Role { self == .approve ? .approver : .operator }
    }

    private let place: JournalPlace
    /// The dashboard, as the journal keeps it: `dashboard (user@host)`.
    private let dashboard: String
    private let resume: @Sendable (RunID, _ person: String?) async throws(ResumeError) -> Void

    /// - Parameters:
    ///   - journal: where it is.
    ///   - person: the user that the server runs as: `user@host`.
    ///   - resume: resumes a run in a process of its own, and returns when that process has taken over the run; it is given who asks for it, if that is
    ///     known: `ann via dashboard`.
    package init(
        journal: JournalPlace,
        person: String,
        resume: @escaping @Sendable (RunID, _ person: String?) async throws(ResumeError) -> Void
    ) {
        place = journal
        dashboard = "dashboard (\(person))"
        self.resume = resume
    }

    /// Who asks, as the journal keeps it: `ann via dashboard (user@host)`, or only the dashboard.
    private func person(_ holder: TokenHolder?) -> String { holder?.name.map { "\($0) via \(dashboard)" } ?? dashboard }

    /// What makes sense now, for the buttons.
    ///
    /// - Parameter finalReason: why a halted run cannot be resumed; nil if it can.
    func actions(_ state: RunState, _ report: FleetReport, finalReason: HaltReason?) -> [Action] {
        switch state {
        case .running:
            // What is cancelled already cannot be stopped any sooner.
            (report.isCancelling ? [] : [.stop, .stopNow]) + (report.gate == nil ? [] : [.approve]) + [.pause]
                + (report.pausedServers.isEmpty ? [] : [.unpause])
        case .ended(.halted): finalReason == nil ? [.resume] : []
        case .cutOff, .ended(.interrupted): [.resume]
        case .ended(.succeeded), .ended(.failed), .ended(.abandoned): []
        }
    }

    /// - Throws: ``HTTPProblem`` if it makes no sense now; ``JournalError`` if it cannot be written down.
    func act(
        _ action: Action,
        server: String?,
        by holder: TokenHolder?,
        on run: RunRecord,
        _ state: RunState,
        _ report: FleetReport,
        finalReason: HaltReason?
    ) async throws {
        guard actions(state, report, finalReason: finalReason).contains(action) else {
            if action == .approve, state == .running { throw HTTPProblem(.conflict, "the run is not waiting at a gate") }
            if action == .resume, state == .ended(.halted), let finalReason {
                throw HTTPProblem(.conflict, "the run cannot be resumed: \(finalReason)")
            }
            let isCancelled = [.stop, .stopNow].contains(action) && state == .running
            throw HTTPProblem(.conflict, "this action is not available: the run is \(isCancelled ? "being cancelled" : state.text)")
        }
        if action == .resume {
            do throws(ResumeError) {
                // The process adds the user that it runs as.
                try await resume(run.id, holder?.name.map { "\($0) via dashboard" })
            } catch {
                throw HTTPProblem(.conflict, error.message)
            }
            return
        }
        let requests = RunRequests(of: run.id, in: try await journal())
        do throws(RunRequestError) {
            if action == .stopNow { return try await requests.postCancellation(by: person(holder)) }
            // A second one would cancel what is in progress; two people may press the button at once.
            if action == .stop { return try await requests.postFirstStop(by: person(holder)) }
            let request: OperatorRequest.Kind =
                switch action {
                case .approve: try await requests.approval()
                case .pause: try await requests.pause(server ?? "")
                case .unpause: try await requests.unpause(server ?? "")
                case .stop, .stopNow, .resume: .stop
                }
            try await requests.post(request, by: person(holder))
        } catch {
            throw try problem(error)
        }
    }

    /// The answer to a request that is refused.
    ///
    /// - Throws: the ``JournalError`` of a journal that cannot be used.
    private func problem(_ error: RunRequestError) throws(JournalError) -> HTTPProblem {
        switch error {
        case .noOpenGate: HTTPProblem(.conflict, "the run is not waiting at a gate")
        case .alreadyStopping: HTTPProblem(.conflict, "the run is stopping already")
        case .approvalNotRequired: HTTPProblem(.conflict, "the gate does not require approval")
        case .unknownServer: HTTPProblem(.badRequest, "the run has no instance on that server; name a server as ?server=NAME")
        case .unreadablePlan(let reason): HTTPProblem(.conflict, "the plan of the run cannot be read: \(reason)")
        case .journal(let error): throw error
        }
    }

    /// Opened for as long as something is done with it: a dashboard that is left alone may not write.
    private func journal() async throws(JournalError) -> any RunStore { try await place.open() }
}
