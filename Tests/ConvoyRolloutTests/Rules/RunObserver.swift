import ConvoyFleet
import ConvoyRollout
import ConvoyRun
import ConvoyText

/// Watches a run from outside, over all the processes that go on with it, with its own books: what was recorded, what is under way, and what
/// holds things back. What breaks a promise is a problem.
struct RunObserver {
    let waves: [RolloutMachine.Wave]
    let limits: ConnectionLimits
    private let places: [String: (wave: Int, member: RolloutMachine.Member)]
    private let found = Problems()

    /// What the journal would hold.
    private(set) var past = RolloutMachine.Past()
    /// Where some process of the run changed something.
    private var changed: Set<String> = []
    private let needsOneConnectionEach: Bool

    // What one process does.
    private(set) var changing: [String: RolloutMachine.Member] = [:]
    private(set) var rollingBack: [String: RolloutMachine.Member] = [:]
    private(set) var preparing: String?
    private(set) var closing: String?
    private(set) var gate: String?
    private(set) var status: RunEnding?
    var isWindowClosed = false
    var paused: Set<String> = []
    var lowered: [String: Int] = [:]
    var stopRequests = 0
    var isFrozen = false
    private var haltReason: HaltReason?
    /// How instances ended, of earlier processes what is settled.
    private var counted: [String: RolloutMachine.Finish] = [:]
    /// Ended in this process.
    private var ended: Set<String> = []
    private var rolledBack: Set<String> = []
    /// The last wave that earlier processes started.
    private var lastStarted = -1
    private var rollbackFailed = false
    /// Waves whose gate failed in this process.
    private var failedGates: Set<String> = []

    init(waves: [RolloutMachine.Wave], limits: ConnectionLimits) {
        var places: [String: (wave: Int, member: RolloutMachine.Member)] = [:]
        self.waves = waves.enumerated().map { index, wave in
            var wave = wave
            wave.instances = []
            for member in waves[index].instances where places[member.name] == nil {
                places[member.name] = (index, member)
                wave.instances.append(member)
            }
            return wave
        }
        self.places = places
        needsOneConnectionEach = places.values.allSatisfy { $0.member.connections == 1 }
        self.limits = limits
    }

    var startsNothing: Bool { haltReason != nil || stopRequests > 0 }
    var isHalted: Bool { haltReason != nil }
    var isHeldBack: Bool { isWindowClosed || !paused.isEmpty || !lowered.isEmpty }
    private var startsNoRollback: Bool { isFrozen || stopRequests > 0 }

    var problems: [String] { found.texts }

    func fail(_ problem: String) {
        found.texts.append(problem)
    }

    // MARK: Facts

    /// The process is gone, and another one goes on.
    ///
    /// - Parameters:
    ///   - changed: those under way that it had changed; the next process may learn that.
    ///   - triesAgain: whether to try again what halted it, where that may be.
    mutating func resume(changed: Set<String>, triesAgain: Bool) {
        for name in changing.keys.sorted() where changed.contains(name) {
            past.finishes.append(.init(name, .interrupted, isChanged: true))
            self.changed.insert(name)
        }
        switch past.haltReason {
        case .journalFailed, .hookFailed: past.haltReason = nil
        case let reason? where triesAgain:
            let bad = waves.first { reason.description.contains("wave \($0.name) ") }
            if bad?.onFailure != .rollbackWave { past.haltReason = nil }
        default: break
        }
        (changing, rollingBack, preparing, closing, gate, status) = ([:], [:], nil, nil, nil, nil)
        (stopRequests, isFrozen, haltReason, ended, rolledBack, failedGates) = (0, false, nil, [], [], [])
        counted = [:]
        for finish in past.finishes where finish.outcome.isSettled || isRolledBack(finish.instance) { counted[finish.instance] = finish }
        let last = Dictionary(past.finishes.map { ($0.instance, $0) }) { $1 }
        counted = counted.filter { last[$0.key] == $0.value }
        lastStarted = waves.lastIndex { milestones($0).contains(.started) } ?? -1
        rollbackFailed = past.rollbacks.values.contains { $0.isSettled && !$0.isGood }
    }

