extension EventType {
    /// What happened, in one line without a full stop.
    package var meaning: String {
        switch self {
        case .runStarted: "the run began: its id, its target and its waves are recorded"
        case .traceJoined: "the run became a part of the trace of the program that started it"
        case .waveStarted: "the first instance of a wave may start"
        case .instanceStarted: "Convoy began to work on an instance"
        case .instancePlanned: "an instance was read under its lock, and these versions are pending on it"
        case .instanceWaiting: "an instance waits, for example for a lock: for what, and who holds it"
        case .migrationApplied: "a migration was committed on an instance, or reverted"
        case .instanceProgress: "a migration that takes long: how far the server is with its statement"
        case .instanceWarned: "Convoy noticed something about an instance that does not stop the work"
        case .instanceFinished: "the work on an instance ended with this outcome"
        case .waveFinished: "no instance of a wave is in progress or left"
        case .rollbackStarted: "instances of a wave are rolled back because of its `on_failure`"
        case .rollbackFinished: "the rollback of these instances ended"
        case .gateOpened: "the gate after a wave began"
        case .gateWaiting: "the gate waits, for its `soak` or for an approval"
        case .approved: "an operator approved a gate"
        case .gatePassed: "the gate let the next wave start"
        case .gateFailed: "the gate did not let the next wave start, for this reason"
        case .hookFinished: "a program of `hooks` ended"
        case .serverPaused: "no instance starts on a server until it is resumed"
        case .serverResumed: "instances start on a paused server again"
        case .budgetChanged: "the number of connections that the run uses on a server changed"
        case .windowClosed: "the maintenance window ended: nothing new starts"
        case .windowOpened: "the maintenance window began: work starts again"
        case .runResumed: "`convoy resume` continued the run in a new process"
        case .halted: "a stop rule, a gate, a hook or the journal halted the run: no new instance starts"
        case .stopRequested: "the operator stopped the run: instances in progress finish"
        case .cancelRequested: "the operator stopped the run a second time: instances in progress are cancelled"
        case .runFinished: "the run ended"
        }
    }
}
