import ConvoyRun
import Foundation
import Testing

@testable import ConvoyReporting
@testable import ConvoyText

/// `--columns` of `status` and `report`.
struct ColumnTests {
    private let statuses = [
        InstanceStatus(
            name: "alice",
            server: "eu-1",
            database: "teslamate_alice",
            labels: ["ring": "canary"],
            outcome: .pending,
            version: older,
            pending: [newest],
            serverVersion: "17.2"
        ),
        InstanceStatus(
            name: "bob",
            server: "eu-2",
            database: "teslamate_bob",
            labels: [:],
            outcome: .unreachable,
            failure: Failure(.unreachable, "connection refused")
        ),
    ]

    private func report(_ columns: String...) -> FleetReport {
        var report = FleetReport(fleet: "f", target: newest, statuses: statuses, at: moment())
        report.columns = columns.compactMap(InstanceColumn.init)
        return report
    }

    @Test func theColumnsComeInTheOrderThatWasAskedFor() {
        #expect(
            report("Version", "instance", "label.ring", "pending", "message").statusTable(OutputStyle()).hasPrefix(
                """
                VERSION         INSTANCE  label.ring  PENDING  MESSAGE
                20260807090000  alice     canary            1  -
                -               bob       -                 -  connection refused

                """
            )
        )
    }

    @Test func theFirstOneStaysWhereTheOthersDoNotFit() {
        let table = report("outcome", "database", "server", "version", "postgresql").statusTable(OutputStyle(width: 24))
        #expect(table.hasPrefix("OUTCOME "))
        let lines = table.components(separatedBy: "\n").prefix(3)
        #expect(lines.allSatisfy { $0.count <= 24 })
    }

    @Test func everyKnownColumnCanBeShown() {
        let names = InstanceColumn.Name.allCases.map(\.rawValue)
        for name in names { #expect(InstanceColumn(name) == .named(InstanceColumn.Name(rawValue: name) ?? .time), "\(name)") }
        var report = report()
        report.columns = names.compactMap(InstanceColumn.init)
        let title = report.statusTable(OutputStyle()).components(separatedBy: "\n")[0]
        #expect(title.lowercased().components(separatedBy: " ").filter { !$0.isEmpty } == names)
        #expect(InstanceColumn("label.") == nil && InstanceColumn("") == nil && InstanceColumn("state") == nil)
        #expect(InstanceColumn("label.A b") == .label("A b"))
    }

    @Test func csvHasItsOwnNames() {
        var report = report()
        report.chosenCSVColumns = ["outcome", "label.ring", "name", "label.none", "failure_message"]
        #expect(
            report.csv
                == "outcome,label.ring,name,label.none,failure_message\r\npending,canary,alice,,\r\nunreachable,,bob,,connection refused\r\n"
        )
        let names = ["label.X", "Failure_Message", "instance", "MIGRATED", "skip", "nothing"].map(FleetReport.csvColumn)
        #expect(names == ["label.X", "failure_message", "name", "last_migrated_at", "skip", nil])
    }
}
