/// What the holder of a token may do beyond reading, which everyone with a token may.
package enum Role: String, Sendable, Hashable, CaseIterable {
    case viewer
    /// Probes the instances, and stops, pauses, resumes and abandons runs.
    case `operator`
    /// Approves gates. One who approves need not be able to do what is approved.
    case approver

    /// What it allows, for the reader of an error.
    static let names = "viewer, operator and approver"
}
