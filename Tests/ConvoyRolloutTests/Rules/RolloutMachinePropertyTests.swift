import ConvoyFleet
import ConvoyRollout
import ConvoyRun
import TestSupport
import Testing

/// Random fleets, rules, limits, answers and interleavings, stopped, killed and resumed anywhere; the promises hold in every one.
@Suite struct RolloutMachinePropertyTests {
    @Test(arguments: 0..<20)
    func everyRunKeepsItsPromises(block: Int) {
        for seed in (block * 100)..<(block * 100 + 100) {
            var run = RandomRun(seed: UInt64(seed))
            run.run()
            #expect(run.observer.problems == [], "seed \(seed)")
        }
    }

    /// Would hang if a fact took time that grows with the wave.
    @Test(.timeLimit(.minutes(1)), arguments: [OnFailure.proceed, .rollbackInstance, .rollbackWave])
    func thirtyThousandInstances(_ onFailure: OnFailure) {
        let members = (0..<30_000).map { RolloutMachine.Member(name: "i\($0)", server: "s\($0 % 5000)") }
        var machine = RolloutMachine(
            waves: [
                RolloutMachine.Wave(
                    name: "all",
                    maxParallel: 500,
                    stop: StopRules(failures: 30_001, failurePercent: 100.1, sameFailure: 30_001, unreachablePercent: 100),
                    onFailure: onFailure,
                    instances: members
                )
            ],
            limits: ConnectionLimits(total: 400, perServer: 2)
        )
        var running: ArraySlice<(name: String, isRollback: Bool)> = []
        var finished = 0
        var rolledBack = 0
        var actions = machine.runStarted()
        while true {
            for action in actions {
                if case .startInstance(let name, _) = action { running.append((name, false)) }
                if case .rollBackInstance(let name, _) = action { running.append((name, true)) }
            }
            guard let (name, isRollback) = running.popFirst() else { break }
            // Budgets move all the time.
            _ = machine.budgetChanged("s\(finished % 5000)", connections: 1 + finished % 2)
            if isRollback {
                rolledBack += 1
                actions = machine.rollbacksFinished([.init(name, .rolledBack)])
            } else {
                finished += 1
                let isFailed = onFailure == .rollbackWave ? finished == 20_000 : finished.isMultiple(of: 3)
                actions = machine.instancesFinished([.init(name, isFailed ? .failed : .migrated, fingerprint: "f", isChanged: true)])
            }
        }
        switch onFailure {
        case .rollbackWave:
            #expect((20_000...20_400).contains(finished))
            #expect(rolledBack == finished)
            #expect(actions == [.finishWave("all"), .finish(.halted)])
        default:
            #expect(finished == 30_000)
            #expect(rolledBack == (onFailure == .rollbackInstance ? 10_000 : 0))
            #expect(actions == [.finishWave("all"), .finish(.failed)])
        }
    }
}

/// One run of a random fleet: answers the machine's actions at random, with facts from outside between.
private struct RandomRun {
    var observer: RunObserver
    private var machine: RolloutMachine
    private var random: SeededGenerator
    /// Chances of what may happen at any fact.
    private let badness: Double
    private let unreachability: Double
    private let stopChance: Double
    private let crashChance: Double
    private let journalChance: Double
    private let holdChance: Double
    private var processes = 1

    init(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let limits = ConnectionLimits(
            total: .random(in: 1...12, using: &random),
            perServer: .random(in: 1...6, using: &random),
            servers: ["s0": .random(in: 1...4, using: &random), "s1": .random(in: 1...9, using: &random)]
        )
        let waves = Self.waves(&random)
        func chance(_ value: Double) -> Double { Bool.random(using: &random) ? value : 0 }
        badness = [0, 0.02, 0.1, 0.4].randomElement(using: &random) ?? 0
        unreachability = chance(0.15)
        stopChance = chance(0.03)
        crashChance = chance(0.06)
        journalChance = chance(0.01)
        holdChance = chance(0.2)
        observer = RunObserver(waves: waves, limits: limits)
        machine = RolloutMachine(waves: waves, limits: limits)
        self.random = random
    }

