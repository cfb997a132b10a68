import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import TestSupport
import Testing

@testable import ConvoyIO
@testable import ConvoyInstance
@testable import ConvoyRun

/// Which server is believed after a lost connection, how it is asked, and what an earlier process has left there.
@Suite(.timeLimit(.minutes(3))) struct InstanceReconnectTests {
    private func isAsleep(_ database: TestDatabase) async throws -> Int32? {
        try await database.query(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE 'SELECT pg_sleep%'",
            as: "postgres"
        ).rows.first.map { Int32(try $0.int64("pid")) }
    }

    /// After a failover the address may lead to a standby for a while.
    @Test func aStandbyIsNotReachedYet() async throws {
        let server = try await PostgresServer.start()
        let set = try threeMigrations(second: "SELECT pg_sleep(1);")
        try await server.withDatabase { database in
            let runner = InstanceRunner(set, reconnectWait: .seconds(40))
            let log = EventLog()
            let instance = database.instance(connection: database.ownerOverTCP())
            async let running = runner.up(instance, log: log)
            try await eventually("it sleeps") { try await isAsleep(database) != nil }
            try await server.becomeStandby()
            try await eventually("it has asked the standby") {
                try await database.query(
                    "SELECT FROM pg_stat_database WHERE datname = current_database() AND sessions >= 3",
                    as: "postgres"
                )
                .rows.count == 1
            }
            try await server.execute("SELECT pg_promote()")
            let result = await running
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            #expect(try await database.ledger() == [1, 2, 3])
        }
    }

    @Test func aStandbyThatStaysOneIsNotBelieved() async throws {
        let server = try await PostgresServer.start()
        let set = try threeMigrations(second: "SELECT pg_sleep(5);")
        try await server.withDatabase { database in
            let instance = database.instance()
            async let running = InstanceRunner(set, reconnectWait: .seconds(5)).up(instance)
            try await eventually("it sleeps") { try await isAsleep(database) != nil }
            try await server.becomeStandby()
            let result = await running
            #expect(result.outcome == .unknown)
            #expect(result.failure?.message.contains("is a standby") == true, "\(String(describing: result.failure))")
        }
    }

    /// A cancelled task that cleans up must pause between two attempts like any other.
    @Test func aFullServerIsNotHammered() async throws {
        try await withDatabase(owner: .unique) { database in
            try await database.server.execute("ALTER ROLE \(database.ownerName) CONNECTION LIMIT 0")
            let proxy = try FaultProxy(to: .port(database.server.port))
            let instance = database.instance(connection: database.ownerOverTCP(port: proxy.port)) { $0.connectTimeout = .seconds(3) }
            let task = Task {
                // Waiting in another way would itself be cancelled.
                while !Task.isCancelled { await Task.yield() }
                let probe = InstanceProbe(instance: instance, cancellation: .ignored)
                await #expect(throws: Failure.self) { _ = try await probe.connect() }
            }
            task.cancel()
            await task.value
            #expect(proxy.counts.connections > 1)
            #expect(proxy.counts.connections < 10)
        }
    }

    /// The login of a secrets manager: a member of the owner that a setting makes the owner, so that it may not see itself.
    @Test(arguments: PostgresServer.Release.tested) func aLoginThatASettingGivesAnotherRole(_ release: PostgresServer.Release) async throws
    {
        let server = try await PostgresServer.shared(release)
        let set = try threeMigrations(second: "SELECT pg_sleep(1);")
        try await server.withDatabase(owner: .unique) { database in
            let login = "\(database.name)_login"
            try await server.execute(
                "CREATE ROLE \(login) LOGIN IN ROLE \(database.ownerName)",
                "ALTER ROLE \(login) SET role = '\(database.ownerName)'"
            )
            let proxy = try FaultProxy(to: .port(server.port))
            var parameters = database.ownerOverTCP(port: proxy.port)
            parameters["user"] = login
            let instance = database.instance(connection: parameters)
            async let running = InstanceRunner(set, reconnectWait: .seconds(10)).up(instance)
            try await eventually("it sleeps") { try await isAsleep(database) != nil }
            // The server's side lives on.
            proxy.cutAll()
            let result = await running
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            #expect(result.versions == [1, 2, 3])
            try await database.execute(["DROP SCHEMA public CASCADE", "DROP SCHEMA IF EXISTS convoy CASCADE"], as: "postgres")
            try await database.execute(["DROP OWNED BY \(login)", "DROP ROLE \(login)"], as: "postgres")
        }
    }

    /// A killed process leaves sessions that still hold its locks, and its administrator's may still commit.
    @Test func sessionsOfAnEarlierProcessAreEnded() async throws {
        try await withDatabase { database in
            let set = try threeMigrations()
            #expect(await InstanceRunner(set).up(database.instance(), to: 1, run: "run-7").outcome == .migrated)
            let holder = try await database.connect(applicationName: "convoy run-7")
            try await holder.query("SELECT pg_advisory_lock(7165066987125145601)")
            let administrator = try await database.connect(as: "postgres", applicationName: "convoy run-7")
            try await administrator.query("BEGIN")
            try await administrator.query("LOCK TABLE schema_migrations IN SHARE UPDATE EXCLUSIVE MODE")
            let other = try await database.connect(applicationName: "convoy run-8")
            // The sessions of a process that starts now are never that old.
            await pause(for: .milliseconds(300), cancellation: .observed)
            let log = EventLog()
            let result = await InstanceRunner(set).up(database.instance { $0.lockWait = .seconds(5) }, run: "run-7", log: log)
            #expect(result.outcome == .migrated, "\(String(describing: result.failure))")
            #expect(log.waits.contains { $0.contains("earlier process of this run") })
            #expect(try await other.query("SELECT 1 AS one").onlyRow().text("one") == "1")
            #expect(await holderIsGone(holder))
            #expect(await holderIsGone(administrator))
            other.close()
        }
    }

    private func holderIsGone(_ connection: PostgresConnection) async -> Bool {
        (try? await connection.query("SELECT 1")) == nil
    }
}
