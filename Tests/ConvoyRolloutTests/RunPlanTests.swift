import ConvoyFleet
import ConvoyMigrations
import ConvoyRollout
import ConvoyRun
import FoundationEssentials
import TestSupport
import Testing

@Suite struct RunPlanTests {
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

    private func plan(
        _ instances: [Instance],
        of fleet: Fleet,
        cohorts: [String: String] = [:],
        waves: [String] = [],
        concurrency: Int? = nil
    ) throws -> RunPlan {
        try assigning(instances, of: fleet, cohorts: cohorts, waves: waves, concurrency: concurrency).plan
    }

    private func assigning(
        _ instances: [Instance],
        of fleet: Fleet,
        cohorts: [String: String] = [:],
        waves: [String] = [],
        concurrency: Int? = nil
    ) throws -> (plan: RunPlan, leftOut: [Instance]) {
        try RunPlan.assigning(
            instances,
            of: fleet,
            MigrationSet([]),
            .up(to: nil),
            cohorts: cohorts,
            waves: waves,
            concurrency: concurrency
        )
    }

    private let canaryAndRest = [
        Wave(name: "canary", selection: .names(["b"]), maxParallel: 1, stop: StopRules(failures: 1)),
        Wave(name: "rest", selection: .rest, maxParallel: 8),
    ]

