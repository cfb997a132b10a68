/// What an event is called in its JSON form.
package enum EventType: String, Sendable, CaseIterable {
    case runStarted = "run_started"
    case traceJoined = "trace_joined"
    case waveStarted = "wave_started"
    case instanceStarted = "instance_started"
    case instancePlanned = "instance_planned"
    case instanceWaiting = "instance_waiting"
    case migrationApplied = "migration_applied"
    case instanceProgress = "instance_progress"
    case instanceWarned = "instance_warned"
    case instanceFinished = "instance_finished"
    case waveFinished = "wave_finished"
    case rollbackStarted = "rollback_started"
    case rollbackFinished = "rollback_finished"
    case gateOpened = "gate_opened"
    case gateWaiting = "gate_waiting"
    case approved
    case gatePassed = "gate_passed"
    case gateFailed = "gate_failed"
    case hookFinished = "hook_finished"
    case serverPaused = "server_paused"
    case serverResumed = "server_resumed"
    case budgetChanged = "budget_changed"
    case windowClosed = "window_closed"
    case windowOpened = "window_opened"
    case runResumed = "run_resumed"
    case halted
    case stopRequested = "stop_requested"
    case cancelRequested = "cancel_requested"
    case runFinished = "run_finished"
}

extension Event.Kind {
    package var type: EventType {
        switch self {
        case .runStarted: .runStarted
        case .traceJoined: .traceJoined
        case .waveStarted: .waveStarted
        case .instanceStarted: .instanceStarted
        case .instancePlanned: .instancePlanned
        case .instanceWaiting: .instanceWaiting
        case .migrationApplied: .migrationApplied
        case .instanceProgress: .instanceProgress
        case .instanceWarned: .instanceWarned
        case .instanceFinished: .instanceFinished
        case .waveFinished: .waveFinished
        case .rollbackStarted: .rollbackStarted
        case .rollbackFinished: .rollbackFinished
        case .gateOpened: .gateOpened
        case .gateWaiting: .gateWaiting
        case .approved: .approved
        case .gatePassed: .gatePassed
        case .gateFailed: .gateFailed
        case .hookFinished: .hookFinished
        case .serverPaused: .serverPaused
        case .serverResumed: .serverResumed
        case .budgetChanged: .budgetChanged
        case .windowClosed: .windowClosed
        case .windowOpened: .windowOpened
        case .runResumed: .runResumed
        case .halted: .halted
        case .stopRequested: .stopRequested
        case .cancelRequested: .cancelRequested
        case .runFinished: .runFinished
        }
    }
}
