import ConvoyFleet
import ConvoyMigrations
import ConvoyRun
import FoundationEssentials
import TestSupport

@testable import ConvoyRollout

/// One run of a random fleet by random workers that die, are paused past their leases, lose acknowledgements and report twice; then a calm in
/// which it has to end.
struct ProtocolRun {
    /// How a transaction ends.
    private enum Commit: String {
        case committed
        /// Committed, but the worker does not hear of it.
        case unheard = "committed, unheard"
        /// Not committed, and the worker hears nothing.
        case lost
        /// Not committed: the worker died before.
        case diedBefore = "died before the commit"
        /// Committed, and the worker died.
        case diedAfter = "died after the commit"

        var isCommitted: Bool { self == .committed || self == .unheard || self == .diedAfter }
        var isDeath: Bool { self == .diedBefore || self == .diedAfter }
    }

    private let seed: UInt64
    private let terms: RunDecider.Terms
    private let badness: Double
    private let stopChance: Double
    private let faultChance: Double
    private let keepsStory: Bool
    private(set) var story: [String] = []
    private(set) var monitor: ProtocolMonitor
    private(set) var control: ControlModel
    private var workers: [WorkerModel]
    private var random: SeededGenerator
    private var resumptions = 0
    private var isCalm = false

    init(seed: UInt64, mutation: ProtocolMutation? = nil, keepsStory: Bool = false) {
        self.seed = seed
        self.keepsStory = keepsStory
        random = SeededGenerator(seed: seed)
        terms = RandomTerms(&random).terms()
        badness = [0, 0.1, 0.4].randomElement(using: &random) ?? 0
        stopChance = Bool.random(using: &random) ? 0.01 : 0
        faultChance = [0, 0.05, 0.2].randomElement(using: &random) ?? 0
        monitor = ProtocolMonitor(terms)
        control = ControlModel(mutation: mutation)
        workers = (0..<Int.random(in: 1...4, using: &random)).map { WorkerModel(number: $0) }
    }

    /// What went wrong in the run with this seed, with its story; empty if nothing did.
    static func problems(seed: UInt64, mutation: ProtocolMutation? = nil) -> String {
        var run = ProtocolRun(seed: seed, mutation: mutation)
        run.run()
        guard !run.monitor.problems.isEmpty else { return "" }
        var told = ProtocolRun(seed: seed, mutation: mutation, keepsStory: true)
        told.run()
        return "seed \(seed): \(told.monitor.problems.joined(separator: "; "))\n" + told.story.suffix(80).joined(separator: "\n")
    }

    mutating func run() {
        begin(by: workers[0].number)
        for _ in 0..<Int.random(in: 50...250, using: &random) where monitor.problems.isEmpty { disturb() }
        isCalm = true
        tell { "calm" }
        for _ in 0..<300 where monitor.problems.isEmpty {
            if isOver { return }
            calmRound()
        }
        if monitor.problems.isEmpty { monitor.fail("the run does not end") }
    }

    private var isOver: Bool { if case .runFinished = control.turns.last?.last?.kind { true } else { false } }
    private var date: Date { Date(timeIntervalSince1970: 1_000_000 + control.clock) }

    private mutating func chance(_ value: Double) -> Bool { Double.random(in: 0..<1, using: &random) < value }

    private mutating func tell(_ text: () -> String) {
        if keepsStory { story.append("\(Int(control.clock))s \(text())") }
    }

    // MARK: What happens

    private mutating func disturb() {
        if chance(0.3) { control.clock += .random(in: 0...8, using: &random) }
        if chance(stopChance) { ask(.stop) }
        if chance(0.03) { ask(.pause(server: "s\(Int.random(in: 0..<4, using: &random))")) }
        if chance(0.06) { ask(.unpause(server: "s\(Int.random(in: 0..<4, using: &random))")) }
        if chance(0.02) { ask(.approve(wave: Bool.random(using: &random) ? nil : "w\(Int.random(in: 0..<3, using: &random))")) }
        let index = Int.random(in: 0..<workers.count, using: &random)
        if isOver, resumptions < 2, chance(0.1) {
            resumptions += 1
            if workers[index].state == .alive { begin(by: index) }
        }
        switch workers[index].state {
        case .dead: if chance(0.3) { workers[index].restart() }
        case .paused:
            if chance(0.2) {
                workers[index].state = .alive
                tell { "worker \(index) continues" }
            }
        case .alive: act(index)
        }
    }

