import ConvoyMigrations
import ConvoyRun
import ConvoyText

/// What is known of the work on an instance that an earlier process or worker had begun.
enum KnownWork {
    /// What the instance says; nil where it did not answer, or has no audit log that can be read.
    case asked(RunWork?)
    /// This worker does not connect to the instance.
    case notAsked
    /// What was recorded is all, or enough.
    case recorded

    var work: RunWork? { if case .asked(let work) = self { work } else { nil } }
}

extension InstanceResult {
    /// The same ending of work that was begun before: one that says that nothing was touched says what is known instead.
    ///
    /// - Parameters:
    ///   - count: how many migrations were done before, as far as is known.
    ///   - isComplete: whether all that was done is recorded.
    func continuing(_ known: KnownWork, done count: Int, isComplete: Bool) -> InstanceResult {
        let beginning: String
        switch failure {
        case Self.cancelledBeforeStart.failure: beginning = "cancelled before it was continued"
        case Self.stoppedBeforeStart.failure: beginning = "the run was halted or stopped before it was continued"
        default: return self
        }
        let migrations = count == 0 ? "no migration" : counted(count, "migration")
        var fact = "\(migrations) had been completed before"
        if known.work != nil {
            fact += to.map { "; the newest version in the ledger is \($0)" } ?? "; the ledger has no version"
        } else if isComplete {
            guard count > 0 else { return self }
        } else {
            let verb = count > 1 ? "were" : "was"
            fact = "\(migrations) \(verb) reported before, but \(count == 0 ? "some" : "more") may have been completed"
            switch known {
            case .asked: fact += ": the instance could not be asked"
            case .notAsked: fact += ": this worker does not connect to the instance"
            case .recorded: break
            }
        }
        var result = self
        result.failure?.message = "\(beginning); \(fact)"
        return result
    }
}
