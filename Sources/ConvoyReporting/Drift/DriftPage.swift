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
    let policy: String
    let title: String
    let style: String
    let generated: String
    let badge: ReportPage.Badge
    let verdict: String
    /// Markup.
    let content: String

    init(_ report: DriftReport) {
        policy = "default-src 'none'; style-src \(WebAssets.style.policySource); base-uri 'none'; form-action 'none'"
        title = "\(report.fleet.visible): drift"
        style = WebAssets.style.text
        generated = report.generatedAt.human
        badge = report.badge
        verdict = report.verdict
        content = report.cohortTable(.sections) + report.differenceSections + report.unreadSection
    }
}
