import ConvoyRollout
import ConvoyRun
import ConvoyText
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyReporting

/// The report as a browser shows it.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct ReportInBrowserTests {
    @Test func tableSortsFiltersAndSearches() async throws {
        try await open(troubledReport) { browser in
            // What is not well comes first.
            #expect(try await names(browser) == ["bob", "carol", "dave", "alice"])
            try await browser.click("[data-column=name]")
            #expect(try await names(browser) == ["alice", "bob", "carol", "dave"])
            #expect(try await browser.value("document.querySelector('[data-column=name]').closest('th').ariaSort") == "ascending")
            try await browser.click("[data-column=name]")
            #expect(try await names(browser) == ["dave", "carol", "bob", "alice"])
            #expect(try await browser.value("document.querySelector('[data-column=name]').closest('th').ariaSort") == "descending")

            try await browser.type("NUMERIC field", into: "input[type=search]")
            #expect(try await names(browser) == ["bob"])
            #expect(try await browser.text("#fleet [role=status]") == "1 of 4 instances")
            try await browser.type(" nothing", into: "input[type=search]")
            #expect(try await names(browser) == [])
            try await browser.run("document.querySelector('input[type=search]').value = ''")
            try await browser.type(" ", into: "input[type=search]")

            try await browser.run(Self.choosing("bad"))
            #expect(try await names(browser) == ["carol", "bob"])
            try await browser.run(Self.choosing("=migrated"))
            #expect(try await names(browser) == ["alice"])
        }
    }

    @Test func keyboardAloneIsEnough() async throws {
        try await open(largeReport(instances: 1000)) { browser in
            try await browser.press(.tab)
            #expect(try await browser.value("document.activeElement.className") == "skip")
            // Through everything that can have the focus: each shows that it has.
            var reached: Set<String> = []
            for _ in 0..<60 {
                try await browser.press(.tab)
                let focus: String = try await browser.value(
                    "document.activeElement.dataset.column ?? (document.activeElement.ariaLabel || document.activeElement.type || '')"
                )
                #expect(
                    try await browser.value(
                        "getComputedStyle(document.activeElement).outlineStyle !== 'none' || document.activeElement === document.body"
                    )
                )
                reached.insert(focus)
            }
            #expect(reached.isSuperset(of: ["search", "select-one", "name", "status", "started", "Next page", "Timeline by instance"]))

            try await browser.run("document.querySelector('[data-column=started]').focus()")
            try await browser.press(.enter)
            #expect(try await names(browser).first == "tenant-00000")
            #expect(try await browser.value("document.activeElement.dataset.column") == "started")
            try await browser.run("document.querySelector('[aria-label=\"Next page\"]').focus()")
            try await browser.press(.space)
            #expect(try await browser.text(".page-text") == "101–200 of 1,000")
            try await browser.run("document.querySelector('.timeline-scroll').focus()")
            try await browser.press(.down, .down, .down)
            #expect(try await browser.text(".timeline-detail").hasPrefix("tenant-00002: migrated, wave canary, "))
            try await browser.press(.end)
            #expect(try await browser.text(".timeline-detail").contains("wave rest"))
            #expect(try await browser.value("document.querySelector('.timeline-lines .chosen') !== null"))
        }
    }

    @Test func hostileNamesStayText() async throws {
        try await open(markupReport) { browser in
            try await browser.click("[data-column=name]")
            #expect(try await Set(names(browser)) == Set(markupTexts.map(\.visible)))
            #expect(try await browser.value("document.images.length + document.querySelectorAll('b, i, u').length") == 0)
            #expect(try await browser.value("document.scripts.length") == WebAssets.scripts.count + 2)
            for attribute in ["onerror", "onmouseover"] {
                #expect(try await browser.value("document.querySelectorAll('[\(attribute)]').length") == 0)
            }
            #expect(try await browser.text("h1") == "<i>fleet</i>: run <b>r-1</b>")
        }
    }

    @Test func anUpdateKeepsSearchSortPageAndFocus() async throws {
        try await open(largeReport(instances: 1000)) { browser in
            try await browser.run(
                """
                window.place = document.createElement("div");
                document.body.append(place);
                window.rows = Array.from({ length: 500 }, (_, index) => makeRow({ name: `n-${index}`, outcome: "pending", state: "running", started: index }));
                window.table = new FleetTable(place, { rows, linkTo: (row) => `#${row.id}` });
                place.querySelector("[data-column=started]").click();
                place.querySelector("[aria-label='Next page']").click();
                place.querySelector("a[href='#n-150']").focus();
                place.querySelector(".scroll").scrollTop = 300;
                table.update(rows.map((row) => ({ ...row, status: "migrated", applied: 3 })));
                """
            )
            #expect(try await browser.value("document.activeElement.getAttribute('href')") == "#n-150")
            #expect(try await browser.value("place.querySelector('.page-text').textContent") == "101–200 of 500")
            #expect(try await browser.value("place.querySelector('.scroll').scrollTop") == 300)
            #expect(try await browser.value("place.querySelector('tbody tr').textContent.includes('migrated')"))
            #expect(try await browser.value("place.querySelector('[data-column=started]').closest('th').ariaSort") == "ascending")
        }
    }

    @Test func readableWithoutJavaScript() async throws {
        try await open(troubledReport, javaScript: false) { browser in
            let page = try await browser.text("body")
            for text in [
                "halted", "numeric field overflow", "Migrations/20260808090000_narrow_charges.sql:7", "canary", "2 instances not well",
            ] {
                #expect(page.contains(text), "\(text)")
            }
        }
    }

    @Test func tenThousandInstances() async throws {
        let large = largeReport(instances: 10_000)
        try await open(large) { browser in
            #expect(try await browser.text("#fleet [role=status]") == "10,000 instances")
            // Rows and bars in the document are those that can be seen, not all.
            #expect(try await browser.value("document.querySelectorAll('#fleet tbody tr').length") == 100)
            #expect(try await browser.value("document.querySelectorAll('.timeline-lines g').length < 100"))
            let opened: Double = try await browser.value("performance.getEntriesByName('ready')[0].startTime")
            try await Browser.keep("report-10000.txt") { Data("table usable \(Int(opened)) ms after navigation began\n".utf8) }
            try await browser.click("[aria-label='Last page']")
            #expect(try await browser.text(".page-text") == "9,901–10,000 of 10,000")
        }
    }

    @Test(arguments: [1280, 400], Browser.Scheme.allCases)
    func looksAsItShould(width: Int, scheme: Browser.Scheme) async throws {
        for (name, report) in [
            ("troubled", troubledReport), ("large", largeReport(instances: 10_000)), ("hostile", markupReport), ("status", statusReport),
        ] {
            try await open(report, width: width) { browser in
                try await browser.emulate(scheme)
                // Nothing is wider than the window but what scrolls by itself.
                #expect(try await browser.value("document.documentElement.scrollWidth") <= width, "\(name)")
                try await browser.keepScreenshot("report-\(name)-\(width)-\(scheme.rawValue)")
            }
        }
    }

    @Test func prints() async throws {
        try await open(troubledReport) { browser in
            try await browser.emulate(.dark, print: true)
            #expect(try await browser.value("getComputedStyle(document.querySelector('.controls')).display") == "none")
            #expect(try await browser.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)")
            try await browser.keepScreenshot("report-troubled-print")
            try await browser.emulate(.light, print: true)
            try await Browser.keep("report-troubled.pdf") { try await browser.pdf() }
        }
    }

    /// Opens the report's file, and expects afterwards that nothing was complained about and nothing else asked for.
    private func open(
        _ report: FleetReport,
        width: Int = 1280,
        javaScript: Bool = true,
        _ body: (Browser) async throws -> Void
    ) async throws {
        let page = report.html(state: nil, at: moment(3600), names: migrationNames)
        try await Browser.keep("report-\(report.fleet == "teslamate-eu" ? "\(report.instances.count)" : "hostile").html") {
            Data(page.utf8)
        }
        try await withTemporaryFolder(files: ["report.html": page]) { folder in
            try await Browser.with(width: width, javaScript: javaScript) { browser in
                try await browser.open("file://\(folder)/report.html")
                if javaScript { try await browser.wait(for: "document.documentElement.dataset.ready") }
                try await body(browser)
                #expect(try await browser.consoleMessages() == [])
                #expect(try await browser.requests().filter { !$0.hasPrefix("chrome") } == ["file://\(folder)/report.html"])
            }
        }
    }

    private func names(_ browser: Browser) async throws -> [String] {
        try await browser.value("[...document.querySelectorAll('#fleet tbody th')].map((cell) => cell.textContent)")
    }

    private static func choosing(_ outcome: String) -> String {
        "const field = document.querySelector('#fleet select'); field.value = '\(outcome)'; field.dispatchEvent(new Event('change'));"
    }
}
