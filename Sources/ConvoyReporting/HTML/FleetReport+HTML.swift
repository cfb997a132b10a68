package import ConvoyMigrations
import ConvoyRollout
package import ConvoyRun
package import FoundationEssentials

extension FleetReport {
    /// The report as one file for a browser or paper: it needs no network, and most of it no JavaScript.
    ///
    /// - Parameters:
    ///   - state: what the journal knows of the run in addition to its events.
    ///   - names: what the migrations are called, by version.
    ///   - drift: what differs in the cohorts; nil if they were not compared.
    package func html(state: RunState?, at now: Date, names: [MigrationVersion: String], drift: DriftReport? = nil) -> String {
        Self.template.render(ReportPage(self, state: state ?? endState, at: now, names: names, drift: drift))
    }

    private static let template = WebTemplate(PackageResources.report_mustache)
}
