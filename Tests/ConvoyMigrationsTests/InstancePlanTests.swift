import ConvoyMigrations
import Testing

struct InstancePlanTests {
    /// A case: what the ledger has, the change, and what the plan says.
    struct Case: Sendable, CustomTestStringConvertible {
        var applied: [Int64]
        var change: Change
        var versions: [Int64] = []
        var unknown: [Int64] = []
        var outOfOrder: [Int64] = []
        var obstacles: [String] = []

        var testDescription: String { "\(applied) \(change)" }
    }

    static func version(_ value: Int64) -> MigrationVersion { MigrationVersion(value) }

    /// The set has 10, 20, 30 and 40; 30 is irreversible.
    @Test(arguments: [
        Case(applied: [], change: .up(to: nil), versions: [10, 20, 30, 40]),
        Case(applied: [], change: .up(to: version(20)), versions: [10, 20]),
        Case(applied: [10, 20], change: .up(to: nil), versions: [30, 40]),
        Case(applied: [40, 10, 30, 20], change: .up(to: nil)),
        Case(applied: [10, 20, 30], change: .up(to: version(20))),
        // Pending below the newest applied one
        Case(applied: [10, 30], change: .up(to: nil), versions: [20, 40], outOfOrder: [20]),
        Case(applied: [30], change: .up(to: version(10)), versions: [10], outOfOrder: [10]),
        Case(applied: [10, 40], change: .up(to: version(20)), versions: [20], outOfOrder: [20]),
        // Unknown versions: ahead of the set, or between
        Case(applied: [10, 20, 30, 40, 50], change: .up(to: nil), unknown: [50]),
        Case(applied: [10, 25], change: .up(to: nil), versions: [20, 30, 40], unknown: [25]),
        Case(applied: [50, 5], change: .up(to: version(10)), versions: [10], unknown: [5, 50]),
        // Down to a version
        Case(applied: [10, 20, 30, 40], change: .down(to: version(30)), versions: [40]),
        Case(applied: [10, 20, 30, 40], change: .down(to: version(40))),
        Case(applied: [10], change: .down(to: version(30))),
        Case(applied: [], change: .down(to: version(10))),
        Case(applied: [10, 40], change: .down(to: version(20)), versions: [40]),
        Case(
            applied: [10, 20, 30, 40],
            change: .down(to: version(10)),
            versions: [40, 30, 20],
            obstacles: ["version 30 is irreversible (Migrations/30_m30.sql:4): data is gone"]
        ),
        Case(
            applied: [10, 20, 50, 45],
            change: .down(to: version(10)),
            versions: [20],
            unknown: [45, 50],
            obstacles: [
                "version 50 is applied but has no file in the migration set, so that it cannot be reverted",
                "version 45 is applied but has no file in the migration set, so that it cannot be reverted",
            ]
        ),
        Case(applied: [5, 10, 20], change: .down(to: version(10)), versions: [20], unknown: [5]),
        // Down by steps
        Case(applied: [10, 20], change: .downSteps(1), versions: [20]),
        Case(applied: [10, 20], change: .downSteps(9), versions: [20, 10]),
        Case(applied: [10, 20], change: .downSteps(0)),
        Case(applied: [10, 20], change: .downSteps(-1)),
        Case(applied: [], change: .downSteps(1)),
        Case(
            applied: [10, 20, 50],
            change: .downSteps(2),
            versions: [20],
            unknown: [50],
            obstacles: ["version 50 is applied but has no file in the migration set, so that it cannot be reverted"]
        ),
        Case(
            applied: [30],
            change: .downSteps(1),
            versions: [30],
            obstacles: ["version 30 is irreversible (Migrations/30_m30.sql:4): data is gone"]
        ),
    ])
    func plans(expected: Case) throws {
        let set = try MigrationSet.sample([10, 20, 30, 40], irreversible: [30])
        let plan = try InstancePlan(set: set, applied: expected.applied.map { MigrationVersion($0) }, change: expected.change)
        #expect(plan.versions.map(\.value) == expected.versions)
        #expect(plan.unknownVersions.map(\.value) == expected.unknown)
        #expect(plan.outOfOrder.map(\.value) == expected.outOfOrder)
        #expect(plan.obstacles.map(\.description) == expected.obstacles)
        #expect(plan.direction == expected.change.direction)
        #expect(plan.isEmpty == (expected.versions.isEmpty && expected.obstacles.isEmpty))
    }

    @Test(arguments: [
        (Change.up(to: version(20_190_330_150_001)), "did you mean 20190330150000 (m20190330150000)?"),
        (.down(to: version(2_019_033_015_000)), "did you mean 20190330150000 (m20190330150000)?"),
        (.up(to: version(20_260_808_090_000)), "did you mean 20260807090000 (m20260807090000)?"),
        (.down(to: version(1)), "did you mean 20190330150000 (m20190330150000)?"),
    ])
    func refusesAVersionThatTheSetDoesNotHave(change: Change, hint: String) throws {
        let set = try MigrationSet.sample([20_190_330_150_000, 20_260_807_090_000])
        do throws(UnknownTarget) {
            _ = try InstancePlan(set: set, applied: [], change: change)
            Issue.record("the target was taken")
        } catch {
            #expect(error.version == change.target)
            #expect(error.hint == hint)
        }
    }
}
