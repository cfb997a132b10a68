import ConvoyFleet
import ConvoyRun

@testable import ConvoyRollout

/// Keeps its own books of what is committed in the control database, and says what no run may do.
struct ProtocolMonitor {
    /// What no run may do and this one did.
    var problems: [String] { found.texts }
    private let found = Problems()
    private let terms: RunDecider.Terms
    private let members: [String: (member: RolloutMachine.Member, wave: RolloutMachine.Wave)]
    /// In progress, by instance: whether it is its rollback.
    private var underWay: [String: Bool] = [:]
    private var heldByServer: [String: Int] = [:]
    private var runningByWave: [String: Int] = [:]
    /// The last end of each instance's change in the run.
    private var finishes: [String: InstanceResult] = [:]
    private var rolledBack: Set<String> = []
    /// The instances whose change ended in this turn.
    private var justEnded: Set<String> = []
    /// Waves that let later ones start; their rules are not looked at again.
    private var passed: Set<String> = []
    private var isStopping = false
    private var isHalted = false
    private var isOver = false
    private var paused: Set<String> = []
    private var budgets: [String: Int] = [:]
    private var isWindowClosed = false
    /// By assignment: who claimed it last.
    private var claims: [Int: (worker: Int, attempt: Int, leaseUntil: Double)] = [:]
    private var reported: Set<Int> = []

    init(_ terms: RunDecider.Terms) {
        self.terms = terms
        var members: [String: (RolloutMachine.Member, RolloutMachine.Wave)] = [:]
        for wave in terms.waves { for member in wave.instances { members[member.name] = (member, wave) } }
        self.members = members
    }

    func fail(_ problem: String) {
        found.texts.append(problem)
    }

    private func check(_ condition: Bool, _ problem: @autoclosure () -> String) {
        if !condition { fail(problem()) }
    }

    // MARK: Claims

    mutating func claimed(_ claim: ControlModel.Claim, by worker: Int, at now: Double) {
        if let last = claims[claim.assignment] {
            check(last.leaseUntil < now, "assignment \(claim.assignment) is claimed while worker \(last.worker) holds it")
        }
        check(!reported.contains(claim.assignment), "assignment \(claim.assignment) is claimed again after its report")
        claims[claim.assignment] = (worker, claim.attempt, now + ControlModel.lease)
    }

    mutating func renewed(_ claim: ControlModel.Claim, by worker: Int, at now: Double) {
        check(claims[claim.assignment]?.worker == worker, "assignment \(claim.assignment) is renewed by a worker that lost it")
        claims[claim.assignment]?.leaseUntil = now + ControlModel.lease
    }

    mutating func gaveBack(_ claim: ControlModel.Claim) {
        claims[claim.assignment]?.leaseUntil = -1
    }

    /// A report was committed.
    mutating func accepted(_ claim: ControlModel.Claim, by worker: Int, endsWork: Bool) {
        let last = claims[claim.assignment]
        check(
            last.map { $0.worker == worker && $0.attempt == claim.attempt } ?? false,
            "a report of attempt \(claim.attempt) of assignment \(claim.assignment) counts although it was taken over"
        )
        if endsWork { check(reported.insert(claim.assignment).inserted, "assignment \(claim.assignment) is reported twice") }
    }

    // MARK: Events

    /// A turn was committed.
    mutating func committed(_ events: [Event], in control: ControlModel) {
        let wasWindowClosed = isWindowClosed
        let oldBudgets = budgets
        justEnded = []
        for event in events {
            check(!isOver || event.kind.type == .runResumed, "\(event.kind.text) after the end")
            see(event.kind, wasWindowClosed, oldBudgets)
        }
        let open = control.assignments.filter(\.isOpen)
        if isOver { check(open.isEmpty, "the run is over and \(open.map(\.work)) is left") }
        check(Set(open.map(\.work)).count == open.count, "something is to be done twice at once: \(open.map(\.work))")
    }

