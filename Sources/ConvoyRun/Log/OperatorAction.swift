package import FoundationEssentials

/// What an operator did to a run after its start.
package struct OperatorAction: Sendable, Hashable {
    package enum Kind: Sendable, Hashable {
        /// The gate after the wave was approved.
        case approved(wave: String)
        case paused(server: String)
        case unpaused(server: String)
        /// The run was resumed.
        case resumed
    }

    /// How many of them a run's log keeps: the newest.
    static let most = 100

    package let kind: Kind
    /// As the journal has it, for example `user@host`.
    package let by: String
    package let at: Date
}

extension RunLog {
    /// What an operator did in an event that comes next; nil if the event is something else, or is known already.
    func action(in event: Event) -> OperatorAction? {
        switch event.kind {
        case .approved(let wave, let by):
            guard let known = self.wave(wave), known.approvedBy != by else { return nil }
            return OperatorAction(kind: .approved(wave: wave), by: by, at: event.at)
        case .serverPaused(let server, let by):
            // A resumed run announces its pauses again.
            guard pausedServers[server] == nil else { return nil }
            return OperatorAction(kind: .paused(server: server), by: by, at: event.at)
        case .serverResumed(let server, let by):
            guard pausedServers[server] != nil else { return nil }
            return OperatorAction(kind: .unpaused(server: server), by: by, at: event.at)
        case .runResumed(let by): return OperatorAction(kind: .resumed, by: by, at: event.at)
        default: return nil
        }
    }
}
