import ConvoyRun
import ConvoyText
internal import FoundationEssentials

extension DriftReport {
    /// The report as one file for a browser or paper, with what differs side by side: it needs neither a network nor JavaScript.
    package var html: String { Self.template.render(DriftPage(self)) }

    private static let template = WebTemplate(PackageResources.drift_mustache)
}

/// What the template of a comparison shows, found there by the names of the properties. Every text is visible and not yet escaped.
struct DriftPage {
    struct Cohort {
        var name: String
        /// The section of the cohort; nil if there is nothing to show of it.
        var anchor: String?
        var count: String
        var badge: ReportPage.Badge
        var names: String
        var problem: String?
        var differences: [Difference]
        var hasDifferences: Bool
        /// How many differences are left out.
        var rest: String?
    }

    struct Difference {
        var kind: String
        var object: String
        var change: String
        var expected: String
        var found: String
    }

    let policy: String
    let title: String
    let style: String
    let generated: String
    let badge: ReportPage.Badge
    let verdict: String
    let cohorts: [Cohort]
    let drifted: [Cohort]
    let hasUnread: Bool
    let unread: [ReportPage.Fact]

    /// A page of more is of no use in a browser; the JSON has all.
    private static let shownDifferences = 500

    init(_ report: DriftReport) {
        policy = "default-src 'none'; style-src \(WebAssets.style.policySource); base-uri 'none'; form-action 'none'"
        title = "\(report.fleet.visible): drift"
        style = WebAssets.style.text
        generated = report.generatedAt.human
        let isWell = report.drifted == 0 && report.unread.isEmpty && report.instances > 0 && report.incomparable == 0
        badge = ReportPage.Badge(report.drifted > 0 ? "drift" : isWell ? "no drift" : "incomplete", isWell ? .good : .notable)
        verdict = report.verdict
        cohorts = report.cohorts.enumerated().map { index, cohort in Cohort(cohort, number: index + 1) }
        drifted = cohorts.filter { $0.anchor != nil }
        hasUnread = !report.unread.isEmpty
        unread = report.unread.map {
            let hint = $0.failure.hint.map { "; hint: \($0.visible)" } ?? ""
            return ReportPage.Fact(term: $0.instance.visible, value: "\($0.failure.kind.rawValue): \($0.failure.message.visible)\(hint)")
        }
    }

    fileprivate static func difference(_ difference: DriftReport.Difference) -> Difference {
        Difference(
            kind: difference.kind,
            object: difference.object.visible,
            change: difference.change,
            expected: difference.expected?.visible ?? "",
            found: difference.found?.visible ?? ""
        )
    }

    fileprivate static func rest(_ count: Int) -> String? {
        count > shownDifferences ? "And \((count - shownDifferences).grouped) more: `convoy drift --output json` has them all." : nil
    }

    fileprivate static func shown(_ differences: [DriftReport.Difference]) -> [Difference] {
        differences.prefix(shownDifferences).map(difference)
    }
}

extension DriftPage.Cohort {
    fileprivate init(_ cohort: DriftReport.Cohort, number: Int) {
        let isShown = cohort.isDrifted || cohort.problem != nil
        let word = cohort.problem != nil ? "not compared" : cohort.isDrifted ? counted(cohort.differences.count, "difference") : "none"
        self.init(
            name: cohort.name.visible,
            anchor: isShown ? "cohort-\(number)" : nil,
            count: cohort.instances.count.grouped,
            badge: ReportPage.Badge(word, cohort.problem != nil ? .bad : cohort.isDrifted ? .notable : .good),
            names: listed(cohort.instances, limit: 50),
            problem: cohort.problem?.visible,
            differences: DriftPage.shown(cohort.differences),
            hasDifferences: !cohort.differences.isEmpty,
            rest: DriftPage.rest(cohort.differences.count)
        )
    }
}