    private mutating func act(_ index: Int) {
        if chance(faultChance / 4) { return die(index) }
        if chance(faultChance / 4) {
            workers[index].state = .paused
            return tell { "worker \(index) is paused" }
        }
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<25: claim(index)
        case 25..<40: renew(index)
        case 40..<65: work(index)
        case 65..<68: giveBack(index)
        case 68..<73: reportAgain(index)
        default: report(index)
        }
    }

    /// Every worker does all that it should; whoever is away comes back, and operators let everything go on.
    private mutating func calmRound() {
        control.clock += 16
        for server in 0..<4 { ask(.unpause(server: "s\(server)")) }
        for index in workers.indices {
            if workers[index].state == .dead { workers[index].restart() }
            workers[index].state = .alive
            renew(index)
            claim(index)
            for _ in 0..<4 { work(index) }
            report(index)
            guard monitor.problems.isEmpty else { return }
        }
    }

    private mutating func ask(_ request: OperatorRequest.Kind) {
        guard !isOver else { return }
        control.ask(request)
        tell { "asked: \(request)" }
    }

    private mutating func die(_ index: Int) {
        workers[index].state = .dead
        tell { "worker \(index) dies" }
    }

    /// A fault of the network or of the process around a commit.
    private mutating func commit() -> Commit {
        // A run that was not submitted is no run.
        guard !isCalm, !control.turns.isEmpty, chance(faultChance) else { return .committed }
        return [.unheard, .lost, .diedBefore, .diedAfter].randomElement(using: &random) ?? .lost
    }

    // MARK: Claims

    private mutating func claim(_ index: Int) {
        let worker = workers[index].identity
        let end = commit()
        guard end.isCommitted else { return end.isDeath ? die(index) : () }
        let claims = control.claim(by: worker, most: max(0, .random(in: 1...3, using: &random) + (isCalm ? 20 : 0)))
        for claim in claims {
            monitor.claimed(claim, by: worker, at: control.clock)
            let work = control.assignments[claim.assignment].work
            tell { "worker \(index) claims \(claim.assignment) \(work), attempt \(claim.attempt): \(end.rawValue)" }
            if end == .committed { take([claim], index) }
        }
        if end.isDeath { die(index) }
    }

    /// The worker knows that it has these.
    private mutating func take(_ claims: [ControlModel.Claim], _ index: Int) {
        for claim in claims {
            let work = control.assignments[claim.assignment].work
            workers[index].jobs.append(.init(claim: claim, work: work, steps: .random(in: 0...3, using: &random)))
        }
    }

    /// Renews what it has, gives back what it does not know of, and stops what is not its own any more.
    private mutating func renew(_ index: Int) {
        let worker = workers[index].identity
        let held = control.renewAll(of: worker)
        for claim in held { monitor.renewed(claim, by: worker, at: control.clock) }
        let lost = workers[index].jobs.map(\.claim).filter { !held.contains($0) }
        workers[index].jobs.removeAll { lost.contains($0.claim) }
        if !lost.isEmpty { tell { "worker \(index) finds its claims of \(lost.map(\.assignment)) gone" } }
        for claim in held where !workers[index].jobs.contains(where: { $0.claim == claim }) && control.mutation != .keepsOrphans {
            giveBack(claim, by: index)
        }
    }

    private mutating func giveBack(_ claim: ControlModel.Claim, by index: Int) {
        control.giveBack(claim, by: workers[index].identity)
        if control.assignments[claim.assignment].state == .waiting { monitor.gaveBack(claim) }
        tell { "worker \(index) gives \(claim.assignment) back" }
    }

    private mutating func giveBack(_ index: Int) {
        guard let place = workers[index].jobs.firstIndex(where: { $0.answer == nil && $0.news.isEmpty }) else { return }
        let job = workers[index].jobs.remove(at: place)
        giveBack(job.claim, by: index)
    }

    // MARK: Work

    private mutating func work(_ index: Int) {
        for place in workers[index].jobs.indices where chance(isCalm ? 1 : 0.5) {
            let job = workers[index].jobs[place]
            guard job.answer == nil else { continue }
            let isCancelled = workers[index].decider?.log.isCancelling == true
            if job.isWatch {
                let badness = isCalm ? 0 : badness
                let calm: RunDecider.Fact =
                    if case .watchServer(let server) = job.work { .slots(server: server, available: nil) } else {
                        .window(closedUntil: nil)
                    }
                let fact = isCalm ? calm : RandomTerms.answer(job.work, badness: badness, isCancelled: false, at: date, &random)
                workers[index].jobs[place].news = [fact].compactMap(\.self)
            } else if job.steps > 0, !isCancelled {
                workers[index].jobs[place].steps -= 1
                guard case .change(let name, _) = job.work, chance(0.3) else { continue }
                let event = Event(at: date, .instancePlanned(instance: name, from: nil, pending: [MigrationVersion(7)]))
                workers[index].jobs[place].news.append(.event(event))
            } else {
                workers[index].jobs[place].answer =
                    RandomTerms.answer(job.work, badness: isCalm ? 0 : badness, isCancelled: isCancelled, at: date, &random)
            }
        }
    }

    // MARK: Decisions

    private mutating func begin(by index: Int) {
        let isWindowClosed = terms.hasWindow && Bool.random(using: &random)
        let closedUntil = isWindowClosed ? date + 60 : nil
        let date = self.date
        decide(index, of: [], always: true) { $0.begin(by: "ann@host", windowClosedUntil: closedUntil, at: date) }
    }

    private mutating func report(_ index: Int) {
        let jobs = workers[index].jobs.filter { $0.hasReport }
        let some = isCalm ? jobs : jobs.filter { _ in chance(0.7) }
        report(some, by: index)
    }

    private mutating func reportAgain(_ index: Int) {
        report(workers[index].lastReport, by: index)
    }

    private mutating func report(_ jobs: [WorkerModel.Job], by index: Int) {
        let worker = workers[index].identity
        let control = self.control
        let accepted = jobs.filter { control.accepts($0.claim, by: worker) }
        for job in jobs where !accepted.contains(where: { $0.claim == job.claim }) {
            // Refused, or committed before and not heard of: in both cases there is nothing more to do.
            workers[index].jobs.removeAll { $0.claim == job.claim }
            tell { "worker \(index) reports \(job.claim.assignment) \(job.work), attempt \(job.claim.attempt): refused" }
        }
        let facts = accepted.flatMap { $0.news + [$0.answer].compactMap(\.self) }
        let requests = control.unserved.map { RunDecider.Fact.requested($0, by: "eve@host") }
        let date = self.date
        decide(index, of: accepted, always: !(facts.isEmpty && requests.isEmpty)) { $0.decide(requests + facts, at: date) }
    }

    /// One decision: fold, decide, write, commit.
    ///
    /// - Parameter always: false only folds.
    private mutating func decide(
        _ index: Int,
        of jobs: [WorkerModel.Job],
        always: Bool,
        _ body: (inout RunDecider) -> RunDecider.Turn
    ) {
        do {
            try fold(index)
        } catch {
            return monitor.fail("worker \(index) cannot replay: \(error)")
        }
        guard always, var decider = workers[index].decider.take() else { return }
        let folded = workers[index].folded
        let turn = body(&decider)
        let end = commit()
        let worker = workers[index].identity
        tell {
            "worker \(index) decides on \(jobs.map { "\($0.claim.assignment).\($0.claim.attempt)" }): "
                + "\(turn.events.map(\.kind.text).joined(separator: ", ")): \(end.rawValue)"
        }
        workers[index].decisions += 1
        var claims: [ControlModel.Claim] = []
        if end.isCommitted {
            for job in jobs { monitor.accepted(job.claim, by: worker, endsWork: job.answer != nil) }
            let ended = jobs.filter { $0.answer != nil }.map(\.claim)
            let room = Int.random(in: 0...2, using: &random)
            claims = control.record(turn, ending: ended, by: worker, count: workers[index].decisions, taking: room)
            for claim in claims { monitor.claimed(claim, by: worker, at: control.clock) }
            monitor.committed(turn.events, in: control)
        }
        switch end {
        case .committed:
            workers[index].decider = decider
            workers[index].folded = control.turns.count
            heard(jobs, index)
            take(claims, index)
        case .lost where control.mutation == .keepsWhatWasNotCommitted:
            workers[index].decider = decider
            workers[index].folded = control.turns.count
            heard(jobs, index)
        // What it has now is good for nothing if the decision was not committed; the next one asks.
        case .unheard, .lost: workers[index].unheard = (decider, folded + (turn.events.isEmpty ? 0 : 1), jobs)
        case .diedBefore, .diedAfter: die(index)
        }
    }

    /// The worker knows that its report is there.
    private mutating func heard(_ jobs: [WorkerModel.Job], _ index: Int) {
        for job in jobs {
            if job.answer != nil {
                workers[index].jobs.removeAll { $0.claim == job.claim }
            } else if let place = workers[index].jobs.firstIndex(where: { $0.claim == job.claim }) {
                workers[index].jobs[place].news = []
            }
        }
        workers[index].lastReport = jobs
    }

    /// Takes in what the others have decided.
    private mutating func fold(_ index: Int) throws(RunDecider.ReplayError) {
        let turns = control.turns
        if let unheard = workers[index].unheard.take() {
            if control.lastDecisions[workers[index].identity] == workers[index].decisions {
                workers[index].decider = unheard.decider
                workers[index].folded = unheard.folded
                heard(unheard.jobs, index)
            } else {
                workers[index].forget()
            }
        }
        guard var decider = workers[index].decider.take() else {
            workers[index].decider = try RunDecider.restored(terms, from: turns)
            workers[index].folded = turns.count
            return
        }
        for turn in turns[workers[index].folded...] where control.mutation != .decidesWithoutFolding {
            if control.mutation == .foldsEventByEvent {
                for event in turn { _ = try decider.replay([event]) }
            } else {
                _ = try decider.replay(turn)
            }
        }
        workers[index].decider = decider
        workers[index].folded = turns.count
    }
}
