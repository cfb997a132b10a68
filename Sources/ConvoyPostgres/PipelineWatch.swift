import ConvoyText
internal import Synchronization

/// What bounds the pipelines of a session beside an overall deadline, and what another task learns of them meanwhile.
///
/// Each answer has a limit of its own, which starts anew with each result. Answers reach the client only where a statement asks for it
/// (``PipelineStatement/flushes``), so the limits up to the next such statement add up.
package final class PipelineWatch: Sendable {
    /// The statement that is waited for, and since when.
    package struct Progress: Sendable, Hashable {
        package var index: Int
        package var since: ContinuousClock.Instant
    }

    /// How long the server may take for each statement.
    package enum Limits: Sendable {
        /// One limit for each statement of the pipeline; nil means no limit.
        case each([Duration?])
        /// The same for every statement.
        case uniform(Duration?)
    }

    /// How often a waiting pipeline checks whether it was given up.
    static let glance = Duration.milliseconds(250)

    private let limits: Limits
    /// What an answer may take beyond the limits, for the way there and back.
    private let slack: Duration
    private let state = Mutex((progress: Progress?.none, reason: String?.none))

    package init(_ limits: Limits, slack: Duration) {
        self.limits = limits
        self.slack = slack
    }

    /// Nil while no pipeline runs.
    package var progress: Progress? { state.withLock(\.progress) }

    /// Ends the pipeline that runs, and every later one, as if a deadline had passed.
    package func giveUp(_ reason: String) {
        state.withLock { $0.reason = $0.reason ?? reason }
    }

    var reasonToGiveUp: String? { state.withLock(\.reason) }

    func note(_ index: Int?) {
        state.withLock { state in
            guard state.progress?.index != index else { return }
            state.progress = index.map { Progress(index: $0, since: .now) }
        }
    }

    /// How long the answer to the statement may take after the one before; nil means no limit.
    package func limit(at index: Int, of statements: [PipelineStatement]) -> Duration? {
        // Also behind the last answer, where only the end of the pipeline is waited for.
        if case .uniform(nil) = limits { return nil }
        var sum = slack
        for index in index..<max(index, statements.count) {
            let limit: Duration? =
                switch limits {
                case .each(let limits): index < limits.count ? limits[index] : .zero
                case .uniform(let limit): limit
                }
            guard let limit else { return nil }
            sum += limit
            if statements[index].flushes { break }
        }
        return sum
    }
}
