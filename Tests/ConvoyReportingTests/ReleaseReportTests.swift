import ConvoyMigrations
import ConvoyRollout
import ConvoyRun
import Foundation
import TestSupport
import Testing

@testable import ConvoyReporting
@testable import ConvoyText

/// The releases of the app in every form of a report and a plan; none of them where the set knows no releases.
@Suite struct ReleaseReportTests {
    private static let releases = ReleaseList([
        .init(name: "v4.0.1", date: "2026-06-14", version: MigrationVersion(20_260_411_070_212)),
        .init(name: "v4.1.0", date: "2026-08-14", version: newest),
        .init(name: "v4.1.1", date: "2026-08-15", version: newest),
    ])

    private static func status(_ name: String, _ outcome: Outcome, _ version: MigrationVersion?, _ pending: [MigrationVersion] = [])
        -> InstanceStatus
    {
        InstanceStatus(
            name: name,
            server: "s",
            database: "d",
            labels: [:],
            outcome: outcome,
            version: version,
            pending: pending,
            serverVersion: "17.2"
        )
    }

    /// Up to date, between two releases, with a gap, older than the first release, empty.
    private static let statuses = [
        status("alice", .upToDate, newest), status("bob", .pending, older, [newest]), status("carol", .outOfOrder, newest, [older]),
        status("dave", .pending, MigrationVersion(20_190_717_184_003), [older, newest]), status("erin", .pending, nil, [older, newest]),
    ]

    private static let places = ["v4.1.1", "after v4.0.1", "after v4.0.1", "before v4.0.1", nil]

    private static var fleetReport: FleetReport {
        var report = FleetReport(fleet: "f", target: newest, statuses: statuses, at: moment())
        report.apply(releases)
        return report
    }

    private static var plan: PlanReport {
        PlanReport(
            fleet: "f",
            direction: .up,
            target: newest,
            generatedAt: moment(),
            waves: [.init(name: "all", maxParallel: nil, instances: statuses)],
            migrationNames: [:],
            releases: releases
        )
    }

    @Test func anInstanceHasItsPlace() {
        #expect(Self.fleetReport.instances.map { $0.release?.text } == Self.places)
        #expect(Self.statuses.map { Self.plan.release(of: $0)?.text } == Self.places)
    }

    @Test func theCountsAddUp() {
        for summary in [Self.fleetReport.summary, Self.plan.summary] {
            #expect(summary.releases.values.reduce(0, +) + summary.withoutVersion + summary.withUnknownVersion == Self.statuses.count)
            #expect(summary.versionRows.map(\.count) == [1, 1, 1, 1, 1])
            #expect(summary.versionRows.map(\.release) == ["v4.1.1", "after v4.0.1", "after v4.0.1", "before v4.0.1", nil])
            #expect(
                summary.json.line.contains(#""releases":{"before v4.0.1":1,"after v4.0.1":2,"v4.1.1":1}"#)
            )
        }
    }

    @Test func theTablesHaveThem() throws {
        let status = Self.fleetReport.statusTable(OutputStyle()).split(separator: "\n").map(String.init)
        let header = try #require(status.first)
        #expect(header.split(separator: " ").prefix(5) == ["INSTANCE", "OUTCOME", "VERSION", "RELEASE", "PENDING"])
        #expect(status[1].contains("20260808090000  v4.1.1"))
        #expect(status.contains { $0.split(separator: " ") == ["20260808090000", "after", "v4.0.1", "1"] })
        #expect(status.last?.hasSuffix("newest version 20260808090000 (v4.1.1)") == true)
        let plan = Self.plan.table(OutputStyle()).split(separator: "\n").map(String.init)
        #expect(plan.first?.contains("FROM            RELEASE        MIGRATIONS") == true)
        #expect(plan.last?.contains("to get to 20260808090000 (v4.1.1)") == true)
    }

