import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import FoundationEssentials
import TestSupport
import Testing

@testable import ConvoyInstance
@testable import ConvoyRun

/// What is read of ledger and audit log, and what of it decides.
@Suite(.timeLimit(.minutes(3))) struct LedgerReadingTests {
    @Test(arguments: [
        ("1970-01-01 00:00:00", 0.0), ("2026-11-22 21:11:58", 1_795_381_918), ("2026-11-22 21:11:58.25+00", 1_795_381_918.25),
        ("2024-02-29 12:00:00", 1_709_208_000), ("1969-12-31 23:59:59", -1), ("0001-01-01 00:00:00 BC", -62_167_219_200),
        ("2026-11-22 21:11:58.123456+00:00", 1_795_381_918.123456), ("0044-03-15 10:00:00.5+00 BC", -63_517_787_999.5),
        ("infinity", .infinity), ("-infinity", -.infinity), ("294276-12-31 23:59:59", 9_224_318_015_999),
    ])
    func aTime(text: String, seconds: Double) {
        #expect(CatalogTime(text)?.seconds == seconds)
    }

    @Test(arguments: [
        "", "yesterday", "2026-13-01 00:00:00", "2026-01-01", "99999999999999999999-01-01 00:00:00", "2026-01-01 nan:00:00",
        "2026-01-01 00:00:00+05", "2026-01-01 00:00:00.", "2026-01-01 00:00:61", "2026-01-01 00:00:00 AD", "2026-01-01 00:00:00 B",
        "2026-01-01 0:0:0",
        "0000-01-01 00:00:00", "2026-01-01 00:00:00 ", "2026-01-01T00:00:00", "٢٠٢٦-01-01 00:00:00",
    ])
    func noTime(text: String) {
        #expect(CatalogTime(text) == nil)
    }

    /// The log's rows of version 1, the time of the ledger's row, and which checksum belongs to it.
    @Test func theChecksumOfTheRowThatStands() {
        func checksum(_ insertedAt: Double?, _ rows: [(String, Double?)]) -> String? {
            let version = MigrationVersion(1)
            let log = rows.map { AuditLog.Row(version: version, checksum: $0.0, startedAt: $0.1.map(CatalogTime.init)) }
            return AuditLog.checksums(of: [version: insertedAt.map(CatalogTime.init)], log)[version]
        }
        #expect(checksum(100, [("a", 99.5)]) == "a")
        // The ledger's clock is cut to whole seconds.
        #expect(checksum(100, [("a", 100.9)]) == "a")
        #expect(checksum(200, [("a", 99), ("b", 199)]) == "b")
        // A clock that was once ahead, or behind.
        #expect(checksum(200, [("ahead", 9000), ("b", 199)]) == "b")
        #expect(checksum(9000, [("ahead", 9000), ("b", 199)]) == "ahead")
        #expect(checksum(20, [("a", 199), ("behind", 19)]) == "behind")
        // A row that stands without ours: another tool's, at another time.
        #expect(checksum(50, [("a", 99)]) == nil)
        // Where the ledger says no time, the newest one.
        #expect(checksum(nil, [("a", 99), ("b", 199), ("c", nil)]) == "b")
        #expect(checksum(.infinity, [("a", 99), ("b", 199)]) == "b")
        #expect(AuditLog.checksums(of: [:], [AuditLog.Row(version: MigrationVersion(1), checksum: "a")]) == [:])
    }

    /// A file that was edited and accepted, for the ledger's row that stands since second 100.
    @Test func theChecksumThatWasAccepted() {
        func checksum(_ rows: [(String, Double?, isAccepted: Bool)], insertedAt: Double? = 100) -> String? {
            let version = MigrationVersion(1)
            let log = rows.map {
                AuditLog.Row(version: version, isAcceptance: $0.isAccepted, checksum: $0.0, startedAt: $0.1.map(CatalogTime.init))
            }
            return AuditLog.checksums(of: [version: insertedAt.map(CatalogTime.init)], log)[version]
        }
        #expect(checksum([("a", 99.5, false), ("b", 300, true)]) == "b")
        #expect(checksum([("b", 300, true), ("a", 99.5, false)]) == "b")
        // The newest one, and of one time that which was written later.
        #expect(checksum([("a", 99, false), ("b", 300, true), ("c", 400, true)]) == "c")
        #expect(checksum([("a", 99, false), ("b", 100, true), ("c", 100, true)]) == "c")
        // Applied again since: what was accepted before is of another row.
        #expect(checksum([("a", 19, false), ("b", 50, true), ("c", 99, false)]) == "c")
        // Another migrator has written the ledger's row.
        #expect(checksum([("b", 300, true)]) == "b")
        #expect(checksum([("a", 99, false), ("b", 300, true)], insertedAt: nil) == "b")
        #expect(checksum([("b", 99, true), ("a", 300, false)], insertedAt: nil) == "a")
    }

    /// Of a clock that was ahead when a version was applied the first time, nothing is left when it was applied again.
    @Test(arguments: PostgresServer.Release.tested) func aClockThatWasAhead(_ release: PostgresServer.Release) async throws {
        let set = try threeMigrations()
        try await PostgresServer.shared(release).withDatabase { database in
            #expect(await InstanceRunner(set).up(database.instance()).outcome == .migrated)
            try await database.execute([
                """
                INSERT INTO convoy.migration_log SELECT gen_random_uuid(), version, name, direction, 'another', 'old', now() + interval '3 years',
                    duration_ms, applied_by, convoy_version, system_identifier, database_oid FROM convoy.migration_log WHERE version = 2
                """
            ])
            let status = await InstanceRunner(set).status(database.instance { $0.strict = true })
            #expect(status.outcome == .upToDate, "\(String(describing: status.failure))")
            #expect(status.edited == [])
        }
    }

    @Test(arguments: ["'infinity'", "'-infinity'", "NULL", "'0044-03-15 BC'", "'294276-12-31 23:59:59'"])
    func aTimeThatMeansNothing(time: String) async throws {
        let set = try threeMigrations()
        try await withDatabase { database in
            #expect(await InstanceRunner(set).up(database.instance(), to: 2).outcome == .migrated)
            try await database.execute(["UPDATE schema_migrations SET inserted_at = \(time) WHERE version = 2"])
            let status = await InstanceRunner(set).status(database.instance())
            #expect(status.outcome == .pending && status.lastMigratedAt != nil, "\(status)")
            #expect(await InstanceRunner(set).up(database.instance()).outcome == .migrated)
        }
    }

    @Test func aPartitionedLedger() async throws {
        let set = try threeMigrations()
        try await withDatabase { database in
            try await database.execute([
                "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0)) PARTITION BY RANGE (version)",
                "CREATE TABLE old PARTITION OF schema_migrations DEFAULT", "INSERT INTO schema_migrations VALUES (1), (2), (3)",
            ])
            let status = await InstanceRunner(set).status(database.instance())
            #expect(status.outcome == .upToDate, "\(String(describing: status.failure))")
        }
    }

    /// What it could hold is bounded before it is kept.
    @Test func aLedgerWithoutEnd() async throws {
        let set = try threeMigrations()
        try await withDatabase { database in
            try await database.execute([
                "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, inserted_at timestamp(0))",
                "INSERT INTO schema_migrations SELECT generate_series(1, 500000), '2026-01-01'",
            ])
            let status = await InstanceRunner(set).status(database.instance())
            #expect(!status.outcome.isGood)
            #expect(status.failure?.message.contains("more than Convoy reads") == true, "\(String(describing: status.failure))")
        }
    }

    @Test func transactionTimeoutOfTheRole() async throws {
        guard PostgresServer.Release.tested.contains(.v17) else { return }
        let set = try threeMigrations()
        try await PostgresServer.shared(.v17).withDatabase(owner: .unique) { database in
            let monitor = database.ownerName
            try await database.server.execute("ALTER ROLE \"\(monitor)\" SET transaction_timeout = '50ms'")
            #expect(await InstanceRunner(set).up(database.instance()).outcome == .migrated)
            let check = Check(name: "c", sql: "SELECT pg_sleep(0.2) IS NOT NULL", expect: nil)
            #expect(await InstanceChecks(checks: [check]).failure(on: database.instance()) == nil)
        }
    }
}
