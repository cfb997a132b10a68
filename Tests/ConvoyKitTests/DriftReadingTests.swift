import ConvoyCatalog
import ConvoyFleet
import ConvoyInstance
import ConvoyMigrations
import ConvoyPostgres
import ConvoyReporting
import ConvoyRollout
import ConvoyRun
import ConvoyText
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyKit

/// Drift on real servers, while something happens to the databases.
@Suite(.timeLimit(.minutes(3)))
struct DriftReadingTests {
    /// What happens to an instance just before its catalogue is read.
    private typealias Interference = @Sendable (Instance) async -> Void

    private func migrated(_ server: PostgresServer) async throws -> DatabaseTemplate {
        try await server.template(named: "drift_reading") { database in
            let result = await InstanceRunner(try threeMigrations()).up(database.instance())
            if let failure = result.failure { throw failure }
            // What is printed with its columns takes a lock, as short as it may be.
            try await database.execute(["CREATE VIEW ids AS SELECT id FROM cars"])
        }
    }

    /// Compares instances with what the template has.
    private func report(
        on instances: [Instance],
        asIn server: PostgresServer,
        _ interfere: @escaping Interference = { _ in }
    ) async throws -> DriftReport {
        let runner = InstanceRunner(try threeMigrations())
        let reader = CatalogReader(runner)
        let expected = try await server.withDatabase(template: migrated(server)) { database in
            guard case .facts(let catalog) = try await reader.read(database.instance()).content else { throw TestSupportError("no facts") }
            return ExpectedCatalogs([MigrationVersion(3): catalog])
        }
        let comparison = DriftComparison(
            expected: expected,
            scope: .ofTheSet(expected),
            read: { (instance, known) async throws(Failure) in
                await interfere(instance)
                return try await reader.read(instance, known: known)
            }
        )
        let limits = ConnectionLimits(total: 8, perServer: 4)
        return await comparison.report(on: instances, of: "fleet", with: FleetProbe(inspector: runner, limits: limits))
    }

    /// Holds the table that the view of a database reads, so that the question to its catalogue waits, until the body has ended.
    private func holdingTheTable(of database: TestDatabase, _ body: (_ waiter: String) async throws -> Void) async throws {
        let session = try await database.connect()
        defer { session.close() }
        try await session.query("BEGIN")
        try await session.query("LOCK TABLE cars IN ACCESS EXCLUSIVE MODE")
        try await body(
            "SELECT pid FROM pg_stat_activity WHERE datname = '\(database.name)' AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()"
        )
    }

    private func waits(_ waiter: String, in database: TestDatabase) async throws {
        try await eventually("the question waits") { try await database.query(waiter, as: "postgres").rows.count == 1 }
    }

