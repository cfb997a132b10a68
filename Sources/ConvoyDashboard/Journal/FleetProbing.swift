import ConvoyRollout
package import ConvoyRun
internal import FoundationEssentials

/// What a probe of every instance found.
package struct ProbeFindings: Sendable {
    /// Where each instance stands.
    package var statuses: [InstanceStatus]
    /// By instance: its newest version and its schema's fingerprint.
    package var cohorts: [String: String]
    /// Why the probe is incomplete, for example a server that could not list its databases; a sentence each, without a secret.
    package var problems: [String]

    package init(statuses: [InstanceStatus], cohorts: [String: String] = [:], problems: [String] = []) {
        self.statuses = statuses
        self.cohorts = cohorts
        self.problems = problems
    }
}

/// Nothing could be probed.
package struct ProbeError: Error, Sendable {
    /// Why; a sentence without a secret.
    package var message: String

    package init(_ message: String) {
        self.message = message
    }
}

/// The progress of the dashboard's probe.
enum ProbeState: Sendable {
    /// No probe was requested yet.
    case never
    case running(since: Date)
    case done(at: Date, ProbeFindings)
    /// Nothing could be probed, for that reason.
    case failed(at: Date, String)

    var name: String {
        switch self {
        case .never: "never"
        case .running: "running"
        case .done: "done"
        case .failed: "failed"
        }
    }
}

/// Probes the instances on request, one probe at a time.
actor FleetProbing {
    private let look: @Sendable () async throws(ProbeError) -> ProbeFindings
    private(set) var state = ProbeState.never
    /// What the last successful probe found, and when.
    private(set) var findings: (at: Date, ProbeFindings)?
    private let requests: AsyncStream<Void>
    private let request: AsyncStream<Void>.Continuation

    init(_ look: @escaping @Sendable () async throws(ProbeError) -> ProbeFindings) {
        self.look = look
        (requests, request) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Requests a probe, unless one is running.
    func ask(at now: Date) {
        if case .running = state { return }
        state = .running(since: now)
        request.yield()
    }

    /// Does what is asked for until the task is cancelled.
    func run() async {
        for await _ in requests {
            do throws(ProbeError) {
                // What a run does meanwhile is newer than what the probe finds.
                let began = Date()
                let found = try await look()
                if Task.isCancelled { return }
                findings = (began, found)
                state = .done(at: Date(), found)
            } catch {
                state = .failed(at: Date(), error.message)
            }
        }
    }
}
