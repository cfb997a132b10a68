import ConvoyMigrations
import ConvoyRun
import FoundationEssentials
import Testing

@testable import ConvoyReporting
@testable import ConvoyText

/// The page of `convoy drift --output html`.
struct DriftPageTests {
    @Test func matchesItsGoldenFile() throws {
        try expectGolden(page(driftReport), "drift.html")
    }

    /// The page without its style, whose hash changes with it.
    private func page(_ report: DriftReport) -> String {
        report.html.replacing(WebAssets.style.text, with: "/* convoy.css */")
            .replacing(WebAssets.style.policySource.escapedForHTML, with: "(hash of convoy.css)")
    }

    @Test func hostileTextsAddNoMarkup() {
        let hostile = "\"\u{301}><img src=x onerror=alert(1)>\u{202E}\u{1B}</td><script>"
        let difference = DriftReport.Difference(kind: "view", object: hostile, change: "extra", expected: nil, found: hostile, sql: nil)
        let report = DriftReport(
            fleet: hostile,
            generatedAt: moment(),
            cohorts: [
                DriftReport.Cohort(
                    name: "1 \(hostile)",
                    version: nil,
                    instances: [hostile],
                    differences: [difference],
                    problem: hostile
                )
            ],
            unread: [DriftReport.Unread(hostile, Failure(.failed, hostile))]
        )
        let html = page(report)
        #expect(!html.contains("<img") && !html.contains("<script"))
        #expect(!html.unicodeScalars.contains { $0 == "\u{202E}" || $0 == "\u{1B}" } && !html.contains("\"\u{301}"))
    }

    @Test func aLongListIsCut() {
        let differences = (1...600).map {
            DriftReport.Difference(kind: "index", object: "public.i\($0)", change: "missing", expected: "x", found: nil, sql: nil)
        }
        let cohort = DriftReport.Cohort(name: "1 a", version: nil, instances: ["a"], differences: differences)
        let html = page(DriftReport(fleet: "f", generatedAt: moment(), cohorts: [cohort], unread: []))
        #expect(html.contains("public.i500<") && !html.contains("public.i501<"))
        #expect(html.contains("And 100 more"))
    }
}
