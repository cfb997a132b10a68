package import ConvoyFleet
import ConvoyIO
import ConvoyMigrations
import ConvoyPostgres
package import ConvoyRun
import ConvoyText
import FoundationEssentials

/// What an instance itself knows of its past and of who works on it. Nothing is written and no lock of Convoy's is taken.
extension InstanceRunner {
    /// Reads the audit log of an instance: its newest rows, the newest first.
    ///
    /// It is copied like the ledger, so that nothing of the tenant's is evaluated; see ``LedgerReading``.
    ///
    /// - Parameter limit: how many rows to keep.
    package func auditTrail(of instance: Instance, limit: Int) async -> AuditTrail {
        let budget = ProbeBudget()
        let (trail, overrun) = await budget.run(for: timing.probeBudget) { () async -> AuditTrail in
            do {
                let probe = InstanceProbe(instance: instance)
                let connection = try await probe.connect()
                defer { connection.close() }
                budget.begin()
                return try await auditTrail(connection, probe, limit: limit)
            } catch let failure as Failure {
                return .unreadable(failure.message)
            } catch let error as PostgresError {
                return .unreadable(error.message)
            } catch {
                return .unreadable("\(error)")
            }
        }
        if overrun != nil { return .unreadable("the database did not answer within \(timing.probeBudget.human)") }
        return trail?.masked(mask) ?? .unreadable("interrupted")
    }

    private func auditTrail(_ connection: PostgresConnection, _ probe: InstanceProbe, limit: Int) async throws -> AuditTrail {
        let reading = try await probe.read(connection)
        guard let table = reading.facts.auditTable else { return .missing }
        if let problem = table.problem(beside: reading.ledger, as: reading.facts.role) { return .unreadable(problem) }
        // A member that does not inherit the owner's rights can read only as the owner.
        let ledger = reading.facts.ledgerCandidates.first { $0.schema == reading.ledger.schema }
        let mustBeOwner = ledger.map { !$0.inheritsOwner && $0.mayActAsOwner && !reading.facts.isSuperuser } ?? false
        let opening = probe.opening(on: connection) + (mustBeOwner ? reading.facts.settingRole(for: reading.ledger) : [])
        for result in try await connection.pipeline(opening, timeout: InstanceProbe.silenceTimeout) { _ = try result.get() }
        let script = "SET LOCAL timezone TO 'UTC';\n\(AuditLog.wholeCopy);\nCOMMIT"
        let results = try await connection.script(
            script,
            byteLimit: LedgerReading.byteLimit,
            timeout: InstanceProbe.silenceTimeout
        )
        for case .failure(let message) in results { return .unreadable(message.message) }
        let entries = results.flatMap { AuditLog.entries($0, reading.facts.identity) }
        let sorted = AuditEntry.newestFirst(entries, at: Date())
        return .entries(Array(sorted.prefix(limit)), leftOut: max(0, sorted.count - limit))
    }

    /// The sessions that hold the advisory lock of an instance; nil if the server cannot be asked.
    package func lockHolders(on instance: Instance) async -> [LockHolder]? {
        await look(at: instance, sessionName: "convoy") { connection, probe in
            let opening = probe.opening(on: connection)
            let results = try await connection.transaction(opening + [AdvisoryLock.holders, PipelineStatement("COMMIT")])
            return LockHolder.list(results[opening.count])
        }
    }
}

extension AuditTrail {
    /// The tenant knows passwords of his own, and could make Convoy print them.
    fileprivate func masked(_ mask: SecretMask) -> AuditTrail {
        switch self {
        case .entries(let entries, let leftOut): .entries(entries.map { $0.masked(mask) }, leftOut: leftOut)
        case .missing: self
        case .unreadable(let reason): .unreadable(mask.masked(reason))
        }
    }
}

extension AuditEntry {
    fileprivate func masked(_ mask: SecretMask) -> AuditEntry {
        var entry = self
        entry.name = mask.masked(name)
        entry.run = mask.masked(run)
        entry.appliedBy = mask.masked(appliedBy)
        entry.convoyVersion = mask.masked(convoyVersion)
        return entry
    }
}
