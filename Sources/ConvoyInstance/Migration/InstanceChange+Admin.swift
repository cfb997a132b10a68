import ConvoyFleet
import ConvoyIO
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import ConvoyText

/// The few migrations that need more rights than the owner has.
extension InstanceChange {
    /// Whether the admin connection runs a migration.
    func needsAdmin(_ migration: Migration, _ section: MigrationSection) -> Bool {
        guard section.admin != nil, instance.admin != nil, facts?.isSuperuser == false else { return false }
        return forAdmin?.contains(migration.version) == true
    }

    /// Runs one whole migration as a transaction of the administrator's session. The owner's session keeps the advisory lock meanwhile, idle outside
    /// a transaction.
    func applyAsAdmin(_ migration: Migration, _ section: MigrationSection, _ predecessor: MigrationVersion?) async throws(Failure)
        -> BatchEnd
    {
        let admin = try await adminSession()
        var exchange = try exchange(for: migration)
        exchange.hasAdminRights = true
        exchange.script = exchange.script.on(serverVersion: admin.connection.serverVersion)
        var items: [MigrationExchange.Item] = []
        for case .items(let part) in exchange.parts(of: migration, section: section, predecessor: predecessor) { items += part }
        return await send(items, on: admin.connection)
    }

    /// The administrator's session, opened at its first use; it must reach the same database.
    func adminSession(_ cancellation: Cancellation = .observed) async throws(Failure) -> AdminSession {
        if let admin, admin.connection.isOpen { return admin }
        guard let parameters = instance.admin else { throw Failure(.blocked, "the fleet file gives no admin connection for this instance") }
        do {
            let connection = try await InstanceProbe(instance: instance, sessionName: sessionName(run: run), cancellation: cancellation)
                .session(parameters)
            let identity = try await SessionIdentity(of: connection)
            guard identity.systemIdentifier == facts?.identity?.systemIdentifier, identity.databaseOID == facts?.identity?.databaseOID
            else {
                connection.close()
                throw Failure(.blocked, "the admin connection reaches another database", hint: "correct admin in the fleet file")
            }
            do {
                try await checkRights(ofAdmin: connection)
            } catch {
                connection.close()
                throw error
            }
            let session = AdminSession(connection: connection, identity: identity)
            admin = session
            return session
        } catch let error as PostgresError {
            throw Failure(error, doing: "opening the admin connection", settings: settings)
        } catch let failure as Failure {
            var failure = failure
            if !failure.message.hasPrefix("the admin connection") { failure.message = "the admin connection: \(failure.message)" }
            throw failure
        } catch {
            throw Failure(.failed, "opening the admin connection: \(error)")
        }
    }
}

extension InstanceChange {
    /// An administrator that is a superuser itself can prevent the tenant from replacing the ledger after it was read; any other
    /// administrator may have no more rights than the owner, whose triggers would run with them.
    private func checkRights(ofAdmin connection: PostgresConnection) async throws {
        guard let (facts, ledger) = session.catalogue else { throw Failure(.unknown, "the catalogue has not been read") }
        let answers = try await connection.pipeline(
            [
                PipelineStatement("SELECT session_user AS login, current_user AS acting_as"),
                RoleReach.query(of: [ledger.owner, facts.databaseOwner], serverVersion: connection.serverVersion), RoleSetting.query,
            ],
            timeout: InstanceProbe.silenceTimeout
        )
        let session = try answers[0].get().onlyRow()
        let name = try session.text("login")
        guard try session.text("acting_as") == name else {
            throw Failure(.blocked, "the admin connection does not act as \(name), which logged in")
        }
        let reaches = try RoleReach.all(answers[1].get())
        func reach(_ name: String) -> RoleReach { reaches[ExactText(name)] ?? RoleReach(role: RoleFacts(name: name)) }
        let roleSettings = try answers[2].get().rows.map { row throws(PostgresError) in try RoleSetting(row) }
        if let failure = RoleSetting.failure(roleSettings, login: name) { throw failure }
        let rights = LoginRights(
            login: reach(name),
            owner: reach(ledger.owner),
            databaseOwner: reach(facts.databaseOwner),
            mayActAsOwner: true
        )
        if let failure = rights.adminFailure(settings) { throw failure }
    }
}