    mutating func changesFinished(_ finishes: [RolloutMachine.Finish]) {
        for finish in finishes where changing.removeValue(forKey: finish.instance) != nil {
            past.finishes.append(finish)
            if finish.isChanged { changed.insert(finish.instance) }
            counted[finish.instance] = finish
            ended.insert(finish.instance)
        }
    }

    mutating func rollbacksFinished(_ finishes: [RolloutMachine.Finish]) {
        for finish in finishes where rollingBack.removeValue(forKey: finish.instance) != nil {
            past.rollbacks[finish.instance] = finish.outcome
            if !finish.outcome.isGood { rollbackFailed = true }
        }
    }

    mutating func givenBack(_ names: [String]) {
        for name in names {
            changing[name] = nil
            rollingBack[name] = nil
        }
    }

    mutating func prepared(_ wave: String, isGood: Bool) {
        preparing = nil
        if isGood { past.waves[wave, default: []].insert(.prepared) }
    }

    mutating func closed(_ wave: String, isGood: Bool) {
        closing = nil
        if isGood { past.waves[wave, default: []].insert(.closed) }
    }

    mutating func gateEnded(_ wave: String, isGood: Bool) {
        gate = nil
        if isGood { past.waves[wave, default: []].insert(.gatePassed) } else { failedGates.insert(wave) }
    }

    mutating func gateNotApproved() { gate = nil }

    // MARK: Actions

    mutating func see(_ actions: [RolloutMachine.Action]) {
        // Those that failed just now hold their connections still.
        let kept = ended.subtracting(rolledBack)
        for action in actions {
            check(status == nil, "\(action) after the end")
            switch action {
            case .startWave(let name): startWave(name)
            case .prepareWave(let name): prepareWave(name)
            case .startInstance(let name, let wave): start(name, wave)
            case .rollBackInstance(let name, let wave): rollBack(name, wave, keepsConnections: kept.contains(name))
            case .closeWave(let name): closeWave(name)
            case .finishWave(let name): finishWave(name)
            case .openGate(let name): openGate(name)
            case .abandonGate(let name):
                check(gate == name && startsNothing, "gate \(name) abandoned")
                gate = nil
            case .halt(let reason): halt(reason)
            case .stop: check(stopRequests == 1, "stop at request \(stopRequests)")
            case .cancelInstances: check(stopRequests == 2, "cancel at request \(stopRequests)")
            case .finish(let status): finish(status)
            }
        }
        if status == nil { checkNothingWaitsWithoutReason() }
    }

    private func check(_ holds: Bool, _ problem: @autoclosure () -> String) {
        if !holds { fail(problem()) }
    }

    private mutating func startWave(_ name: String) {
        guard let index = waves.firstIndex(where: { $0.name == name }) else { return fail("no wave \(name)") }
        check(!startsNothing && !isWindowClosed, "wave \(name) started when nothing may")
        check(isIdle, "wave \(name) overlaps another")
        for earlier in 0..<index { check(isDone(earlier), "wave \(name) before \(waves[earlier].name) was done") }
        check(!milestones(waves[index]).contains(.started), "wave \(name) started twice")
        check(brokenRules(index).isEmpty, "wave \(name) started with a broken rule")
        past.waves[name, default: []].insert(.started)
    }

    private mutating func prepareWave(_ name: String) {
        guard let wave = waves.first(where: { $0.name == name }) else { return fail("no wave \(name)") }
        check(!startsNothing && !isWindowClosed && isIdle, "wave \(name) prepared when nothing may start")
        check(wave.needsPreparation && !milestones(wave).contains(.prepared), "wave \(name) prepared without need")
        check(wave.instances.contains { counted[$0.name] == nil }, "wave \(name) prepared for nothing")
        preparing = name
        past.waves[name, default: []].remove(.finished)
    }

