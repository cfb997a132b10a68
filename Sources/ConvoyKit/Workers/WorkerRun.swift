import ConvoyIO
import ConvoyJournal
import ConvoyRollout
import ConvoyRun
import ConvoyText

/// A run that a worker takes part in, as far as the worker has followed it. It belongs to the worker's own loop.
final class WorkerRun {
    /// Something that a task of this worker has to say.
    struct Report {
        var key: Assignment.Key
        var attempt: Int64
        var fact: RunDecider.Fact
    }

    /// A decision whose COMMIT was not confirmed.
    struct Unsettled {
        var count: Int64
        /// How many of the reports were in it.
        var reports: Int
        /// The events in it that are worth a notification.
        var news: [Event]
    }

    let id: RunID
    let plan: RunPlan
    let terms: RunDecider.Terms
    let execution: WorkExecution
    /// Nil where nothing is to be notified.
    var notifier: WorkerNotifier?
    /// Nil where it is not traced.
    private(set) var tracer: WorkerTracer?
    /// The last event that the tracer has.
    private var lastTraced: Int64 = 0
    /// Of what the decision under way records, the events that are worth a notification.
    var pendingNews: [Event] = []
    /// The waves for whose gate it was recorded that the run waits.
    private var announcedGates: Set<String> = []
    /// Nil where it is to be made from the events.
    var decider: RunDecider?
    /// The last event that the decider has.
    var lastEvent: Int64 = 0
    /// Reports that no committed decision has.
    var reports: [Report] = []
    var unsettled: Unsettled?
    /// Whether an operator's request, the beginning or a resumption is to be decided on.
    var isDue = false
    /// Whether a person has asked to resume it, and no worker has yet.
    var isResumptionDue: Bool
    /// Whether the decider has decided something that is not recorded yet.
    var isTainted = false
    /// Whether too much was recorded since to be read with the run locked.
    var isBehind = false
    /// Of what the decision under way begins, the indices of what this worker takes.
    var claimed: Set<Int> = []
    var lastDecision: ContinuousClock.Instant?

    /// How long what moves no rule waits for more of its kind.
    private static let patience = Duration.milliseconds(200)

    init(_ id: RunID, _ plan: RunPlan, _ terms: RunDecider.Terms, _ execution: WorkExecution, isResumptionDue: Bool) {
        (self.id, self.plan, self.terms, self.execution) = (id, plan, terms, execution)
        self.isResumptionDue = isResumptionDue
    }

    /// Whether it has something to decide on now.
    var wantsDecision: Bool {
        if isDue || unsettled != nil { return true }
        guard !reports.isEmpty else { return false }
        if reports.contains(where: { !$0.fact.isProgress }) { return true }
        return lastDecision.map { .now - $0 > Self.patience } ?? true
    }

    /// What the decider has is not what is recorded: it is made anew.
    func forget() {
        decider = nil
        lastEvent = 0
    }

    /// Follows turns that other workers recorded.
    ///
    /// - Throws: a ``RunRefusal`` if they are not what the rules of this program give.
    func follow(_ turns: [RecordedTurn]) throws(RunRefusal) {
        for turn in turns where turn.lastEvent > lastEvent {
            do throws(RunDecider.ReplayError) {
                _ = try decider?.replay(turn.events)
            } catch {
                throw .record(error.description)
            }
            lastEvent = turn.lastEvent
            noteGates(in: turn.events)
            trace(turn.events, upTo: turn.lastEvent, isOwn: false)
        }
    }

    /// Begins to follow it, with all that is recorded.
    func follow(from turns: [RecordedTurn]) throws(RunRefusal) {
        lastEvent = turns.last?.lastEvent ?? 0
        for turn in turns {
            noteGates(in: turn.events)
            trace(turn.events, upTo: turn.lastEvent, isOwn: false)
        }
        guard !isResumptionDue else {
            // The rules begin anew with what is recorded, which may come from a process that carried the run out alone.
            var log = RunLog(announcing: plan.plannedWaves)
            for turn in turns { for event in turn.events { log.apply(event) } }
            decider = RunDecider(terms, past: log)
            return
        }
        do throws(RunDecider.ReplayError) {
            decider = try RunDecider.restored(terms, from: turns.map(\.events))
        } catch {
            throw .record(error.description)
        }
    }

    // MARK: Notifications

    /// The events of a turn that are worth a notification; one for each gate is enough.
    func news(in events: [Event]) -> [Event] {
        var announced = announcedGates
        return events.filter { event in
            switch event.kind {
            case .runStarted, .halted, .runFinished: true
            case .gateWaiting(let wave, _): announced.insert(wave).inserted
            default: false
            }
        }
    }

    /// Sends the notifications of what this worker has recorded.
    func notify(of news: [Event]) {
        noteGates(in: news)
        if let decider { notifier?.send(news, decider.log) }
    }

    // MARK: Traces

    /// Gives what is recorded after that event to a tracer, which has the rest.
    func trace(with tracer: WorkerTracer?, after event: Int64) { (self.tracer, lastTraced) = (tracer, event) }

    /// - Parameters:
    ///   - number: of the last of these events.
    ///   - isOwn: whether this worker has recorded them.
    func trace(_ events: [Event], upTo number: Int64, isOwn: Bool) {
        guard number > lastTraced else { return }
        lastTraced = number
        tracer?.take(events, isOwn: isOwn)
    }

    private func noteGates(in events: [Event]) {
        for event in events {
            if case .gateWaiting(let wave, _) = event.kind { announcedGates.insert(wave) }
        }
    }
}

extension RunDecider.Fact {
    /// Whether it moves no rule.
    var isProgress: Bool {
        if case .event = self { true } else { false }
    }

    /// Whether nothing more comes from the work that reports it.
    var isEnding: Bool {
        switch self {
        case .instanceFinished, .rollbackFinished, .hookFinished, .gateEnded: true
        case .event, .stopRequested, .requested, .slots, .budget, .window: false
        }
    }
}
