import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import TestSupport
import Testing

@testable import ConvoyInstance

/// What Convoy's sessions have set, whichever they are.
@Suite(.timeLimit(.minutes(3))) struct InstanceSessionTests {
    /// A client that was killed must not leave a statement at work: the server looks each second whether it is still there.
    @Test(arguments: ["", "-- convoy:admin\n"], PostgresServer.Release.tested)
    func theServerLooksForTheClient(section: String, release: PostgresServer.Release) async throws {
        let set = try migrationSet([
            (
                1,
                migrationText(
                    section + "DO $$ BEGIN RAISE EXCEPTION '%', current_setting('client_connection_check_interval'); END $$;"
                )
            )
        ])
        try await PostgresServer.shared(release).withDatabase { database in
            let result = await InstanceRunner(set).up(database.instance())
            #expect(result.failure?.message == "1s")
        }
    }

    /// The session beside a statement without a transaction, which idles: its settings are those of every session.
    @Test(arguments: PostgresServer.Release.tested) func everySessionIsPrepared(release: PostgresServer.Release) async throws {
        try await PostgresServer.shared(release).withDatabase { database in
            let session = try await InstanceProbe(instance: database.instance()).session()
            let row = try await session.query(
                "SELECT current_setting('client_connection_check_interval') AS checks, current_setting('search_path') AS path"
            ).onlyRow()
            #expect(try row.text("checks") == "1s")
            #expect(try row.text("path") == "pg_catalog, pg_temp")
            session.close()
        }
    }

    /// The last attempt has only the rest of the time; that it was too short for an answer is not what keeps Convoy out.
    @Test func theReasonOfARefusalOutlivesTheLastAttempt() async throws {
        try await withDatabase(owner: .unique) { database in
            try await database.server.execute("ALTER ROLE \(database.ownerName) CONNECTION LIMIT 0")
            let proxy = try FaultProxy(to: .port(database.server.port))
            let instance = database.instance(connection: database.ownerOverTCP(port: proxy.port)) { $0.connectTimeout = .seconds(3) }
            let probe = InstanceProbe(instance: instance) { _ in proxy.set(mode: .blackHole) }
            let failure = try #require(await #expect(throws: Failure.self) { _ = try await probe.connect() })
            #expect(proxy.counts.connections == 2)
            #expect(failure.sqlstate == "53300", "\(failure)")
            #expect(failure.hint?.contains("max_connections") == true, "\(failure)")
        }
    }
}