    private mutating func start(_ name: String, _ waveName: String) {
        guard let (index, member) = places[name], waves[index].name == waveName else {
            return fail("\(name) started outside its wave")
        }
        let wave = waves[index]
        check(!startsNothing && !isWindowClosed, "\(name) started when nothing may")
        check(milestones(wave).contains(.started), "\(name) started before its wave")
        check(!wave.needsPreparation || milestones(wave).contains(.prepared), "\(name) started before its wave was prepared")
        check(preparing == nil && closing == nil && gate == nil, "\(name) started beside a hook or a gate")
        check(counted[name] == nil && changing[name] == nil && rollingBack[name] == nil, "\(name) started twice")
        for earlier in 0..<index { check(isDone(earlier), "\(name) started before wave \(waves[earlier].name) was done") }
        check(
            (Array(changing.keys) + Array(rollingBack.keys)).allSatisfy { places[$0]?.wave == index },
            "\(name) started beside another wave"
        )
        if index >= lastStarted { check(brokenRules(index).isEmpty, "\(name) started with a broken rule") }
        changing[name] = member
        checkLimits(name, wave)
        check(held(on: member.server) <= budget(of: member.server), "\(name) started above the budget of \(member.server)")
        past.waves[waveName, default: []].remove(.finished)
    }

    private mutating func rollBack(_ name: String, _ waveName: String, keepsConnections: Bool) {
        guard let (index, member) = places[name], waves[index].name == waveName else {
            return fail("\(name) rolled back outside its wave")
        }
        let wave = waves[index]
        check(isChanged(name), "\(name) rolled back and not changed")
        check(!isRolledBack(name) && rolledBack.insert(name).inserted, "\(name) rolled back twice")
        check(changing[name] == nil, "\(name) rolled back while it is changed")
        switch wave.onFailure {
        case .rollbackInstance:
            check(isFailure(counted[name]), "\(name) rolled back and not failed")
            check(!isFrozen && (keepsConnections ? stopRequests < 2 : stopRequests == 0), "\(name) rolled back when nothing may be")
        case .rollbackWave:
            check(isHalted && changing.isEmpty && !startsNoRollback, "\(name) of a wave rolled back when nothing may be")
            check(
                wave.instances.contains { isFailure(counted[$0.name]) } || failedGates.contains(waveName)
                    || past.haltReason?.description.contains(waveName) == true,
                "\(name) of a wave rolled back without a failure"
            )
        case .proceed, .halt: fail("\(name) rolled back though on_failure is \(wave.onFailure)")
        }
        rollingBack[name] = member
        checkLimits(name, wave)
        let keeps = keepsConnections && wave.onFailure == .rollbackInstance
        check(keeps || held(on: member.server) <= budget(of: member.server), "\(name) rolled back above the budget of \(member.server)")
        past.waves[waveName, default: []].remove(.finished)
    }

    private mutating func closeWave(_ name: String) {
        guard let wave = waves.first(where: { $0.name == name }) else { return fail("no wave \(name)") }
        check(!startsNothing && isIdle, "wave \(name) closed too early")
        check(needsClosing(wave) && !milestones(wave).contains(.closed), "wave \(name) closed without need")
        check(wave.instances.allSatisfy { counted[$0.name] != nil }, "wave \(name) closed with instances left")
        closing = name
        past.waves[name, default: []].remove(.finished)
    }

    private mutating func finishWave(_ name: String) {
        guard let wave = waves.first(where: { $0.name == name }) else { return fail("no wave \(name)") }
        check(isIdle, "wave \(name) ended while something was under way")
        check(milestones(wave).isSuperset(of: .started), "wave \(name) ended before it started")
        check(!milestones(wave).contains(.finished), "wave \(name) ended twice")
        if !startsNothing {
            check(wave.instances.allSatisfy { counted[$0.name] != nil }, "wave \(name) ended with instances left")
            check(!needsClosing(wave) || milestones(wave).contains(.closed), "wave \(name) ended and not closed")
        }
        past.waves[name, default: []].insert(.finished)
    }

