public import FoundationEssentials

/// Takes a plan over the fleet: one bounded task group a wave, one child for each instance under way, the rules left to ``RolloutMachine``.
///
///     let (stopRequests, operatorAsks) = AsyncStream.makeStream(of: Void.self)
///     // … a signal handler calls operatorAsks.yield()
///     let report = await Coordinator(instanceOperator: runner, events: relay).run(plan, stopRequests: stopRequests)
///     exit(report.exitCode.rawValue)
///
/// The coordinator itself tells when instances start and finish; everything between comes from the instance's operator.
public struct Coordinator: Sendable {
    private let instanceOperator: any InstanceOperator
    private let events: any EventSink
    private let now: @Sendable () -> Date

    /// - Parameters:
    ///   - events: is told everything, in order, and may make the run wait: see ``EventSink/send(_:)``.
    ///   - now: the wall clock that stamps events.
    public init(instanceOperator: any InstanceOperator, events: any EventSink, now: @escaping @Sendable () -> Date = { Date() }) {
        self.instanceOperator = instanceOperator
        self.events = events
        self.now = now
    }

    /// Runs the plan to its end, whatever the end is: it never throws, and every instance of the plan is in the report.
    ///
    /// Cancelling the calling task is the same as both stop requests at once.
    ///
    /// - Parameters:
    ///   - id: the run's id; nil makes a new one.
    ///   - stopRequests: an element each time that the operator asks to stop: after the first nothing starts and what is under way
    ///     finishes, after the second what is under way is cancelled. Further ones change nothing. The stream can be used for one run only.
    @concurrent
    public func run(
        _ plan: RolloutPlan,
        id: RunID? = nil,
        stopRequests: AsyncStream<Void> = AsyncStream { $0.finish() }
    ) async -> RunReport {
        let startedAt = now()
        let mailbox = Mailbox<RunDriver.Message>()
        var driver = RunDriver(
            plan: plan,
            id: id ?? RunID(startedAt: startedAt),
            startedAt: startedAt,
            instanceOperator: instanceOperator,
            sink: events,
            mailbox: mailbox,
            now: now
        )
        return await withTaskGroup(of: Void.self) { listener in
            listener.addTask { for await _ in stopRequests { mailbox.post(.stopRequested) } }
            defer { listener.cancelAll() }
            return await withTaskCancellationHandler {
                await driver.run()
            } onCancel: {
                mailbox.post(.stopRequested)
                mailbox.post(.stopRequested)
            }
        }
    }
}
