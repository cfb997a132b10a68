import ConvoyMigrations
import ConvoyRollout
import ConvoyRun
import Testing

@testable import ConvoyReporting
@testable import ConvoyText

struct ViewTests {
    @Test(arguments: [
        (ReportOrder(.name, .descending), ["dave", "carol", "bob", "alice"]), (ReportOrder(.version), ["bob", "alice", "carol", "dave"]),
        (ReportOrder(.version, .descending), ["alice", "bob", "carol", "dave"]),
        (ReportOrder(.outcome), ["alice", "dave", "bob", "carol"]),
        (ReportOrder(.pending, .descending), ["bob", "alice", "carol", "dave"]),
        (ReportOrder(.duration), ["alice", "bob", "carol", "dave"]),
        (ReportOrder(.age), ["alice", "bob", "carol", "dave"]),
    ])
    func ordersInstancesAndPutsLastWhatIsNotKnown(_ order: ReportOrder, _ expected: [String]) {
        #expect(ReportFilter(order: order).applied(to: report(troubledRun)).instances.map(\.name) == expected)
    }

    @Test func ordersByAge() {
        let order = ReportOrder(.age, .descending)
        #expect(ReportFilter(order: order).applied(to: statusReport).instances.map(\.name) == ["bob", "alice", "carol"])
    }

    @Test func aFilteredReportSaysThatThereIsMore() {
        let shown = ReportFilter(outcomes: [.failed, .lockBusy]).applied(to: report(troubledRun))
        #expect(shown.instances.map(\.name) == ["bob", "carol"])
        #expect(shown.instance("carol")?.outcome == .lockBusy)
        #expect(shown.instance("alice") == nil)
        #expect(shown.statusTable(OutputStyle()).hasSuffix("teslamate-eu: 2 of 4 instances: 1 failed, 1 lock-busy\n"))
        // The run is still the whole one.
        #expect(
            shown.table(OutputStyle()).hasSuffix("run r-1 of teslamate-eu halted: 1 migrated, 1 pending, 1 failed, 1 lock-busy, 3.5 s\n")
        )
        let none = ReportFilter(outcomes: [.ahead]).applied(to: report(troubledRun))
        #expect(none.statusTable(OutputStyle()) == "teslamate-eu: 0 of 4 instances\n")
    }

    @Test(arguments: [
        ("version", ["20260808090000", "20260807090000", nil]), ("server", ["eu-1", "us-1"]),
        ("outcome", ["up-to-date", "pending", "unreachable"]),
        ("label.region", ["eu", nil]), ("label.nothing", [nil]), ("cohort", [nil]),
    ])
    func groupsInstances(_ text: String, _ expected: [String?]) throws {
        let grouping = try #require(ReportGrouping(text))
        #expect(grouping.description == text)
        #expect(GroupsReport(statusReport, by: grouping).groups.map(\.name) == expected)
    }

    @Test(arguments: ["", "label", "label.", "region", "Version"])
    func whatIsNoGroupingIsRefused(_ text: String) {
        #expect(ReportGrouping(text) == nil)
    }

    @Test func groupsByWaveInTheirOrder() {
        #expect(GroupsReport(hostileReport, by: .wave).groups.map(\.name) == [hostileNames[2], "rest"])
    }

    @Test(arguments: GroupsReport.formats.sorted { $0.rawValue < $1.rawValue })
    func groupsAreAsTheirGoldenFile(_ format: ReportFormat) throws {
        let groups = GroupsReport(hostileReport, by: .label("ring"))
        let names: [ReportFormat: String] = [.table: "txt", .markdown: "md"]
        try expectGolden(groups.text(format, OutputStyle(width: 100), at: moment(60)), "groups.\(names[format] ?? format.rawValue)")
    }

    @Test func theSummaryIsAsItsGoldenFile() throws {
        try expectGolden(hostileReport.summaryScreen(OutputStyle()), "summary-hostile.txt")
        try expectGolden(statusReport.summaryScreen(OutputStyle(usesUnicode: false)), "summary-status.txt")
        try expectGolden(largeFleet.summaryScreen(OutputStyle()), "summary-large.txt")
    }

    @Test(arguments: [nil, 1, 20, 40, 79, 80, 300])
    func theSummaryFitsOneScreen(_ width: Int?) {
        for report in [hostileReport, largeFleet, report(troubledRun), statusReport, FleetReport()] {
            let lines = report.summaryScreen(OutputStyle(width: width)).split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            #expect(lines.count <= 23)
            for line in lines { #expect(line.displayWidth <= min(width ?? 80, 80), "\(line)") }
        }
    }

    @Test(arguments: [20, 60, 80, 100, 140])
    func theTableOfAReportFitsTheTerminal(_ width: Int) {
        for line in hostileReport.reportTable(OutputStyle(width: width)).split(separator: "\n").prefix(hostileNames.count + 1) {
            #expect(line.displayWidth <= width)
        }
    }

    /// Every outcome, more versions and failures than fit, 10,000 instances.
    private let largeFleet: FleetReport = {
        let statuses = (0..<10_000).map { index in
            let outcome = index % 100 == 99 ? Outcome.allCases[index / 100 % Outcome.allCases.count] : index % 7 == 0 ? .pending : .upToDate
            let behind = outcome == .pending ? 1 + index % 12 : 0
            return InstanceStatus(
                name: "teslamate-customer-with-a-rather-long-name-\(index)",
                server: "server-\(index % 40).internal.example.com",
                database: "teslamate_\(index)",
                labels: [:],
                outcome: outcome,
                version: outcome == .unreachable ? nil : MigrationVersion(20_260_808_090_000 - Int64(behind) * 1_000_000),
                pending: (0..<behind).map { MigrationVersion(20_260_808_090_000 - Int64($0) * 1_000_000) },
                lastMigratedAt: moment(-3600 * Double(index % 500)),
                failure: outcome.isGood
                    ? nil
                    : Failure(outcome, "something that is told at length about what is wrong with this one", sqlstate: "XX00\(index % 9)")
            )
        }
        return FleetReport(fleet: "teslamate-eu", target: MigrationVersion(20_260_808_090_000), statuses: statuses, at: moment())
    }()
}
