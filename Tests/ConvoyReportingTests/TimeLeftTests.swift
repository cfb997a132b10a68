import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRollout
import ConvoyRun
import Foundation
import Testing

@testable import ConvoyReporting

struct TimeLeftTests {
    @Test(
        arguments: [
            // Ten instances of a minute each: one, four, and more at a time than there are.
            ([.init(left: 10, work: .seconds(600), parallelism: 1)], "about 10 min left"),
            ([.init(left: 10, work: .seconds(600), parallelism: 4)], "about 3 min left"),
            ([.init(left: 10, work: .seconds(600), parallelism: 64)], "about 60 s left"),
            // The slowest holds its wave up.
            ([.init(left: 10, work: .seconds(600), longest: .seconds(500), parallelism: 64)], "about 8 min left"),
            // Waves run one after the other, with the soaks between.
            (
                [
                    .init(left: 0, work: .zero, parallelism: 1), .init(left: 2, work: .seconds(20), parallelism: 1, soak: .seconds(600)),
                    .init(left: 100, work: .seconds(1000), parallelism: 10),
                ], "about 12 min left"
            ),
            ([.init(left: 0, work: .zero, parallelism: 1, soak: .seconds(45))], "about 50 s left"),
            (
                [
                    .init(left: 1, work: .seconds(8), parallelism: 1, needsApproval: true),
                    .init(left: 1, work: .zero, parallelism: 1),
                ], "about 8 s left, and an approval"
            ),
            ([.init(left: 1, work: .seconds(3 * 3600), parallelism: 1)], "about 3 h left"),
            ([.init(left: 1, work: .seconds(3 * 86_400), parallelism: 1)], "about 3 d left"),
            // Longer under way than it should take; nothing to do; beyond all experience.
            ([.init(left: 1, work: .seconds(-5), longest: .seconds(-5), parallelism: 1)], nil),
            ([], nil),
            ([.init(left: 1, work: .seconds(1_000_000_000), parallelism: 1)], nil),
        ] as [([TimeLeft.Wave], String?)]
    ) func estimates(_ waves: [TimeLeft.Wave], _ text: String?) {
        #expect(TimeLeft(waves)?.text == text)
    }
}

struct RunPaceTests {
    @Test(
        arguments: [
            ([], 10, nil), ([0, 1], 10, nil),
            // One a second, and a pause after.
            (Array(0...60).map(Double.init), 60, 60), (Array(0...60).map(Double.init), 90, 30),
            // Rare ones count however old they are.
            ([0, 600, 1200], 1800, 2.0 / 30),
            // Many in no time.
            (Array(repeating: 5, count: 100), 5, 99 * 60), (Array(repeating: 5, count: 5000), 5, 599 * 60),
        ] as [([Double], Double, Double?)]
    ) func ratesOfLate(_ finishes: [Double], _ now: Double, _ expected: Double?) {
        var pace = RunPace()
        for finish in finishes { pace.instanceFinished(at: moment(finish)) }
        let rate = pace.perMinute(at: moment(now))
        #expect(rate.map { ($0 * 1000).rounded() } == expected.map { ($0 * 1000).rounded() })
    }
}

struct RunOutlookTests {
    private static let one = MigrationVersion(1)
    private static let two = MigrationVersion(2)
    private static let typical = [one: Duration.seconds(10), two: Duration.seconds(20)]

    private struct Run {
        var outlook: RunOutlook
        var report = FleetReport()

        init(
            _ waves: [PlannedInstances],
            limits: ConnectionLimits = ConnectionLimits(total: 64, perServer: 64),
            typical: [MigrationVersion: Duration] = [:],
            starts: Set<String> = []
        ) {
            let plan = plan(waves, starts: starts)
            outlook = RunOutlook(plan, on: RunTargets(waves.flatMap(\.instances), limits: limits), typical: typical)
            apply(0, .runStarted(run: "r", fleet: "eu", waves: plan.plannedWaves), .waveStarted(wave: waves[0].wave.name))
        }

        mutating func apply(_ seconds: Double, _ kinds: Event.Kind...) {
            for kind in kinds {
                report.apply(Event(at: moment(seconds), kind))
                outlook.apply(Event(at: moment(seconds), kind))
            }
        }

        mutating func run(_ name: String, _ wave: String = "w", from start: Double, to end: Double, applied: [AppliedMigration] = []) {
            apply(start, .instanceStarted(instance: name, wave: wave), .instancePlanned(instance: name, from: nil, pending: [one, two]))
            apply(end, .instanceFinished(instance: name, result: InstanceResult(outcome: .migrated, applied: applied)))
        }

        func text(_ now: Double) -> String? { outlook.timeLeft(report, at: moment(now))?.text }
    }

    private typealias PlannedInstances = (wave: RunPlan.Wave, instances: [Instance])

    private static func plan(_ waves: [PlannedInstances], starts: Set<String>) -> RunPlan {
        var plan = RunPlan(fleet: "eu", generatedAt: moment(), change: .up(to: nil), waves: waves.map(\.wave))
        for wave in plan.waves.indices {
            for index in plan.waves[wave].instances.indices where starts.contains(plan.waves[wave].instances[index].name) {
                plan.waves[wave].instances[index].start = InstanceStart(version: nil, pending: [one, two])
            }
        }
        return plan
    }

