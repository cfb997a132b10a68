import ConvoyMigrations
import ConvoyRollout
import ConvoyRun
import FoundationEssentials
import Testing

@testable import ConvoyReporting
@testable import ConvoyText

struct HTMLReportTests {
    @Test func matchesItsGoldenFile() throws {
        let page = troubledReport.html(state: nil, at: moment(90), names: migrationNames)
        // The styles and scripts are files of their own; their hashes change with them.
        try expectGolden(page.withoutInlineFiles, "report.html")
    }

    @Test func statusHasNeitherTimelineNorDurations() {
        let page = statusReport.html(state: nil, at: moment(), names: [:])
        #expect(page.contains("<h1>teslamate-eu: status</h1>"))
        #expect(page.contains("1 not well"))
        #expect(!page.contains("id=\"timeline\""))
        #expect(!page.contains("id=\"durations\""))
    }

    @Test func cohortsAreASectionWithWhatDiffersWhereThatIsKnown() {
        var report = statusReport
        let names = report.instances.map(\.name)
        #expect(!report.html(state: nil, at: moment(), names: [:]).contains("id=\"cohorts\""))
        report.apply(cohorts: [names[0]: "1 a", names[1]: "<b>2 b</b>"])
        let plain = report.html(state: nil, at: moment(), names: [:])
        #expect(plain.contains("Instances with one version and one schema") && plain.contains("&lt;b&gt;2 b&lt;/b&gt;"))
        #expect(!plain.contains("<th scope=\"col\">Drift</th>"))
        let difference = DriftReport.Difference(
            kind: "column",
            object: "public.c.x",
            change: "extra",
            expected: nil,
            found: "int",
            sql: nil
        )
        let drift = DriftReport(
            fleet: "teslamate-eu",
            generatedAt: moment(),
            cohorts: [
                DriftReport.Cohort(name: "1 a", version: nil, instances: [names[0], "qq-1"], differences: [difference]),
                DriftReport.Cohort(name: "1 qq", version: nil, instances: ["qq-2"]),
            ],
            unread: [DriftReport.Unread(names[1], busy), DriftReport.Unread("qq-3", busy)]
        )
        let compared = report.html(state: nil, at: moment(), names: [:], drift: drift)
        #expect(compared.contains("<a href=\"#cohort-1\">1 a</a>") && compared.contains("public.c.x"))
        #expect(compared.contains("<h2 id=\"unread\">Not read</h2>"))
        // Of the instances that the report shows, and of no other ones.
        #expect(!compared.contains("qq-1") && !compared.contains("1 qq") && !compared.contains("qq-3"))
        #expect(drift.names == [names[0]: "1 a", "qq-1": "1 a", "qq-2": "1 qq"])
    }

    @Test func anEmptyFleetIsAPageToo() {
        let page = FleetReport(fleet: "empty", target: nil, statuses: [], at: moment()).html(state: nil, at: moment(), names: [:])
        #expect(page.contains("no instances"))
        #expect(page.hasSuffix("</html>\n"))
    }

    /// No markup but the template's own: whatever the names are, the page has the same elements.
    @Test func hostileTextsAddNoMarkup() {
        let page = markupReport.html(state: nil, at: moment(90), names: [newest: "<script>alert(1)</script>"])
        #expect(!page.contains("<img"))
        #expect(!page.contains("alert(1)</script>"))
        #expect(!page.contains("<b>r-1"))
        #expect(!page.contains("\u{202E}"))
        let accentedQuote = "\"\u{301}"
        let markup = page.between("<body>", "<script type=")
        #expect(!markup.contains(accentedQuote))
        let scripts = page.components(separatedBy: "<script").count - 1
        #expect(scripts == WebAssets.scripts.count + 2)
    }

    @Test func thePolicyNamesTheHashOfEachInlineFile() {
        let page = troubledReport.html(state: nil, at: moment(), names: [:])
        let policy = page.between("http-equiv=\"Content-Security-Policy\" content=\"", "\"")
        for asset in inlineFiles {
            #expect(policy.contains(asset.policySource.escapedForHTML), "\(asset.name)")
            #expect(page.contains(asset.text), "\(asset.name)")
        }
        #expect(policy.hasPrefix("default-src &#39;none&#39;; "))
        #expect(!policy.contains("unsafe"))
        #expect(!page.withoutInlineFiles.contains("http:"))
        #expect(!page.withoutInlineFiles.contains("https:"))
    }

    @Test func inlineFilesCannotEndTheirElements() {
        for asset in inlineFiles {
            let text = asset.text.lowercased()
            #expect(!text.contains("</script"), "\(asset.name)")
            #expect(!text.contains("</style"), "\(asset.name)")
            #expect(!text.contains("<!--"), "\(asset.name)")
            #expect(!text.contains("innerhtml"), "\(asset.name)")
        }
    }

