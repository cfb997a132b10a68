/// How a run ended as a whole.
public enum RunEnding: String, Sendable, Hashable, CaseIterable, Codable {
    /// Every instance ended well.
    case succeeded
    /// Some instance did not end well, or the `after_run` hook failed.
    case failed
    /// A stop rule, a gate, a hook or the journal halted the run.
    case halted
    /// An operator stopped the run.
    case interrupted
    /// An operator gave the run up after it was cut off, interrupted or halted; it cannot be resumed.
    case abandoned
}

/// How a run stands now.
public enum RunState: Sendable, Hashable, CaseIterable {
    /// A process works on it.
    case running
    /// The run has no recorded end and no process works on it: the process was killed, or the computer went down.
    case cutOff
    /// The run has ended.
    case ended(RunEnding)

    /// All states, those that have not ended first.
    public static var allCases: [RunState] { [.running, .cutOff] + RunEnding.allCases.map(RunState.ended) }

    /// The word for it in tables, JSON and metrics, for example `cut-off` or `succeeded`.
    public var text: String {
        switch self {
        case .running: "running"
        case .cutOff: "cut-off"
        case .ended(let ending): ending.rawValue
        }
    }

    /// Whether the run ended with instances left that nothing kept it from: `resume` continues it.
    package var isUnfinished: Bool { self == .cutOff || self == .ended(.interrupted) }

    /// Whether `resume` accepts the run; one that was halted may have nothing left to do.
    package var isResumable: Bool { isUnfinished || self == .ended(.halted) }
}