    @Test(arguments: PostgresServer.Release.tested)
    func aDatabaseThatIsDroppedMeanwhile(release: PostgresServer.Release) async throws {
        let server = try await PostgresServer.shared(release)
        try await server.withDatabases(4, template: migrated(server)) { databases in
            try await databases[3].execute(["CREATE INDEX mine ON cars (id)"])
            let (dropped, altered) = (databases[1].name, databases[2])
            let report = try await report(on: databases.map { $0.instance() }, asIn: server) { instance in
                if instance.name == dropped { try? await server.execute("DROP DATABASE \"\(dropped)\" WITH (FORCE)") }
                if instance.name == altered.name { try? await altered.execute(["DROP VIEW ids"]) }
            }
            #expect(report.unread.map(\.instance) == [dropped])
            #expect(report.unread.first?.failure.kind == .unprovisioned)
            #expect(
                report.cohorts.flatMap { cohort in cohort.differences.map { "\($0.change) \($0.object)" } }.sorted() == [
                    "extra public.mine", "missing public.ids",
                ]
            )
            #expect(report.cohorts.last?.instances == [databases[0].name])
        }
    }

    /// The ledger was read, the catalogue was asked, and then the server is gone.
    @Test(arguments: PostgresServer.Release.tested)
    func aServerThatStopsInTheMiddle(release: PostgresServer.Release) async throws {
        let (server, other) = (try await PostgresServer.start(release), try await PostgresServer.shared(release))
        let template = try await migrated(server)
        try await other.withDatabase(template: migrated(other)) { untouched in
            try await server.withDatabases(2, template: template) { databases in
                try await holdingTheTable(of: databases[0]) { waiter in
                    let instances = [databases[0].instance { $0.lockTimeout = .seconds(60) }, untouched.instance()]
                    async let reading = report(on: instances, asIn: other)
                    try await waits(waiter, in: databases[0])
                    try await server.stop(.immediate)
                    let report = try await reading
                    #expect(report.unread.map(\.instance) == [databases[0].name])
                    #expect(report.unread.first?.failure.kind == .unreachable, "\(String(describing: report.unread.first))")
                    #expect(report.cohorts.map(\.instances) == [[untouched.name]] && report.drifted == 0)
                }
            }
        }
    }

    /// A connection that ends in the middle of the answer gives no cohort of a part of the facts.
    @Test func anAnswerThatIsCutOff() async throws {
        let server = try await PostgresServer.shared()
        try await server.withDatabase(template: migrated(server)) { database in
            try await database.execute(["CREATE TABLE extra (id int)"])
            let proxy = try FaultProxy(to: .port(server.port))
            let instance = database.instance(connection: database.ownerOverTCP(port: proxy.port))
            let whole = try await report(on: [instance], asIn: server)
            #expect(whole.drifted == 1 && whole.unread.isEmpty)
            // The facts are the last that comes.
            proxy.cut(after: proxy.counts.bytesToClient - 400, .toClient)
            let cut = try await report(on: [instance], asIn: server)
            #expect(cut.cohorts.isEmpty && cut.unread.map(\.failure.kind) == [.unreachable], "\(cut.unread)")
        }
    }

    /// What `statement_timeout` does too: the server ends the query, with SQLSTATE 57014.
    @Test(arguments: PostgresServer.Release.tested)
    func aQueryThatIsCancelledInTheMiddle(release: PostgresServer.Release) async throws {
        let server = try await PostgresServer.shared(release)
        try await server.withDatabases(2, template: migrated(server)) { databases in
            try await holdingTheTable(of: databases[0]) { waiter in
                let instances = databases.map { $0.instance { $0.lockTimeout = .seconds(60) } }
                async let reading = report(on: instances, asIn: server)
                try await waits(waiter, in: databases[0])
                _ = try await databases[0].query("SELECT pg_cancel_backend(pid) FROM (\(waiter)) AS w", as: "postgres")
                let report = try await reading
                #expect(report.unread.map(\.instance) == [databases[0].name])
                #expect(report.unread.first?.failure.sqlstate == "57014")
                #expect(report.cohorts.map(\.instances) == [[databases[1].name]])
            }
        }
    }

    /// In the middle of the question: ACCESS SHARE of catalogues and of what is printed, as a SELECT takes it, and no advisory lock.
    @Test(arguments: PostgresServer.Release.tested)
    func theLocksWhileItRuns(release: PostgresServer.Release) async throws {
        let server = try await PostgresServer.shared(release)
        try await server.withDatabase(template: migrated(server)) { database in
            try await holdingTheTable(of: database) { waiter in
                let instance = database.instance { $0.lockTimeout = .seconds(60) }
                async let reading = report(on: [instance], asIn: server)
                try await waits(waiter, in: database)
                let locks = try await database.query(
                    """
                    SELECT locktype || ' ' || mode || ' ' || CASE WHEN relation >= 16384 THEN relation::regclass::text ELSE 'catalogue' END
                        || CASE WHEN granted THEN '' ELSE ' waited for' END AS text
                    FROM pg_locks WHERE pid IN (\(waiter)) AND locktype <> 'virtualxid'
                    """,
                    as: "postgres"
                ).rows.map { row throws(PostgresError) in try row.text("text") }
                #expect(
                    Set(locks).subtracting(["relation AccessShareLock catalogue"]).isSubset(of: [
                        "relation AccessShareLock ids", "relation AccessShareLock cars waited for",
                    ]),
                    "\(locks)"
                )
                #expect(locks.contains("relation AccessShareLock cars waited for"))
                _ = try await database.query("SELECT pg_cancel_backend(pid) FROM (\(waiter)) AS w", as: "postgres")
                _ = try await reading
            }
        }
    }

    /// A role that may connect and read the ledger sees the whole catalogue; without the ledger it is named, and the others are compared.
    @Test func aRoleThatMayReadNothingButTheLedger() async throws {
        let server = try await PostgresServer.shared()
        try await server.withDatabases(2, template: migrated(server)) { databases in
            let (database, role) = (databases[0], "\(databases[0].name)_reader")
            try await server.execute("CREATE ROLE \"\(role)\" LOGIN")
            let instance = database.instance(connection: database.parameters(user: role), admin: .some(nil))
            let refused = try await report(on: [instance, databases[1].instance()], asIn: server)
            #expect(refused.unread.map(\.instance) == [database.name])
            #expect(refused.unread.first?.failure.message.contains("schema_migrations") == true, "\(refused.unread)")
            #expect(refused.cohorts.map(\.instances) == [[databases[1].name]])
            try await database.execute(["GRANT SELECT ON schema_migrations TO \"\(role)\""])
            let granted = try await report(on: [instance, databases[1].instance()], asIn: server)
            #expect(granted.unread.isEmpty && granted.drifted == 0 && granted.cohorts.count == 1)
            try await database.execute(["DROP OWNED BY \"\(role)\""], as: "postgres")
            try await server.execute("DROP ROLE \"\(role)\"")
        }
    }

    /// Names as a tenant may choose them, in every output.
    @Test(arguments: PostgresServer.Release.tested)
    func strangeNamesInAllOutputs(release: PostgresServer.Release) async throws {
        let server = try await PostgresServer.shared(release)
        try await server.withDatabase(template: migrated(server)) { database in
            let name = "a.b\"\"c\nd\u{1B}[2J<img src=x>\u{202E}"
            try await database.execute([
                "CREATE TABLE \"\(name)\" (\"co.l\"\"umn\n\" text)", "CREATE VIEW \"v \(name)\" AS SELECT '<script>' AS \"x\(name)\"",
                "COMMENT ON TABLE cars IS E'\\x1B[2J\\n# EOF\\n'",
            ])
            let report = try await report(on: [database.instance()], asIn: server)
            let objects = report.cohorts.flatMap(\.differences).map(\.object)
            #expect(objects.contains("public.\"a.b\"\"c\nd\u{1B}[2J<img src=x>\u{202E}\".\"co.l\"\"umn\n\""), "\(objects)")
            // Each query finds the object.
            for difference in report.cohorts.flatMap(\.differences) {
                let sql = try #require(difference.sql)
                #expect(try await !database.query(sql).rows.isEmpty, "\(sql)")
            }
            for text in [report.table(OutputStyle(width: 100, usesColor: false)), report.html, report.openMetrics] {
                #expect(!text.unicodeScalars.contains { $0 == "\u{1B}" || $0 == "\u{202E}" })
            }
            #expect(report.table(OutputStyle()).contains("extra table public.\"a.b\"\"c\\nd\\u{1B}[2J<img src=x>\\u{202E}\"\n"))
            #expect(report.html.contains("&lt;img src=x&gt;\\u{202E}") && !report.html.contains("<img"))
            #expect(report.openMetrics.components(separatedBy: "# EOF").count == 2)
            #expect(report.json.text.contains(#"\u001b[2J<img src=x>"#) || report.json.text.contains(#"\u001B[2J<img src=x>"#))
        }
    }
}
