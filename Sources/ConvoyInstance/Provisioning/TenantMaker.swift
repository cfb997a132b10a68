package import ConvoyFleet
import ConvoyIO
package import ConvoyMigrations
import ConvoyPostgres
package import ConvoyRun
import ConvoyText

/// Makes the role and the database of one instance, and migrates it: from nothing, or from where an earlier process was ended.
///
/// The administrator works in the maintenance database alone, and never enters a tenant's database except where a migration asks for `admin`.
package struct TenantMaker: Sendable {
    let runner: InstanceRunner
    let instance: Instance
    let maintenanceDatabase: String

    /// - Parameters:
    ///   - instance: as the fleet file has it, or will have it; its `admin` connection makes the database.
    ///   - maintenanceDatabase: where the administrator works.
    package init(_ runner: InstanceRunner, _ instance: Instance, maintenanceDatabase: String) {
        (self.runner, self.instance, self.maintenanceDatabase) = (runner, instance, maintenanceDatabase)
    }

    /// What became of a tenant.
    package struct Result: Sendable {
        /// What was there before.
        package var standing: TenantStanding
        /// Why it is not complete; nil if it is.
        package var failure: Failure?
        /// The newest version in its ledger; nil if that is not known.
        package var version: MigrationVersion?
        /// How long CREATE DATABASE took; nil if it was not run.
        package var creating: Duration?
        /// How long everything took.
        package var duration: Duration = .zero

        package init(standing: TenantStanding, failure: Failure? = nil) {
            (self.standing, self.failure) = (standing, failure)
        }
    }

    /// How long the server may take to copy its template.
    private static let creatingTimeout = Duration.seconds(300)
    private static let sessionName = "convoy provision"

    // MARK: Reading

    /// What a server has of each of some tenants, in their order; with one session, which changes nothing.
    ///
    /// - Parameter version: the version that they are to be migrated to; nil: the newest.
    package func facts(of tenants: [Tenant], to version: MigrationVersion?) async throws(Failure) -> [TenantFacts] {
        let connection = try await adminSession()
        defer { connection.close() }
        return try await facts(of: tenants, to: version, on: connection)
    }

    private func facts(
        of tenants: [Tenant],
        to target: MigrationVersion?,
        on connection: PostgresConnection
    ) async throws(Failure) -> [TenantFacts] {
        do throws(PostgresError) {
            let version = connection.serverVersion
            let rows = try await connection.query(TenantFacts.query(tenants, serverVersion: version), timeout: InstanceProbe.silenceTimeout)
                .rows
            guard rows.count == tenants.count else { throw PostgresError(.unexpectedResult, "the server gave another number of rows") }
            let beyondOwner = try await beyondOwner(to: target, on: connection)
            return try rows.map { row throws(PostgresError) -> TenantFacts in
                var facts = try TenantFacts(row, serverVersion: version)
                // In a database that is there, an administrator may have made the extensions.
                if facts.database == nil { facts.beyondOwner = beyondOwner }
                return facts
            }
        } catch {
            throw Failure(error, doing: "reading which roles and databases there are", settings: instance.settings)
        }
    }

    /// The first migration that an ordinary owner of a new database could not run.
    private func beyondOwner(
        to target: MigrationVersion?,
        on connection: PostgresConnection
    ) async throws(PostgresError) -> MigrationVersion? {
        let pending = PendingMigrations(
            ofNewDatabase: runner.set,
            to: target,
            startsFromCheckpoint: instance.settings.startsFromCheckpoint
        )
        let names = pending.extensions
        var rows: [QueryResult.Row] = []
        if !names.isEmpty {
            let question = ExtensionRights.question(ofNewDatabase: names)
            rows = try await connection.query(question, timeout: InstanceProbe.silenceTimeout).rows
        }
        let beyond = try ExtensionRights(rows).beyondRights(pending)
        return pending.items.first { beyond.contains($0.migration.version) }?.migration.version
    }

    private func adminSession() async throws(Failure) -> PostgresConnection {
        guard var parameters = instance.admin else { throw Failure(.blocked, "the fleet file gives no admin connection for this instance") }
        parameters["dbname"] = maintenanceDatabase
        do {
            return try await InstanceProbe(instance: instance, sessionName: Self.sessionName).session(parameters)
        } catch {
            var failure = error
            failure.message = "the admin connection to database “\(maintenanceDatabase)”: \(failure.message)"
            if failure.kind == .unprovisioned { failure.kind = .unreachable }
            throw failure
        }
    }

    // MARK: Making

    /// Makes what is missing of a tenant.
    ///
    /// - Parameters:
    ///   - version: the version to migrate to; nil: the newest.
    ///   - run: a name for the sessions and the audit log.
    package func make(_ tenant: Tenant, to version: MigrationVersion?, run: String) async -> Result {
        let begin = ContinuousClock.now
        var result = Result(standing: .absent)
        do throws(Failure) {
            let connection = try await adminSession()
            // Closing the session frees the lock.
            defer { connection.close() }
            try await lock(tenant, connection)
            guard let facts = try await facts(of: [tenant], to: version, on: connection).first else {
                throw Failure(.failed, "the server gave no row")
            }
            result.standing = tenant.standing(facts)
            switch result.standing {
            case .refused(let failure): throw failure
            case .complete: try await look(&result)
            case .absent, .begun:
                let verifier = tenant.hasOwnRole ? try await verifier(for: tenant.role, connection) : nil
                var isBegun = result.standing == .begun
                do throws(Failure) {
                    for step in TenantScript(tenant, facts).opening(verifier: verifier) {
                        try await perform(step, connection, &result)
                        isBegun = true
                    }
                    try await migrate(to: version, run: run, &result)
                    try await perform(TenantScript(tenant, facts).closing, connection, &result)
                } catch {
                    guard isBegun else { throw error }
                    await withdraw(tenant, facts, connection)
                    throw Self.leaving(error, tenant, hasDatabase: facts.database != nil || result.creating != nil)
                }
            }
        } catch {
            result.failure = error.masked(runner.mask)
        }
        result.duration = .now - begin
        return result
    }

    /// After a failure: the administrator is not left as a member of the tenant's role. The same command grants it again.
    ///
    /// Without the session, nothing is done: another process may have the lock by now, and be the same administrator.
    private func withdraw(_ tenant: Tenant, _ facts: TenantFacts, _ connection: PostgresConnection) async {
        guard let step = TenantScript(tenant, facts).withdrawal, connection.isOpen else { return }
        connection.cancellation = .ignored
        _ = try? await connection.transaction((["BEGIN"] + step.statements + ["COMMIT"]).map { PipelineStatement($0) })
    }

    /// A failure after which something of the tenant is there: it is not one that Convoy has left alone.
    private static func leaving(_ failure: Failure, _ tenant: Tenant, hasDatabase: Bool) -> Failure {
        var failure = failure
        if failure.kind == .blocked { failure.kind = .failed }
        let parts = (tenant.hasOwnRole ? ["the role"] : []) + (hasDatabase ? ["the database"] : [])
        guard !parts.isEmpty else { return failure }
        let note = "made so far: \(parts.joined(separator: " and ")); the same command makes what is left"
        failure.detail = failure.detail.map { "\($0); \(note)" } ?? note
        return failure
    }

    /// A complete database is left as it is: that its password opens it, and where it stands.
    private func look(_ result: inout Result) async throws(Failure) {
        let status = await runner.forReading.probe(instance, for: .up(to: nil))
        if let failure = status.failure { throw failure }
        result.version = status.version
    }

    private func migrate(to version: MigrationVersion?, run: String, _ result: inout Result) async throws(Failure) {
        let migrated = await runner.migrate(InstanceJob(instance, .up(to: version), run: run)) { _ in }
        result.version = migrated.to
        guard migrated.outcome.isGood else {
            throw migrated.failure ?? Failure(migrated.outcome, "the migrations ended as \(migrated.outcome.rawValue)")
        }
    }

    private func verifier(for role: String, _ connection: PostgresConnection) async throws(Failure) -> String? {
        let login = instance.direct ?? instance.connection
        do {
            if let late = login[late: "password"] {
                return try connection.passwordVerifier(of: try await late.value().secret, role: role)
            }
            return try login["password"].map { try connection.passwordVerifier(of: Secret($0), role: role) }
        } catch let error as SecretFailure {
            throw Failure(error.isCancellation ? .interrupted : .failed, "the role's password: \(error.description)")
        } catch {
            throw Failure(.failed, "the role's password: \(error)")
        }
    }

    private func perform(_ step: TenantScript.Step, _ connection: PostgresConnection, _ result: inout Result) async throws(Failure) {
        let begin = ContinuousClock.now
        do throws(PostgresError) {
            if step.isTransaction {
                try await connection.transaction((["BEGIN"] + step.statements + ["COMMIT"]).map { PipelineStatement($0) })
            } else {
                for statement in step.statements { try await connection.query(statement, timeout: Self.creatingTimeout) }
                result.creating = .now - begin
            }
        } catch {
            var failure = Failure(error, doing: step.what, settings: instance.settings)
            switch error.sqlstate {
            case "42501":
                failure.hint = "the admin role has to be a superuser, or to have CREATEDB and, where `provision` has `role`, CREATEROLE"
            case "22023" where step.what == "creating the database":
                failure.hint = "the server's own locale does not go with UTF-8: set `locale` under `provision`, for example C.UTF-8"
            default: break
            }
            throw failure
        }
    }

    /// Waits up to `lock_wait` for another process that makes the same database.
    private func lock(_ tenant: Tenant, _ connection: PostgresConnection) async throws(Failure) {
        let numbers = [String(Tenant.unfinishedLimit), String(tenant.lockNumber)]
        let taking = PipelineStatement(
            "SELECT pg_catalog.pg_try_advisory_lock($1::pg_catalog.int4, $2::pg_catalog.int4) AS acquired",
            numbers
        )
        let deadline = ContinuousClock.now + instance.settings.lockWait
        do {
            while true {
                if try await connection.query(taking, timeout: InstanceProbe.silenceTimeout).onlyRow().bool("acquired") { return }
                guard ContinuousClock.now < deadline else { break }
                guard !Task.isCancelled else { throw PostgresError(.cancelled, "cancelled") }
                await pause(for: .milliseconds(Int.random(in: 50...150)), cancellation: .observed)
            }
            let holders = LockHolder.list(
                try await connection.query(
                    LockHolder.holding(
                        "h.locktype = 'advisory' AND h.objsubid = 2 AND h.classid = $1::oid AND h.objid = $2::oid",
                        [numbers[0], String(UInt32(bitPattern: tenant.lockNumber))]
                    ),
                    timeout: InstanceProbe.silenceTimeout
                )
            )
            throw Failure(busy: "another session holds the lock for making database “\(tenant.database)”", holders)
        } catch let error as PostgresError {
            throw Failure(error, doing: "waiting for another process that makes this database", settings: instance.settings)
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure(.failed, "waiting for another process that makes this database: \(error)")
        }
    }
}
