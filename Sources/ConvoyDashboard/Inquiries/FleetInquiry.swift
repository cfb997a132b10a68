internal import FoundationEssentials

/// What an inquiry found.
protocol InquiryFindings: Sendable {
    /// Why it is incomplete; a sentence each, without a secret.
    var problems: [String] { get }
}

/// The progress of a question to all instances.
enum InquiryState<Findings: InquiryFindings>: Sendable {
    /// It was not asked yet.
    case never
    /// Asked for at that time; it may wait for another inquiry.
    case running(since: Date)
    case done(at: Date, Findings)
    /// Nothing could be asked, for that reason.
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

/// Asks all instances something on request and by a schedule, never twice at once: a probe, or a comparison of their schemas.
actor FleetInquiry<Findings: InquiryFindings> {
    private let look: @Sendable () async throws(ProbeError) -> Findings
    /// Nil if only requests start it.
    nonisolated let schedule: ProbeSchedule?
    nonisolated private let clock: any Clock<Duration>
    private let queue: InquiryQueue
    private(set) var state = InquiryState<Findings>.never
    /// What the last successful one found, and when it began.
    private(set) var findings: (at: Date, Findings)?

    /// - Parameter queue: where it waits for its turn.
    init(
        _ look: @escaping @Sendable () async throws(ProbeError) -> Findings,
        _ schedule: ProbeSchedule? = nil,
        on clock: any Clock<Duration> = ContinuousClock(),
        in queue: InquiryQueue
    ) {
        self.look = look
        self.schedule = schedule
        self.clock = clock
        self.queue = queue
    }

    /// Asks for it, unless it is running.
    func ask(at now: Date) {
        if case .running = state { return }
        state = .running(since: now)
        queue.add { await self.answer() }
    }

    /// Asks for it whenever the schedule says so, until the task is cancelled.
    nonisolated func keepSchedule() async {
        if let schedule { await ask(by: schedule, on: clock) }
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
        do throws(ProbeError) {
            // What a run does meanwhile is newer than what is found.
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
