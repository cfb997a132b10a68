package import ConvoyFleet
import ConvoyIO
package import ConvoyRun
import ConvoyText
package import FoundationEssentials

/// What a run needs besides its plan. `run` starts the listeners and lets a `RunDriver` do the run.
///
///     let (stopRequests, operatorAsks) = AsyncStream.makeStream(of: Void.self)
///     // … a signal handler calls operatorAsks.yield()
///     let log = await Coordinator(migrator: runner, inspector: runner, events: relay, journal: journal).run(plan, on: targets, stopRequests: stopRequests)
///     print(log.status)
///
/// The driver reports when instances start and finish; the migrator reports everything between.
package struct Coordinator: Sendable {
    let migrator: any InstanceMigrator
    let inspector: any InstanceInspector
    let events: any EventSink
    let journal: (any Journal)?
    /// Hooks and gates.
    package let surroundings: RunSurroundings
    /// Outside it nothing new starts.
    package let window: MaintenanceWindow?
    let timing: Timing
    let now: @Sendable () -> Date
    private let onTakenOver: @Sendable (JournalError) -> Void
    private let onUnrecorded: @Sendable (UnrecordedEnd) -> Void

    /// How often it checks for input from outside.
    package struct Timing: Sendable {
        /// Between two checks for requests of other processes, and of whether the run is still this process's own.
        package var requests = Duration.milliseconds(500)
        /// Between two checks of a server's free connections.
        package var slots = Duration.seconds(5)

        package init() {}
    }

    /// - Parameters:
    ///   - migrator: migrates the instances.
    ///   - inspector: reads what they and their servers allow.
    ///   - events: is shown everything, in order, after the journal has taken it or refused; a refusal halts the run. It may make the run
    ///     wait: see ``EventSink/send(_:)``.
    ///   - journal: makes events durable before the run acts on them; nil keeps none. It has begun the run already.
    ///   - surroundings: hooks and gates.
    ///   - window: outside it nothing new starts.
    ///   - now: the wall clock that stamps events and opens the window.
    ///   - onTakenOver: is called once, with the reason, if another process has the run now. Then nothing more begins, what is in progress is cancelled,
    ///     no hook runs, nothing more is shown, and the run's log says nothing about its end.
    ///   - onUnrecorded: is called once, with the reason, if the journal has not taken the end of the run: for others it looks cut off.
    package init(
        migrator: any InstanceMigrator,
        inspector: any InstanceInspector,
        events: any EventSink,
        journal: (any Journal)? = nil,
        surroundings: RunSurroundings = RunSurroundings(),
        window: MaintenanceWindow? = nil,
        timing: Timing = Timing(),
        now: @escaping @Sendable () -> Date = { Date() },
        onTakenOver: @escaping @Sendable (JournalError) -> Void = { _ in },
        onUnrecorded: @escaping @Sendable (UnrecordedEnd) -> Void = { _ in }
    ) {
        self.migrator = migrator
        self.inspector = inspector
        self.events = events
        self.journal = journal
        self.surroundings = surroundings
        self.window = window
        self.timing = timing
        self.now = now
        self.onTakenOver = onTakenOver
        self.onUnrecorded = onUnrecorded
    }

    /// Runs the plan to its end, whatever the end is: it never throws.
    ///
    /// Cancelling the calling task is the same as both stop requests at once.
    ///
    /// - Parameters:
    ///   - targets: the connections and gates; instances of the plan that are not among them are skipped.
    ///   - id: the run's id; nil makes a new one.
    ///   - past: what the journal has of the run, if this process resumes it.
    ///   - person: who runs it, as `user@host`.
    ///   - stopRequests: an element each time that the operator asks to stop: after the first nothing starts and what is in progress
    ///     finishes, after the second what is in progress is cancelled. One more ends the wait for the last events. The stream can be used for one run only.
    ///   - answers: what the operator asks for in this process; other processes ask through the journal.
    /// - Returns: what happened in the run, from its first process on.
    @concurrent
    package func run(
        _ plan: RunPlan,
        on targets: RunTargets,
        id: RunID? = nil,
        resuming past: RunLog? = nil,
        by person: String = "",
        stopRequests: AsyncStream<Void> = AsyncStream { $0.finish() },
        answers: AsyncStream<OperatorRequest.Kind> = AsyncStream { $0.finish() }
    ) async -> RunLog {
        let startedAt = now()
        let id = id ?? RunID(startedAt: startedAt)
        let mailbox = Mailbox<RunDecider.Fact>()
        let loss = OneShot<JournalError>()
        let permit = WorkPermit()
        let stops = StopRequests { [journal] in journal?.hurry(id) }
        var driver = RunDriver(
            self,
            plan: plan,
            targets: targets,
            id: id,
            startedAt: startedAt,
            past: past,
            by: person,
            mailbox: mailbox,
            loss: loss,
            permit: permit,
            stops: stops
        )
        let log = await withTaskGroup(of: Void.self) { listeners in
            listeners.addTask {
                for await _ in stopRequests {
                    stops.note()
                    mailbox.post(.stopRequested)
                }
            }
            listeners.addTask { for await answer in answers { mailbox.post(.requested(answer, by: person)) } }
            listeners.addTask { await listen(to: id, isResumed: past != nil, mailbox, stops, loss, permit) }
            defer { listeners.cancelAll() }
            return await withTaskCancellationHandler {
                await driver.run()
            } onCancel: {
                stops.cancel()
                mailbox.post(.stopRequested)
                mailbox.post(.stopRequested)
            }
        }
        if let loss = loss.current { onTakenOver(loss) }
        if let unrecorded = driver.unrecorded { onUnrecorded(unrecorded) }
        return log
    }

    /// Asks the journal again and again what other processes want of the run.
    private func listen(
        to run: RunID,
        isResumed: Bool,
        _ mailbox: Mailbox<RunDecider.Fact>,
        _ stops: StopRequests,
        _ loss: OneShot<JournalError>,
        _ permit: WorkPermit
    ) async {
        guard let journal else { return }
        // What was asked of the process before this one is in the events that it left.
        var last: Int64? = isResumed ? nil : 0
        let news = journal.news(of: run)
        repeat {
            do {
                let requests = try await journal.requests(of: run, after: last ?? 0)
                for request in requests where last != nil {
                    if request.kind == .stop { stops.note() }
                    mailbox.post(.requested(request.kind, by: request.by))
                }
                last = requests.last?.number ?? last ?? 0
            } catch {
                // A journal that cannot be read is reported when it is written.
                if error.isTakenOver {
                    loss.fulfil(error)
                    permit.withdraw()
                    // Wakes the driver, which then looks at nothing else.
                    mailbox.post(.stopRequested)
                    return
                }
            }
            // As often where the journal says when there is a request: it does not say when the run is lost.
            await news.wait(atMost: timing.requests, listening: timing.requests)
        } while !Task.isCancelled
    }
}
