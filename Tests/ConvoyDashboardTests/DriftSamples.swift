import ConvoyMigrations
import ConvoyReporting
import ConvoyRun

@testable import ConvoyDashboard

/// What a comparison of the fleet of ``TestDashboard`` found.
enum DriftSamples {
    static let drifted = "\(newest) 0123456789abcdef0123456789abcdef"
    static let silent = "\(newest) 11111111111111111111111111111111"
    /// A name of an object as a tenant would choose it.
    static let object = "public.\"\(TestDashboard.hostile)\n.\u{202E}\""

    static let report = DriftReport(
        fleet: "test",
        generatedAt: moment(60),
        cohorts: [
            DriftReport.Cohort(name: silent, version: newest, instances: ["bob"]),
            DriftReport.Cohort(
                name: drifted,
                version: newest,
                instances: ["alice", TestDashboard.hostile],
                differences: [
                    DriftReport.Difference(
                        kind: "column",
                        object: "public.cars.name",
                        change: "different",
                        expected: "character varying(8)",
                        found: "character varying(255)",
                        sql: "SELECT 'public.cars'"
                    ),
                    DriftReport.Difference(
                        kind: "view",
                        object: object,
                        change: "extra",
                        expected: nil,
                        found: "SELECT 1\n<script>alert(3)</script>",
                        sql: "SELECT '\(object)'"
                    ),
                ]
            ),
        ],
        unread: [DriftReport.Unread("carol", Failure(.unreachable, "<b>refused</b>"))]
    )

    static let findings = DriftFindings(report, problems: ["cannot list the databases of server eu-2: <i>refused</i>"])
}