    @Test(arguments: [
        ("a & b", "a &amp; b"),
        ("<a href='x' title=\"y\">", "&lt;a href=&#39;x&#39; title=&quot;y&quot;&gt;"),
        // As a character, a quotation mark with an accent is no quotation mark.
        ("\"\u{301}<\u{301}", "&quot;\u{301}&lt;\u{301}"),
        ("&lt;", "&amp;lt;"),
    ])
    func escapesForHTML(_ text: String, _ expected: String) {
        #expect(Array(text.escapedForHTML.utf8) == Array(expected.utf8))
        let template = WebTemplate(Array("<p title=\"{{text}}\">{{#text}}{{.}}{{/text}}</p>".utf8))
        let page = template.render(["text": text])
        #expect(Array(page.utf8) == Array("<p title=\"\(expected)\">\(expected)</p>".utf8))
    }

    @Test func aTemplateThatIsNoneSaysSo() {
        let template = WebTemplate(Array("{{#open}}".utf8))
        #expect(!template.isValid)
        #expect(template.render([String]()).contains("cannot be read"))
    }

    @Test func dataInAScriptElementCannotEndIt() {
        #expect("[\"</script>\", \"<\u{301}\"]".escapedForScript.unicodeScalars.allSatisfy { $0 != "<" })
    }

    @Test func columnsWriteOnceWhatInstancesShare() {
        let json = FleetColumns(statusReport.instances, epoch: moment()).json.line
        #expect(json.contains(#""outcome":{"values":["up-to-date","pending","unreachable"],"indices":[0,1,2]}"#))
        #expect(json.contains(#""server":{"values":["eu-1","us-1"],"indices":[0,0,1]}"#))
        #expect(json.contains(#""last_migrated":[-90000,-1036800000,null]"#))
        #expect(json.contains(#""pending":[0,1,null]"#))
        // No instance has any.
        #expect(!json.contains("\"wave\""))
        #expect(!json.contains("\"started\""))
    }

    @Test func tonesOfOutcomesAreTheSameInTheScripts() throws {
        let script = try #require(WebAssets.scripts.first { $0.name == "page.js" }).text
        let tones = script.between("const outcomeTones = {", "};")
        for outcome in Outcome.allCases {
            let key = outcome.rawValue.contains("-") ? "\"\(outcome.rawValue)\"" : outcome.rawValue
            let tone = ReportPage.Badge("", outcome.emphasis).tone
            #expect(tones.contains("\(key): \"\(tone)\"") == (tone != "bad"), "\(outcome)")
            #expect(tones.contains("\(key):") == (tone != "bad"), "\(outcome)")
        }
    }

    @Test func whatIsGoodInTheScriptsIsWhatIsGoodElsewhere() throws {
        let script = try #require(WebAssets.scripts.first { $0.name == "page.js" }).text
        let good = Set(script.between("const goodOutcomes = new Set([", "])").matches(of: #/"([a-z-]+)"/#).map { String($0.1) })
        // An instance that is worked on has no outcome yet.
        #expect(good == Set(Outcome.allCases.filter(\.isGood).map(\.rawValue) + ["running"]))
    }

    @Test func namesOfFilesChangeWithTheirContents() {
        #expect(WebAsset("a.js", [1]).versionedName != WebAsset("a.js", [2]).versionedName)
        #expect(WebAsset("a.b.js", [1]).versionedName.hasPrefix("a.b."))
        #expect(WebAsset("a.js", [1]).versionedName.hasSuffix(".js"))
        #expect(WebAsset("a.js", []).policySource == "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='")
    }

    @Test func tenThousandInstancesStaySmall() {
        let page = largeReport(instances: 10_000).html(state: nil, at: moment(3600), names: migrationNames)
        #expect(page.utf8.count < 5_000_000)
    }

    @Test(arguments: [
        (0, 0, "-"), (0, 3, "0.0 %"), (1, 3, "33.3 %"), (2, 3, "66.7 %"), (3, 3, "100.0 %"), (1, 10_000, "<0.1 %"),
        (9_999, 10_000, ">99.9 %"),
        (9_990, 10_000, "99.9 %"), (10, 10_000, "0.1 %"),
    ])
    func aShareIsNeitherNothingNorAllUnlessItIs(_ count: Int, _ whole: Int, _ expected: String) {
        #expect(percentText(count, of: whole) == expected)
    }

    @Test(arguments: [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567"), (-1000, "-1,000")])
    func groupsThousands(_ number: Int, _ expected: String) {
        #expect(number.grouped == expected)
    }
}

/// What the report holds inline.
private let inlineFiles = [WebAssets.style] + WebAssets.scripts + [WebAssets.reportScript]

extension String {
    fileprivate var withoutInlineFiles: String {
        var page = self
        for asset in inlineFiles {
            page = page.replacing(asset.text, with: "/* \(asset.name) */")
            page = page.replacing(asset.policySource.escapedForHTML, with: "(hash of \(asset.name))")
        }
        return page
    }

    fileprivate func between(_ start: String, _ end: String) -> String {
        components(separatedBy: start).dropFirst().first?.components(separatedBy: end).first ?? ""
    }

    fileprivate func components(separatedBy separator: String) -> [String] {
        split(separator: separator, omittingEmptySubsequences: false).map(String.init)
    }
}
