package import ConvoyRun

/// What a probe of every instance found.
package struct ProbeFindings: InquiryFindings {
    /// Where each instance stands.
    package var statuses: [InstanceStatus]
    /// By instance: its newest version and its schema's fingerprint.
    package var cohorts: [String: String]
    /// Why the probe is incomplete, for example a server that could not list its databases; a sentence each, without a secret.
    package var problems: [String]

    package init(statuses: [InstanceStatus], cohorts: [String: String] = [:], problems: [String] = []) {
        self.statuses = statuses
        self.cohorts = cohorts
        self.problems = problems
    }
}

/// Nothing could be probed or compared.
package struct ProbeError: Error, Sendable {
    /// Why; a sentence without a secret.
    package var message: String

    package init(_ message: String) {
        self.message = message
    }
}
