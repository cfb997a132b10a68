import ConvoyFleet
import ConvoyMigrations
import ConvoyRun
import ConvoyText
import Foundation
import TestSupport
import Testing

@testable import ConvoyRollout

/// A process that knows only the events of a shared run decides as the one that recorded them.
@Suite struct ReplayPropertyTests {
    @Test(arguments: 0..<20)
    func whoReplaysDecidesAlike(block: Int) throws {
        for seed in (block * 20)..<(block * 20 + 20) {
            var run = SharedRun(seed: UInt64(seed))
            #expect(throws: Never.self, "seed \(seed)") { try run.run() }
            #expect(run.problems == [], "seed \(seed)")
        }
    }

    /// Swift seeds its hashes per process: where a rule depended on the order of a set or a dictionary, two processes would differ.
    @Test(.timeLimit(.minutes(2))) func anotherProcessDecidesAlike() async throws {
        let result = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
            print("digest \(try SharedRun.digest(of: 0..<60)) order \(SharedRun.hashOrder)")
        }
        let output = String(decoding: try #require(result).standardOutputContent, as: UTF8.self)
        let words = try #require(output.split(separator: "\n").first { $0.hasPrefix("digest ") }).split(separator: " ")
        #expect(String(words[1]) == (try SharedRun.digest(of: 0..<60)))
        // Else the test would show nothing.
        #expect(String(words[3]) != SharedRun.hashOrder)
    }
}