    @Test func wavesGetTheirInstancesAndRules() throws {
        let (plan, leftOut) = try assigning(all, of: fleet(canaryAndRest))
        #expect(
            plan.plannedWaves == [PlannedWave(name: "canary", instances: ["b"]), PlannedWave(name: "rest", instances: ["a", "c", "d"])]
        )
        #expect(plan.waves.map(\.maxParallel) == [1, 8])
        #expect(plan.waves.map(\.stop.failures) == [1, nil])
        #expect(RunTargets(all, of: fleet(canaryAndRest)).limits == ConnectionLimits(total: 20, perServer: 5, servers: ["x": 3]))
        #expect(leftOut.isEmpty)
        #expect(plan.instanceCount == 4)
        #expect(plan.fleet == "eu")
    }

    @Test func aWaveThatWasNotAskedForKeepsItsInstances() throws {
        let (plan, leftOut) = try assigning(all, of: fleet(canaryAndRest), waves: ["rest"])
        #expect(plan.plannedWaves == [PlannedWave(name: "rest", instances: ["a", "c", "d"])])
        #expect(leftOut.map(\.name) == ["b"])
    }

    @Test func wavesWithoutInstancesAreLeftOut() throws {
        let plan = try self.plan(instances("a"), of: fleet(canaryAndRest))
        #expect(plan.plannedWaves == [PlannedWave(name: "rest", instances: ["a"])])
    }

    @Test func aCanaryOfEachCohortIsPlannedFromTheCohorts() throws {
        let waves = [Wave(name: "canary", selection: .rest, onePer: .cohort), Wave(name: "rest", selection: .rest)]
        let cohorts = ["a": "old", "b": "new", "c": "new"]
        let plan = try self.plan(all, of: fleet(waves), cohorts: cohorts)
        let canary = try #require(plan.plannedWaves.first)
        #expect(canary.instances.compactMap { cohorts[$0] }.sorted() == ["new", "old"])
        #expect(plan.instanceCount == 4)
    }

    @Test func instancesThatNoWaveTakesAreTold() throws {
        let leftOut = try assigning(all, of: fleet([canaryAndRest[0]])).leftOut
        #expect(leftOut.map(\.name) == ["a", "c", "d"])
    }

    @Test(arguments: [(nil, [1, 8]), (4, [1, 4]), (100, [1, 8])] as [(Int?, [Int?])])
    func concurrencyOnlyLowers(concurrency: Int?, expected: [Int?]) throws {
        let plan = try self.plan(all, of: fleet(canaryAndRest), concurrency: concurrency)
        #expect(plan.waves.map(\.maxParallel) == expected)
    }

    @Test func concurrencyLimitsAWaveThatHasNoLimit() throws {
        let plan = try self.plan(all, of: fleet(Rollout().waves), concurrency: 2)
        #expect(plan.waves.map(\.maxParallel) == [2])
    }

    @Test func anUnknownWaveIsToldWithThoseThatThereAre() {
        let error = #expect(throws: UnknownWave.self) {
            try plan(all, of: fleet(canaryAndRest), waves: ["canary", "beta"])
        }
        #expect(error?.description == "unknown wave “beta”; the fleet file has canary, rest")
    }

    /// What a gate asks of people and of time was reviewed with the plan; what it runs may have to be fixed before the run is resumed.
    @Test func theTermsOfAGateAreThePlansAndWhatItRunsIsTheFleets() throws {
        let check = Check(name: "alive", sql: "SELECT true")
        func fleet(_ gate: Gate?) -> Fleet {
            self.fleet([Wave(name: "canary", selection: .names(["b"]), gate: gate), Wave(name: "rest", selection: .rest)])
        }
        let plan = try self.plan(all, of: fleet(Gate(soak: .seconds(60), approve: true, checks: [check])))
        let canary = try #require(plan.waves.first)
        let now = Gate(soak: .zero, approve: false, command: ["/bin/true"], http: "https://example.org")
        let gate = try #require(RunTargets(all, of: fleet(now)).gate(of: canary))
        #expect(gate == Gate(soak: .seconds(60), approve: true, command: ["/bin/true"], http: "https://example.org"))
        #expect(RunTargets(all, of: fleet(nil)).gate(of: canary) == Gate(soak: .seconds(60), approve: true))
        #expect(try RunTargets(all, of: fleet(now)).gate(of: #require(plan.waves.last)) == nil)
    }

    @Test func aPlanOfARunAtOnceHasNoGatesAndSaysSo() throws {
        let waves = [Wave(name: "canary", selection: .names(["b"]), gate: Gate(approve: true)), Wave(name: "rest", selection: .rest)]
        let fleet = self.fleet(waves)
        func plan(_ isImmediate: Bool) throws -> RunPlan {
            try RunPlan.assigning(
                all,
                of: fleet,
                MigrationSet([]),
                .up(to: nil),
                isImmediate: isImmediate,
                at: Date(timeIntervalSince1970: 0)
            ).plan
        }
        let (now, usual) = (try plan(true), try plan(false))
        #expect(now.isImmediate)
        #expect(now.waves.allSatisfy { $0.gate == nil })
        #expect(now.plannedWaves == usual.plannedWaves)
        #expect(RunTargets(all, of: fleet).gateDifferences(from: now) == [])
        #expect(try RunPlan(data: now.data()) == now)
        #expect(!usual.isImmediate)
        // As an earlier version of Convoy wrote it.
        #expect(!String(decoding: try usual.data(), as: UTF8.self).contains(#""now""#))
        #expect(try RunPlan(data: usual.data()) == usual)
        #expect(now.differences(to: usual).first == "the plan leaves out gates and the maintenance window")
        #expect(usual.differences(to: now).first == "the plan has gates and the maintenance window")
    }

    @Test(arguments: [
        (Change.up(to: nil), #"{"direction":"up"}"#), (.up(to: MigrationVersion(7)), #"{"direction":"up","to":"7"}"#),
        (.down(to: MigrationVersion(7)), #"{"direction":"down","to":"7"}"#), (.downSteps(2), #"{"direction":"down","steps":2}"#),
        (.undo(run: "r-1"), #"{"direction":"down","run":"r-1"}"#),
    ])
    func aChangeIsReadAsItWasWritten(_ change: Change, _ text: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        #expect(String(decoding: try encoder.encode(change), as: UTF8.self) == text)
        #expect(try JSONDecoder().decode(Change.self, from: Data(text.utf8)) == change)
    }

    @Test(arguments: [
        #"{"direction":"down"}"#, #"{"direction":"down","to":"7","steps":2}"#, #"{"direction":"down","to":"7","run":"r"}"#,
        #"{"direction":"sideways"}"#, "{}",
    ])
    func whatIsNoChangeIsNotRead(_ text: String) {
        #expect(throws: DecodingError.self) { try JSONDecoder().decode(Change.self, from: Data(text.utf8)) }
    }

    /// Instances that another run found at different versions go back to different ones.
    @Test func aRunThatUndoesAnotherHasAChangeForEachInstance() throws {
        let ways = [
            "a": RunPlan.WayBack(version: MigrationVersion(1), applied: [2, 3].map(MigrationVersion.init)),
            "b": RunPlan.WayBack(version: nil, applied: [MigrationVersion(1)]),
        ]
        let (plan, _) = try RunPlan.assigning(
            all,
            of: fleet(canaryAndRest),
            MigrationSet([]),
            .undo(run: "r-1"),
            at: Date(timeIntervalSince1970: 0)
        )
        let undoing = plan.returning(ways)
        #expect(try RunPlan(data: undoing.data()) == undoing)
        let changes = Dictionary(undoing.instances.map { ($0.name, undoing.change(of: $0)) }) { first, _ in first }
        #expect(changes["a"] == .revert([2, 3].map(MigrationVersion.init), start: MigrationVersion(1)))
        #expect(changes["b"] == .revert([MigrationVersion(1)], start: nil))
        #expect(changes["c"] == .revert([], start: nil))
    }

    @Test func aRevertOfOneInstanceIsInNoPlan() {
        #expect(throws: EncodingError.self) { try JSONEncoder().encode(Change.revert([MigrationVersion(7)], start: nil)) }
    }
}
