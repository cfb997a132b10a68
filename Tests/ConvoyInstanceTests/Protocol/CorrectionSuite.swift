import ConvoyCatalog
import ConvoyFleet
import ConvoyMigrations
import ConvoyPostgres
import ConvoyRun
import TestSupport
import Testing

@testable import ConvoyInstance

/// Tests that write the ledger of a database without running a migration.
protocol CorrectionSuite: Sendable {}

extension CorrectionSuite {
    /// All of the set.
    static var versions: [MigrationVersion] { [1, 2, 3].map { MigrationVersion($0) } }

    func runner(_ reconnectWait: Duration = .seconds(30)) throws -> InstanceRunner {
        InstanceRunner(try threeMigrations(), reconnectWait: reconnectWait).asking(CatalogReader.fingerprintQuestion)
    }

    /// A database that was migrated and has lost its ledger, and with it the log.
    func withLostLedger(
        _ release: PostgresServer.Release = .system,
        owner: DatabaseOwner = .teslamate,
        _ body: (TestDatabase, Correction) async throws -> Void
    ) async throws {
        try await PostgresServer.shared(release).withDatabase(owner: owner) { database in
            _ = await InstanceRunner(try threeMigrations()).up(database.instance())
            try await database.execute(["DROP TABLE schema_migrations", "DROP SCHEMA convoy CASCADE"])
            let reading = try await CatalogReader(try runner()).read(database.instance())
            try await body(database, Correction(.baseline, found: [], fingerprint: reading.fingerprint, records: Self.versions))
        }
    }

    func correct(
        _ instance: Instance,
        _ correction: Correction,
        run: String = "run-1",
        log: EventLog = EventLog()
    ) async throws -> InstanceResult {
        try await runner().migrate(InstanceJob(instance, .correct(correction), run: run), report: log.add)
    }

    /// The same whatever the schema has become.
    func unbound(_ correction: Correction) -> Correction {
        var correction = correction
        correction.fingerprint = nil
        return correction
    }

    func hasLedger(_ database: TestDatabase) async throws -> Bool {
        try await database.query("SELECT to_regclass('public.schema_migrations') IS NOT NULL AS there").onlyRow().bool("there")
    }
}