    private mutating func openGate(_ name: String) {
        guard let index = waves.firstIndex(where: { $0.name == name }) else { return fail("no wave \(name)") }
        check(!startsNothing && isIdle, "gate \(name) opened too early")
        check(needsGate(index) && !milestones(waves[index]).contains(.gatePassed), "gate \(name) opened without need")
        check(milestones(waves[index]).contains(.finished), "gate \(name) opened before its wave ended")
        gate = name
    }

    private mutating func halt(_ reason: HaltReason) {
        check(haltReason == nil, "halted twice")
        haltReason = reason
        guard reason != past.haltReason else { return }
        past.haltReason = reason
        switch reason {
        case .gateFailed(let wave, _): check(failedGates.contains(wave), "\(reason) without its gate")
        case .hookFailed, .journalFailed, .notApproved: break
        case .failures(let wave, _, _), .failurePercent(let wave, _, _, _), .sameFailure(let wave, _, _, _), .nothingReached(let wave),
            .unreachablePercent(let wave, _, _, _), .onFailure(let wave, _, _):
            let index = waves.firstIndex { $0.name == wave }
            check(index.map { brokenRules($0).contains(kind(of: reason)) } == true, "\(reason), which is not so")
        }
    }

    private mutating func finish(_ status: RunEnding) {
        self.status = status
        check(isIdle, "the run ended while something was under way")
        for wave in waves where milestones(wave).contains(.started) {
            check(milestones(wave).contains(.finished), "the run ended in wave \(wave.name)")
        }
        if !startsNothing { for index in waves.indices { check(isDone(index), "wave \(waves[index].name) was left out") } }
        if isHalted, !startsNoRollback {
            for (name, place) in places where waves[place.wave].onFailure == .rollbackWave && isChanged(name) && !isRolledBack(name) {
                let isBad = waves[place.wave].instances.contains { isFailure(counted[$0.name]) }
                check(!isBad || rolledBack.contains(name), "\(name) was not rolled back with its wave")
            }
        }
        let isGood = counted.values.allSatisfy(\.outcome.isGood) && !rollbackFailed
        let expected: RunEnding = stopRequests > 0 ? .interrupted : isHalted ? .halted : isGood ? .succeeded : .failed
        check(status == expected, "ended as \(status), not \(expected)")
    }

    // MARK: Books

    private func milestones(_ wave: RolloutMachine.Wave) -> WaveLog.Milestones { past.waves[wave.name] ?? [] }
    private func isFailure(_ finish: RolloutMachine.Finish?) -> Bool {
        [.failed, .lockBusy, .blocked, .unknown, .checkFailed].contains(finish?.outcome)
    }
    private func isRolledBack(_ name: String) -> Bool { past.rollbacks[name]?.isSettled == true }
    private func isChanged(_ name: String) -> Bool { changed.contains(name) }
    private var isIdle: Bool { changing.isEmpty && rollingBack.isEmpty && preparing == nil && closing == nil && gate == nil }
    private func hasSuccessor(_ index: Int) -> Bool { waves[(index + 1)...].contains { !$0.instances.isEmpty } }
    private func needsGate(_ index: Int) -> Bool { waves[index].hasGate && hasSuccessor(index) && !isUntouched(waves[index]) }
    /// Nothing was due on any of its instances: there is nothing to wait for.
    private func isUntouched(_ wave: RolloutMachine.Wave) -> Bool { wave.instances.allSatisfy { counted[$0.name]?.outcome == .upToDate } }
    private func needsClosing(_ wave: RolloutMachine.Wave) -> Bool {
        wave.needsClosing && !wave.instances.isEmpty && (!isUntouched(wave) || milestones(wave).contains(.prepared))
    }

    private func isDone(_ index: Int) -> Bool {
        let wave = waves[index]
        guard !wave.instances.isEmpty else { return true }
        let isRolledBackWhereOwed = wave.instances.allSatisfy { member in
            guard wave.onFailure == .rollbackInstance, isFailure(counted[member.name]), isChanged(member.name) else {
                return true
            }
            return isRolledBack(member.name) || rolledBack.contains(member.name)
        }
        return wave.instances.allSatisfy { counted[$0.name] != nil } && isRolledBackWhereOwed
            && (!needsGate(index) || milestones(wave).contains(.gatePassed)) && (!needsClosing(wave) || milestones(wave).contains(.closed))
    }

