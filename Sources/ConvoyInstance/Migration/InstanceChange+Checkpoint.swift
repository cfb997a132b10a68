import ConvoyFleet
import ConvoyIO
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun

/// Starting an empty database from a checkpoint: all migrations up to its version in one transaction, so that a kill leaves nothing or all.
extension InstanceChange {
    /// What the database starts from, read under the lock; nil if each migration runs.
    func start(_ checkpoint: Checkpoint?, from reading: InstanceProbe.Reading) async throws(Failure) -> CheckpointStart? {
        guard let checkpoint else { return nil }
        writesAuditLog = settings.audit == .database
        if writesAuditLog, let table = reading.facts.auditTable {
            do {
                try await checkAuditLog(table, reading, openConnection())
            } catch let error as PostgresError {
                throw Failure(error, doing: "looking at the audit log", settings: settings)
            } catch let failure as Failure {
                throw failure
            } catch {
                throw Failure(.failed, "looking at the audit log: \(error)")
            }
        }
        return CheckpointStart(
            checkpoint: checkpoint,
            migrations: runner.set.versions(of: checkpoint).compactMap { runner.set[$0] },
            schemas: runner.vocabulary.value.schemas.union([reading.ledger.schema, "public"]),
            makesLedger: reading.contents == nil,
            makesAuditLog: writesAuditLog && reading.facts.auditTable == nil,
            mayHaveOtherObjects: reading.facts.pending?.hasOtherObjects != false,
            hasMoreRightsThanOwner: reading.facts.isSuperuser && reading.facts.roleToSet(for: reading.ledger) != nil
        )
    }

    /// Runs the checkpoint.
    ///
    /// - Returns: false when the ledger has to be read again, because the database is no longer what the checkpoint needs, or because the connection was
    ///   lost.
    func apply(_ start: CheckpointStart) async throws(Failure) -> Bool {
        do throws(Failure) {
            return try await tryApplying(start)
        } catch {
            var failure = error
            if failure.kind == .failed {
                let way = "nothing of the checkpoint was kept; with `checkpoint: false` in the fleet file each migration runs by itself"
                failure.hint = failure.hint.map { "\($0); \(way)" } ?? way
            }
            throw failure
        }
    }

    private func tryApplying(_ start: CheckpointStart) async throws(Failure) -> Bool {
        var start = start
        let migration = start.checkpoint.ordinaryMigration
        log.waitsBegan(at: .now)
        while true {
            guard !Task.isCancelled else {
                throw Failure(.interrupted, "interrupted before checkpoint \(start.version)", version: start.version)
            }
            guard let connection, connection.isOpen else {
                try await recover(from: PostgresError(.connectionLost, "the connection was lost"), during: migration)
                // What was asked before says nothing of single migrations, should the checkpoint not fit any more.
                forAdmin = nil
                return false
            }
            let end: BatchEnd
            if needsAdministrator(start) {
                end = try await makeExtensions(of: start)
                if case .committed = end {
                    start.extensionsAreMade = true
                    start.mayHaveOtherObjects = true
                    continue
                }
            } else {
                end = await send(try exchange(for: migration).items(of: start), on: connection, committing: .checkpoint(start))
            }
            switch end {
            case .committed: return true
            case .failed(let failure):
                try await rollBack()
                throw failure
            case .lost(let error):
                try await recover(from: error, during: migration)
                forAdmin = nil
                return false
            case .refused(.auditCreation, let message, _) where message.sqlstate == "42501":
                try await rollBack()
                start.makesAuditLog = false
                leaveOutAuditLog(because: message.message)
                session.writeScript(run: run, direction: .up, writesAuditLog: false, settings: settings)
            case .refused(.emptiness, let message, _) where Ledger.movedCodes.contains(message.sqlstate),
                .refused(.extensions, let message, _) where Ledger.movedCodes.contains(message.sqlstate):
                try await rollBack()
                // What has come meanwhile is the preflight's to judge, as in any database that is not empty.
                runner = runner.withoutCheckpoints
                forAdmin = nil
                return false
            case .refused(let place, let message, let migration):
                try await rollBack()
                if try await resolve(message, at: place, of: migration) == .readAgain { return false }
            }
        }
    }

    /// Whether the extensions are still to be made, and the owner's rights do not suffice.
    private func needsAdministrator(_ start: CheckpointStart) -> Bool {
        guard !start.extensionsAreMade, let extensions = start.checkpoint.extensionMigration, let facts else { return false }
        // A superuser that acts as the owner makes them as itself.
        if facts.isSuperuser { return session.script?.role != nil }
        return needsAdmin(extensions, extensions.up)
    }

    /// Makes the extensions in a transaction of their own. If what follows fails, they stay, as if a DBA had made them before: the database still counts
    /// as empty, and the owner's part is never run with an administrator's rights.
    private func makeExtensions(of start: CheckpointStart) async throws(Failure) -> BatchEnd {
        guard let migration = start.checkpoint.extensionMigration, let facts else { return .committed }
        var exchange = try exchange(for: migration)
        exchange.hasAdminRights = true
        let connection = facts.isSuperuser ? try openConnection() : try await adminSession().connection
        exchange.script = exchange.script.on(serverVersion: connection.serverVersion)
        return await send(exchange.extensionItems(of: start), on: connection, committing: .nothing)
    }
}
