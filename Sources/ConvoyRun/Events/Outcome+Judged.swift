extension Outcome {
    /// The outcome as exit codes and the rules of a run count it: an instance that is ahead, and whose fleet file accepts that, counts as up to date.
    ///
    /// - Parameter failure: why the outcome is not a good one; an accepted one has none.
    package func judged(by failure: Failure?) -> Outcome { self == .ahead && failure == nil ? .upToDate : self }
}

extension InstanceResult {
    /// The outcome as exit codes and the rules count it.
    package var judgedOutcome: Outcome { outcome.judged(by: failure) }
}

extension InstanceStatus {
    /// The outcome as exit codes and the rules count it.
    package var judgedOutcome: Outcome { outcome.judged(by: failure) }
}

extension InstanceLog {
    /// The outcome as exit codes and the rules count it.
    package var judgedOutcome: Outcome { lastResult?.judgedOutcome ?? .pending }
}