    private static func waves(_ random: inout SeededGenerator) -> [RolloutMachine.Wave] {
        let mostConnections = Bool.random(using: &random) ? 1 : 4
        var count = 0
        func maybe<Value>(_ value: Value, of chances: Int = 4) -> Value? { Int.random(in: 1...chances, using: &random) == 1 ? value : nil }
        return (0..<Int.random(in: 0...4, using: &random)).map { number in
            let size = maybe(0, of: 8) ?? Int.random(in: 1...14, using: &random)
            let members = (0..<size).map { _ in
                count += 1
                // Some names come twice.
                return RolloutMachine.Member(
                    name: "i\(maybe(max(1, count - 5), of: 20) ?? count)",
                    server: "s\(Int.random(in: 0..<4, using: &random))",
                    connections: .random(in: 1...mostConnections, using: &random)
                )
            }
            return RolloutMachine.Wave(
                name: "w\(number)",
                maxParallel: maybe(.random(in: 1...8, using: &random), of: 2),
                stop: StopRules(
                    failures: maybe(.random(in: 1...5, using: &random)),
                    failurePercent: maybe(.random(in: 5...80, using: &random)),
                    sameFailure: maybe(.random(in: 1...4, using: &random)),
                    unreachablePercent: maybe(.random(in: 5...80, using: &random))
                ),
                onFailure: OnFailure.allCases.randomElement(using: &random) ?? .proceed,
                hasGate: .random(using: &random),
                needsPreparation: maybe(true) ?? false,
                needsClosing: maybe(true) ?? false,
                instances: members
            )
        }
    }

    mutating func run() {
        begin()
        var facts = 0
        while observer.problems.isEmpty {
            facts += 1
            guard facts < 5000 else { return fail("the run does not end") }
            if observer.status != nil {
                hearAfterTheEnd()
                guard processes < 6, observer.status != .succeeded, chance(0.6) else { return }
                resume()
            } else if chance(crashChance), processes < 6 {
                resume()
            } else {
                hearSomething()
            }
        }
    }

    private func fail(_ problem: String) {
        observer.fail(problem)
    }

    private mutating func chance(_ value: Double) -> Bool { Double.random(in: 0..<1, using: &random) < value }

    private mutating func begin() {
        // What holds already is told before.
        if observer.isWindowClosed { expectNothing(machine.windowClosed()) }
        for server in observer.paused.sorted() { expectNothing(machine.serverPaused(server)) }
        for (server, connections) in observer.lowered { expectNothing(machine.budgetChanged(server, connections: connections)) }
        if chance(stopChance) {
            observer.stopRequests += 1
            observer.see(machine.stopRequested())
        }
        observer.see(machine.runStarted())
    }

    private mutating func resume() {
        processes += 1
        let names = observer.changing.keys.sorted()
        observer.resume(changed: Set(names.filter { _ in Bool.random(using: &random) }), triesAgain: .random(using: &random))
        machine = RolloutMachine(waves: observer.waves, limits: observer.limits, resuming: observer.past)
        begin()
    }

    private func expectNothing(_ actions: [RolloutMachine.Action]) {
        if !actions.isEmpty { fail("\(actions) where nothing follows") }
    }

    /// Facts that do not fit change nothing.
    private mutating func hearNonsense() {
        let wave = observer.waves.randomElement(using: &random)?.name ?? "w"
        if observer.preparing != wave {
            expectNothing(machine.wavePrepared(wave))
            expectNothing(machine.waveNotPrepared(wave, reason: "nonsense"))
        }
        if observer.closing != wave { expectNothing(machine.waveClosed(wave, problem: "nonsense")) }
        if observer.gate != wave {
            expectNothing(machine.gatePassed(wave))
            expectNothing(machine.gateFailed(wave, reason: "nonsense"))
            expectNothing(machine.gateNotApproved(wave, within: .seconds(60)))
        }
        let name = observer.waves.randomElement(using: &random)?.instances.randomElement(using: &random)?.name ?? "i"
        if observer.changing[name] == nil { expectNothing(machine.instancesFinished([.init(name, .failed, isChanged: true)])) }
        if observer.rollingBack[name] == nil { expectNothing(machine.rollbacksFinished([.init(name, .failed)])) }
        expectNothing(machine.runStarted())
    }

    private mutating func hearAfterTheEnd() {
        hearNonsense()
        expectNothing(machine.stopRequested())
        expectNothing(machine.haltRequested(.journalFailed(reason: "full")))
        expectNothing(machine.windowOpened())
        expectNothing(machine.serverResumed("s0"))
    }

    private mutating func hearSomething() {
        if chance(0.05) { hearNonsense() }
        if chance(observer.stopRequests == 1 ? 0.2 : stopChance) { return stop() }
        if chance(journalChance) { return failJournal() }
        if chance(holdChance) { return changeHolds() }
        answer()
    }