    private func configured(_ server: String) -> Int { min(limits.total, limits.perServer, limits.servers[server] ?? .max) }
    private func budget(of server: String) -> Int {
        paused.contains(server) ? 0 : min(configured(server), lowered[server] ?? .max)
    }
    private func taken(_ member: RolloutMachine.Member) -> Int { min(member.connections, configured(member.server)) }
    private var underWay: [RolloutMachine.Member] { Array(changing.values) + Array(rollingBack.values) }
    private func held(on server: String) -> Int { underWay.reduce(0) { $0 + ($1.server == server ? taken($1) : 0) } }

    private func checkLimits(_ name: String, _ wave: RolloutMachine.Wave) {
        check(underWay.count <= wave.maxParallel ?? .max, "wave \(wave.name) has \(underWay.count) under way with \(name)")
        check(underWay.reduce(0) { $0 + taken($1) } <= limits.total, "total exceeded at \(name)")
    }

    /// The rules of a wave that do not hold, counted from the start.
    private func brokenRules(_ index: Int) -> Set<String> {
        let wave = waves[index]
        let finishes = wave.instances.compactMap { counted[$0.name] }
        let failures = finishes.count { isFailure($0) }
        let unreachable = finishes.count { $0.outcome == .unreachable }
        var broken: Set<String> = []
        func isReached(_ percent: Double?, _ count: Int) -> Bool {
            percent.map { count > 0 && Double(count) / Double(wave.instances.count) * 100 >= $0 - 1e-9 } ?? false
        }
        if let limit = wave.stop.sameFailure {
            let fingerprints = counted.values.compactMap { isFailure($0) ? $0.fingerprint : nil }
            if Set(fingerprints).contains(where: { kind in fingerprints.count { $0 == kind } >= limit }) { broken.insert("sameFailure") }
        }
        if let limit = wave.stop.failures, failures >= limit { broken.insert("failures") }
        if isReached(wave.stop.failurePercent, failures) { broken.insert("failurePercent") }
        if isReached(wave.stop.unreachablePercent, unreachable) { broken.insert("unreachablePercent") }
        if wave.onFailure == .halt || wave.onFailure == .rollbackWave, failures > 0 { broken.insert("onFailure") }
        let isGuard = !wave.stop.isEmpty || wave.hasGate || wave.onFailure == .halt || wave.onFailure == .rollbackWave
        if isGuard, hasSuccessor(index), index >= lastStarted, unreachable > 0, unreachable == wave.instances.count {
            broken.insert("nothingReached")
        }
        return broken
    }

    private func kind(of reason: HaltReason) -> String { String("\(Mirror(reflecting: reason).children.first?.label ?? "")") }

    /// Where every instance needs one connection, none may wait while there is room for it.
    private func checkNothingWaitsWithoutReason() {
        if let index = changing.keys.first.flatMap({ places[$0]?.wave }), index >= lastStarted, !brokenRules(index).isEmpty {
            check(isHalted, "wave \(waves[index].name) should have halted")
        }
        guard !startsNothing, !isWindowClosed, preparing == nil, closing == nil, gate == nil, rollingBack.isEmpty else { return }
        guard needsOneConnectionEach, underWay.count < limits.total else { return }
        guard let wave = waves.first(where: { !$0.instances.allSatisfy { counted[$0.name] != nil } }) else { return }
        guard milestones(wave).contains(.started), underWay.count < wave.maxParallel ?? .max else { return }
        for member in wave.instances where counted[member.name] == nil && changing[member.name] == nil {
            check(held(on: member.server) >= budget(of: member.server), "\(member.name) waits although there is room")
        }
    }
}

/// Apart from the books, so that these can be read while a problem is told.
private final class Problems {
    var texts: [String] = []
}
