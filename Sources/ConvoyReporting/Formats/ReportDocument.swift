package import ConvoyMigrations
import ConvoyRollout
package import ConvoyRun
package import ConvoyText
package import FoundationEssentials

/// A report, and what is asked of it: the one place where a format becomes text.
package struct ReportDocument: Sendable {
    /// Decides the table's columns and which of the JSON documents is written; the other formats have everything that is known.
    package enum Subject: Sendable, Hashable {
        /// How the fleet stands.
        case status
        /// What a run did.
        case run
        /// Both.
        case report
    }

    package var report: FleetReport
    package var subject: Subject
    /// What the journal knows of the run in addition to its events: that it is active, was cut off or was abandoned.
    package var state: RunState?
    /// What migrations are called; those without a name are shown by their version.
    package var names: [MigrationVersion: String]
    /// What differs in the cohorts, for the page; nil if they were not compared.
    package var drift: DriftReport?

    package init(
        _ report: FleetReport,
        as subject: Subject,
        state: RunState? = nil,
        names: [MigrationVersion: String] = [:],
        drift: DriftReport? = nil
    ) {
        self.report = report
        self.subject = subject
        self.state = state
        self.names = names
        self.drift = drift
    }

    /// The document in a format, with a line feed at its end.
    ///
    /// - Parameters:
    ///   - style: what the place that it goes to can show; only for the table.
    ///   - now: when it is written.
    package func text(_ format: ReportFormat, _ style: OutputStyle = OutputStyle(), at now: Date) -> String {
        switch format {
        case .table: table(style, at: now)
        case .json: json(at: now).text
        case .ndjson: report.ndjson(state: state, at: now)
        case .csv: report.csv
        case .markdown: report.markdown(state: state, at: now)
        case .html: report.html(state: state, at: now, names: names, drift: drift)
        case .junit: report.junit(at: now)
        case .prometheus: report.openMetrics(state: state, at: now)
        }
    }

    private func table(_ style: OutputStyle, at now: Date) -> String {
        switch subject {
        case .status: report.statusTable(style, at: now)
        case .run: report.table(style, state: state)
        case .report: report.reportTable(style, state: state, at: now)
        }
    }

    private func json(at now: Date) -> JSONValue {
        switch subject {
        case .status: report.statusJSON
        case .run: report.json(state: state)
        case .report: report.reportJSON(state: state, at: now)
        }
    }
}