    @Test func anEightyColumnTerminalShowsThem() {
        var style = OutputStyle()
        style.width = 80
        let lines = Self.fleetReport.statusTable(style).split(separator: "\n")
        #expect(lines.first?.contains("VERSION         RELEASE        PENDING") == true)
        #expect(lines.prefix(1 + Self.statuses.count).allSatisfy { $0.count <= 80 })
    }

    @Test(arguments: [
        ("status", fleetReport.statusJSON), ("report", fleetReport.reportJSON(at: moment())), ("plan", plan.json),
    ])
    func theDocumentsHaveThem(_ name: String, _ value: JSONValue) throws {
        let object = try #require(try JSONSerialization.jsonObject(with: Data(value.text.utf8)) as? [String: Any])
        #expect(object["target_release"] as? String == "v4.1.1")
        let instances = try #require(object["instances"] as? [[String: Any]])
        #expect(instances.map { $0["release"] as? String } == Self.places)
        #expect(instances.allSatisfy { $0.keys.contains("release") })
        #expect(try JSONSchema(named: name).problems(in: object) == [])
    }

    @Test func linesRowsAndMetricsHaveThem() throws {
        let schema = try JSONSchema(named: "ndjson")
        for line in Self.fleetReport.ndjson(at: moment()).split(separator: "\n") {
            #expect(schema.problems(in: try JSONSerialization.jsonObject(with: Data(line.utf8))) == [])
        }
        let rows = Self.fleetReport.csv.split(separator: "\r\n").map { $0.split(separator: ",", omittingEmptySubsequences: false) }
        #expect(rows.map(\.last) == ["release"] + Self.places.map { Substring($0 ?? "") })
        let metrics = Self.fleetReport.openMetrics(at: moment())
        #expect(metrics.contains(#"convoy_release_instances{fleet="f",release="after v4.0.1"} 2"#))
        #expect(metrics.contains(#"outcome="up-to-date",release="v4.1.1"} 1"#))
        #expect(Self.fleetReport.markdown(at: moment()).contains("| 20260808090000 | v4.1.1 | 1 |"))
    }

    @Test func theRunHasThem() {
        var run = report(troubledRun)
        run.apply(Self.releases)
        #expect(run.table(OutputStyle()).contains("RELEASE"))
        #expect(run.json(state: nil).line.contains(#""to":"20260808090000","release":"v4.1.1""#))
    }

    /// An instance that is ahead, and lacks a version of the set besides: the run plans nothing for it, and its release is that of the status.
    @Test func anInstanceThatIsAheadHasOnePlace() {
        let later = MigrationVersion(20_990_101_000_000)
        let status = Self.status("a", .ahead, later, [newest])
        var fleet = FleetReport(fleet: "f", target: newest, statuses: [status], at: moment())
        fleet.apply(Self.releases)
        var run = FleetReport()
        run.apply(Event(at: moment(), .runStarted(run: "r", fleet: "f", waves: [PlannedWave(name: "all", instances: ["a"])])))
        run.apply(Event(at: moment(1), .instanceStarted(instance: "a", wave: "all")))
        let result = InstanceResult(outcome: .ahead, from: later, to: later, failure: Failure(.ahead, "the ledger has unknown versions"))
        run.apply(Event(at: moment(2), .instanceFinished(instance: "a", result: result)))
        if let start = InstanceStart(status) { run.apply(starts: ["a": start], at: moment()) }
        run.apply(Self.releases)
        #expect(fleet.instances.map { $0.release?.text } == ["after v4.0.1"])
        #expect(run.instances.map { $0.release?.text } == ["after v4.0.1"])
    }

    @Test func withoutReleasesNothingChanges() {
        let report = FleetReport(fleet: "f", target: newest, statuses: Self.statuses, at: moment())
        let texts = [
            report.statusTable(OutputStyle()), report.statusJSON.text, report.csv, report.openMetrics(at: moment()),
            report.markdown(at: moment()),
            report.summaryScreen(OutputStyle()), report.ndjson(at: moment()),
        ]
        for text in texts { #expect(!text.lowercased().contains("release")) }
    }
}
