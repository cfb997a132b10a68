import ConvoyFleet
import ConvoyRollout
import Testing

/// Random fleets, limits, outcomes and interleavings; the promises hold in every one.
@Suite struct RolloutMachinePropertyTests {
    @Test(arguments: 0..<400)
    func everyRunKeepsItsPromises(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        let limits = ConnectionLimits(
            total: .random(in: 1...12, using: &random),
            perServer: .random(in: 1...6, using: &random),
            servers: ["s0": .random(in: 1...4, using: &random), "s1": .random(in: 1...9, using: &random)]
        )
        let mostConnections = Bool.random(using: &random) ? 1 : 4
        var waves: [RolloutMachine.Wave] = []
        var count = 0
        for number in 0..<Int.random(in: 0...4, using: &random) {
            let members = (0..<Int.random(in: 0...25, using: &random)).map { _ in
                count += 1
                return RolloutMachine.Member(
                    name: "i\(count)",
                    server: "s\(Int.random(in: 0..<4, using: &random))",
                    connections: .random(in: 1...mostConnections, using: &random)
                )
            }
            waves.append(
                RolloutMachine.Wave(
                    name: "w\(number)",
                    maxParallel: Bool.random(using: &random) ? .random(in: 1...8, using: &random) : nil,
                    stop: StopRules(failures: Bool.random(using: &random) ? .random(in: 1...5, using: &random) : nil),
                    instances: members
                )
            )
        }
        var observer = RunObserver(waves: waves, limits: limits)
        var machine = RolloutMachine(waves: waves, limits: limits)
        let badOutcomes: [Outcome] = [.failed, .lockBusy, .unreachable, .blocked, .unknown]
        let badness = Double.random(in: 0...0.6, using: &random)
        let stopChance = Bool.random(using: &random) ? 0.02 : 0

        observer.see(machine.runStarted())
        while observer.status == nil {
            guard observer.problems.isEmpty else { break }
            if Double.random(in: 0..<1, using: &random) < stopChance {
                observer.stopRequests += 1
                observer.see(machine.stopRequested())
                continue
            }
            guard !observer.running.isEmpty else {
                observer.problems.append("nothing is under way and the run has not ended")
                break
            }
            let batch = observer.running.keys.sorted().shuffled(using: &random).prefix(.random(in: 1...3, using: &random))
            let finishes = batch.map { name in
                let isBad = Double.random(in: 0..<1, using: &random) < badness
                return RolloutMachine.Finish(name, isBad ? badOutcomes.randomElement(using: &random) ?? .failed : .migrated)
            }
            for finish in finishes { observer.finish(finish) }
            observer.see(machine.instancesFinished(finishes))
        }
        observer.checkEnd()
        #expect(observer.problems == [], "seed \(seed)")
    }

    /// Would hang if a fact took time that grows with the wave.
    @Test(.timeLimit(.minutes(1)))
    func thirtyThousandInstances() {
        let members = (0..<30_000).map { RolloutMachine.Member(name: "i\($0)", server: "s\($0 % 5000)") }
        var machine = RolloutMachine(
            waves: [RolloutMachine.Wave(name: "all", maxParallel: 500, instances: members)],
            limits: ConnectionLimits(total: 400, perServer: 2)
        )
        var running: ArraySlice<String> = []
        var finished = 0
        var actions = machine.runStarted()
        while true {
            for case .startInstance(let name, _) in actions { running.append(name) }
            guard let name = running.popFirst() else { break }
            finished += 1
            actions = machine.instanceFinished(name, .migrated)
        }
        #expect(finished == 30_000)
        #expect(actions == [.finishWave("all"), .finish(.succeeded)])
    }
}

/// Watches a run from outside, with its own books.
private struct RunObserver {
    let waves: [RolloutMachine.Wave]
    let limits: ConnectionLimits
    var problems: [String] = []
    var running: [String: RolloutMachine.Member] = [:]
    var status: RunStatus?
    var stopRequests = 0
    private var started: [String: String] = [:]
    private var outcomes: [String: Outcome] = [:]
    private var waveUnderWay: RolloutMachine.Wave?
    private var wavesSeen: [String] = []
    private var isHalted = false

    init(waves: [RolloutMachine.Wave], limits: ConnectionLimits) {
        self.waves = waves
        self.limits = limits
    }

