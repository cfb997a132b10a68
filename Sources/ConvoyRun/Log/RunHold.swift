package import FoundationEssentials

/// Something for which a whole run waits, so that it starts no instance, or none on a server.
package enum RunHold: Sendable, Hashable {
    /// The gate after a wave. `reason` is what it waits for, for example an approval; nil before that is known.
    case gate(wave: String, since: Date, reason: String?)
    /// The maintenance window is closed until that time.
    case window(until: Date)
    /// An operator has paused a server. `since` is nil only if the event is damaged.
    case pausedServer(String, by: String, since: Date?)
    /// An operator has asked the run to stop, or, if it is cancelled, asked twice.
    case stopping(isCancelled: Bool)
}

extension RunLog {
    /// What an active run as a whole waits for, its gate first; empty after its end.
    package var holds: [RunHold] {
        guard status == nil else { return [] }
        var holds: [RunHold] = []
        if let gate { holds.append(.gate(wave: gate.wave, since: gate.openedAt, reason: gate.waitingFor)) }
        if let closedUntil { holds.append(.window(until: closedUntil)) }
        for (server, person) in pausedServers.sorted(by: { $0.key < $1.key }) {
            holds.append(.pausedServer(server, by: person, since: pausedSince[server]))
        }
        if isStopping || isCancelling { holds.append(.stopping(isCancelled: isCancelling)) }
        return holds
    }
}
