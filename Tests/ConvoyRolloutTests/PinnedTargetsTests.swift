import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRollout
import ConvoyRun
import FoundationEssentials
import TestSupport
import Testing

/// The instances of a pinned plan, without asking a server for its databases.
@Suite struct PinnedTargetsTests {
    private func discovery(_ server: String, _ databases: String, name: String = "{database}", exclude: [String] = []) -> Discovery {
        Discovery(
            server: server,
            databases: Glob(databases),
            exclude: exclude.map { Glob($0) },
            nameTemplate: name,
            template: instance("template@\(server)")
        )
    }

    private func fleet(_ listed: String, _ discoveries: [Discovery]) -> Fleet {
        Fleet(name: "eu", migrations: "Migrations", instances: instances(listed), discoveries: discoveries)
    }

    /// - Parameter planned: `name@server` for an instance whose database is called the same, `name=database@server` for others.
    private func plan(_ planned: String) -> RunPlan {
        let all = planned.split(separator: " ").map { text -> RunPlan.PlannedInstance in
            let parts = text.split(separator: "@").map(String.init)
            let names = parts[0].split(separator: "=").map(String.init)
            var planned = RunPlan.PlannedInstance(instance("\(names[0])@\(parts[1])"))
            if let database = names.dropFirst().first { planned.database = database }
            return planned
        }
        return RunPlan(
            fleet: "eu",
            generatedAt: Date(timeIntervalSince1970: 0),
            change: .up(to: nil),
            waves: [RunPlan.Wave(name: "all", instances: all)]
        )
    }

    /// `name=database@server` of each, by name.
    private func found(_ plan: RunPlan, _ fleet: Fleet) -> [String] {
        RunTargets(of: plan, in: fleet).instances.values.map { "\($0.name)=\($0.database)@\($0.server)" }.sorted()
    }

    @Test func listedAndDiscoveredInstancesAreFound() {
        let fleet = fleet("a@eu-1 b@eu-1", [discovery("eu-1", "tm_*"), discovery("us-1", "tm_*", name: "us-{database}")])
        let plan = plan("a@eu-1 tm_x@eu-1 us-tm_x=tm_x@us-1 us-tm_y=tm_y@us-1")
        #expect(found(plan, fleet) == ["a=a@eu-1", "tm_x=tm_x@eu-1", "us-tm_x=tm_x@us-1", "us-tm_y=tm_y@us-1"])
    }

    /// The connection is that of the entry, to the planned database.
    @Test func theConnectionIsThatOfTheEntry() {
        let targets = RunTargets(of: plan("tm_x@eu-1"), in: fleet("", [discovery("eu-1", "tm_*")]))
        #expect(targets.instances["tm_x"]?.connection["dbname"] == "tm_x")
    }

    /// What the file does not describe is missing, whatever the plan says.
    @Test(arguments: ["tm_x@us-1", "other@eu-1", "tm_secret@eu-1", "tm_x=tm_y@eu-1", "b@eu-1"])
    func whatTheFileDoesNotDescribeIsMissing(_ planned: String) {
        let fleet = fleet("a@eu-1", [discovery("eu-1", "tm_*", exclude: ["tm_secret"])])
        #expect(found(plan(planned), fleet).isEmpty)
    }

    /// A listed instance is found by its name, so that a database that differs is noticed.
    @Test func aListedInstanceIsFoundByItsName() {
        let fleet = fleet("tm_x@eu-1", [discovery("us-1", "*")])
        #expect(found(plan("tm_x=other@us-1"), fleet) == ["tm_x=tm_x@eu-1"])
    }

    @Test func theFirstEntryThatFindsADatabaseNamesIt() {
        let fleet = fleet("", [discovery("eu-1", "tm_*", name: "first-{database}"), discovery("eu-1", "*")])
        #expect(found(plan("first-tm_x=tm_x@eu-1 other@eu-1"), fleet) == ["first-tm_x=tm_x@eu-1", "other=other@eu-1"])
    }
}
