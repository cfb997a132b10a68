import ConvoyIO
import ConvoyJournal
import ConvoyRollout
import ConvoyRun
import ConvoyText

/// A run that a worker takes part in, as far as the worker has followed it. It belongs to the worker's own loop.
final class WorkerRun {
    /// A decision whose COMMIT was not confirmed.
    struct Unsettled {
        var count: Int64
        /// The last of the reports that were in it.
        var report: Int
        /// The events in it that are worth a notification.
        var news: [Event]
    }

    let id: RunID
    let plan: RunPlan
    let terms: RunDecider.Terms
    let execution: WorkExecution
    /// The servers of the run on which the worker works; nil is all.
    let servers: Set<String>?
    let notifier: WorkerNotifier?
    let tracer: WorkerTracer?
    /// Which hand-over its files and its decider are of.
    let handOver: String
    /// Whether a decision has found that it was handed over anew.
    var isOutdated = false
    /// Whether a decision has found that events are not recorded any more which this worker knows.
    var isLost = false
    /// The last event that the tracer has.
    private(set) var lastTraced: Int64
    /// Of what the decision under way records, the events that are worth a notification.
    var pendingNews: [Event] = []
    /// What is to be notified as soon as there is a decider.
    private var heldNews: [Event] = []
    /// Whether it has, or may have, recorded events whose notifications it has not sent yet.
    var owesNews: Bool { unsettled != nil || !heldNews.isEmpty }
    /// The waves for whose gate it was recorded that the run waits.
    private var announcedGates: Set<String> = []
    /// Nil where it is to be made from the events.
    var decider: RunDecider?
    /// Why the decider has not begun, although something is recorded.
    private(set) var problem: String?
    /// The last event that the decider has, and its fingerprint.
    private(set) var lastEvent: Int64
    private(set) var lastFingerprint: Int?
    var reports = PendingReports()
    var unsettled: Unsettled?
    /// Whether an operator's request, the beginning or a resumption is to be decided on.
    var isDue = false
    /// Whether the decider has decided something that is not recorded yet.
    var isTainted = false
    /// Whether too much was recorded since to be read with the run locked.
    var isBehind = false
    /// Of what the decision under way begins, the indices of what this worker takes.
    var claimed: Set<Int> = []
    var lastDecision: ContinuousClock.Instant?
    /// After a failure, when it is tried again, and how long was waited for that.
    private var retry: (at: ContinuousClock.Instant, after: Duration)?
    /// Why its events could not be read.
    var trouble: String?

    /// How long what moves no rule waits for more of its kind.
    private static let patience = Duration.milliseconds(200)
    /// The shortest and the longest wait after a failure.
    private static let retries = (first: Duration.milliseconds(500), longest: Duration.seconds(10))

    init(_ loaded: RunLoader.Loaded, servers: Set<String>?) {
        (id, plan, terms, execution) = (loaded.open.id, loaded.plan, loaded.terms, loaded.execution)
        (handOver, self.servers) = (loaded.open.handOver, servers)
        (decider, problem) = (loaded.restored.decider, loaded.restored.problem)
        (lastEvent, lastFingerprint) = (loaded.restored.lastEvent, loaded.restored.lastFingerprint)
        (notifier, tracer, lastTraced) = (loaded.notifier, loaded.tracer, loaded.restored.lastEvent)
        noteGates(in: loaded.past)
        note(loaded.open)
    }

    /// Takes in how the run stands.
    func note(_ open: OpenRun) {
        isDue = open.turn == 0 || open.hasRequests || open.resumedBy != nil
    }

    /// Whether it has something to decide on now.
    var wantsDecision: Bool {
        if unsettled != nil { return true }
        guard decider != nil, mayTry else { return false }
        if isDue { return true }
        guard !reports.isEmpty else { return false }
        if reports.all.contains(where: { !$0.fact.isProgress }) { return true }
        return lastDecision.map { .now - $0 > Self.patience } ?? true
    }

    /// Whether the wait after the last failure is over.
    var mayTry: Bool { retry.map { $0.at <= .now } ?? true }

    /// Something about it has failed: what fails again waits longer each time, because all its events are read anew.
    ///
    /// - Parameter isPassing: whether the control database was only away.
    func failed(isPassing: Bool) {
        let wait = isPassing ? Self.retries.first : min(retry.map { $0.after * 2 } ?? Self.retries.first, Self.retries.longest)
        retry = (.now + wait, wait)
    }

    func succeeded() { retry = nil }

    /// Whether its rules are at work, so that work can be begun.
    var hasBegun: Bool { decider?.hasBegun == true }

    /// What the decider has is not what is recorded: it is made anew.
    func forget() {
        decider = nil
        (lastEvent, lastFingerprint) = (0, nil)
    }

    /// Whether what the decider has followed is still what is recorded. It is not where a server took over that had not got everything.
    func isRecorded(in locked: LockedRun) -> Bool { locked.knownFingerprint == lastFingerprint }

    /// What this worker has decided is recorded.
    func advance(to committed: CommittedDecision) {
        lastEvent = committed.lastEvent
        if let fingerprint = committed.lastFingerprint { lastFingerprint = fingerprint }
    }

    /// Takes the decider that was made anew.
    func remember(_ restored: RunLoader.Restored) {
        (decider, problem) = (restored.decider, restored.problem)
        (lastEvent, lastFingerprint) = (restored.lastEvent, restored.lastFingerprint)
        for turn in restored.news { show(turn) }
        let held = heldNews
        heldNews = []
        notify(of: held)
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
            (lastEvent, lastFingerprint) = (turn.lastEvent, turn.lastFingerprint)
            show(turn)
        }
    }

    private func show(_ turn: RecordedTurn) {
        noteGates(in: turn.events)
        trace(turn.events, upTo: turn.lastEvent, isOwn: false)
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
        guard let decider else { return heldNews += news }
        notifier?.send(news, decider.log)
    }

    // MARK: Traces

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
