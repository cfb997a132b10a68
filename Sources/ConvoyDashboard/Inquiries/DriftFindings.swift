package import ConvoyReporting

/// What a comparison of every schema with that of its version found.
package struct DriftFindings: InquiryFindings {
    package var report: DriftReport
    /// Why it is incomplete, for example a server that could not list its databases; a sentence each, without a secret.
    package var problems: [String]

    package init(_ report: DriftReport, problems: [String] = []) {
        self.report = report
        self.problems = problems
    }
}
