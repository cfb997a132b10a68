import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import TestSupport
import Testing

@testable import ConvoyInstance

/// A real PgBouncer in front of the server.
@Suite(.timeLimit(.minutes(3))) struct InstancePoolerTests {
    private static func set() throws -> MigrationSet {
        try migrationSet([
            (1, migrationText("CREATE TABLE cars (vin text);")),
            (
                2,
                migrationText(
                    "CREATE INDEX CONCURRENTLY IF NOT EXISTS cars_vin ON cars (vin);",
                    down: "DROP INDEX CONCURRENTLY IF EXISTS cars_vin;",
                    options: " transaction:false"
                )
            ),
            (3, migrationText("CREATE TABLE trips (id bigint);")),
        ])
    }

    /// What a session of the pool has that it did not have when it was new.
    private func leftovers(_ session: PostgresConnection) async throws -> [String] {
        let row = try await session.query(
            """
            SELECT current_setting('search_path') AS path, current_setting('lock_timeout') AS lock_timeout,
                (SELECT count(*) FROM pg_prepared_statements) AS statements,
                (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS locks,
                CASE WHEN current_setting('server_version_num')::int >= 140000
                    THEN current_setting('client_connection_check_interval') ELSE '0' END AS checks
            """
        ).onlyRow()
        var found: [String] = []
        if try row.text("path") != "\"$user\", public" { found.append("search_path \(try row.text("path"))") }
        if try row.text("lock_timeout") != "0" { found.append("lock_timeout") }
        if try row.int64("statements") != 0 { found.append("prepared statements") }
        if try row.int64("locks") != 0 { found.append("advisory locks") }
        if try row.text("checks") != "0" { found.append("client_connection_check_interval") }
        return found
    }

    @Test(arguments: PostgresServer.Release.tested)
    func aPoolInSessionModeGetsItsSessionsBackClean(release: PostgresServer.Release) async throws {
        let set = try Self.set()
        try await PostgresServer.shared(release).withDatabase { database in
            let pooler = try await PgBouncer.start(before: database.server, .session)
            let pooled = database.ownerOverTCP(port: pooler.port)
            let instance = database.instance(connection: pooled) { $0.poolerIsInSessionMode = true }
            for version in [2, 3] as [Int64] {
                let result = await InstanceRunner(set).up(instance, to: version)
                #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            }
            // As many as the pool has.
            var sessions: [PostgresConnection] = []
            for _ in 1...4 { sessions.append(try await PostgresConnection.connect(pooled)) }
            for session in sessions {
                let found = try await leftovers(session)
                #expect(found == [])
                session.close()
            }
        }
    }

    /// An earlier client of the pool has left settings and names that get in the way.
    @Test func aPoolsSessionIsCleanedFirst() async throws {
        let set = try Self.set()
        try await withDatabase { database in
            let pooler = try await PgBouncer.start(before: database.server, .session)
            let pooled = database.ownerOverTCP(port: pooler.port)
            let earlier = try await PostgresConnection.connect(pooled)
            for name in ["opening", "settings", "recording", "audit", "read_back"] {
                try await earlier.query("PREPARE convoy_\(name)_1 AS SELECT 1")
            }
            earlier.close()
            let instance = database.instance(connection: pooled) { $0.poolerIsInSessionMode = true }
            let result = await InstanceRunner(set).up(instance)
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
        }
    }

    @Test(arguments: [PgBouncer.Mode.transaction, .session])
    func aPoolThatIsNotDeclaredIsRefused(mode: PgBouncer.Mode) async throws {
        let set = try Self.set()
        try await withDatabase { database in
            let pooler = try await PgBouncer.start(before: database.server, mode)
            let result = await InstanceRunner(set).up(database.instance(connection: database.ownerOverTCP(port: pooler.port)))
            #expect(result.outcome == .blocked, "\(String(describing: result.failure))")
            #expect(result.failure?.hint?.contains("direct") == true)
            let locks = try await database.query(
                """
                SELECT count(*) AS n FROM pg_locks
                WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                """
            ).onlyRow().int64("n")
            #expect(locks == 0)
        }
    }

    @Test func directPassesThePoolerBy() async throws {
        let set = try Self.set()
        try await withDatabase { database in
            let pooler = try await PgBouncer.start(before: database.server, .transaction)
            let pooled = database.instance(connection: database.ownerOverTCP(port: pooler.port))
            let instance = Instance(
                name: pooled.name,
                server: pooled.server,
                database: pooled.database,
                connection: pooled.connection,
                admin: pooled.admin,
                direct: database.owner,
                settings: pooled.settings
            )
            let result = await InstanceRunner(set).up(instance)
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
        }
    }
}