/// A run on which several processes decide in turn, each with a decider that replays what the others recorded.
private struct SharedRun {
    private(set) var problems: [String] = []
    private(set) var turns: [[Event]] = []
    private var random: SeededGenerator
    private let terms: RunDecider.Terms
    private let badness: Double
    private let stopChance: Double
    private var processes: [(decider: RunDecider, replayed: Int)]
    /// What is in progress, in the order in which it was begun.
    private var underWay: [Work] = []
    private var isCancelled = false
    private var now = Date(timeIntervalSince1970: 1_000_000)
    private var resumptions = 0

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        let plan = RandomTerms(&random)
        terms = plan.terms()
        badness = [0, 0.1, 0.4].randomElement(using: &random) ?? 0
        stopChance = Bool.random(using: &random) ? 0.04 : 0
        // Each process works out the terms itself.
        processes = (0..<3).map { _ in (RunDecider(plan.terms()), 0) }
    }

    /// The events of runs with these seeds, as one number.
    static func digest(of seeds: Range<UInt64>) throws -> String {
        var hash = FNV1a()
        for seed in seeds {
            var run = SharedRun(seed: seed)
            try run.run()
            for event in run.turns.joined() { hash.add(event.json.line.utf8) }
        }
        return hash.value.hexadecimal
    }

    /// The order of a set in this process.
    static var hashOrder: String { Set((0..<40).map { "i\($0)" }).joined(separator: ",") }

    mutating func run() throws {
        var closedUntil = terms.hasWindow && Bool.random(using: &random) ? now + 60 : nil
        try take { $0.begin(by: "ann@host", windowClosedUntil: closedUntil, at: $1) }
        for _ in 0..<3000 {
            guard problems.isEmpty else { return }
            if processes[0].decider.isOver {
                guard resumptions < 2, processes[0].decider.ending != .succeeded, Bool.random(using: &random) else {
                    return try compareEnds()
                }
                resumptions += 1
                (underWay, isCancelled) = ([], false)
                closedUntil = nil
                try take { $0.begin(by: "bob@host", windowClosedUntil: closedUntil, at: $1) }
            } else {
                let facts = facts()
                try take { $0.decide(facts, at: $1) }
            }
        }
        problems.append("the run does not end")
    }

    /// A process decides: it replays first what the others have recorded, and they replay this turn, now or later.
    private mutating func take(_ decide: (inout RunDecider, Date) -> RunDecider.Turn) throws {
        processes.swapAt(0, Int.random(in: 0..<processes.count, using: &random))
        try catchUp(0)
        now += Double.random(in: 0...2, using: &random)
        let turn = decide(&processes[0].decider, now)
        note(turn)
        if !turn.events.isEmpty {
            turns.append(try turn.events.map { try JSONDecoder().decode(Event.self, from: Data($0.json.line.utf8)) })
            processes[0].replayed = turns.count
        } else if !turn.isEmpty {
            problems.append("a turn without events asks for something")
        }
        if Bool.random(using: &random), let replayed = try catchUp(1), !turn.events.isEmpty { compare(replayed, turn) }
        // A process that dies and another one that begins.
        if Int.random(in: 0..<20, using: &random) == 0 { processes[2] = (try RunDecider.restored(terms, from: turns), turns.count) }
    }

    /// - Returns: the last turn that was replayed.
    @discardableResult
    private mutating func catchUp(_ process: Int) throws -> RunDecider.Turn? {
        var last: RunDecider.Turn?
        while processes[process].replayed < turns.count {
            last = try processes[process].decider.replay(turns[processes[process].replayed])
            processes[process].replayed += 1
        }
        return last
    }

    private mutating func note(_ turn: RunDecider.Turn) {
        underWay.removeAll { turn.withdraws.contains($0) }
        underWay += turn.begins
        if turn.cancelsAll { isCancelled = true }
        for work in underWay where !processes[0].decider.awaits(work) { problems.append("\(work) is not awaited") }
    }

    private mutating func compare(_ left: RunDecider.Turn, _ right: RunDecider.Turn) {
        if left.begins != right.begins { problems.append("begins \(left.begins) and \(right.begins)") }
        if left.withdraws != right.withdraws { problems.append("withdraws \(left.withdraws) and \(right.withdraws)") }
        if left.approvals != right.approvals { problems.append("approvals \(left.approvals) and \(right.approvals)") }
        if left.cancelsAll != right.cancelsAll || left.ending != right.ending { problems.append("ends differ") }
    }

    /// All know the same in the end.
    private mutating func compareEnds() throws {
        for process in 1..<processes.count { try catchUp(process) }
        let logs = (processes.map(\.decider) + [try RunDecider.restored(terms, from: turns)]).map { summary($0.log) }
        if Set(logs).count > 1 { problems.append("logs differ: \(logs)") }
    }

    private func summary(_ log: RunLog) -> String {
        let instances = log.instances.map { "\($0.name) \($0.outcome.rawValue) \($0.applied.map(\.version))" }
        let waves = log.waves.map { "\($0.name) \($0.milestones.rawValue) \($0.approvedBy ?? "")" }
        return "\(instances) \(waves) \(log.status?.rawValue ?? "") \(log.ended) \(log.running) \(log.pausedServers.keys.sorted())"
    }

    private mutating func facts() -> [RunDecider.Fact] {
        (0..<Int.random(in: 1...3, using: &random)).compactMap { _ in fact() }
    }

    private mutating func fact() -> RunDecider.Fact? {
        if Double.random(in: 0..<1, using: &random) < (isCancelled ? 0.2 : stopChance) { return .stopRequested }
        switch Int.random(in: 0..<30, using: &random) {
        case 0: return .requested(.pause(server: "s\(Int.random(in: 0..<4, using: &random))"), by: "ann@host")
        case 1...3: return .requested(.unpause(server: "s\(Int.random(in: 0..<4, using: &random))"), by: "bob@host")
        case 4:
            return .requested(
                .approve(wave: Bool.random(using: &random) ? nil : "w\(Int.random(in: 0..<4, using: &random))"),
                by: "eve@host"
            )
        // About something that is not in progress, or not any more.
        case 5:
            let name = "i\(Int.random(in: 1..<9, using: &random))"
            guard !underWay.contains(where: { $0.kind == .change && $0.subject == name }) else { return nil }
            return .instanceFinished(name, InstanceResult(outcome: .migrated), at: now)
        case 6: return .hookFinished(HookResult(point: .beforeWave, wave: "w9", instance: nil, duration: .zero, problem: nil, output: ""))
        default:
            guard let index = underWay.indices.randomElement(using: &random) else { return nil }
            let work = underWay[index]
            switch work {
            case .watchServer, .watchWindow: break
            case .change(let name, _) where Bool.random(using: &random):
                return .event(Event(at: now, .instancePlanned(instance: name, from: nil, pending: [.init(7)])))
            default: underWay.remove(at: index)
            }
            return RandomTerms.answer(work, badness: badness, isCancelled: isCancelled, at: now, &random)
        }
    }
}
