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
        case approve, pause, unpause, resume, abandon

        /// What a token must have for it.
        var role: Role { self == .approve ? .approver : .operator }
    }

    /// How a run stands, as far as that decides what may be done to it.
    struct Standing: Sendable {
        var state: RunState
        var report: FleetReport
        /// Why a halted run cannot be resumed; nil if it can.
        var finalReason: HaltReason?
        /// Who carries out a run that workers have; nil for every other run.
        var staff: RunStaff?

        /// Why no worker takes the run; nil where one may, or where no worker has to.
        var shortage: String? { staff?.isMissing == true ? staff?.shortage : nil }
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
    func actions(_ standing: Standing) -> [Action] {
        switch standing.state {
        case .running:
            let report = standing.report
            // What is cancelled already cannot be stopped any sooner.
            var actions: [Action] = report.isCancelling ? [] : [.stop, .stopNow]
            if report.gate != nil { actions.append(.approve) }
            actions.append(.pause)
            if !report.pausedServers.isEmpty { actions.append(.unpause) }
            // What is asked of a run that no worker takes waits until one does; these two do not.
            if standing.staff?.isMissing == true { actions += [.resume, .abandon] }
            return actions
        case .ended(.halted): return standing.finalReason == nil ? [.resume, .abandon] : [.abandon]
        case .cutOff, .ended(.interrupted): return [.resume, .abandon]
        case .ended(.succeeded), .ended(.failed), .ended(.abandoned): return []
        }
    }

    /// - Returns: what the operator should do now: one sentence; nil if there is nothing.
    /// - Throws: ``HTTPProblem`` if it makes no sense now; ``JournalError`` if it cannot be written down.
    func act(
        _ action: Action,
        server: String?,
        by holder: TokenHolder?,
        on run: RunID,
        _ standing: Standing
    ) async throws -> String? {
        guard actions(standing).contains(action) else { throw refusal(of: action, standing) }
        switch action {
        case .resume:
            do throws(ResumeError) {
                // The process adds the user that it runs as.
                try await resume(run, holder?.name.map { "\($0) via dashboard" })
            } catch {
                throw HTTPProblem(.conflict, error.message)
            }
            return nil
        case .abandon: return try await abandon(run, by: person(holder))
        case .stop, .stopNow, .approve, .pause, .unpause:
            try await request(action, server: server, by: person(holder), of: run)
            return nil
        }
    }

    /// Why an action makes no sense now.
    private func refusal(of action: Action, _ standing: Standing) -> HTTPProblem {
        let state = standing.state
        if action == .approve, state == .running { return HTTPProblem(.conflict, "the run is not waiting at a gate") }
        if action == .resume, state == .ended(.halted), let finalReason = standing.finalReason {
            return HTTPProblem(.conflict, "the run cannot be resumed: \(finalReason)")
        }
        // What no worker would answer is not to be stopped first.
        if action == .resume || action == .abandon, let staff = standing.staff, let shortage = staff.shortage, let leases = staff.leases {
            return HTTPProblem(.conflict, "this action is not available: the run is running; \(shortage); \(leases)")
        }
        let why =
            switch action {
            case _ where state != .running: state.text
            case .stop, .stopNow: "being cancelled"
            case .resume, .abandon: "running; stop it first"
            case .approve, .pause, .unpause: state.text
            }
        return HTTPProblem(.conflict, "this action is not available: the run is \(why)")
    }

    private func abandon(_ run: RunID, by person: String) async throws -> String? {
        do throws(FleetError) {
            let catalog = RunCatalog(journal: place) { _ in }
            return try await catalog.abandon(run.description, by: person, in: try await catalog.openExisting(for: .writing)).advice
        } catch {
            // A journal that cannot be used is one that may be again. What it refuses is not to be asked for again by itself.
            guard error.code != .journal || error.refusal != nil else {
                throw HTTPProblem(.serviceUnavailable, error.description, headers: [.retryAfter: "5"])
            }
            throw HTTPProblem(.conflict, error.message)
        }
    }

    private func request(_ action: Action, server: String?, by person: String, of run: RunID) async throws {
        let requests = RunRequests(of: run, in: try await journal())
        do throws(RunRequestError) {
            let request: OperatorRequest.Kind
            switch action {
            case .stopNow: return try await requests.postCancellation(by: person)
            // A second one would cancel what is in progress; two people may press the button at once.
            case .stop: return try await requests.postFirstStop(by: person)
            case .approve: request = try await requests.approval()
            case .pause: request = try await requests.pause(server ?? "")
            case .unpause: request = try await requests.unpause(server ?? "")
            case .resume, .abandon: return
            }
            try await requests.post(request, by: person)
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
