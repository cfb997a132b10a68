import ConvoyMigrations
import ConvoyRun
import TestSupport
import Testing

@testable import ConvoyReporting
@testable import ConvoyText

/// Four cohorts: with drift, without, hostile, and one that could not be compared.
let driftReport = DriftReport(
    fleet: "teslamate-eu",
    generatedAt: moment(),
    cohorts: [
        DriftReport.Cohort(name: "\(newest) 0123456789abcdef0123456789abcdef", version: newest, instances: ["alice", "bob", "carol"]),
        DriftReport.Cohort(
            name: "\(older) 11111111111111111111111111111111",
            version: older,
            instances: ["dave"],
            differences: [
                DriftReport.Difference(
                    kind: "column",
                    object: "public.cars.name",
                    change: "different",
                    expected: "text",
                    found: "character varying(255)",
                    sql: "SELECT 1"
                ),
                DriftReport.Difference(
                    kind: "view",
                    object: "public.\"a\u{1B}[2J\nb\"",
                    change: "extra",
                    expected: nil,
                    found: "\u{202E}" + String(repeating: "x", count: 2_000),
                    sql: nil
                ),
                DriftReport.Difference(kind: "schema", object: "private", change: "missing", expected: "", found: nil, sql: "SELECT 2"),
            ]
        ),
        DriftReport.Cohort(
            name: "\(newest) 22222222222222222222222222222222",
            version: newest,
            instances: ["erin", "frank"],
            differences: (1...50).map {
                DriftReport.Difference(
                    kind: "index",
                    object: "public.i\($0)",
                    change: "missing",
                    expected: "CREATE INDEX",
                    found: nil,
                    sql: nil
                )
            }
        ),
        DriftReport.Cohort(
            name: "none 33333333333333333333333333333333",
            version: nil,
            instances: ["grace"],
            problem: "no version is applied"
        ),
    ],
    unread: [DriftReport.Unread("heidi", Failure(.unreachable, "connection refused\u{1B}[2J", hint: "is the server running?"))]
)

extension DriftReport {
    /// By a label that one instance does not have.
    var grouped: DriftReport {
        var report = self
        report.group(
            by: "ring",
            values: ["alice": "canary", "bob": "rest", "carol": "rest", "dave": "canary", "erin": "rest", "grace": "rest"]
        )
        return report
    }
}

struct DriftReportTests {
    @Test func theTable() throws {
        try expectGolden(driftReport.table(OutputStyle(width: 100)), "drift.txt")
        let table = driftReport.grouped.table(OutputStyle(width: 100, usesColor: true))
        #expect(table.contains("canary"))
        #expect(!table.contains("\u{1B}[2J") && !table.contains("\u{202E}"))
    }

    @Test func theJSON() throws {
        try expectGolden(driftReport.grouped.json.text, "drift.json")
    }

    @Test func theOrderAndTheCounts() {
        #expect(driftReport.cohorts.map(\.instances.count) == [2, 1, 3, 1])
        #expect(driftReport.instances == 7)
        #expect(driftReport.drifted == 3)
        let groups = driftReport.grouped.grouping?.groups ?? []
        #expect(groups.map(\.name) == ["canary", "rest", nil])
        #expect(groups.map(\.instances) == [2, 4, 1])
        #expect(groups.map(\.drifted) == [1, 1, 1])
    }

    @Test func theMetrics() throws {
        try expectGolden(driftReport.openMetrics, "drift.prom")
    }

    @Test func nothingToCompare() {
        let empty = DriftReport(fleet: "f\u{1B}", generatedAt: moment(), cohorts: [], unread: [])
        #expect(empty.table(OutputStyle()) == "f\\u{1B}: 0 instances in 0 cohorts, nothing was compared\n")
        #expect(!empty.html.contains("no drift"))
        let unread = DriftReport(fleet: "f", generatedAt: moment(), cohorts: [], unread: [DriftReport.Unread("a", busy)])
        #expect(
            unread.table(OutputStyle()).hasSuffix(
                "\n  hint: wait for it, or end that session\n\nf: 0 instances in 0 cohorts, nothing was compared, 1 could not be read\n"
            )
        )
        let unknown = DriftReport.Cohort(name: "1 a", version: nil, instances: ["a", "b"], problem: "no version is applied")
        let incomparable = DriftReport(fleet: "f", generatedAt: moment(), cohorts: [unknown], unread: [])
        #expect(incomparable.table(OutputStyle()).hasSuffix("\nf: 2 instances in 1 cohort, nothing was compared, 2 not compared\n"))
        let one = DriftReport.Cohort(name: "1 b", version: nil, instances: ["c"])
        let part = DriftReport(fleet: "f", generatedAt: moment(), cohorts: [unknown, one], unread: [])
        #expect(part.table(OutputStyle()).hasSuffix("\nf: 3 instances in 2 cohorts, no drift, 2 not compared\n"))
    }
}
