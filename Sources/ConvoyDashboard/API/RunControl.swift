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
    enum Action: Sendable, Hashable, CaseIterable {
        /// Asked of those who carry the run out.
        case request(Request)
        /// What the dashboard does itself.
        case resume, abandon

        static var allCases: [Action] { Request.allCases.map(Action.request) + [.resume, .abandon] }

        /// The last part of its path.
        var name: String {
            switch self {
            case .request(let request): request.rawValue
            case .resume: "resume"
            case .abandon: "abandon"
            }
        }

        /// What a token must have for it.
        var role: Role { self == .request(.approve) ? .approver : .operator }
    }

    /// What may be asked of a run in progress.
    enum Request: String, Sendable, CaseIterable {
        case stop
        /// As `convoy stop --now`: cancels the migrations in progress.
        case stopNow = "stop-now"
        case approve, pause, unpause
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
        var shortage: String? { staff?.standstill }
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
            var requests: [Request] = report.isCancelling ? [] : [.stop, .stopNow]
            if report.gate != nil { requests.append(.approve) }
            requests.append(.pause)
            if !report.pausedServers.isEmpty { requests.append(.unpause) }
            var actions = requests.map(Action.request)
            // What is asked of a run that no worker takes waits until one does; these two do not.
            if standing.shortage != nil { actions += [.resume, .abandon] }
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
        case .request(let request):
            try await post(request, server: server, by: person(holder), to: run)
            return nil
        }
    }

    /// Why an action makes no sense now.
    private func refusal(of action: Action, _ standing: Standing) -> HTTPProblem {
        let state = standing.state
        if action == .request(.approve), state == .running { return HTTPProblem(.conflict, "the run is not waiting at a gate") }
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
            case .request(.stop), .request(.stopNow): "being cancelled"
            case .request: state.text
            case .resume, .abandon: "running; stop it first"
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

    private func post(_ request: Request, server: String?, by person: String, to run: RunID) async throws {
        let requests = RunRequests(of: run, in: try await journal())
        do throws(RunRequestError) {
            switch request {
            // A second one would cancel what is in progress; two people may press the button at once.
            case .stop: try await requests.postFirstStop(by: person)
            case .stopNow: try await requests.postCancellation(by: person)
            case .approve: try await requests.post(try await requests.approval(), by: person)
            case .pause: try await requests.post(try await requests.pause(server ?? ""), by: person)
            case .unpause: try await requests.post(try await requests.unpause(server ?? ""), by: person)
            }
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
