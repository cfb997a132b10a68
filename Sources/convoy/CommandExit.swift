import ConvoyFleet
import ConvoyRollout
import ConvoyRun

/// What the process tells its caller; the numbers are documented and never change.
enum CommandExit: Int32, Sendable, Hashable, CaseIterable {
    /// All well.
    case success = 0
    /// Some instance did not end well.
    case failed = 1
    /// A stop rule or a gate halted the fleet.
    case halted = 2
    /// `--check` found something pending, drifted or edited.
    case checkFound = 3
    /// The command line is wrong.
    case usage = 64
    /// Not one instance could be reached.
    case unreachable = 69
    /// The fleet file or the migration set is wrong.
    case configuration = 78
    /// The operator stopped it.
    case interrupted = 130

    /// The code of a run: 130 before 2 before 69 before 1.
    init(_ status: RunStatus, outcomes: some Sequence<Outcome>) {
        switch status {
        case .interrupted: self = .interrupted
        case .halted: self = .halted
        case .succeeded: self = Self(outcomes: outcomes)
        case .failed:
            let code = Self(outcomes: outcomes)
            // What failed may be a hook after the run, with every instance well.
            self = code == .success ? .failed : code
        }
    }

    /// Whether `--check` was given.
    enum Check: Sendable, Hashable {
        case off, on
    }

    /// The code of a look at instances, as `status` takes it: 130 before 69 before 1 before 3.
    ///
    /// Under `--check` an instance that is pending or edited is a finding, 3, and not a failure.
    init(outcomes: some Sequence<Outcome>, check: Check = .off) {
        var wasReached = false
        var isEmpty = true
        var hasFailed = false
        var hasFindings = false
        for outcome in outcomes {
            isEmpty = false
            if outcome != .unreachable { wasReached = true }
            switch outcome {
            case .interrupted:
                self = .interrupted
                return
            case .pending where check == .on, .edited where check == .on: hasFindings = true
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

extension RunReport {
    /// What the process should exit with.
    var exitCode: CommandExit {
        CommandExit(status, outcomes: instances.lazy.map(\.result.outcome))
    }
}