    private mutating func see(_ kind: Event.Kind, _ wasWindowClosed: Bool, _ oldBudgets: [String: Int]) {
        switch kind {
        case .runResumed: resume()
        case .instanceStarted(let name, _):
            check(finishes[name]?.outcome.isSettled != true, "\(name) is started after its end")
            check(!isHalted, "\(name) is started after the halt")
            check(!(isWindowClosed && wasWindowClosed), "\(name) is started outside of the window")
            if let (_, wave) = members[name], !passed.contains(wave.name) {
                check(!isBroken(wave), "\(name) is started although a stop rule is broken")
            }
            finishes[name] = nil
            start(name, isRollback: false, oldBudgets)
        case .rollbackStarted(let name, _):
            // One that follows the change at once keeps its place.
            let isAtOnce = members[name]?.wave.onFailure == .rollbackInstance && justEnded.contains(name)
            start(name, isRollback: true, isAtOnce ? nil : oldBudgets)
        case .instanceFinished(let name, let result):
            check(underWay[name] == false, "\(name) ends without having been started")
            end(name)
            finishes[name] = result
            justEnded.insert(name)
        case .rollbackFinished(let name, let result):
            check(underWay[name] == true, "the rollback of \(name) ends without having been started")
            end(name)
            if result.outcome.isSettled { rolledBack.insert(name) }
        case .waveStarted(let name): passed.formUnion(terms.waves.prefix { $0.name != name }.map(\.name))
        case .gatePassed(let wave): passed.insert(wave)
        case .halted: isHalted = true
        case .stopRequested: isStopping = true
        case .serverPaused(let server, _): paused.insert(server)
        case .serverResumed(let server, _): paused.remove(server)
        case .budgetChanged(let server, let connections): budgets[server] = connections
        case .windowClosed: isWindowClosed = true
        case .windowOpened: isWindowClosed = false
        case .runFinished:
            check(underWay.isEmpty, "the run ends while \(underWay.keys.sorted()) are in progress")
            isOver = true
        default: break
        }
    }

    private mutating func resume() {
        (isOver, isHalted, isStopping, isWindowClosed) = (false, false, false, false)
        // Until a server has reported its free connections, nothing starts there.
        budgets = Dictionary(uniqueKeysWithValues: terms.watchedServers.map { ($0, 0) })
        finishes = finishes.filter { $0.value.outcome.isSettled || rolledBack.contains($0.key) }
    }

    private mutating func start(_ name: String, isRollback: Bool, _ oldBudgets: [String: Int]?) {
        check(underWay[name] == nil, "\(name) is in progress twice")
        underWay[name] = isRollback
        guard let (member, wave) = members[name] else { return fail("\(name) is not of the run") }
        let configured = terms.limits.budget(of: member.server)
        heldByServer[member.server, default: 0] += min(member.connections, configured)
        runningByWave[wave.name, default: 0] += 1
        check(runningByWave[wave.name, default: 0] <= wave.maxParallel ?? .max, "max_parallel of \(wave.name) is exceeded by \(name)")
        check(heldByServer[member.server, default: 0] <= configured, "the connections of \(member.server) are exceeded by \(name)")
        check(heldByServer.values.reduce(0, +) <= terms.limits.total, "the connections of the run are exceeded by \(name)")
        guard let oldBudgets else { return }
        check(!isStopping, "\(name) is started after the stop")
        check(!paused.contains(member.server), "\(name) is started on a paused server")
        let watched = terms.watchedServers.contains(member.server) ? 0 : configured
        let budget = max(budgets[member.server] ?? watched, oldBudgets[member.server] ?? watched)
        check(heldByServer[member.server, default: 0] <= budget, "the budget of \(member.server) is exceeded by \(name)")
    }

    private mutating func end(_ name: String) {
        guard underWay.removeValue(forKey: name) != nil, let (member, wave) = members[name] else { return }
        heldByServer[member.server, default: 0] -= min(member.connections, terms.limits.budget(of: member.server))
        runningByWave[wave.name, default: 0] -= 1
    }

    /// Whether a stop rule of the wave does not hold any more, counted from the start.
    private func isBroken(_ wave: RolloutMachine.Wave) -> Bool {
        let failed = finishes.filter { $0.value.judgedOutcome.isFailure }
        if let limit = wave.stop.sameFailure {
            let counts = Dictionary(failed.compactMap { $0.value.failure.map { ($0.fingerprint, 1) } }, uniquingKeysWith: +)
            if counts.values.contains(where: { $0 >= limit }) { return true }
        }
        let inWave = wave.instances.count { failed[$0.name] != nil }
        if let limit = wave.stop.failures, inWave >= limit { return true }
        if let limit = wave.stop.failurePercent, inWave > 0, Double(inWave) * 100 >= limit * Double(wave.instances.count) { return true }
        return (wave.onFailure == .halt || wave.onFailure == .rollbackWave) && inWave > 0
    }
}

/// Apart from the books, so that these can be read while a problem is told.
private final class Problems {
    var texts: [String] = []
}
