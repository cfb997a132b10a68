import ConvoyReporting
import ConvoyRun
import TestSupport
import Testing

@testable import ConvoyDashboard

/// Drift as a browser shows it.
@Suite(.timeLimit(.minutes(3)))
struct DriftScreenTests {
    private let cohortPath = "/drift/" + DriftSamples.drifted.replacing(" ", with: "/")

    @Test func withoutJavaScriptAButtonComparesAndLinksLeadOn() async throws {
        try await TestDashboard.with { dashboard in
            try await Browser.with(javaScript: false) { browser in
                try await browser.open("http://127.0.0.1:\(dashboard.port)/drift")
                try await browser.click("form[action='/drift'] button")
                try await eventually("the comparison is over") {
                    try await dashboard.ask("/api/v1/drift/state").body.contains(#""state":"done""#)
                }
                try await browser.open("http://127.0.0.1:\(dashboard.port)/drift")
                try await browser.click("tbody th a")
                try await browser.waitForPage(cohortPath)
                #expect(try await browser.text("h1") == DriftSamples.drifted)
                #expect(try await browser.value("[...document.querySelectorAll('mark')].map((mark) => mark.innerText)") == ["8", "255"])
                try await browser.click("details summary")
                try await browser.wait(for: "document.querySelector('details pre').innerText === \"SELECT 'public.cars'\"")
                #expect(try await browser.value("document.querySelectorAll('img[src=x]').length") == 0)
                try await browser.click(".crumbs a")
                try await browser.waitForPage("/drift")
                #expect(try await browser.consoleMessages().isEmpty)
            }
        }
    }

    @Test func aPageThatIsOpenShowsTheNextComparison() async throws {
        try await TestDashboard.with { dashboard in
            try await Browser.with { browser in
                let origin = "http://127.0.0.1:\(dashboard.port)"
                try await browser.open("\(origin)/drift")
                try await browser.wait(for: "document.documentElement.dataset.ready === 'true'")
                try await dashboard.compare()
                try await browser.wait(for: "document.querySelector('main')?.innerText.includes('2 differences')")
                try await browser.wait(for: "document.querySelector('nav a[aria-current]')?.innerText === 'Drift'")
                // The pages of the fleet and of an instance lead there.
                try await browser.open("\(origin)/")
                try await browser.wait(for: "document.querySelector('#facts a[href=\"/drift\"]')?.innerText.startsWith('2 of 3 instances')")
                try await browser.open("\(origin)/instances/alice")
                try await browser.wait(
                    for: "document.querySelector('#facts a[href=\"\(cohortPath)\"]')?.innerText.startsWith('2 differences')"
                )
                try await browser.open("\(origin)/instances/bob")
                try await browser.wait(for: "[...document.querySelectorAll('#facts a')].some((link) => link.innerText.startsWith('none'))")
                #expect(try await browser.consoleMessages().isEmpty)
            }
        }
    }

    @Test(arguments: [1280, 400], [Browser.Scheme.light, .dark])
    func thePagesFitTheWindow(width: Int, scheme: Browser.Scheme) async throws {
        let names = (0..<200).map { "team-\($0)-with-quite-a-long-name-as-people-give-them" }
        let view = (0..<12).map { "  cars.column_\($0) AS a_long_name_of_a_column_\($0)" }.joined(separator: ",\n")
        var report = DriftSamples.report
        report.cohorts[0].instances = names
        report.cohorts[0].differences += [
            DriftReport.Difference(
                kind: "view",
                object: "public.overview",
                change: "different",
                expected: "SELECT\n\(view)\nFROM cars",
                found: "SELECT\n\(view)\nFROM cars\nWHERE cars.id > 7",
                sql:
                    "SELECT pg_catalog.pg_get_viewdef(pg_catalog.to_regclass('public.overview'::pg_catalog.text)::pg_catalog.oid) AS definition"
            ),
            DriftReport.Difference(
                kind: "index",
                object: "public." + String(repeating: "a_name_without_any_blank_", count: 6),
                change: "extra",
                expected: nil,
                found: "CREATE INDEX i ON public.cars USING btree (vin)",
                sql: nil
            ),
        ]
        let findings = DriftFindings(report)
        try await TestDashboard.with(drift: { () async throws(ProbeError) in findings }) { dashboard in
            try await dashboard.compare()
            try await Browser.with(width: width) { browser in
                try await browser.emulate(scheme)
                for (name, path) in [("drift", "/drift"), ("cohort", cohortPath), ("fleet-with-drift", "/")] {
                    try await browser.open("http://127.0.0.1:\(dashboard.port)\(path)")
                    try await browser.wait(for: "document.documentElement.dataset.ready === 'true'")
                    if name == "cohort" { try await browser.click("details summary") }
                    #expect(try await browser.value("document.documentElement.scrollWidth <= innerWidth"), "\(name)")
                    try await browser.keepScreenshot("dashboard-\(name)-\(width)-\(scheme)")
                }
            }
        }
    }
}