    private static func wave(_ name: String, _ count: Int, maxParallel: Int? = nil, gate: Gate? = nil, servers: Int = 1) -> PlannedInstances
    {
        let instances = (0..<count).map {
            Instance(name: "\(name)\($0)", server: "s\($0 % servers)", database: "\($0)", connection: ConnectionParameters())
        }
        let wave = RunPlan.Wave(
            name: name,
            instances: instances.map(RunPlan.PlannedInstance.init),
            maxParallel: maxParallel,
            gate: gate.map(RunPlan.GateTerms.init)
        )
        return (wave, instances)
    }

    @Test func historyTellsFromTheStart() {
        let run = Run([Self.wave("w", 20, maxParallel: 2)], typical: Self.typical, starts: Set((0..<20).map { "w\($0)" }))
        #expect(run.text(0) == "about 5 min left")
    }

    @Test func withoutHistoryTheFirstOnesTell() {
        var run = Run([Self.wave("w", 20, maxParallel: 2)])
        #expect(run.text(0) == nil)
        run.run("w0", from: 0, to: 8)
        run.run("w1", from: 0, to: 12)
        #expect(run.text(12) == nil)
        run.run("w2", from: 8, to: 18)
        // 17 of about ten seconds, two at a time.
        #expect(run.text(18) == "about 90 s left")
    }

    @Test func whatIsUnderWayCountsForWhatItHasHad() {
        var run = Run([Self.wave("w", 1)], typical: Self.typical)
        run.apply(
            0,
            .instanceStarted(instance: "w0", wave: "w"),
            .instancePlanned(instance: "w0", from: nil, pending: [Self.one, Self.two])
        )
        #expect(run.text(0) == "about 30 s left")
        #expect(run.text(23) == "about 7 s left")
        #expect(run.text(40) == nil)
    }

    @Test func aSlowerServerIsReckonedWith() {
        var run = Run([Self.wave("w", 10, maxParallel: 1)], typical: Self.typical, starts: Set((0..<10).map { "w\($0)" }))
        let slow = [(Self.one, 20.0), (Self.two, 40.0)].map { AppliedMigration(version: $0, direction: .up, duration: .seconds($1)) }
        // Twice as long as usual, and five seconds for hooks.
        for number in 0..<3 { run.run("w\(number)", from: Double(number * 65), to: Double(number * 65 + 65), applied: slow) }
        #expect(run.text(195) == "about 8 min left")
    }

    @Test func theBusiestServerDecides() {
        let limits = ConnectionLimits(total: 64, perServer: 64, servers: ["s0": 1])
        let names = Set((0..<20).map { "w\($0)" })
        #expect(Run([Self.wave("w", 20, servers: 2)], limits: limits, typical: Self.typical, starts: names).text(0) == "about 5 min left")
        #expect(Run([Self.wave("w", 20)], typical: Self.typical, starts: names).text(0) == "about 30 s left")
        #expect(
            Run([Self.wave("w", 20)], limits: ConnectionLimits(total: 5, perServer: 9), typical: Self.typical, starts: names).text(0)
                == "about 2 min left"
        )
    }

    @Test func gatesCountAsLongAsTheyAreAhead() {
        let gate = Gate(soak: .seconds(600), approve: true)
        var run = Run(
            [Self.wave("a", 1, gate: gate), Self.wave("b", 1, gate: gate)],
            typical: Self.typical,
            starts: ["a0", "b0"]
        )
        // The last gate guards nothing.
        #expect(run.text(0) == "about 11 min left, and an approval")
        let usual = [(Self.one, 10), (Self.two, 20)].map { AppliedMigration(version: $0, direction: .up, duration: .seconds($1)) }
        run.run("a0", "a", from: 0, to: 30, applied: usual)
        run.apply(30, .waveFinished(wave: "a"), .gateOpened(wave: "a"), .gateWaiting(wave: "a", reason: "soak"))
        #expect(run.text(30 + 300) == "about 6 min left, and an approval")
        run.apply(330, .approved(wave: "a", by: "ann"))
        #expect(run.text(330) == "about 6 min left")
        run.apply(640, .gatePassed(wave: "a"), .waveStarted(wave: "b"))
        #expect(run.text(640) == "about 30 s left")
    }

    @Test(arguments: [
        Event.Kind.stopRequested, .halted(.nothingReached(wave: "w")), .windowClosed(until: moment()),
        .serverPaused(server: "s0", by: "ann"),
        .runFinished(status: .failed),
    ])
    func whatNoExperienceForetellsIsNotToldAtAll(_ kind: Event.Kind) {
        var run = Run([Self.wave("w", 2)], typical: Self.typical, starts: ["w0", "w1"])
        #expect(run.text(0) != nil)
        run.apply(1, kind)
        #expect(run.text(1) == nil)
    }

    @Test func aResumedRunKnowsWhatIsDone() {
        var earlier = Run([Self.wave("w", 4, maxParallel: 1)], typical: Self.typical, starts: ["w0", "w1", "w2", "w3"])
        earlier.run("w0", from: 0, to: 30)
        earlier.apply(31, .runResumed(by: "ann"))
        let wave = Self.wave("w", 4, maxParallel: 1)
        let outlook = RunOutlook(
            Self.plan([wave], starts: ["w0", "w1", "w2", "w3"]),
            on: RunTargets(wave.instances, limits: .init(total: 9, perServer: 9)),
            resuming: earlier.report,
            typical: Self.typical
        )
        #expect(outlook.timeLeft(earlier.report, at: moment(31))?.text == "about 90 s left")
    }
}
