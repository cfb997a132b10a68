internal import ConvoyMigrations
import ConvoyRollout
package import ConvoyRun
import ConvoyText
package import FoundationEssentials

/// The runs that a journal has, newest first.
package struct RunsReport: Sendable {
    /// A run with how it stands.
    package struct Entry: Sendable, Hashable {
        package var run: RunRecord
        package var state: RunState
        /// How many instances ended how; those that the run has not reached are `pending`.
        package var outcomes: [Outcome: Int]
        /// What it waits for, while it is active.
        package var waits: [String]
        /// The same for programs and for the table; without instances.
        package var holds: [RunHold]
        /// Why no worker takes it; nil where one may, and where no worker has to.
        package var shortage: String?
        /// Whether it was started with `--now`: without gates and without the maintenance window.
        package var isImmediate: Bool

        /// - Parameters:
        ///   - outcomes: of the instances that have ended.
        ///   - waits: what an active run waits for, as sentences.
        ///   - holds: the same.
        ///   - shortage: why no worker takes an active run.
        package init(
            run: RunRecord,
            state: RunState,
            outcomes: [Outcome: Int],
            waits: [String] = [],
            holds: [RunHold] = [],
            shortage: String? = nil,
            isImmediate: Bool = false
        ) {
            self.run = run
            self.state = state
            self.waits = waits
            self.holds = holds
            self.shortage = shortage
            self.isImmediate = isImmediate
            let left = run.instances - outcomes.values.reduce(0, +)
            self.outcomes = left > 0 ? outcomes.merging([.pending: left], uniquingKeysWith: +) : outcomes
        }
    }

    /// The journal as the user named it.
    package var journal: String
    /// When it was made.
    package var generatedAt: Date
    package var runs: [Entry]

    package init(journal: String, generatedAt: Date, runs: [Entry]) {
        self.journal = journal
        self.generatedAt = generatedAt
        self.runs = runs
    }

    /// How long a run took, or has taken so far; nil if unknown.
    func duration(of entry: Entry) -> Duration? {
        let end = entry.state == .running ? generatedAt : entry.run.finishedAt
        return end.map { Duration(clampingSeconds: $0.timeIntervalSince(entry.run.startedAt)) }
    }
}