    mutating func finish(_ finish: RolloutMachine.Finish) {
        running[finish.instance] = nil
        outcomes[finish.instance] = finish.outcome
    }

    mutating func see(_ actions: [RolloutMachine.Action]) {
        for action in actions {
            if status != nil { problems.append("\(action) after the end") }
            switch action {
            case .startWave(let name):
                if waveUnderWay != nil { problems.append("wave \(name) overlaps another") }
                if mayStartNothing { problems.append("wave \(name) after a halt or a stop") }
                waveUnderWay = waves.first { $0.name == name }
                wavesSeen.append(name)
            case .startInstance(let name, let wave): start(name, wave)
            case .finishWave(let name):
                if waveUnderWay?.name != name { problems.append("wave \(name) ends and was not under way") }
                if !running.isEmpty { problems.append("wave \(name) ends before its instances") }
                if !mayStartNothing, let waveUnderWay, waveUnderWay.instances.contains(where: { outcomes[$0.name] == nil }) {
                    problems.append("wave \(name) ends with instances left")
                }
                waveUnderWay = nil
            case .halt:
                if isHalted { problems.append("halted twice") }
                if waveUnderWay?.stop.failures == nil { problems.append("halted without a rule") }
                isHalted = true
            case .stop: if stopRequests != 1 { problems.append("stop at request \(stopRequests)") }
            case .cancelInstances: if stopRequests != 2 { problems.append("cancel at request \(stopRequests)") }
            case .finish(let status): self.status = status
            }
        }
        checkRules()
    }

    private var mayStartNothing: Bool { isHalted || stopRequests > 0 }

    private mutating func start(_ name: String, _ wave: String) {
        guard let current = waveUnderWay, current.name == wave, let member = current.instances.first(where: { $0.name == name }) else {
            problems.append("\(name) started outside its wave")
            return
        }
        if mayStartNothing { problems.append("\(name) started after a halt or a stop") }
        if started.updateValue(wave, forKey: name) != nil { problems.append("\(name) started twice") }
        running[name] = member
        if running.count > current.maxParallel ?? .max { problems.append("wave \(wave) has \(running.count) under way") }
        if running.values.reduce(0, { $0 + taken($1) }) > limits.total { problems.append("total exceeded at \(name)") }
        if held(on: member.server) > budget(of: member.server) { problems.append("budget of \(member.server) exceeded at \(name)") }
    }

    private func budget(of server: String) -> Int { min(limits.total, limits.perServer, limits.servers[server] ?? .max) }
    private func taken(_ member: RolloutMachine.Member) -> Int { min(member.connections, budget(of: member.server)) }
    private func held(on server: String) -> Int { running.values.reduce(0) { $0 + ($1.server == server ? taken($1) : 0) } }

    private mutating func checkRules() {
        guard let wave = waveUnderWay else { return }
        let failures = wave.instances.count { [.failed, .lockBusy, .blocked, .unknown].contains(outcomes[$0.name]) }
        if let limit = wave.stop.failures, failures >= limit, !isHalted { problems.append("wave \(wave.name) should have halted") }
        guard !mayStartNothing, running.count < wave.maxParallel ?? .max else { return }
        // Where every instance needs one connection, none may wait while there is room for it.
        guard waves.allSatisfy({ $0.instances.allSatisfy { $0.connections == 1 } }), running.count < limits.total else { return }
        for member in wave.instances where started[member.name] == nil && held(on: member.server) < budget(of: member.server) {
            problems.append("\(member.name) waits although there is room")
        }
    }

    mutating func checkEnd() {
        if !running.isEmpty { problems.append("the run ended before its instances") }
        if Set(started.keys) != Set(outcomes.keys) { problems.append("an instance was started and not finished") }
        if wavesSeen != Array(waves.map(\.name).prefix(wavesSeen.count)) { problems.append("waves out of order: \(wavesSeen)") }
        let all = waves.flatMap(\.instances).map(\.name)
        if !mayStartNothing, Set(all) != Set(outcomes.keys) { problems.append("instances were left out") }
        let expected: RunStatus =
            stopRequests > 0 ? .interrupted : isHalted ? .halted : outcomes.values.allSatisfy(\.isGood) ? .succeeded : .failed
        if status != expected { problems.append("ended as \(String(describing: status)), not \(expected)") }
    }
}

/// SplitMix64: the same numbers for the same seed, everywhere.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
