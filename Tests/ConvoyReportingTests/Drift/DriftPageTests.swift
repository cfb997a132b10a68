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

    @Test func manyCohortsAreCut() {
        let cohorts = (1...700).map { number in
            let difference = DriftReport.Difference(kind: "index", object: "public.i", change: "extra", expected: nil, found: "x", sql: nil)
            return DriftReport.Cohort(name: "1 c\(number)", version: nil, instances: ["a\(number)"], differences: [difference])
        }
        let html = page(DriftReport(fleet: "f", generatedAt: moment(), cohorts: cohorts, unread: []))
        #expect(html.components(separatedBy: "<h2 id=\"cohort-").count == 101)
        #expect(html.components(separatedBy: "<a href=\"#cohort-").count == 101)
        #expect(html.contains("And 200 more."))
    }

    @Test(
        arguments: [
            ("character varying(8)", "character varying(255)", "character varying(", "8", "255", ")"),
            ("text", "text not null", "text", nil, " not null", ""),
            ("text not null", "text", "text", " not null", nil, ""),
            // Whole words are marked.
            ("integer", "interval", "", "integer", "interval", ""),
            ("a test_1 b", "a test_2 b", "a ", "test_1", "test_2", " b"),
            ("f(x, x)", "f(x, x, x)", "f(x, x", nil, ", x", ")"),
            ("", "x", "", nil, "x", ""),
            ("same", "same", "same", nil, nil, ""),
            // Equal for a reader, and different for the server: a letter with its accent, and the same as two scalars.
            ("caf\u{E9}", "cafe\u{301}", "", "caf\u{E9}", "cafe\u{301}", ""),
        ] as [(String, String, String, String?, String?, String)]
    )
    func whatDiffersIsMarked(_ first: String, _ second: String, before: String, left: String?, right: String?, after: String) {
        let pair = ChangedText.pair(first, second)
        for (found, whole, changed) in [(pair.0, first, left), (pair.1, second, right)] {
            #expect(found?.changed.map { Array($0.utf8) } == changed.map { Array($0.utf8) }, "\(first) \(second)")
            let text = (found?.before ?? "") + (found?.changed ?? "") + (found?.after ?? "")
            #expect(Array(text.utf8) == Array(whole.utf8))
            #expect(found?.before == before && found?.after == after)
        }
    }

    @Test func whatStandsAloneIsNotMarked() {
        let (expected, found) = ChangedText.pair(nil, "text")
        #expect(expected == nil && found == ChangedText(before: "text", changed: nil, after: ""))
        #expect(ChangedText.pair("text", nil).0?.changed == nil)
    }
}
