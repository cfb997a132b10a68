/// The kind of a ``HaltReason``, as events name it under `rule`.
package enum HaltRule: String, Sendable, CaseIterable {
    case failures
    case failurePercent = "failure_percent"
    case sameFailure = "same_failure"
    case unreachablePercent = "unreachable_percent"
    case nothingReached = "nothing_reached"
    case onFailure = "on_failure"
    case gate
    case approval
    case hook
    case journal

    /// What halted the run, in one line without a full stop.
    package var meaning: String {
        switch self {
        case .failures: "a wave reached its stop rule `failures`: this number of its instances failed"
        case .failurePercent: "a wave reached its stop rule `failure_percent`: this share of its instances failed"
        case .sameFailure: "a wave reached its stop rule `same_failure`: this number of the run's instances failed in the same way"
        case .unreachablePercent: "a wave reached its stop rule `unreachable_percent`: this share of its instances could not be reached"
        case .nothingReached: "no instance of a wave that guards the next one could be reached"
        case .onFailure: "an instance failed in a wave whose `on_failure` halts"
        case .gate: "the gate after a wave failed"
        case .approval: "the gate after a wave was not approved within its `approve_within`"
        case .hook: "a hook of the run or of a wave failed"
        case .journal: "the journal can no longer be written, so nothing new may start"
        }
    }
}

extension HaltReason {
    /// The kind of the reason.
    package var rule: HaltRule {
        switch self {
        case .failures: .failures
        case .failurePercent: .failurePercent
        case .sameFailure: .sameFailure
        case .unreachablePercent: .unreachablePercent
        case .nothingReached: .nothingReached
        case .onFailure: .onFailure
        case .gateFailed: .gate
        case .notApproved: .approval
        case .hookFailed: .hook
        case .journalFailed: .journal
        }
    }
}
