import ConvoyFleet
import ConvoyRollout
import ConvoyRun

/// The exit codes of the program; the numbers are documented and never change.
enum CommandExit: Int32, Sendable, Hashable, CaseIterable {
    /// Success.
    case success = 0
    /// An instance did not succeed, a plan or a rollback was refused, or the result could not be written.
    case failed = 1
    /// A stop rule, a gate, a hook or the journal halted the run.
    case halted = 2
    /// `--check` of `status` found a pending or edited migration, or that of `plan` a migration that would run, or `drift` a difference.
    case checkFound = 3
    /// The command line is invalid.
    case usage = 64
    /// No instance could be reached.
    case unreachable = 69
    /// `wait` reached its time limit.
    case timedOut = 75
    /// The fleet file, a file of `serve`, a migration or the journal cannot be used.
    case configuration = 78
    /// The operator interrupted the command, or did not confirm it.
    case interrupted = 130

    /// What the code says, in one line without a full stop; the documentation and `convoy explain` show it.
    var meaning: String {
        switch self {
        case .success: "all instances are well"
        case .failed: "some instance did not end well, a rollback or a plan was refused, or the result could not be written"
        case .halted: "a stop rule, a gate, a hook or the journal halted the run"
        case .checkFound:
            """
            `status --check` found something pending or edited, `plan --check` something that would run, or `drift` a \
            difference
            """
        case .usage:
            """
            the command line is wrong; a name or a run in it does not fit; `--yes` is missing, or `top` is used, where there is \
            no terminal; or another run is in \
            progress
            """
        case .unreachable: "no instance could be reached"
        case .timedOut: "`wait` reached its `--timeout`"
        case .configuration: "the fleet file, a file of `serve`, a migration or the journal cannot be used; no database was touched"
        case .interrupted: "interrupted, or a question was not answered with yes"
        }
    }

    /// The code of a run: 130 before 2 before 69 before 1.
    init(_ status: RunEnding, outcomes: some Sequence<Outcome>) {
        switch status {
        case .interrupted: self = .interrupted
        case .halted: self = .halted
        case .succeeded: self = Self(outcomes: outcomes)
        // No process that carries out a run ends so.
        case .abandoned: self = .failed
        case .failed:
            let code = Self(outcomes: outcomes)
            // If every instance succeeded, a hook after the run failed.
            self = code == .success ? .failed : code
        }
    }

    /// What `--check` looks for.
    enum Check: Sendable, Hashable {
        /// The option was not given.
        case off
        /// Pending and edited migrations, as in `status`.
        case on
        /// Only migrations that would run, as in `plan`: it refuses an instance with edited ones.
        case pending
    }

    /// The code of a probe of instances, as in `status`: 130 before 69 before 1 before 3.
    ///
    /// With `--check` an instance that is pending or edited gives 3 and is not a failure.
    init(outcomes: some Sequence<Outcome>, check: Check = .off) {
        var wasReached = false
        var isEmpty = true
        var hasFailed = false
        var hasFindings = false
        // What the fleet file skips says nothing about the others.
        for outcome in outcomes where outcome != .skipped {
            isEmpty = false
            if outcome != .unreachable { wasReached = true }
            switch outcome {
            case .interrupted:
                self = .interrupted
                return
            case .pending where check != .off, .edited where check == .on: hasFindings = true
            default: if !outcome.isGood { hasFailed = true }
            }
        }
        if !isEmpty, !wasReached {
            self = .unreachable
        } else if hasFailed {
            self = .failed
        } else {
            self = hasFindings ? .checkFound : .success
        }
    }
}

extension RunLog {
    /// How the instances of a plan ended, by name, as exit codes count it; `pending` for those that the run did not reach.
    func outcomes(in plan: RunPlan) -> [String: Outcome] {
        Dictionary(plan.instances.map { ($0.name, self.instance($0.name)?.judgedOutcome ?? .pending) }) { first, _ in first
        }
    }
}
