package import ConvoyIO

extension Failure {
    /// With secrets hidden that a server has repeated.
    package func masked(_ mask: SecretMask) -> Failure {
        var failure = self
        failure.message = mask.masked(message)
        failure.detail = detail.map(mask.masked)
        failure.hint = hint.map(mask.masked)
        failure.serverHint = serverHint.map(mask.masked)
        if let text = statement {
            let shown = mask.masked(text)
            // The place is one in the text as it was.
            if shown != text { failure.setStatement(shown, position: nil) }
        }
        failure.lockedBy = lockedBy?.masked(mask)
        return failure
    }
}

extension InstanceStatus {
    package func masked(_ mask: SecretMask) -> InstanceStatus {
        var status = self
        status.failure = failure?.masked(mask)
        status.warnings = warnings.map(mask.masked)
        // A tenant wrote the name of the run into his own table.
        if let run = claim?.missing?.run, mask.masked(run) != run { status.claim?.missing?.run = nil }
        return status
    }
}

extension LockHolder {
    /// With secrets hidden in every text: a role, a client and a prepared transaction have names of their owners' choice.
    fileprivate func masked(_ mask: SecretMask) -> LockHolder {
        var holder = self
        holder.application = mask.masked(application)
        holder.address = address.map(mask.masked)
        holder.since = since.map(mask.masked)
        holder.role = role.map(mask.masked)
        holder.transaction = transaction.map(mask.masked)
        return holder
    }
}

extension InstanceResult {
    package func masked(_ mask: SecretMask) -> InstanceResult {
        var result = self
        result.failure = failure?.masked(mask)
        return result
    }
}

extension WaitFacts {
    fileprivate func masked(_ mask: SecretMask) -> WaitFacts {
        WaitFacts(
            blockers: blockers.map { $0.masked(mask) },
            statement: statement.map(mask.masked),
            line: line
        )
    }
}

extension Event.Kind {
    /// With secrets hidden in what an instance's server said.
    package func masked(_ mask: SecretMask) -> Event.Kind {
        switch self {
        case .instanceWaiting(let instance, let reason, let facts):
            .instanceWaiting(instance: instance, reason: mask.masked(reason), facts: facts.masked(mask))
        case .instanceWarned(let instance, let message): .instanceWarned(instance: instance, message: mask.masked(message))
        case .instanceFinished(let instance, let result): .instanceFinished(instance: instance, result: result.masked(mask))
        case .rollbackFinished(let instance, let result): .rollbackFinished(instance: instance, result: result.masked(mask))
        default: self
        }
    }
}
