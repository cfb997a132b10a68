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

/// Probes the instances on request and by a schedule, one probe at a time.
actor FleetProbing {
    private let look: @Sendable () async throws(ProbeError) -> ProbeFindings
    /// Nil if only requests start a probe.
    nonisolated let schedule: ProbeSchedule?
    nonisolated private let clock: any Clock<Duration>
    private(set) var state = ProbeState.never
    /// What the last successful probe found, and when.
    private(set) var findings: (at: Date, ProbeFindings)?
    private let requests: AsyncStream<Void>
    private let request: AsyncStream<Void>.Continuation

    init(
        _ look: @escaping @Sendable () async throws(ProbeError) -> ProbeFindings,
        _ schedule: ProbeSchedule? = nil,
        on clock: any Clock<Duration> = ContinuousClock()
    ) {
        self.look = look
        self.schedule = schedule
        self.clock = clock
        (requests, request) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Requests a probe, unless one is running.
    func ask(at now: Date) {
        if case .running = state { return }
        state = .running(since: now)
        request.yield()
    }

    /// Does what is asked for, and what the schedule asks for, until the task is cancelled.
    nonisolated func run() async {
        await withTaskGroup(of: Void.self) { group in
            if let schedule { group.addTask { await self.ask(by: schedule, on: self.clock) } }
            await answer()
            group.cancelAll()
        }
    }

    nonisolated private func ask<C: Clock>(by schedule: ProbeSchedule, on clock: C) async where C.Duration == Duration {
        let start = clock.now
        var due = schedule.first
        while (try? await clock.sleep(until: start.advanced(by: due), tolerance: nil)) != nil {
            await ask(at: Date())
            due = schedule.next(after: start.duration(to: clock.now))
        }
    }

    private func answer() async {
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
