import ConvoyFleet
import ConvoyMigrations
import ConvoyRollout
import ConvoyRun
import TestSupport
import Testing

@Suite struct RolloutPlanTests {
    let all = instances("a@x b@x c@y d@y")

    private func fleet(_ waves: [Wave]) -> Fleet {
        Fleet(
            name: "eu",
            migrations: "Migrations",
            servers: [Server(name: "x", maxConnections: 3), Server(name: "y")],
            instances: all,
            limits: Limits(total: 20, perServer: 5),
            rollout: Rollout(waves: waves)
        )
    }

    private let canaryAndRest = [
        Wave(name: "canary", selection: .names(["b"]), maxParallel: 1, stop: StopRules(failures: 1)),
        Wave(name: "rest", selection: .rest, maxParallel: 8),
    ]

    @Test func wavesGetTheirInstancesAndRules() throws {
        let plan = try RolloutPlan(fleet: fleet(canaryAndRest), instances: all, change: .up(to: nil))
        #expect(
            plan.plannedWaves == [PlannedWave(name: "canary", instances: ["b"]), PlannedWave(name: "rest", instances: ["a", "c", "d"])]
        )
        #expect(plan.waves.map(\.maxParallel) == [1, 8])
        #expect(plan.waves.map(\.stop.failures) == [1, nil])
        #expect(plan.limits == ConnectionLimits(total: 20, perServer: 5, servers: ["x": 3]))
        #expect(plan.leftOut.isEmpty)
        #expect(plan.instanceCount == 4)
        #expect(plan.fleet == "eu")
    }

    @Test func aWaveThatWasNotAskedForKeepsItsInstances() throws {
        let plan = try RolloutPlan(fleet: fleet(canaryAndRest), instances: all, change: .up(to: nil), waves: ["rest"])
        #expect(plan.plannedWaves == [PlannedWave(name: "rest", instances: ["a", "c", "d"])])
        #expect(plan.leftOut.map(\.name) == ["b"])
    }

    @Test func wavesWithoutInstancesAreLeftOut() throws {
        let plan = try RolloutPlan(fleet: fleet(canaryAndRest), instances: instances("a"), change: .up(to: nil))
        #expect(plan.plannedWaves == [PlannedWave(name: "rest", instances: ["a"])])
    }

    @Test func aCanaryOfEachCohortIsPlannedFromTheCohorts() throws {
        let waves = [Wave(name: "canary", selection: .rest, onePer: .cohort), Wave(name: "rest", selection: .rest)]
        let cohorts = ["a": "old", "b": "new", "c": "new"]
        let plan = try RolloutPlan(fleet: fleet(waves), instances: all, change: .up(to: nil), cohorts: cohorts)
        let canary = try #require(plan.plannedWaves.first)
        #expect(canary.instances.compactMap { cohorts[$0] }.sorted() == ["new", "old"])
        #expect(plan.instanceCount == 4)
    }

    @Test func instancesThatNoWaveTakesAreTold() throws {
        let plan = try RolloutPlan(fleet: fleet([canaryAndRest[0]]), instances: all, change: .up(to: nil))
        #expect(plan.leftOut.map(\.name) == ["a", "c", "d"])
    }

    @Test(arguments: [(nil, [1, 8]), (4, [1, 4]), (100, [1, 8])] as [(Int?, [Int?])])
    func concurrencyOnlyLowers(concurrency: Int?, expected: [Int?]) throws {
        let plan = try RolloutPlan(fleet: fleet(canaryAndRest), instances: all, change: .up(to: nil), concurrency: concurrency)
        #expect(plan.waves.map(\.maxParallel) == expected)
    }

    @Test func concurrencyLimitsAWaveThatHasNoLimit() throws {
        let plan = try RolloutPlan(fleet: fleet(Rollout().waves), instances: all, change: .up(to: nil), concurrency: 2)
        #expect(plan.waves.map(\.maxParallel) == [2])
    }

    @Test func anUnknownWaveIsToldWithThoseThatThereAre() {
        let error = #expect(throws: UnknownWave.self) {
            try RolloutPlan(fleet: fleet(canaryAndRest), instances: all, change: .up(to: nil), waves: ["canary", "beta"])
        }
        #expect(error?.description == "unknown wave “beta”; the fleet file has canary, rest")
    }
}
