import ConvoyFleet
import ConvoyMigrations
import ConvoyRun
import FoundationEssentials
import TestSupport

@testable import ConvoyRollout

/// Random fleets with random rules.
struct RandomTerms {
    var plan: RunPlan
    var targets: RunTargets
    var hookPoints: Set<HookPoint>
    var hasWindow: Bool

    init(_ random: inout SeededGenerator) {
        func maybe<Value>(_ value: Value, of chances: Int = 3) -> Value? { Int.random(in: 1...chances, using: &random) == 1 ? value : nil }
        var count = 0
        var all: [Instance] = []
        let servers = Int.random(in: 1...4, using: &random)
        let waves = (0..<Int.random(in: 1...3, using: &random)).map { number in
            let members = (0..<Int.random(in: 1...9, using: &random)).map { _ in
                count += 1
                return instance("i\(count)@s\(Int.random(in: 0..<servers, using: &random))")
            }
            all += members
            return RunPlan.Wave(
                name: "w\(number)",
                instances: members.map(RunPlan.PlannedInstance.init),
                maxParallel: maybe(.random(in: 1...4, using: &random), of: 2),
                stop: StopRules(
                    failures: maybe(.random(in: 1...4, using: &random)),
                    failurePercent: maybe(.random(in: 10...80, using: &random)),
                    sameFailure: maybe(.random(in: 1...3, using: &random)),
                    unreachablePercent: maybe(.random(in: 10...80, using: &random))
                ),
                onFailure: OnFailure.allCases.randomElement(using: &random) ?? .proceed,
                gate: maybe(RunPlan.GateTerms(Gate(approve: true)), of: 2)
            )
        }
        plan = RunPlan(fleet: "eu", generatedAt: Date(timeIntervalSince1970: 0), change: .up(to: nil), waves: waves)
        targets = RunTargets(
            all,
            limits: ConnectionLimits(
                total: .random(in: 1...9, using: &random),
                perServer: .random(in: 1...4, using: &random),
                servers: ["s0": .random(in: 1...3, using: &random)]
            )
        )
        hookPoints = []
        for point in [HookPoint.beforeRun, .beforeWave, .afterWave, .afterRun] where Bool.random(using: &random) {
            hookPoints.insert(point)
        }
        hasWindow = .random(using: &random)
    }

    func terms(isShared: Bool = true) -> RunDecider.Terms {
        RunDecider.Terms(
            plan,
            on: targets,
            id: RunID("run-1"),
            hookPoints: hookPoints,
            hasWindow: hasWindow,
            isShared: isShared
        ) { $0.name.hasSuffix("3") ? 2 : 1 }
    }

    /// How something that was asked for may end.
    static func answer(_ work: Work, badness: Double, isCancelled: Bool, at now: Date, _ random: inout SeededGenerator) -> RunDecider.Fact?
    {
        let isBad = Double.random(in: 0..<1, using: &random) < badness
        switch work {
        case .change(let name, _):
            if isCancelled, Bool.random(using: &random) { return .instanceFinished(name, .cancelledBeforeStart, at: now) }
            let outcome: Outcome = isBad ? [.failed, .unreachable, .blocked, .unknown].randomElement(using: &random) ?? .failed : .migrated
            return .instanceFinished(name, result(outcome, &random), at: now)
        case .rollBack(let name, _):
            if isCancelled, Bool.random(using: &random) { return .rollbackFinished(name, .cancelledBeforeStart, at: now) }
            return .rollbackFinished(name, result(isBad ? .failed : .rolledBack, &random), at: now)
        case .hook(let point, let wave):
            let problem = isBad ? "exit code 3" : nil
            return .hookFinished(HookResult(point: point, wave: wave, instance: nil, duration: .zero, problem: problem, output: ""))
        case .gate(let wave):
            if isCancelled { return .gateEnded(wave: wave, .cancelled) }
            let bad: GateKeeper.Verdict = Bool.random(using: &random) ? .failed(reason: "no") : .notApproved(within: .seconds(60))
            return .gateEnded(wave: wave, isBad ? bad : .passed)
        case .watchServer(let server):
            return .slots(server: server, available: Bool.random(using: &random) ? nil : .random(in: 0...4, using: &random))
        case .watchWindow: return .window(closedUntil: Bool.random(using: &random) ? now + 60 : nil)
        }
    }

    private static func result(_ outcome: Outcome, _ random: inout SeededGenerator) -> InstanceResult {
        let failure = outcome.isGood ? nil : Failure(outcome, "it did not work \(["here", "there"].randomElement(using: &random) ?? "")")
        let applied = outcome == .migrated || Bool.random(using: &random)
        let migrations = applied ? [AppliedMigration(version: .init(7), direction: .up, duration: .milliseconds(1.25))] : []
        return InstanceResult(outcome: outcome, applied: migrations, failure: failure)
    }
}
