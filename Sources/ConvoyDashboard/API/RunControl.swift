import ConvoyIO
import ConvoyJournal
import ConvoyReporting
import ConvoyRollout
public import ConvoyRun
internal import FoundationEssentials
internal import HTTPTypes

/// A run could not be resumed.
public struct ResumeError: Error, Sendable {
    /// Why; sentences without a secret.
    public var message: String

    public init(_ message: String) {
        self.message = message
    }
}

/// What the dashboard may do to a run, beyond showing it.
public struct RunControl: Sendable {
    enum Action: String, Sendable, CaseIterable {
        case stop, approve, pause, unpause, resume
    }

    /// The journal's file.
    private let path: String
    /// The client, as the journal keeps it: `dashboard (user@host)`.
    private let person: String
    private let resume: @Sendable (RunID) async throws(ResumeError) -> Void

    /// - Parameters:
    ///   - journal: its file.
    ///   - person: the user that the server runs as: `user@host`.
    ///   - resume: resumes a run in a process of its own, and returns when that process has taken over the run.
    public init(journal: String, person: String, resume: @escaping @Sendable (RunID) async throws(ResumeError) -> Void) {
        path = journal
        self.person = "dashboard (\(person))"
        self.resume = resume
    }

    /// What makes sense now, for the buttons.
    ///
    /// - Parameter finalReason: why a halted run cannot be resumed; nil if it can.
    func actions(_ state: RunState, _ report: FleetReport, finalReason: HaltReason?) -> [Action] {
        switch state {
        case .running: [.stop] + (report.gate == nil ? [] : [.approve]) + [.pause] + (report.pausedServers.isEmpty ? [] : [.unpause])
        case .halted: finalReason == nil ? [.resume] : []
        case .cutOff, .interrupted: [.resume]
        case .succeeded, .failed, .abandoned: []
        }
    }

    /// - Throws: ``HTTPProblem`` where it makes no sense now; ``JournalError`` where it cannot be written down.
    func act(
        _ action: Action,
        server: String?,
        on run: RunRecord,
        _ state: RunState,
        _ report: FleetReport,
        finalReason: HaltReason?
    ) async throws {
        guard actions(state, report, finalReason: finalReason).contains(action) else {
            if action == .approve, state == .running { throw HTTPProblem(.conflict, "the run is not waiting at a gate") }
            if action == .resume, state == .halted, let finalReason {
                throw HTTPProblem(.conflict, "the run cannot be resumed: \(finalReason)")
            }
            throw HTTPProblem(.conflict, "this action is not available: the run is \(state.rawValue)")
        }
        switch action {
        case .stop: try await post(.stop, to: run)
        case .approve: try await approve(run, report)
        case .pause: try await post(.pause(server: try await check(server, run)), to: run)
        case .unpause: try await post(.unpause(server: try await check(server, run)), to: run)
        case .resume:
            do throws(ResumeError) {
                try await resume(run.id)
            } catch {
                throw HTTPProblem(.conflict, error.message)
            }
        }
    }

    private func approve(_ run: RunRecord, _ report: FleetReport) async throws {
        let plan = try await plan(of: run)
        guard let wave = report.gate?.wave, plan.waves.first(where: { $0.name == wave })?.gate?.approve == true else {
            throw HTTPProblem(.conflict, "the gate does not need an approval")
        }
        try await post(.approve(wave: wave), to: run)
    }

    private func check(_ server: String?, _ run: RunRecord) async throws -> String {
        let plan = try await plan(of: run)
        guard let server, plan.waves.contains(where: { $0.instances.contains { $0.server == server } }) else {
            throw HTTPProblem(.badRequest, "the run has no instance on that server; name a server as ?server=NAME")
        }
        return server
    }

    private func plan(of run: RunRecord) async throws -> PinnedPlan {
        let data = try await journal().plan(of: run.id) ?? Data()
        do throws(InvalidPlan) {
            return try PinnedPlan(data: data)
        } catch {
            throw HTTPProblem(.conflict, "the plan of the run cannot be read: \(error.message)")
        }
    }

    private func post(_ request: OperatorRequest.Kind, to run: RunRecord) async throws {
        try await journal().post(request, to: run.id, by: person, at: Date())
    }

    /// Opened for as long as something is done with it: a dashboard that is left alone may not write.
    private func journal() async throws(JournalError) -> SQLiteJournal { try await SQLiteJournal.open(path: path) }
}
