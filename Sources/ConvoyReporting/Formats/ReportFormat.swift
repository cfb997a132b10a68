/// What a report is written as.
package enum ReportFormat: String, Sendable, Hashable, CaseIterable {
    /// For people, as wide as the terminal.
    case table
    /// One document, described by a JSON Schema.
    case json
    /// One JSON object a line: the report, then each instance, then each failure.
    case ndjson
    /// RFC 4180, one row an instance.
    case csv
    /// As GitHub shows it.
    case markdown
    /// One self-contained page.
    case html
    /// One test case an instance, for what collects test results.
    case junit
    /// OpenMetrics text, for what collects metrics.
    case prometheus
}