    private mutating func stop() {
        observer.stopRequests += 1
        observer.see(machine.stopRequested())
    }

    private mutating func failJournal() {
        let names = (observer.changing.keys.sorted() + observer.rollingBack.keys.sorted()).filter { _ in Bool.random(using: &random) }
        let reason = HaltReason.journalFailed(reason: "full")
        observer.isFrozen = true
        observer.givenBack(names)
        observer.see(names.isEmpty ? machine.haltRequested(reason) : machine.instancesNotStarted(names, reason))
    }

    private mutating func changeHolds() {
        let server = "s\(Int.random(in: 0..<4, using: &random))"
        switch Int.random(in: 0..<6, using: &random) {
        case 0:
            observer.isWindowClosed = true
            observer.see(machine.windowClosed())
        case 1:
            observer.isWindowClosed = false
            observer.see(machine.windowOpened())
        case 2:
            observer.paused.insert(server)
            observer.see(machine.serverPaused(server))
        case 3:
            observer.paused.remove(server)
            observer.see(machine.serverResumed(server))
        case 4:
            let connections = Int.random(in: 0...8, using: &random)
            observer.lowered[server] = connections
            observer.see(machine.budgetChanged(server, connections: connections))
        default:
            observer.lowered[server] = nil
            observer.see(machine.budgetChanged(server, connections: nil))
        }
    }

    /// Lets go of something that holds the run back.
    private mutating func release() {
        if observer.isWindowClosed {
            observer.isWindowClosed = false
            observer.see(machine.windowOpened())
        } else if let server = observer.paused.min() {
            observer.paused.remove(server)
            observer.see(machine.serverResumed(server))
        } else if let server = observer.lowered.keys.min() {
            observer.lowered[server] = nil
            observer.see(machine.budgetChanged(server, connections: nil))
        } else {
            fail("nothing is under way and the run has not ended")
        }
    }

    private mutating func answer() {
        let isGood = !chance(0.1)
        if let wave = observer.preparing {
            observer.prepared(wave, isGood: isGood)
            observer.see(isGood ? machine.wavePrepared(wave) : machine.waveNotPrepared(wave, reason: "exit code 1"))
        } else if let wave = observer.closing {
            observer.closed(wave, isGood: isGood)
            observer.see(machine.waveClosed(wave, problem: isGood ? nil : "exit code 1"))
        } else if let wave = observer.gate, chance(0.1) {
            observer.gateNotApproved()
            observer.see(machine.gateNotApproved(wave, within: .seconds(60)))
        } else if let wave = observer.gate {
            observer.gateEnded(wave, isGood: isGood)
            observer.see(isGood ? machine.gatePassed(wave) : machine.gateFailed(wave, reason: "bad"))
        } else if !observer.rollingBack.isEmpty, observer.changing.isEmpty || Bool.random(using: &random) {
            let finishes = batch(observer.rollingBack).map { name in
                let bad: Outcome =
                    observer.stopRequests > 1 ? .interrupted : [.failed, .unknown, .interrupted].randomElement(using: &random) ?? .failed
                return RolloutMachine.Finish(name, chance(0.2) ? bad : .rolledBack)
            }
            observer.rollbacksFinished(finishes)
            observer.see(machine.rollbacksFinished(finishes))
        } else if !observer.changing.isEmpty {
            let finishes = batch(observer.changing).map { finish($0) }
            observer.changesFinished(finishes)
            observer.see(machine.instancesFinished(finishes))
        } else {
            release()
        }
    }

    private mutating func batch(_ names: [String: RolloutMachine.Member]) -> [String] {
        Array(names.keys.sorted().shuffled(using: &random).prefix(.random(in: 1...3, using: &random)))
    }

    private mutating func finish(_ name: String) -> RolloutMachine.Finish {
        let bad: [Outcome] = [.failed, .failed, .failed, .lockBusy, .blocked, .unknown, .checkFailed]
        let outcome: Outcome =
            if observer.stopRequests > 1, Bool.random(using: &random) {
                .interrupted
            } else if chance(unreachability) {
                .unreachable
            } else if chance(badness) {
                bad.randomElement(using: &random) ?? .failed
            } else {
                Bool.random(using: &random) ? .migrated : .upToDate
            }
        return RolloutMachine.Finish(
            name,
            outcome,
            fingerprint: outcome.isGood ? nil : "f\(Int.random(in: 0..<3, using: &random))",
            isChanged: outcome != .upToDate && outcome != .unreachable && Bool.random(using: &random)
        )
    }
}
